//! Receives a call that a provider makes to us.

use super::{ReceiveMessage, Received, RecordError, RecordReceipt};
use crate::entities::ChannelConnection;
use crate::ids::ChannelId;
use crate::ports::{ChannelRepo, ProviderEvent, StoreError, WebhookCall, WebhookError, WebhookReader};
use std::sync::Arc;
use thiserror::Error;

/// Receives a call that a provider makes to us: believed only with the channel's signature, and answered once everything
/// that it tells is on disk.
pub struct ReceiveWebhook {
    channels: Arc<dyn ChannelRepo>,
    reader: Arc<dyn WebhookReader>,
    receipts: RecordReceipt,
    messages: ReceiveMessage,
}

/// Why a call was not taken.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// There is no such channel. Whoever calls is told the same as by `Forged`, so that neither can be told from the other.
    #[error("there is no such channel")]
    NoChannel,
    /// Whoever calls does not know the channel's secret.
    #[error("the call is not the provider's")]
    Forged,
    /// The provider signed what we cannot read; sending it again will not help.
    #[error("the call cannot be read")]
    Unreadable,
    /// Not everything is on disk: the provider may call again.
    #[error(transparent)]
    NotKept(#[from] RecordError),
}

impl From<StoreError> for ReceiveError {
    fn from(error: StoreError) -> Self {
        Self::NotKept(error.into())
    }
}

impl ReceiveWebhook {
    /// From the ports and use cases it needs.
    pub fn new(
        channels: Arc<dyn ChannelRepo>,
        reader: Arc<dyn WebhookReader>,
        receipts: RecordReceipt,
        messages: ReceiveMessage,
    ) -> Self {
        Self { channels, reader, receipts, messages }
    }

    /// Takes a call to a channel's address.
    ///
    /// # Errors
    /// See `ReceiveError`.
    pub async fn execute(&self, channel: ChannelId, call: &WebhookCall) -> Result<(), ReceiveError> {
        let Some(connection) = self.connection(channel).await? else { return Err(ReceiveError::NoChannel) };
        // What the reader tells of a call, it tells of this channel.
        let read =
            tracing::warn_span!("webhook", channel_id = %channel).in_scope(|| self.reader.read(&connection, call));
        let events = read.map_err(|error| match error {
            WebhookError::Forged => ReceiveError::Forged,
            WebhookError::Unreadable => ReceiveError::Unreadable,
        })?;
        let (mut receipts, mut messages) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                ProviderEvent::Receipt(receipt) => receipts.push(receipt),
                ProviderEvent::Message(message) => messages.push(message),
            }
        }
        self.receipts.execute(channel, receipts).await?;
        for message in &messages {
            match self.messages.execute(channel, message).await? {
                Received::Unplaced => {
                    tracing::warn!(channel_id = %channel, "a message was kept that stands in no conversation: nobody can tell in which");
                }
                Received::NoChannel => {
                    tracing::warn!(channel_id = %channel, "a message came to a channel that is gone");
                }
                Received::Kept | Received::Repeated => {}
            }
        }
        Ok(())
    }

    /// Whether whoever sets the webhook up knows the channel's verify token.
    ///
    /// # Errors
    /// `Forged` if not, `NoChannel` if there is no such channel, `NotKept` if the store could not say.
    pub async fn confirm(&self, channel: ChannelId, token: &str) -> Result<(), ReceiveError> {
        match self.connection(channel).await? {
            Some(connection) if self.reader.is_verify_token(&connection, token) => Ok(()),
            Some(_) => Err(ReceiveError::Forged),
            None => Err(ReceiveError::NoChannel),
        }
    }

    async fn connection(&self, channel: ChannelId) -> Result<Option<ChannelConnection>, StoreError> {
        match self.channels.connection(channel).await {
            // Whoever cannot read the secrets cannot know who calls.
            Err(StoreError::Corrupt { .. }) => Ok(None),
            read => read,
        }
    }
}
