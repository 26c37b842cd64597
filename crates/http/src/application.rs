//! What the HTTP adapter is given: use cases, the ports it reads through, and the runtime they run on.

use crate::Readiness;
use overture_domain::ports::{
    ChannelRegistry, ChannelRepo, ChannelVerifier, Clock, ContactRepo, ConversationRepo, IdGenerator, Observatory,
    SettingsChecker,
};
use overture_domain::use_cases::{
    AddChannel, Authenticate, ChangeChannel, ComposeOutbound, ListTemplates, PauseChannel, PreviewOutbound,
    ReceiveWebhook, VerifyChannel,
};
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
    /// Manages channels.
    pub management: Arc<ChannelManagement>,
    /// Where providers reach this installation, without a slash at its end; `None` if nobody said.
    pub public_url: Option<String>,
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

/// Everything that is done with channels, but sending.
pub struct ChannelManagement {
    /// Reads them.
    pub registry: Arc<dyn ChannelRegistry>,
    /// Makes them.
    pub add: AddChannel,
    /// Changes them.
    pub change: ChangeChannel,
    /// Finds out whether they work.
    pub verify: VerifyChannel,
    /// Holds their messages back and lets them go.
    pub pause: PauseChannel,
    /// Lists what may be sent on WhatsApp.
    pub templates: ListTemplates,
}

impl ChannelManagement {
    /// From the ports it needs.
    pub fn new(
        registry: Arc<dyn ChannelRegistry>,
        channels: Arc<dyn ChannelRepo>,
        settings: Arc<dyn SettingsChecker>,
        verifier: Arc<dyn ChannelVerifier>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            add: AddChannel::new(Arc::clone(&channels), Arc::clone(&settings), clock, ids),
            change: ChangeChannel::new(Arc::clone(&registry), Arc::clone(&channels), settings),
            verify: VerifyChannel::new(Arc::clone(&registry), Arc::clone(&channels), Arc::clone(&verifier)),
            pause: PauseChannel::new(Arc::clone(&registry)),
            templates: ListTemplates::new(Arc::clone(&registry), channels, verifier),
            registry,
        }
    }
}
