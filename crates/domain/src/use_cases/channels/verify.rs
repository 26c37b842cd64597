//! Finds out whether a channel's settings work.

use super::{DECISIONS, ManageChannelError, Reach, unfit};
use crate::ids::ChannelId;
use crate::ports::{ChannelRegistry, ChannelRepo, ChannelVerifier};
use std::sync::Arc;

/// Finds out whether a channel's settings work, without sending. If they do, the channel is `active` and its approved
/// templates are known; if not, nothing changes: what deliveries found out stands.
pub struct VerifyChannel {
    registry: Arc<dyn ChannelRegistry>,
    channels: Arc<dyn ChannelRepo>,
    verifier: Arc<dyn ChannelVerifier>,
}

impl VerifyChannel {
    /// From the ports it needs.
    pub fn new(
        registry: Arc<dyn ChannelRegistry>,
        channels: Arc<dyn ChannelRepo>,
        verifier: Arc<dyn ChannelVerifier>,
    ) -> Self {
        Self { registry, channels, verifier }
    }

    /// Verifies it, and tells why the template of `outsideWindow` cannot leave, if it cannot. Settings that change meanwhile
    /// are verified as they are then.
    ///
    /// # Errors
    /// `NotFound`, `Verification` with the outcome, `Contended`, and any `StoreError`.
    pub async fn execute(&self, reach: &Reach, id: ChannelId) -> Result<Option<String>, ManageChannelError> {
        for _ in 0..DECISIONS {
            let channel = reach.channel(&*self.registry, id).await?.channel;
            let connection = self.channels.connection(id).await?.ok_or(ManageChannelError::NotFound)?;
            let verified = self.verifier.verify(&connection).await.map_err(|error| {
                tracing::info!(channel_id = %id, outcome = error.as_str(), "a channel was verified");
                ManageChannelError::Verification(error)
            })?;
            let (tenant, version) = (channel.tenant_id, connection.version);
            if self.registry.keep_verified(tenant, id, version, verified.templates.as_deref()).await? {
                tracing::info!(channel_id = %id, outcome = "ok", "a channel was verified");
                let own = channel.outside_window.as_ref();
                let unfit = own.and_then(|own| unfit(own, verified.templates.as_deref()?));
                if let Some(unfit) = &unfit {
                    tracing::warn!(channel_id = %id, "messages to who has not written for a day will be refused: {unfit}");
                }
                return Ok(unfit);
            }
        }
        Err(ManageChannelError::Contended)
    }
}
