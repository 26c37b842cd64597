//! What the HTTP adapter is given: use cases, the ports it reads through, and the runtime they run on.

use crate::Readiness;
use overture_domain::ports::{ChannelRepo, Clock, ContactRepo, ConversationRepo, IdGenerator, Observatory};
use overture_domain::use_cases::{Authenticate, ComposeOutbound, PreviewOutbound, ReceiveWebhook};
use std::sync::Arc;

/// The inside of Overture, as the HTTP adapter needs it.
pub struct Application {
    /// Finds out who calls.
    pub authenticate: Arc<Authenticate>,
    /// Opens conversations.
    pub compose: Arc<ComposeOutbound>,
    /// Says what a compose would do.
    pub preview: Arc<PreviewOutbound>,
    /// Takes what providers call with.
    pub webhooks: Arc<ReceiveWebhook>,
    /// Reads conversations and messages.
    pub conversations: Arc<dyn ConversationRepo>,
    /// Reads contacts, for representations.
    pub contacts: Arc<dyn ContactRepo>,
    /// Reads channels: their kind decides what is final.
    pub channels: Arc<dyn ChannelRepo>,
    /// Counts rows for `GET /metrics`.
    pub observatory: Arc<dyn Observatory>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes request ids.
    pub ids: Arc<dyn IdGenerator>,
    /// Says whether every part is ready.
    pub readiness: Arc<dyn Readiness>,
    /// Renders the metrics of this process in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The runtime that owns every connection: use cases run there, whatever becomes of the request.
    pub runtime: tokio::runtime::Handle,
}
