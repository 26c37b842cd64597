//! `WakeupQueue`: the outbox of wakes.

use super::MemoryStore;
use super::tables::{MessageRow, Tables, WakeupRow};
use async_trait::async_trait;
use overture_domain::entities::{Attention, AttentionReason, ChannelState, MessageStatus};
use overture_domain::ids::{ConversationId, WorkspaceId};
use overture_domain::ports::{Claimed, StartOrder, StoreError, WakeupQueue};
use overture_domain::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// A wakeup that nobody holds.
const UNCLAIMED: Timestamp = Timestamp::from_millis(i64::MIN);

#[async_trait]
impl WakeupQueue for MemoryStore {
    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claimed, StoreError> {
        self.transact(|tables, now| tables.claim(limit, lease, now))
    }

    async fn keep(&self, order: &StartOrder, lease: Duration) -> Result<bool, StoreError> {
        self.transact(|tables, now| match tables.wakeups.get_mut(&order.conversation_id) {
            Some(row) if row.generation == order.generation => {
                row.claimed_until = now.plus(lease);
                true
            }
            _ => false,
        })
    }

    async fn settle(&self, order: &StartOrder) -> Result<(), StoreError> {
        self.transact(|tables, _| {
            if tables.newest(order).is_some() {
                tables.wakeups.remove(&order.conversation_id);
            }
        })
    }

    async fn rest(&self, order: &StartOrder, for_: Duration) -> Result<(), StoreError> {
        self.transact(|tables, now| {
            if let Some(row) = tables.newest(order) {
                row.due_at = now.plus(for_);
                row.claimed_until = UNCLAIMED;
                row.tries = 0;
            }
        })
    }

    async fn retry(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.transact(|tables, now| {
            if let Some(row) = tables.newest(order) {
                row.due_at = now.plus(after);
                row.claimed_until = UNCLAIMED;
                row.tries += 1;
            }
        })
    }

    async fn refuse(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.retry(order, after).await?;
        self.transact(|tables, now| {
            let newest = tables.newest(order).is_some();
            if let Some(row) = tables.conversations.get_mut(&order.conversation_id).filter(|_| newest)
                && row.conversation.attention.is_none()
            {
                row.conversation.attention =
                    Some(Attention { reason: AttentionReason::EngineRefuses, since: now, message_id: None });
                row.conversation.updated_at = now;
                row.conversation.version = row.conversation.version.next();
            }
        })
    }

    async fn wake_forgotten(&self, overdue: Duration, most: u32) -> Result<u32, StoreError> {
        self.transact(|tables, now| {
            let forgotten: HashMap<_, _> = tables
                .messages
                .values()
                .filter(|row| !tables.wakeups.contains_key(&row.message.conversation_id))
                .filter(|row| tables.is_forgotten(row, overdue, now))
                .filter_map(|row| tables.conversations.get(&row.message.conversation_id))
                .map(|row| (row.conversation.id, row.conversation.workspace_id))
                .take(most as usize)
                .collect();
            for (conversation, workspace) in &forgotten {
                tables.wake(*conversation, *workspace, now);
            }
            u32::try_from(forgotten.len()).unwrap_or(most)
        })
    }
}

impl Tables {
    /// Whether something of this message is overdue by that long, although its channel lets it.
    fn is_forgotten(&self, row: &MessageRow, overdue: Duration, now: Timestamp) -> bool {
        let past = |due: Timestamp| due.plus(overdue) <= now;
        let conversation = self.conversations.get(&row.message.conversation_id);
        let channel = conversation.and_then(|row| self.channels.get(&row.conversation.channel_id));
        let lets = channel.is_some_and(|row| {
            let is_probed = row.channel.state == ChannelState::Error && past(row.probe_at);
            row.is_open() || (row.channel.enabled && row.channel.paused_at.is_none() && is_probed)
        });
        let ends_at = channel.map_or(row.message.deliver_by, |channel| row.ends_at(&channel.channel, now));
        let waits = row.message.status != MessageStatus::Held && past(row.next_attempt_at);
        row.is_pending() && past(row.lease_until) && (past(ends_at) || (waits && lets))
    }

    /// Upserts a wake: one more generation, due now. Whoever holds the claim keeps it and finds the newer wake when
    /// done.
    pub(super) fn wake(&mut self, conversation: ConversationId, workspace_id: WorkspaceId, now: Timestamp) {
        let newest = self.generations.entry(conversation).or_insert(0);
        *newest += 1;
        let generation = *newest;
        let fresh = || WakeupRow { workspace_id, generation, due_at: now, claimed_until: UNCLAIMED, tries: 0 };
        let row = self.wakeups.entry(conversation).or_insert_with(fresh);
        row.generation = generation;
        row.due_at = row.due_at.min(now);
    }

    /// Upserts a wake that is claimed from the beginning.
    pub(super) fn wake_claimed(
        &mut self,
        conversation_id: ConversationId,
        workspace_id: WorkspaceId,
        now: Timestamp,
        lease: Duration,
    ) -> StartOrder {
        self.wake(conversation_id, workspace_id, now);
        let generation = self.generations.get(&conversation_id).copied().unwrap_or(1);
        if let Some(row) = self.wakeups.get_mut(&conversation_id) {
            row.claimed_until = now.plus(lease);
        }
        StartOrder { conversation_id, workspace_id, generation, tries: 0 }
    }

    fn claim(&mut self, limit: u32, lease: Duration, now: Timestamp) -> Claimed {
        let free = |row: &WakeupRow| row.due_at.max(row.claimed_until);
        let mut due: Vec<_> =
            self.wakeups.iter().filter(|(_, row)| free(row) <= now).map(|(id, row)| (row.due_at, *id)).collect();
        due.sort_unstable();
        due.truncate(limit as usize);
        let ids: Vec<_> = due.into_iter().map(|(_, id)| id).collect();
        let others = self.wakeups.iter().filter(|(id, _)| !ids.contains(id));
        let next_due_in = others.map(|(_, row)| free(row).since(now)).min();
        let orders = ids.into_iter().filter_map(|id| {
            let row = self.wakeups.get_mut(&id)?;
            row.claimed_until = now.plus(lease);
            let WakeupRow { workspace_id, generation, tries, .. } = *row;
            Some(StartOrder { conversation_id: id, workspace_id, generation, tries })
        });
        Claimed { orders: orders.collect(), next_due_in }
    }

    /// The row of an order, if there is no newer wake; a newer one is let go, so that it can be claimed at once.
    fn newest(&mut self, order: &StartOrder) -> Option<&mut WakeupRow> {
        let row = self.wakeups.get_mut(&order.conversation_id)?;
        if row.generation == order.generation {
            return Some(row);
        }
        row.claimed_until = UNCLAIMED;
        None
    }
}
