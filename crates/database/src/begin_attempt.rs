//! The fence: who may send a message now. One look and one compare-and-set in one write transaction, dated by the
//! database's clock.

use crate::messages::{count, read_recipient};
use crate::openers::IN_VAIN;
use crate::paces;
use crate::rows::Row;
use crate::sql::{change, one};
use crate::templates::read_wording;
use crate::wakeups::signed;
use overture_domain::entities::{ChannelKind, ChannelState, MessageStatus, Transport, WINDOW};
use overture_domain::ids::{ChannelId, ConversationId, MessageId};
use overture_domain::pacing::Pass;
use overture_domain::ports::{Begun, BegunAttempt, Outgoing, StoreError};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, FilledTemplate, Subject, TemplateMessage, Wording};
use sea_orm::{DatabaseTransaction, DbErr};
use std::time::Duration;
use uuid::Uuid;

/// How long a message of a channel that is switched off waits before it looks again by itself; switching on wakes it.
const LOOK_AGAIN: Duration = Duration::from_secs(5 * 60);
/// Messages that wait for a channel in `error` look again from its next probe on, one after the other at about this
/// distance: somebody probes soon whoever gave up, and a hundred thousand do not look in one instant.
const DISTANCE: Duration = Duration::from_millis(300);
/// So many are told apart; more share the time.
const MOST_APART: i64 = 1_000;

/// For how long the time of a message `m` has stood still because its channel `ch` is paused. One that was never attempted
/// may have been composed meanwhile: it is due since then. One that has a turn was there before, whenever it is due, and so was
/// one that found no turn before its time ends.
pub(crate) const STOOD_STILL: &str = "CASE WHEN ch.paused_at IS NULL THEN 0 ELSE \
    greatest(0, {now} - greatest(ch.paused_at, CASE WHEN m.attempts = 0 AND coalesce(m.recipient_turn, m.channel_turn) IS NULL \
    AND m.next_attempt_at < m.deliver_by THEN m.next_attempt_at ELSE 0 END)) END";

/// The message, its channel and its recipient, as the database sees them now.
const LOOK: &str = "SELECT m.id AS id, m.conversation_id, m.status AS status, m.attempts, m.lease_until, m.next_attempt_at, m.deliver_by + {stood still} AS deliver_by, {in vain} AS in_vain, m.content, \
    m.template, m.provider_message_id, m.created_at, v.channel_id, v.subject, v.recipient_kind, v.recipient_canonical, v.recipient_display, \
    v.recipient_name, ch.kind, ch.transport, ch.outside_window, ch.state, ch.enabled, ch.paused_at, ch.probe_at, ch.max_per_second, m.recipient_turn, m.channel_turn, {now} AS now, \
    CASE ch.kind WHEN 'whatsapp' THEN \
    (SELECT w.opened_at FROM windows w WHERE w.channel_id = ch.id AND w.canonical = v.recipient_canonical) END AS window_opened_at, \
    CASE ch.state WHEN 'error' THEN \
    (SELECT count(*) FROM (SELECT 1 FROM messages q WHERE q.status = 'queued' LIMIT 1000) w) ELSE 0 END AS waiting \
    FROM messages m JOIN conversations v ON v.id = m.conversation_id JOIN channels ch ON ch.id = v.channel_id WHERE m.id = ? {lock m}";

/// Prolongs the lease of a message's current attempt, and with it the time in which nobody else probes its channel.
pub(crate) async fn renew(
    tx: &DatabaseTransaction,
    message: MessageId,
    number: u32,
    lease: Duration,
) -> Result<bool, DbErr> {
    let (id, lease) = (message.as_uuid(), signed(lease));
    let sql = "UPDATE messages SET lease_until = {now} + ? WHERE id = ? AND attempts = ? AND status = 'sending'";
    if change(tx, sql, [lease.into(), id.into(), i64::from(number).into()]).await? == 0 {
        return Ok(false);
    }
    let sql = "UPDATE channels SET probe_at = {now} + ? WHERE probing_message_id = ? AND id = \
               (SELECT v.channel_id FROM messages m JOIN conversations v ON v.id = m.conversation_id WHERE m.id = ?)";
    change(tx, sql, [lease.into(), id.into(), id.into()]).await?;
    Ok(true)
}

