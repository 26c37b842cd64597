//! Holds a channel's messages back, and lets them go.

use super::{ManageChannelError, Reach};
use crate::ids::ChannelId;
use crate::ports::ChannelRegistry;
use std::sync::Arc;

/// Holds a channel's messages back, and lets them go. Composes are accepted meanwhile; no message's time passes.
pub struct PauseChannel {
    registry: Arc<dyn ChannelRegistry>,
}

impl PauseChannel {
    /// From the port it needs.
    pub fn new(registry: Arc<dyn ChannelRegistry>) -> Self {
        Self { registry }
    }

    /// Pauses a channel, or resumes it. Doing it twice is doing it once.
    ///
    /// # Errors
    /// `NotFound`, and any `StoreError`.
    pub async fn execute(&self, reach: &Reach, id: ChannelId, paused: bool) -> Result<(), ManageChannelError> {
        reach.channel(&*self.registry, id).await?;
        if self.registry.set_paused(reach.tenant_id, id, paused).await? {
            tracing::info!(channel_id = %id, paused, "a channel was paused or resumed");
            return Ok(());
        }
        Err(ManageChannelError::NotFound)
    }
}
