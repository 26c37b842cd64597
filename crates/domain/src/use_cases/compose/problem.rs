//! What can be wrong with a compose request: one code per rule of the contract, one text that says what to do.

use crate::entities::{AddressKind, Quota, QuotaExceeded, worded};
use crate::ids::ContactId;
use crate::values::{Country, Flaw};
use std::collections::BTreeSet;

/// The stable codes of refused requests, in the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// `workspaceId` is missing or no UUID.
    InvalidWorkspaceId,
    /// The tenant has no such workspace.
    UnknownWorkspace,
    /// `channelId` is missing or no UUID.
    InvalidChannelId,
    /// The workspace has no such channel.
    UnknownChannel,
    /// A person switched the channel off.
    ChannelDisabled,
    /// The channel is not set up yet.
    ChannelNotReady,
    /// `contactId` is no UUID.
    InvalidContactId,
    /// Both an id and an address were given.
    ContactAndAddress,
    /// The tenant has no such contact.
    UnknownContact,
    /// `contactEmail` is no email address.
    InvalidContactEmail,
    /// `contactPhone` is no phone number we can deliver to.
    InvalidContactPhone,
    /// Nobody was named.
    ContactMissing,
    /// The two addresses do not name one contact, and the request asked to be strict.
    ContactConflict,
    /// The contact has no address for this kind of channel.
    ContactUnreachable,
    /// The channel does not write to the country of the number.
    CountryNotAllowed,
    /// `contactName` cannot be used.
    InvalidContactName,
    /// An email needs a subject.
    SubjectRequired,
    /// `subject` cannot be used.
    InvalidSubject,
    /// There is nothing to say.
    ContentRequired,
    /// `content` cannot be used.
    InvalidContent,
    /// `content` is longer than the channel carries.
    ContentTooLong,
    /// `template` cannot be used.
    InvalidTemplate,
    /// The contact has not written for a day, and nothing says what may leave then.
    TemplateRequired,
    /// `deliverWithin` is no duration of at most seven days.
    InvalidDeliverWithin,
    /// `agent` cannot be used.
    InvalidAgent,
    /// The channel has taken as many messages as it may for now.
    QuotaExceeded,
}
worded!(ProblemCode {
    InvalidWorkspaceId => "invalid_workspace_id", UnknownWorkspace => "unknown_workspace",
    InvalidChannelId => "invalid_channel_id", UnknownChannel => "unknown_channel",
    ChannelDisabled => "channel_disabled", ChannelNotReady => "channel_not_ready",
    InvalidContactId => "invalid_contact_id", ContactAndAddress => "contact_and_address", UnknownContact => "unknown_contact",
    InvalidContactEmail => "invalid_contact_email", InvalidContactPhone => "invalid_contact_phone",
    ContactMissing => "contact_missing", ContactConflict => "contact_conflict", ContactUnreachable => "contact_unreachable",
    CountryNotAllowed => "country_not_allowed",
    InvalidContactName => "invalid_contact_name", SubjectRequired => "subject_required", InvalidSubject => "invalid_subject",
    ContentRequired => "content_required", InvalidContent => "invalid_content", ContentTooLong => "content_too_long",
    InvalidTemplate => "invalid_template", TemplateRequired => "template_required",
    InvalidDeliverWithin => "invalid_deliver_within", InvalidAgent => "invalid_agent",
    QuotaExceeded => "quota_exceeded",
});

/// Facts about a problem, for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    /// How much is allowed and how much came.
    TooLong {
        /// At most this many.
        limit: usize,
        /// This many came.
        length: usize,
        /// Of these.
        unit: &'static str,
    },
    /// The country of a number, if it can be told, and those that are allowed.
    Country {
        /// That of the number.
        country: Option<Country>,
        /// Those that are allowed.
        allowed: BTreeSet<Country>,
    },
    /// The quota that is used up.
    Quota {
        /// Which.
        quota: Quota,
        /// How many messages it allows.
        limit: u32,
        /// In how many whole seconds there is room again.
        retry_after: u32,
    },
    /// What would fit: `templates`, `languages` or `variables`.
    Fitting {
        /// Which of these.
        what: &'static str,
        /// Them.
        values: Vec<String>,
    },
    /// The contacts that the addresses name.
    Contacts(Vec<(ContactId, AddressKind)>),
}

/// One thing that is wrong with a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which rule.
    pub code: ProblemCode,
    /// Which field is at fault, if one is.
    pub field: Option<&'static str>,
    /// For people: the field, what is wrong, and what to do.
    pub text: String,
    /// For programs, if there is more to say.
    pub details: Option<Details>,
}

impl std::fmt::Debug for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.code)
            .field("field", &self.field)
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

impl Problem {
    pub(in crate::use_cases) fn new(code: ProblemCode, field: &'static str, text: String) -> Self {
        Self { code, field: Some(field), text, details: None }
    }

    pub(super) fn flawed(code: ProblemCode, field: &'static str, flaw: &Flaw) -> Self {
        Self::new(code, field, format!("{field} {flaw}"))
    }
}

impl From<QuotaExceeded> for Problem {
    fn from(QuotaExceeded { quota, limit, ends_in }: QuotaExceeded) -> Self {
        let whole = ends_in.as_secs() + u64::from(ends_in.subsec_nanos() > 0);
        let retry_after = u32::try_from(whole).unwrap_or(u32::MAX).max(1);
        let (messages, are) = if limit == 1 { ("message", "it is") } else { ("messages", "they are") };
        let (per, next) = match quota {
            Quota::PerDay => ("a day", "the next day of UTC"),
            Quota::PerContactPerHour => ("an hour to one contact", "the next hour"),
        };
        let text = format!(
            "This channel takes at most {limit} {messages} {per} ({quota}), and {are} used up. Nothing was stored. Send it again in {retry_after} s, \
             when {next} has begun, or have {quota} raised."
        );
        let details = Some(Details::Quota { quota, limit, retry_after });
        Self { code: ProblemCode::QuotaExceeded, field: None, text, details }
    }
}
