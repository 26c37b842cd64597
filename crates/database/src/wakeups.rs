//! The outbox of wakes. A wakeup may be claimed once its due time and any earlier claim have passed.

use crate::Database;
use crate::begin_attempt::STOOD_STILL;
use crate::error::{is_its_own, store_error};
use crate::gathering::Answers;
use crate::rows::uuid_at;
use crate::sql::{Rows, all, change, one};
use crate::writer::surely;
use async_trait::async_trait;
use overture_domain::entities::AttentionReason;
use overture_domain::ids::{ChannelId, ConversationId, WorkspaceId};
use overture_domain::ports::{Claimed, StartOrder, StoreError, WakeupQueue};
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, QueryResult, Value};
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl WakeupQueue for Database {
    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claimed, StoreError> {
        // Most looks find nothing: they must not take the writer's time.
        let next = one(&self.readers, NEXT, []).await.map_err(|error| crate::error::store_error(&error))?;
        match next
            .map(|row| row.try_get_by_index::<i64>(0))
            .transpose()
            .map_err(|error| crate::error::store_error(&error))?
        {
            None => Ok(Claimed::default()),
            Some(wait) if wait > 0 || limit == 0 => {
                Ok(Claimed { orders: Vec::new(), next_due_in: Some(duration(wait)) })
            }
            Some(_) => self.writer.write(move |tx| Box::pin(claim(tx, limit, lease))).await,
        }
    }

    async fn keep(&self, order: &StartOrder, lease: Duration) -> Result<bool, StoreError> {
        let sql = "UPDATE wakeups SET claimed_until = {now} + ? WHERE conversation_id = ? AND generation = ?";
        let [conversation, generation] = named(order);
        Ok(self.writer.change(sql, vec![signed(lease).into(), conversation, generation]).await? > 0)
    }

    async fn settle(&self, order: &StartOrder) -> Result<(), StoreError> {
        if let Some(settling) = &self.settling {
            return settling.ask(*order).await;
        }
        let sql = "DELETE FROM wakeups WHERE conversation_id = ? AND generation = ?";
        if self.writer.change(sql, named(order).into()).await? == 0 {
            self.release(order).await?;
        }
        Ok(())
    }

    async fn rest(&self, order: &StartOrder, for_: Duration) -> Result<(), StoreError> {
        self.due_again(order, for_, 0).await
    }

    async fn retry(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.due_again(order, after, order.tries.saturating_add(1)).await
    }

    async fn refuse(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        // Marked first: a crash between the two leaves the claim, and the mark is made again.
        let values = vec![
            AttentionReason::EngineRefuses.as_str().into(),
            order.conversation_id.as_uuid().into(),
            order.generation.into(),
        ];
        self.writer.change(ASK_FOR_A_PERSON, values).await?;
        self.due_again(order, after, order.tries.saturating_add(1)).await
    }

    async fn wake_forgotten(&self, overdue: Duration, most: u32) -> Result<u32, StoreError> {
        self.writer
            .write(move |tx| {
                let overdue = || signed(overdue).into();
                let values = [overdue(), overdue(), overdue(), overdue(), i64::from(most).into()];
                Box::pin(async move {
                    let sql = FORGOTTEN.replace("{stood still}", STOOD_STILL);
                    Ok(u32::try_from(change(tx, &sql, values).await?).unwrap_or(u32::MAX))
                })
            })
            .await
    }
}

/// Settles what many runs and starts have done at the same time by one statement, with one sync. In the order of their ids, as
/// whoever wakes many takes them.
pub(crate) fn settle_together(db: &DatabaseConnection, mut orders: Vec<StartOrder>) -> Answers<()> {
    let db = db.clone();
    Box::pin(async move {
        let asked = orders.clone();
        orders.sort_unstable_by_key(|order| order.conversation_id);
        match settle_all(&db, &orders).await {
            Ok(()) => Ok(asked.iter().map(|_| Ok(())).collect()),
            // What somebody holds costs nobody else.
            Err(error) if asked.len() > 1 && is_its_own(&error) => {
                let mut settled = Vec::with_capacity(asked.len());
                for order in asked {
                    settled.push(settle_all(&db, &[order]).await.map_err(|error| store_error(&error)));
                }
                Ok(settled)
            }
            Err(error) => Err(error),
        }
    })
}

