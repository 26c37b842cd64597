//! Says what a compose would do, and does nothing.

use super::contact::ChosenContact;
use super::examine::{Findings, Known, findings};
use super::lookups::Lookups;
use super::wording::Worded;
use super::{ComposeCommand, ComposeError, ComposeRules, Fields, Problem, authorise, visible};
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
pub struct Preview {
    /// Everything that is wrong; the first is what compose answers. None: it would open a conversation.
    pub problems: Vec<Problem>,
    /// What would be opened and what would leave, as far as it can be told beside what is wrong.
    pub outlook: Outlook,
}

/// What would be opened and what would leave. What is `None` does not apply, or cannot be told for what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// From which address, number or service the channel sends, if its settings say.
    pub from: Option<String>,
    /// To whom.
    pub recipient: Option<Recipient>,
    /// The contact that would be used; the inner `None`: a new one. Only for a key that may read contacts.
    pub contact: Option<Option<ContactId>>,
    /// Whether the contact has written within a day; `None` where the channel has no window.
    pub window_open: Option<bool>,
    /// What was written, where that is what would leave.
    pub content: Option<Content>,
    /// The template that would leave instead.
    pub template: Option<FilledTemplate>,
    /// What would ask the contact to write first; the text is held for that.
    pub opener: Option<FilledTemplate>,
    /// How many segments it takes, on SMS.
    pub segments: Option<SmsSegments>,
    /// How long it may be tried.
    pub deliver_within: Option<DeliverWithin>,
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

    /// Looks at everything a compose looks at, and tells what it can beside what is wrong.
    ///
    /// # Errors
    /// What the key does not allow, and what the store cannot; never a problem of the request itself.
    pub async fn execute(&self, caller: &Caller, command: &ComposeCommand) -> Result<Preview, ComposeError> {
        let fields = command.parse();
        authorise(caller, command, &fields)?;
        let known = self.lookups.load(caller, &fields).await?;
        let mut found = findings(&fields, &known, command.strict);
        if let (Some(channel), Some(choice), []) = (&found.channel, &found.choice, &found.problems[..]) {
            let exceeded = self.exceeded(channel, &choice.recipient).await?;
            found.problems.extend(exceeded.map(Problem::from));
        }
        let from = match &found.channel {
            Some(channel) => self.from(channel).await?,
            None => None,
        };
        let problems = std::mem::take(&mut found.problems);
        Ok(Preview { problems, outlook: Outlook { from, ..self.outlook(caller, &fields, &known, found) } })
    }

    /// What can be told without asking for more.
    fn outlook(&self, caller: &Caller, fields: &Fields, known: &Known, found: Findings) -> Outlook {
        let Findings { channel, choice, worded, deliver_within, notices, .. } = found;
        let kind = channel.as_ref().map(|channel| channel.kind);
        let written = fields.content.as_ref().ok();
        let contact = choice.as_ref().map(|choice| match &choice.contact {
            ChosenContact::Known { contact, .. } => Some(contact.id),
            ChosenContact::New { .. } => None,
        });
        // When somebody wrote was looked up for whoever was chosen.
        let has_window = choice.is_some() && channel.as_ref().is_some_and(Channel::has_window);
        let content = written.filter(|_| worded.is_some()).cloned();
        let (template, opener) = worded.map_or((None, None), |worded| leaves(worded, known));
        Outlook {
            from: None,
            recipient: choice.map(|choice| choice.recipient),
            // That nobody has an address is known only to whoever may read contacts.
            contact: contact.filter(|_| caller.may(Scope::ContactsRead)),
            window_open: has_window.then_some(known.window_open),
            content,
            template,
            opener,
            segments: written.filter(|_| kind == Some(ChannelKind::Sms)).map(|text| SmsSegments::of(text.as_str())),
            deliver_within: deliver_within
                .zip(kind)
                .map(|(within, kind)| within.unwrap_or_else(|| self.rules.deliver_within.of(kind))),
            notices: visible(caller, notices),
        }
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
fn leaves(worded: Worded, known: &Known) -> (Option<FilledTemplate>, Option<FilledTemplate>) {
    let template = match worded.wording {
        Wording::Template(filled) => Some(filled),
        Wording::OrTemplate(filled) => (!known.window_open).then_some(filled),
        Wording::AsWritten => None,
    };
    (template, worded.held.map(|(opener, _)| opener))
}
