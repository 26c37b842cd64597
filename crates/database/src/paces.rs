//! The paces of channels and recipients: read and kept in the transaction that begins an attempt or writes how one ended.
//!
//! Refused here: what a pace means. That is `pacing` in the domain. A channel that nothing limits costs no statement.

use crate::messages::count;
use crate::rows::Row;
use crate::sql::{all, change};
use crate::wakeups::{WAITING, signed};
use overture_domain::entities::Transport;
use overture_domain::ids::{ChannelId, MessageId};
use overture_domain::pacing::{Lane, Lanes, Pace, Pass, Rate, Rates};
use overture_domain::ports::{Hold, LimitScope, Outgoing, StoreError};
use overture_domain::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use uuid::Uuid;

/// What stands for the channel itself, where a recipient has an address.
const WHOLE_CHANNEL: &str = "";

/// What the paces that a message asks say to it. They are locked until the commit, and none has moved yet.
pub(crate) struct Asked<'m> {
    /// Whether it may go now.
    pub(crate) pass: Pass,
    /// Nothing, where nothing limits it.
    moves: Option<Moves<'m>>,
}

/// What is kept once a message goes, or has a turn.
struct Moves<'m> {
    asks: Asks<'m>,
    before: Lanes,
    after: Lanes,
}

/// Asks whether a message may go now. `looked` is its row with its channel.
pub(crate) async fn ask<'m>(
    tx: &DatabaseTransaction,
    looked: &Row<'_>,
    outgoing: &'m Outgoing,
    now: Timestamp,
    ends_at: Timestamp,
) -> Result<Result<Asked<'m>, StoreError>, DbErr> {
    let asks = match Asks::read(looked, outgoing) {
        Ok(asks) if asks.rates.are_none() => return Ok(Ok(Asked { pass: Pass::Goes, moves: None })),
        Ok(asks) => asks,
        Err(error) => return Ok(Err(error)),
    };
    let before = asks.lanes(tx).await?;
    let (after, pass) = before.pass(now, ends_at);
    Ok(Ok(Asked { pass, moves: Some(Moves { asks, before, after }) }))
}

impl Asked<'_> {
    /// Keeps it: the message goes, or its turn is kept, and it is due then.
    pub(crate) async fn keep(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let Some(Moves { asks, before, after }) = &self.moves else { return Ok(()) };
        for (name, was, is) in
            [(WHOLE_CHANNEL, before.channel, after.channel), (asks.recipient, before.recipient, after.recipient)]
        {
            if let Some(Lane { pace, .. }) = is.filter(|is| was.is_some_and(|was| was.pace != is.pace)) {
                keep(tx, asks.channel, name, pace).await?;
            }
        }
        let Pass::Waits(until) = self.pass else { return Ok(()) };
        let turn = |lane: Option<Lane>| lane.and_then(|lane| lane.turn);
        let values = [
            until.as_millis().into(),
            turn(after.recipient).into(),
            turn(after.channel).into(),
            asks.message.as_uuid().into(),
        ];
        let sql = "UPDATE messages SET next_attempt_at = ?, recipient_turn = ?, channel_turn = ? WHERE id = ?";
        change(tx, sql, values).await.map(|_| ())
    }
}

/// What others wait for because of how an attempt ended. A message that was refused for now has the first turn afterwards.
pub(crate) async fn hold(tx: &DatabaseTransaction, message: MessageId, hold: &Hold) -> Result<(), DbErr> {
    let (id, whole) = (message.as_uuid(), hold.scope == LimitScope::Channel);
    let sql = "INSERT INTO paces (channel_id, canonical, free_at, next_turn, moved, used) \
               SELECT v.channel_id, CASE WHEN ? THEN '' ELSE v.recipient_canonical END, ({now} + ?) * 1000, 0, 0, 0 \
               FROM messages m JOIN conversations v ON v.id = m.conversation_id WHERE m.id = ? \
               ON CONFLICT (channel_id, canonical) DO UPDATE SET free_at = greatest(paces.free_at, excluded.free_at)";
    change(tx, sql, [whole.into(), signed(hold.wait).into(), id.into()]).await?;
    if !hold.goes_first {
        return Ok(());
    }
    let turn = |canonical: &str| {
        format!(
            "(SELECT p.free_at - p.moved FROM conversations v JOIN paces p ON p.channel_id = v.channel_id AND p.canonical = {canonical} \
             WHERE v.id = messages.conversation_id)"
        )
    };
    let (recipient, channel) = (turn("v.recipient_canonical"), turn("''"));
    let sql = format!("UPDATE messages SET recipient_turn = {recipient}, channel_turn = {channel} WHERE id = ?");
    change(tx, &sql, [id.into()]).await.map(|_| ())
}