/// Begins an attempt, or says why not. The outer error ends the transaction, the inner one is this message's alone.
pub(crate) async fn begin(
    tx: &DatabaseTransaction,
    message: MessageId,
    lease: Duration,
) -> Result<Result<Begun, StoreError>, DbErr> {
    let Some(row) =
        one(tx, &LOOK.replace("{stood still}", STOOD_STILL).replace("{in vain}", IN_VAIN), [message.as_uuid().into()])
            .await?
    else {
        return Ok(Ok(Begun::Settled));
    };
    let row = Row::of("messages", &row);
    let seen = match Seen::read(&row) {
        Ok(seen) => seen,
        Err(error) => return Ok(Err(error)),
    };
    match seen.judge() {
        Judgement::Wait(begun) => Ok(Ok(begun)),
        Judgement::Begin { probes } => {
            let template = match template(&row, seen.now) {
                Ok(Leaves::AsWritten) => None,
                Ok(Leaves::ByTemplate(filled)) => Some(filled),
                Ok(Leaves::NotNow) => return Ok(Ok(Begun::WindowClosed)),
                Err(error) => return Ok(Err(error)),
            };
            let sent_as = template.as_ref().and_then(|filled| filled.text.clone());
            let template = template.map(|filled| filled.message);
            let outgoing = match outgoing(&row, message, template, seen.deliver_by.since(seen.now)) {
                Ok(outgoing) => outgoing,
                Err(error) => return Ok(Err(error)),
            };
            let asked = match paces::ask(tx, &row, &outgoing, seen.now, seen.deliver_by).await? {
                Ok(asked) => asked,
                Err(error) => return Ok(Err(error)),
            };
            // Who does not probe after all does not go, and must not count as gone.
            let goes = asked.pass == Pass::Goes;
            if goes && probes && !takes_probe(tx, message, outgoing.channel_id, lease).await? {
                return Ok(Ok(Begun::ChannelWaits { look_again_in: DISTANCE }));
            }
            asked.keep(tx).await?;
            if let Pass::Waits(until) = asked.pass {
                return Ok(Ok(Begun::NotDue { in_: until.since(seen.now) }));
            }
            let number = seen.attempts + 1;
            let began_at = write(tx, message, number, lease, sent_as).await?;
            Ok(Ok(Begun::Attempt(Box::new(BegunAttempt { number, began_at, outgoing, probes }))))
        }
    }
}

/// Nobody else probes a channel in `error` while this attempt may live; `false` if somebody was faster.
async fn takes_probe(
    tx: &DatabaseTransaction,
    message: MessageId,
    channel: ChannelId,
    lease: Duration,
) -> Result<bool, DbErr> {
    let sql = "UPDATE channels SET probe_at = {now} + ?, probing_message_id = ? WHERE id = ? AND state = 'error' \
               AND (probe_at IS NULL OR probe_at <= {now})";
    let values = [signed(lease).into(), message.as_uuid().into(), channel.as_uuid().into()];
    Ok(change(tx, sql, values).await? > 0)
}

/// What the decision looks at.
struct Seen {
    status: MessageStatus,
    attempts: u32,
    lease_until: Option<Timestamp>,
    next_attempt_at: Timestamp,
    deliver_by: Timestamp,
    in_vain: bool,
    state: ChannelState,
    enabled: bool,
    paused: bool,
    probe_at: Option<Timestamp>,
    /// How long after the next probe it looks again, if it is not the one that probes.
    apart: Duration,
    now: Timestamp,
}

enum Judgement {
    Wait(Begun),
    Begin { probes: bool },
}