async fn settle_all(db: &DatabaseConnection, orders: &[StartOrder]) -> Result<(), DbErr> {
    let rows = |orders: &[StartOrder]| {
        let mut rows = Rows::new(2);
        orders.iter().for_each(|order| rows.push(named(order)));
        rows
    };
    let sql = "DELETE FROM wakeups w USING r WHERE w.conversation_id = r.c1 AND w.generation = r.c2 RETURNING w.conversation_id";
    let gone = surely(|| rows(orders).read(db, sql)).await?;
    let gone = gone.iter().map(|row| row.try_get_by_index::<Uuid>(0)).collect::<Result<Vec<_>, _>>()?;
    let overtaken: Vec<_> =
        orders.iter().copied().filter(|order| !gone.contains(&order.conversation_id.as_uuid())).collect();
    let sql = "UPDATE wakeups w SET claimed_until = 0 FROM r WHERE w.conversation_id = r.c1 AND w.generation <> r.c2";
    surely(|| rows(&overtaken).change(db, sql)).await.map(|_| ())
}

/// What an engine forgot: its workflows were ended by hand, or its cluster came back from an old copy. A message whose time
/// has passed ends on any channel. On a channel in error others wait for one that probes, so that is missed too.
const FORGOTTEN: &str = "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) \
    SELECT DISTINCT v.id, v.workspace_id, {now}, {now}, 0, 0 FROM messages m CROSS JOIN {conversations v: v.id = m.conversation_id} \
    CROSS JOIN {channels ch: ch.id = v.channel_id} \
    WHERE m.status IN ('queued', 'held', 'sending') AND coalesce(m.lease_until, 0) <= {now} - ? \
    AND (m.deliver_by + {stood still} <= {now} - ? OR (m.status <> 'held' AND m.next_attempt_at <= {now} - ? AND ch.enabled \
    AND ch.paused_at IS NULL AND (ch.state = 'active' OR (ch.state = 'error' AND coalesce(ch.probe_at, 0) <= {now} - ?)))) \
    AND NOT EXISTS (SELECT 1 FROM wakeups w WHERE w.conversation_id = v.id) LIMIT ? ON CONFLICT (conversation_id) DO NOTHING";

/// The conversations of a channel that have something to send, but one (the nil UUID is none of them).
pub(crate) const WAITING: &str = "SELECT DISTINCT v.id, v.workspace_id FROM messages m CROSS JOIN {conversations v: v.id = m.conversation_id} \
                                  WHERE m.status IN ('queued', 'held', 'sending') AND v.channel_id = ? AND v.id <> ?";

/// Makes due what waits for a channel, but the conversation that woke the others: a wake that comes while one is claimed
/// survives it. The generation of a new row is the time, so that no wake that was settled before has the same.
pub(crate) async fn wake_waiting(
    tx: &DatabaseTransaction,
    channel: ChannelId,
    but: Option<ConversationId>,
) -> Result<(), DbErr> {
    let sql = format!(
        "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) \
         SELECT id, workspace_id, {{now}}, {{now}}, 0, 0 FROM ({WAITING}) w WHERE TRUE \
         ORDER BY id ON CONFLICT (conversation_id) DO UPDATE SET generation = greatest(wakeups.generation + 1, excluded.generation), \
         due_at = least(wakeups.due_at, excluded.due_at)"
    );
    let but = but.map_or(Uuid::nil(), |conversation| conversation.as_uuid());
    change(tx, &sql, [channel.as_uuid().into(), but.into()]).await.map(|_| ())
}

/// Whatever waits for a contact to write is due, in whichever conversation of the channel it stands.
pub(crate) async fn wake_contact(tx: &DatabaseTransaction, channel: Uuid, canonical: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO wakeups (conversation_id, workspace_id, generation, due_at, claimed_until, tries) \
               SELECT DISTINCT v.id, v.workspace_id, {now}, {now}, 0, 0 FROM conversations v CROSS JOIN {messages m: m.conversation_id = v.id} \
               WHERE v.channel_id = ? AND v.recipient_canonical = ? AND v.recipient_kind = 'phone' AND m.status IN ('queued', 'held') \
               ORDER BY v.id ON CONFLICT (conversation_id) DO UPDATE SET generation = greatest(wakeups.generation + 1, excluded.generation), \
               due_at = least(wakeups.due_at, excluded.due_at)";
    change(tx, sql, [channel.into(), canonical.into()]).await.map(|_| ())
}

/// In how many milliseconds the next wakeup may be claimed.
const NEXT: &str =
    "SELECT greatest(due_at, claimed_until) - {now} FROM wakeups ORDER BY greatest(due_at, claimed_until) LIMIT 1";