/// Another limit is kept from now on: turns that were given by the old one are given anew, and who found none before its time
/// ends looks again. While a channel is paused this waits until it goes on.
pub(crate) async fn begin_anew(tx: &DatabaseTransaction, channel: ChannelId) -> Result<(), DbErr> {
    const GOES: &str = "EXISTS (SELECT 1 FROM channels c WHERE c.id = ? AND c.paused_at IS NULL)";
    let id = || Value::from(channel.as_uuid());
    let sql = format!("UPDATE paces SET next_turn = 0, moved = 0, used = 0 WHERE channel_id = ? AND {GOES}");
    change(tx, &sql, [id(), id()]).await?;
    let sql = format!(
        "UPDATE messages SET recipient_turn = NULL, channel_turn = NULL, next_attempt_at = {{now}} WHERE status = 'queued' \
         AND (recipient_turn IS NOT NULL OR channel_turn IS NOT NULL OR next_attempt_at >= deliver_by) \
         AND conversation_id IN (SELECT id FROM ({WAITING}) w) AND {GOES}"
    );
    change(tx, &sql, [id(), Uuid::nil().into(), id()]).await.map(|_| ())
}

/// Whose paces a message asks, and what it knows of them.
struct Asks<'m> {
    message: MessageId,
    rates: Rates,
    channel: ChannelId,
    recipient: &'m str,
    recipient_turn: Option<i64>,
    channel_turn: Option<i64>,
}

impl<'m> Asks<'m> {
    fn read(looked: &Row<'_>, outgoing: &'m Outgoing) -> Result<Self, StoreError> {
        let transport = looked.parsed("transport", Transport::parse)?;
        let most = looked.get::<Option<i64>>("max_per_second")?.map(|_| count(looked, "max_per_second")).transpose()?;
        Ok(Self {
            message: outgoing.message_id,
            rates: Rates::of(outgoing.kind, transport, most),
            channel: outgoing.channel_id,
            recipient: outgoing.recipient.address.canonical(),
            recipient_turn: looked.get("recipient_turn")?,
            channel_turn: looked.get("channel_turn")?,
        })
    }

    /// The lanes with their paces, which are locked until the commit.
    async fn lanes(&self, tx: &DatabaseTransaction) -> Result<Lanes, DbErr> {
        // What the provider alone limits has no pace before the provider has said so.
        let always = |rate: &Rate| !rate.is_unlimited();
        let recipient = self.rates.recipient.map_or(WHOLE_CHANNEL, |_| self.recipient);
        let wanted = [
            self.rates.channel.filter(always).map(|_| WHOLE_CHANNEL),
            self.rates.recipient.filter(always).map(|_| recipient),
        ];
        let mut found = read(tx, self.channel, recipient).await?;
        let missing: Vec<_> =
            wanted.into_iter().flatten().filter(|name| !found.iter().any(|(known, _)| known == name)).collect();
        if !missing.is_empty() {
            for name in missing {
                let sql = "INSERT INTO paces (channel_id, canonical, free_at, next_turn, moved, used) VALUES (?,?,0,0,0,0) \
                           ON CONFLICT (channel_id, canonical) DO NOTHING";
                change(tx, sql, [self.channel.as_uuid().into(), name.into()]).await?;
            }
            found = read(tx, self.channel, recipient).await?;
        }
        let pace =
            |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, pace)| *pace).unwrap_or_default();
        let lane = |rate: Option<Rate>, name: &str, turn| rate.map(|rate| Lane { rate, pace: pace(name), turn });
        Ok(Lanes {
            recipient: lane(self.rates.recipient, recipient, self.recipient_turn),
            channel: lane(self.rates.channel, WHOLE_CHANNEL, self.channel_turn),
        })
    }
}

/// The paces of a channel and of one recipient, in an order that is the same for everybody.
async fn read(tx: &DatabaseTransaction, channel: ChannelId, recipient: &str) -> Result<Vec<(String, Pace)>, DbErr> {
    let sql = "SELECT p.canonical, p.free_at, p.next_turn, p.moved, p.used FROM paces p WHERE p.channel_id = ? \
               AND p.canonical IN (?, ?) ORDER BY p.canonical {lock p}";
    let rows = all(tx, sql, [channel.as_uuid().into(), WHOLE_CHANNEL.into(), recipient.into()]).await?;
    rows.iter().map(named).collect()
}

fn named(row: &QueryResult) -> Result<(String, Pace), DbErr> {
    let at = |column: usize| row.try_get_by_index::<i64>(column);
    let pace = Pace { free_at: at(1)?, next_turn: at(2)?, moved: at(3)?, used: at(4)? };
    Ok((row.try_get_by_index(0)?, pace))
}

async fn keep(tx: &DatabaseTransaction, channel: ChannelId, name: &str, pace: Pace) -> Result<(), DbErr> {
    let values = [
        pace.free_at.into(),
        pace.next_turn.into(),
        pace.moved.into(),
        pace.used.into(),
        channel.as_uuid().into(),
        name.into(),
    ];
    let sql = "UPDATE paces SET free_at = ?, next_turn = ?, moved = ?, used = ? WHERE channel_id = ? AND canonical = ?";
    change(tx, sql, values).await.map(|_| ())
}
