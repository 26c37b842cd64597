//! Says what a compose would do, and does nothing.

use super::contact::ChosenContact;
use super::examine::{Known, examine};
use super::lookups::Lookups;
use super::{ComposeCommand, ComposeError, ComposeRules, Problem, authorise, visible};
use crate::entities::{Caller, Channel, ChannelKind, QuotaExceeded, Recipient, Scope};
use crate::ids::ContactId;
use crate::notice::Notice;
use crate::ports::{ChannelRepo, ContactRepo, InboundRepo, QuotaRepo, StoreError};
use crate::values::{Content, DeliverWithin, FilledTemplate, SmsSegments, Wording};
use std::sync::Arc;

/// Says what a compose would do with the same body, and does nothing.
pub struct PreviewOutbound {
    lookups: Lookups,
    channels: Arc<dyn ChannelRepo>,
    quotas: Arc<dyn QuotaRepo>,
    rules: ComposeRules,
}

/// What a compose would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// It would be refused; the first problem is what compose answers.
    Refused(Vec<Problem>),
    /// It would open a conversation.
    Opens(Box<Outlook>),
}

/// What would be opened and what would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The channel.
    pub channel: Channel,
    /// From which address, number or service the channel sends, if its settings say.
    pub from: Option<String>,
    /// To whom.
    pub recipient: Recipient,
    /// The contact that would be used; `None`: a new one. Only for a key that may read contacts.
    pub contact: Option<Option<ContactId>>,
    /// Whether the contact has written within a day; `None` where the channel has no window.
    pub window_open: Option<bool>,
    /// What was written.
    pub content: Content,
    /// The template that would leave instead.
    pub template: Option<FilledTemplate>,
    /// What would ask the contact to write first; the text is held for that.
    pub opener: Option<FilledTemplate>,
    /// How many segments it takes, on SMS.
    pub segments: Option<SmsSegments>,
    /// How long it may be tried.
    pub deliver_within: DeliverWithin,
    /// What deserves a look.
    pub notices: Vec<Notice>,
}

impl PreviewOutbound {
    /// From the ports it reads by.
    pub fn new(
        contacts: Arc<dyn ContactRepo>,
        channels: Arc<dyn ChannelRepo>,
        inbound: Arc<dyn InboundRepo>,
        quotas: Arc<dyn QuotaRepo>,
        rules: ComposeRules,
    ) -> Self {
        let lookups = Lookups::new(contacts, Arc::clone(&channels), inbound, rules.sms_segments);
        Self { lookups, channels, quotas, rules }
    }

    /// Looks at everything a compose looks at.
    ///
    /// # Errors
    /// What the key does not allow, and what the store cannot; never a problem of the request itself.
    pub async fn execute(&self, caller: &Caller, command: &ComposeCommand) -> Result<Preview, ComposeError> {
        let fields = command.parse();
        authorise(caller, command, &fields)?;
        let known = self.lookups.load(caller, &fields).await?;
        let plan = match examine(&fields, &known, command.strict) {
            Ok(plan) => plan,
            Err(problems) => return Ok(Preview::Refused(problems)),
        };
        if let Some(exceeded) = self.exceeded(&plan.channel, &plan.recipient).await? {
            return Ok(Preview::Refused(vec![exceeded.into()]));
        }
        let (template, opener) = leaves(plan.worded.wording, plan.worded.held.map(|(opener, _)| opener), &known);
        let kind = plan.channel.kind;
        let contact = match plan.contact {
            ChosenContact::Known { contact, .. } => Some(contact.id),
            ChosenContact::New { .. } => None,
        };
        Ok(Preview::Opens(Box::new(Outlook {
            from: self.from(&plan.channel).await?,
            recipient: plan.recipient,
            // That nobody has an address is known only to whoever may read contacts.
            contact: caller.may(Scope::ContactsRead).then_some(contact),
            window_open: plan.channel.has_window().then_some(known.window_open),
            segments: (kind == ChannelKind::Sms).then(|| SmsSegments::of(plan.content.as_str())),
            deliver_within: plan.deliver_within.unwrap_or_else(|| self.rules.deliver_within.of(kind)),
            notices: visible(caller, plan.notices),
            channel: plan.channel,
            content: plan.content,
            template,
            opener,
        })))
    }

    async fn exceeded(&self, channel: &Channel, to: &Recipient) -> Result<Option<QuotaExceeded>, StoreError> {
        let quotas = channel.limits.quotas();
        if quotas.is_empty() {
            return Ok(None);
        }
        self.quotas.exceeded(channel.id, &to.address, &quotas).await
    }

    async fn from(&self, channel: &Channel) -> Result<Option<String>, StoreError> {
        let connection = match self.channels.connection(channel.id).await {
            // Secrets that cannot be read are no matter of a preview.
            Err(StoreError::Corrupt { .. }) => None,
            read => read?,
        };
        let Some(connection) = connection else { return Ok(None) };
        let public = &connection.settings.public;
        let names = ["from", "messagingServiceSid", "phoneNumberId"];
        Ok(names.iter().find_map(|name| public.get(*name)).cloned())
    }
}

/// The template that would leave now, and what would ask first.
fn leaves(
    wording: Wording,
    opener: Option<FilledTemplate>,
    known: &Known,
) -> (Option<FilledTemplate>, Option<FilledTemplate>) {
    let template = match wording {
        Wording::Template(filled) => Some(filled),
        Wording::OrTemplate(filled) => (!known.window_open).then_some(filled),
        Wording::AsWritten => None,
    };
    (template, opener)
}
