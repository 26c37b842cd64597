//! Lists a channel's approved templates.

use super::{ManageChannelError, Reach};
use crate::ids::ChannelId;
use crate::ports::{ApprovedTemplate, ChannelRegistry, ChannelRepo, ChannelVerifier, StoreError, Verified};
use std::sync::Arc;
use std::time::Duration;

/// How long a list is taken for the provider's.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Lists a channel's approved templates as they were found last, and asks the provider for them at most once an hour.
pub struct ListTemplates {
    registry: Arc<dyn ChannelRegistry>,
    channels: Arc<dyn ChannelRepo>,
    verifier: Arc<dyn ChannelVerifier>,
}

impl ListTemplates {
    /// From the ports it needs.
    pub fn new(
        registry: Arc<dyn ChannelRegistry>,
        channels: Arc<dyn ChannelRepo>,
        verifier: Arc<dyn ChannelVerifier>,
    ) -> Self {
        Self { registry, channels, verifier }
    }

    /// The templates, by name. A provider that does not answer leaves the list as it was.
    ///
    /// # Errors
    /// `NotFound`, and any `StoreError`.
    pub async fn execute(&self, reach: &Reach, id: ChannelId) -> Result<Vec<ApprovedTemplate>, ManageChannelError> {
        reach.channel(&*self.registry, id).await?;
        if self.registry.claim_template_fetch(id, FRESH).await? {
            self.fetch(id).await?;
        }
        Ok(self.registry.templates(reach.tenant_id, id).await?)
    }

    async fn fetch(&self, id: ChannelId) -> Result<(), StoreError> {
        let Some(connection) = self.channels.connection(id).await? else { return Ok(()) };
        match self.verifier.verify(&connection).await {
            Ok(Verified { templates: Some(templates) }) => {
                self.registry.keep_templates(id, connection.version, &templates).await
            }
            Ok(Verified { templates: None }) => Ok(()),
            Err(error) => {
                tracing::info!(channel_id = %id, outcome = error.as_str(), "a channel's templates cannot be fetched now");
                Ok(())
            }
        }
    }
}