impl Database {
    async fn due_again(&self, order: &StartOrder, wait: Duration, tries: u32) -> Result<(), StoreError> {
        let sql = "UPDATE wakeups SET due_at = {now} + ?, claimed_until = 0, tries = ? WHERE conversation_id = ? AND generation = ?";
        let [conversation, generation] = named(order);
        let values = vec![signed(wait).into(), i64::from(tries).into(), conversation, generation];
        if self.writer.change(sql, values).await? == 0 {
            self.release(order).await?;
        }
        Ok(())
    }

    /// A newer wake came: it is nobody's, and due when it says.
    async fn release(&self, order: &StartOrder) -> Result<(), StoreError> {
        let sql = "UPDATE wakeups SET claimed_until = 0 WHERE conversation_id = ? AND generation <> ?";
        self.writer.change(sql, named(order).into()).await.map(|_| ())
    }
}

/// What a statement asks for: the conversation and the wake.
fn named(order: &StartOrder) -> [Value; 2] {
    [order.conversation_id.as_uuid().into(), order.generation.into()]
}

/// The conversation asks for a person, unless it does already for a reason of its own, or a newer wake came.
const ASK_FOR_A_PERSON: &str = "UPDATE conversations SET attention_reason = ?, attention_since = {now}, attention_message_id = NULL, \
    updated_at = {now}, version = version + 1 WHERE id = ? AND attention_reason IS NULL \
    AND EXISTS (SELECT 1 FROM wakeups w WHERE w.conversation_id = conversations.id AND w.generation = ?)";

async fn claim(tx: &DatabaseTransaction, limit: u32, lease: Duration) -> Result<Claimed, DbErr> {
    let sql = "WITH due AS MATERIALIZED (SELECT conversation_id FROM wakeups WHERE greatest(due_at, claimed_until) <= {now} \
               ORDER BY greatest(due_at, claimed_until) LIMIT ? {skip locked}) \
               UPDATE wakeups SET claimed_until = {now} + ? WHERE conversation_id IN (SELECT conversation_id FROM due) \
               RETURNING conversation_id, workspace_id, generation, tries, due_at";
    let mut rows = all(tx, sql, [i64::from(limit).into(), signed(lease).into()]).await?;
    // RETURNING promises no order.
    rows.sort_by_key(|row| row.try_get_by_index::<i64>(4).unwrap_or(i64::MAX));
    let orders = rows.iter().map(order).collect::<Result<Vec<_>, DbErr>>()?;
    let next = one(tx, NEXT, []).await?.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(Claimed { orders, next_due_in: next.map(duration) })
}

fn order(row: &QueryResult) -> Result<StartOrder, DbErr> {
    Ok(StartOrder {
        conversation_id: ConversationId::from_uuid(uuid_at(row, 0)?),
        workspace_id: WorkspaceId::from_uuid(uuid_at(row, 1)?),
        generation: row.try_get_by_index(2)?,
        tries: u32::try_from(row.try_get_by_index::<i64>(3)?).unwrap_or(u32::MAX),
    })
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A duration as it is added to the database's time.
pub(crate) fn signed(duration: Duration) -> i64 {
    // A century is for ever; it leaves room for the sum.
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(100 * 365 * 24 * 60 * 60 * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_place::on_postgres;
    use futures_util::future::join_all;
    use overture_domain::ports::ConversationRepo as _;
    use sea_orm::TransactionTrait as _;

    /// Whoever wakes many holds their wakeups until it has committed.
    #[tokio::test]
    async fn a_wakeup_that_is_locked_elsewhere_costs_its_own_settling_only() {
        let (database, place) = on_postgres().await;
        for number in 1..6 {
            database.open(place.opening(number)).await.unwrap();
        }
        all(&database.readers, "UPDATE wakeups SET claimed_until = 0", []).await.unwrap();
        let orders = database.claim(10, Duration::from_secs(3_600)).await.unwrap().orders;
        let tx = database.readers.begin().await.unwrap();
        let locked = "SELECT 1 FROM wakeups WHERE conversation_id = ? FOR UPDATE";
        all(&tx, locked, [orders[2].conversation_id.as_uuid().into()]).await.unwrap();
        let settled = join_all(orders.iter().map(|order| database.settle(order))).await;
        tx.rollback().await.unwrap();
        let failed: Vec<_> =
            settled.iter().enumerate().filter(|(_, settled)| settled.is_err()).map(|(n, _)| n).collect();
        assert_eq!((orders.len(), failed), (5, vec![2]), "{settled:?}");
        database.settle(&orders[2]).await.unwrap();
        assert!(all(&database.readers, "SELECT 1 FROM wakeups", []).await.unwrap().is_empty());
    }
}
