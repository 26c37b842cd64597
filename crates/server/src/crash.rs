//! Crashes at named points, for tests: the process kills itself as `kill -9` would. Exists in debug builds alone.
//! `OVERTURE_CRASH_AT=point` or `point:n` chooses the point and the how-manyeth time it is reached.

use crate::failure::Failure;
use async_trait::async_trait;
use overture_domain::entities::{ChannelConnection, Conversation, Message, MessageStatus};
use overture_domain::ids::{ConversationId, MessageId, TenantId};
use overture_domain::ports::{
    Accepted, Begun, Claimed, ConversationRepo, DeliveryRepo, EarlierRequest, KeyedHash, LoadedProcess, MessageDetails,
    MessageSender, OpenConversation, OpenError, Opened, Outgoing, Position, ProcessChange, SaveError, Saved, SendError,
    StartOrder, StoreError, WakeupQueue,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The variable that chooses.
pub(crate) const VARIABLE: &str = "OVERTURE_CRASH_AT";

const POINTS: [&str; 10] = [
    "before_open",
    "after_open",
    "before_begin",
    "after_begin",
    "before_send",
    "after_send",
    "before_record",
    "after_record",
    "before_settle",
    "after_settle",
];

/// Where this process dies.
#[derive(Debug)]
pub(crate) struct CrashPoint {
    point: &'static str,
    left: AtomicU64,
}

impl CrashPoint {
    /// Reads the value of the variable.
    ///
    /// # Errors
    /// No such point, or no number of times.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let (point, times) = text.split_once(':').unwrap_or((text, "1"));
        let point = POINTS.iter().find(|known| **known == point);
        match (point, times.parse()) {
            (Some(point), Ok(times)) if times > 0 => Ok(Self { point, left: AtomicU64::new(times) }),
            _ => Err(Failure::usage(format!("{VARIABLE} names no crash point"))
                .remedy(format!("Allowed: one of {}, with :n for the n-th time.", POINTS.join(", ")))),
        }
    }

    /// Whether it is time to die here.
    fn is_reached(&self, point: &str) -> bool {
        self.point == point && self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }

    async fn reach(&self, point: &str) {
        if self.is_reached(point) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal takes the process before this is over.
            std::future::pending::<()>().await;
        }
    }
}

/// A port that dies at its points.
pub(crate) struct Crashing<T: ?Sized> {
    inner: Arc<T>,
    at: Arc<CrashPoint>,
}

impl<T: ?Sized> Crashing<T> {
    pub(crate) fn new(inner: Arc<T>, at: &Arc<CrashPoint>) -> Arc<Self> {
        Arc::new(Self { inner, at: Arc::clone(at) })
    }
}

#[async_trait]
impl ConversationRepo for Crashing<dyn ConversationRepo> {
    async fn open(&self, opening: OpenConversation) -> Result<Opened, OpenError> {
        self.at.reach("before_open").await;
        let opened = self.inner.open(opening).await;
        self.at.reach("after_open").await;
        opened
    }
    async fn earlier(&self, tenant: TenantId, key: &KeyedHash) -> Result<Option<EarlierRequest>, StoreError> {
        self.inner.earlier(tenant, key).await
    }
    async fn find(&self, tenant: TenantId, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.inner.find(tenant, id).await
    }
    async fn messages(
        &self,
        tenant: TenantId,
        id: ConversationId,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        self.inner.messages(tenant, id, after, limit).await
    }
    async fn newest_messages(&self, tenant: TenantId, limit: u32) -> Result<Vec<MessageDetails>, StoreError> {
        self.inner.newest_messages(tenant, limit).await
    }
    async fn messages_by_status(
        &self,
        tenant: TenantId,
        status: MessageStatus,
        limit: u32,
    ) -> Result<Vec<MessageDetails>, StoreError> {
        self.inner.messages_by_status(tenant, status, limit).await
    }
    async fn with_attention(&self, tenant: TenantId, limit: u32) -> Result<Vec<Conversation>, StoreError> {
        self.inner.with_attention(tenant, limit).await
    }
    async fn message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageDetails>, StoreError> {
        self.inner.message(tenant, id).await
    }
}

#[async_trait]
impl DeliveryRepo for Crashing<dyn DeliveryRepo> {
    async fn load(&self, id: ConversationId) -> Result<Option<LoadedProcess>, StoreError> {
        self.inner.load(id).await
    }
    async fn begin_attempt(&self, message: MessageId, lease: Duration) -> Result<Begun, StoreError> {
        self.at.reach("before_begin").await;
        let begun = self.inner.begin_attempt(message, lease).await;
        self.at.reach("after_begin").await;
        begun
    }
    async fn renew_lease(&self, message: MessageId, number: u32, lease: Duration) -> Result<bool, StoreError> {
        self.inner.renew_lease(message, number, lease).await
    }
    async fn save(&self, change: ProcessChange) -> Result<Saved, SaveError> {
        self.at.reach("before_record").await;
        let saved = self.inner.save(change).await;
        self.at.reach("after_record").await;
        saved
    }
}

#[async_trait]
impl MessageSender for Crashing<dyn MessageSender> {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        self.at.reach("before_send").await;
        let sent = self.inner.send(connection, outgoing).await;
        self.at.reach("after_send").await;
        sent
    }
}

#[async_trait]
impl WakeupQueue for Crashing<dyn WakeupQueue> {
    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claimed, StoreError> {
        self.inner.claim(limit, lease).await
    }
    async fn keep(&self, order: &StartOrder, lease: Duration) -> Result<bool, StoreError> {
        self.inner.keep(order, lease).await
    }
    async fn settle(&self, order: &StartOrder) -> Result<(), StoreError> {
        self.at.reach("before_settle").await;
        let settled = self.inner.settle(order).await;
        self.at.reach("after_settle").await;
        settled
    }
    async fn rest(&self, order: &StartOrder, for_: Duration) -> Result<(), StoreError> {
        self.inner.rest(order, for_).await
    }
    async fn retry(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.inner.retry(order, after).await
    }
    async fn refuse(&self, order: &StartOrder, after: Duration) -> Result<(), StoreError> {
        self.inner.refuse(order, after).await
    }
    async fn wake_forgotten(&self, overdue: Duration, most: u32) -> Result<u32, StoreError> {
        self.inner.wake_forgotten(overdue, most).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_reached_at_its_nth_time_and_only_then() {
        let at = CrashPoint::parse("after_send:3").unwrap();
        let reached: Vec<_> = (0..5).map(|_| at.is_reached("after_send")).collect();
        assert_eq!(reached, [false, false, true, false, false]);
        assert!(!CrashPoint::parse("after_send").unwrap().is_reached("before_send"));
        assert!(CrashPoint::parse("after_send").unwrap().is_reached("after_send"));
    }

    #[test]
    fn what_is_no_point_is_refused_with_the_points() {
        for text in ["", "after", "after_send:0", "after_send:x"] {
            assert!(CrashPoint::parse(text).unwrap_err().to_string().contains("before_settle"), "{text}");
        }
    }
}