impl Seen {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            status: row.parsed("status", MessageStatus::parse)?,
            attempts: count(row, "attempts")?,
            lease_until: row.time_opt("lease_until")?,
            next_attempt_at: row.time("next_attempt_at")?,
            deliver_by: row.time("deliver_by")?,
            in_vain: row.get("in_vain")?,
            state: row.parsed("state", ChannelState::parse)?,
            enabled: row.get("enabled")?,
            paused: row.get::<Option<i64>>("paused_at")?.is_some(),
            probe_at: row.time_opt("probe_at")?,
            apart: apart(row.get("id")?, row.get::<i64>("waiting")?),
            now: row.time("now")?,
        })
    }

    fn judge(&self) -> Judgement {
        let wait = Judgement::Wait;
        if self.status.is_settled() {
            return wait(Begun::Settled);
        }
        if self.status == MessageStatus::Sending {
            return match self.lease_until {
                Some(until) if until > self.now => wait(Begun::InFlight { for_another: until.since(self.now) }),
                _ => wait(Begun::LeaseRanOut { number: self.attempts }),
            };
        }
        if self.in_vain {
            return wait(Begun::OpenerFailed);
        }
        if self.deliver_by <= self.now {
            return wait(Begun::Expired);
        }
        // What is held waits for the contact to write, which makes it queued.
        if self.status == MessageStatus::Held {
            return wait(Begun::NotDue { in_: self.deliver_by.since(self.now) });
        }
        if self.next_attempt_at > self.now {
            return wait(Begun::NotDue { in_: self.next_attempt_at.since(self.now) });
        }
        if !self.enabled || self.paused || self.state == ChannelState::Unverified {
            return wait(Begun::ChannelWaits { look_again_in: LOOK_AGAIN });
        }
        match (self.state, self.probe_at) {
            (ChannelState::Error, Some(at)) if at > self.now => {
                // Who met the fault looks when a probe may go, the others after them.
                let apart = if self.attempts > 0 { Duration::ZERO } else { self.apart };
                wait(Begun::ChannelWaits { look_again_in: at.since(self.now) + apart })
            }
            (state, _) => Judgement::Begin { probes: state == ChannelState::Error },
        }
    }
}

/// A distance by the message's id, up to what so many that wait need.
fn apart(message: Uuid, waiting: i64) -> Duration {
    let share = f64::from(message.as_bytes()[15]) / 256.0;
    DISTANCE.mul_f64(waiting.clamp(1, MOST_APART) as f64 * share)
}

/// What leaves of a message now.
enum Leaves {
    AsWritten,
    ByTemplate(FilledTemplate),
    NotNow,
}

fn template(row: &Row<'_>, now: Timestamp) -> Result<Leaves, StoreError> {
    let wording = row.parsed_opt("template", read_wording)?.unwrap_or(Wording::AsWritten);
    let kind = row.parsed("kind", ChannelKind::parse)?;
    if kind != ChannelKind::WhatsApp {
        return Ok(Leaves::AsWritten);
    }
    let transport = row.parsed("transport", Transport::parse)?;
    let has_window = transport != Transport::Sandbox || row.get::<Option<String>>("outside_window")?.is_some();
    let open = row.time_opt("window_opened_at")?.is_some_and(|opened| opened.plus(WINDOW) > now);
    Ok(match wording {
        Wording::Template(filled) => Leaves::ByTemplate(filled),
        _ if open || !has_window => Leaves::AsWritten,
        Wording::OrTemplate(filled) => Leaves::ByTemplate(filled),
        Wording::AsWritten => Leaves::NotNow,
    })
}

fn outgoing(
    row: &Row<'_>,
    message_id: MessageId,
    template: Option<TemplateMessage>,
    time_left: Duration,
) -> Result<Outgoing, StoreError> {
    Ok(Outgoing {
        message_id,
        conversation_id: ConversationId::from_uuid(row.get("conversation_id")?),
        channel_id: ChannelId::from_uuid(row.get("channel_id")?),
        kind: row.parsed("kind", ChannelKind::parse)?,
        recipient: read_recipient(row)?,
        subject: row.parsed_opt("subject", |text| Subject::parse(text).ok().flatten())?,
        content: row.parsed("content", |text| Content::parse(text).ok().flatten())?,
        template,
        wire_message_id: row.get("provider_message_id")?,
        created_at: row.time("created_at")?,
        time_left,
    })
}

/// Writes that an attempt begins, and says when it did.
async fn write(
    tx: &DatabaseTransaction,
    message: MessageId,
    number: u32,
    lease: Duration,
    sent_as: Option<String>,
) -> Result<Timestamp, DbErr> {
    let number = i64::from(number);
    let sql = "UPDATE messages SET status = 'sending', attempts = ?, lease_until = {now} + ?, sent_as = ?, recipient_turn = NULL, \
               channel_turn = NULL WHERE id = ?";
    change(tx, sql, [number.into(), signed(lease).into(), sent_as.into(), message.as_uuid().into()]).await?;
    let sql = "INSERT INTO attempts (message_id, number, started_at) VALUES (?, ?, {now}) RETURNING started_at";
    let begun = one(tx, sql, [message.as_uuid().into(), number.into()]).await?;
    let begun = begun.ok_or_else(|| DbErr::RecordNotInserted)?;
    begun.try_get_by_index(0).map(Timestamp::from_millis)
}
