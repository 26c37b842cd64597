//! What the rules look at: read, and nothing else.

use super::command::Fields;
use super::examine::Known;
use crate::entities::{Caller, WINDOW};
use crate::ports::{ChannelRepo, ContactRepo, InboundRepo, StoreError};
use std::sync::Arc;

/// Reads what the rules look at.
pub(super) struct Lookups {
    contacts: Arc<dyn ContactRepo>,
    channels: Arc<dyn ChannelRepo>,
    inbound: Arc<dyn InboundRepo>,
    sms_segments: usize,
}

impl Lookups {
    pub(super) fn new(
        contacts: Arc<dyn ContactRepo>,
        channels: Arc<dyn ChannelRepo>,
        inbound: Arc<dyn InboundRepo>,
        sms_segments: usize,
    ) -> Self {
        Self { contacts, channels, inbound, sms_segments }
    }

    /// Everything the rules look at, in one round trip; only a channel with a window costs a second, and a template a third.
    pub(super) async fn load(&self, caller: &Caller, fields: &Fields) -> Result<Known, StoreError> {
        let wanted = fields.wanted_contact();
        let place = self.channels.place(caller.tenant_id, fields.workspace_id(), fields.channel_id());
        let contacts = self.contacts.matching(caller.tenant_id, &wanted);
        let (place, contacts) = futures_util::future::try_join(place, contacts).await?;
        let mut known = Known { place, contacts, window_open: false, approved: None, sms_segments: self.sms_segments };
        if let Some((channel, number)) = known.awaits_contact(fields) {
            known.window_open = self.inbound.wrote_within(channel, &number, WINDOW).await?;
        }
        if let Some((channel, template)) = known.leaves_by(fields) {
            known.approved = self.channels.approved_templates(channel, &template).await?;
        }
        Ok(known)
    }
}
