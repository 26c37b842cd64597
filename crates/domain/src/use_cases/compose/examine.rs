//! The contract's table: a pure function from what came and what is known to problems or a plan, in the contract's order.

use super::command::Fields;
use super::contact::{Choice, ChosenContact, Named, choose};
use super::wording::{Worded, word};
use super::{Details, Problem, ProblemCode};
use crate::entities::{Address, Channel, ChannelKind, ChannelState, Recipient};
use crate::ids::ChannelId;
use crate::notice::Notice;
use crate::ports::{ApprovedTemplate, KnownContacts, KnownPlace};
use crate::values::{
    Agent, Content, ContentLimit, Country, DeliverWithin, PhoneNumber, SmsSegments, Subject, TemplateName,
};

/// Everything the rules look at, read in one round trip.
pub(super) struct Known {
    pub(super) place: KnownPlace,
    pub(super) contacts: KnownContacts,
    /// Whether the contact has written within a day; looked up only where the channel has a window.
    pub(super) window_open: bool,
    /// Approved templates of the channel, by the name of the one that would leave; looked up only where one would.
    pub(super) approved: Option<Vec<ApprovedTemplate>>,
    /// The most segments that one SMS may take.
    pub(super) sms_segments: usize,
}

impl Known {
    /// Whose writing decides how this message leaves, and on which channel; `None` where nobody's does.
    pub(super) fn awaits_contact(&self, fields: &Fields) -> Option<(ChannelId, PhoneNumber)> {
        let channel = self.place.channel.as_ref().filter(|channel| channel.has_window())?;
        let named = named(fields, self, channel.kind);
        match choose(&named, &self.contacts, None, false).ok()?.recipient.address {
            Address::Phone(number) => Some((channel.id, number)),
            Address::Email(_) => None,
        }
    }

    /// The template that would leave, and through which channel; `None` where none would.
    pub(super) fn leaves_by(&self, fields: &Fields) -> Option<(ChannelId, TemplateName)> {
        let channel = self.place.channel.as_ref().filter(|channel| channel.kind == ChannelKind::WhatsApp)?;
        if let Some(template) = fields.template.as_ref().ok()? {
            return Some((channel.id, template.template.clone()));
        }
        if self.window_open || !channel.has_window() {
            return None;
        }
        Some((channel.id, channel.outside_window.as_ref()?.template().clone()))
    }
}

fn named<'k>(fields: &'k Fields, known: &'k Known, kind: ChannelKind) -> Named<'k> {
    Named {
        kind,
        by_id: known.contacts.by_id.as_ref(),
        email: fields.contact_email.as_ref().ok().and_then(Option::as_ref),
        phone: fields.contact_phone.as_ref().ok().and_then(Option::as_ref),
    }
}

/// What is to be opened, decided but without ids.
pub(super) struct Plan {
    pub(super) channel: Channel,
    pub(super) contact: ChosenContact,
    pub(super) recipient: Recipient,
    pub(super) subject: Option<Subject>,
    pub(super) content: Content,
    pub(super) worded: Worded,
    pub(super) deliver_within: Option<DeliverWithin>,
    pub(super) agent: Option<Agent>,
    pub(super) notices: Vec<Notice>,
}

/// What came of a request: every problem in the contract's order, and whatever could be decided all the same.
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) channel: Option<Channel>,
    pub(super) choice: Option<Choice>,
    pub(super) worded: Option<Worded>,
    pub(super) deliver_within: Option<Option<DeliverWithin>>,
    pub(super) notices: Vec<Notice>,
    subject: Option<Option<Subject>>,
    content: Option<Content>,
    agent: Option<Option<Agent>>,
}

/// Every problem in the contract's order, at least one; or the plan.
pub(super) fn examine(fields: &Fields, known: &Known, strict: bool) -> Result<Plan, Vec<Problem>> {
    findings(fields, known, strict).into_plan()
}

/// Looks at everything, whatever is wrong before it.
pub(super) fn findings(fields: &Fields, known: &Known, strict: bool) -> Findings {
    let mut found = Found::default();
    let channel = found.channel(fields, &known.place);
    let contact_known = found.contact_named(fields, &known.contacts);
    let kind = channel.as_ref().map(|channel| channel.kind);
    let name = fields.contact_name.as_ref().ok().and_then(Option::as_ref);
    let choice = match kind {
        Some(kind) if contact_known => found.note(choose(&named(fields, known, kind), &known.contacts, name, strict)),
        _ => None,
    };
    if let (Some(channel), Some(choice)) = (&channel, &choice) {
        found.note(country(fields, channel, &choice.recipient));
    }
    found.note(fields.contact_name.as_ref().map_err(Problem::clone));
    let subject = found.subject(fields, kind);
    let content = found.content(fields, kind, known.sms_segments);
    let worded = found.wording(fields, channel.as_ref(), content.as_ref(), known);
    let deliver_within = found.note(fields.deliver_within.clone());
    let agent = found.note(fields.agent.clone());
    let about_contact = choice.as_ref().and_then(|choice| choice.notice);
    let notices = channel.as_ref().map(|channel| notices(fields, channel, about_contact)).unwrap_or_default();
    Findings { problems: found.0, channel, choice, worded, deliver_within, notices, subject, content, agent }
}

impl Findings {
    fn into_plan(self) -> Result<Plan, Vec<Problem>> {
        let Self { problems, channel, choice, worded, deliver_within, notices, subject, content, agent } = self;
        let (
            Some(channel),
            Some(choice),
            Some(subject),
            Some(content),
            Some(worded),
            Some(deliver_within),
            Some(agent),
            true,
        ) = (channel, choice, subject, content, worded, deliver_within, agent, problems.is_empty())
        else {
            return Err(problems);
        };
        let (contact, recipient) = (choice.contact, choice.recipient);
        Ok(Plan { channel, contact, recipient, subject, content, worded, deliver_within, agent, notices })
    }
}

/// A number must lie in a country that the channel writes to; one whose country cannot be told may lie anywhere.
fn country(fields: &Fields, channel: &Channel, recipient: &Recipient) -> Result<(), Problem> {
    let (Some(allowed), Address::Phone(number)) = (&channel.limits.allowed_countries, &recipient.address) else {
        return Ok(());
    };
    let country = number.country();
    if country.is_some_and(|country| allowed.contains(&country)) {
        return Ok(());
    }
    let codes: Vec<_> = allowed.iter().map(Country::as_str).collect();
    let lies = country.map_or_else(
        || "is a number of no country that can be told".to_owned(),
        |country| format!("is a number of {country}"),
    );
    let field = if matches!(fields.contact_id, Ok(Some(_))) { "contactId" } else { "contactPhone" };
    Err(Problem {
        details: Some(Details::Country { country, allowed: allowed.clone() }),
        ..Problem::new(
            ProblemCode::CountryNotAllowed,
            field,
            format!(
                "{field} {lies}, and this channel writes only to {} (allowedCountries). Use another channel, or have the country added.",
                codes.join(", ")
            ),
        )
    })
}

fn notices(fields: &Fields, channel: &Channel, about_contact: Option<Notice>) -> Vec<Notice> {
    let unverified = matches!(&fields.contact_phone, Ok(Some(phone)) if !phone.is_verified());
    let in_error = channel.state == ChannelState::Error;
    let paused = channel.paused_at.is_some().then_some(Notice::ChannelPaused);
    [in_error.then_some(Notice::ChannelInError), paused, unverified.then_some(Notice::PhoneUnverified), about_contact]
        .into_iter()
        .flatten()
        .collect()
}

/// The problems found so far.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn note<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }

    fn add(&mut self, code: ProblemCode, field: &'static str, text: &str) {
        self.0.push(Problem::new(code, field, text.into()));
    }

    fn channel(&mut self, fields: &Fields, place: &KnownPlace) -> Option<Channel> {
        let workspace = self.note(fields.workspace_id.clone());
        if workspace.is_some() && !place.workspace_exists {
            self.add(
                ProblemCode::UnknownWorkspace,
                "workspaceId",
                "workspaceId names no workspace of yours. Each channel of GET /api/channels names its own; the id of a new workspace was printed when it was made.",
            );
        }
        self.note(fields.channel_id.clone())?;
        if workspace.is_none() || !place.workspace_exists {
            return None;
        }
        let Some(channel) = &place.channel else {
            let workspace = workspace.map(|id| id.to_string()).unwrap_or_default();
            let text = format!(
                "channelId names no channel of this workspace. Its channels: GET /api/channels?workspaceId={workspace}"
            );
            self.0.push(Problem::new(ProblemCode::UnknownChannel, "channelId", text));
            return None;
        };
        if !channel.enabled {
            self.add(
                ProblemCode::ChannelDisabled,
                "channelId",
                "channelId names a channel that was switched off. Use another one, or have it switched on.",
            );
        } else if channel.state == ChannelState::Unverified {
            self.add(
                ProblemCode::ChannelNotReady,
                "channelId",
                "channelId names a channel that was not verified yet. POST /api/channels/{id}/verify does that; or use another one.",
            );
        }
        Some(channel.clone())
    }

    /// Whether somebody was named, in a way that can be looked up.
    fn contact_named(&mut self, fields: &Fields, known: &KnownContacts) -> bool {
        let id = self.note(fields.contact_id.clone());
        let address_given = |result: &Result<Option<_>, Problem>| !matches!(result, Ok(None));
        let given = address_given(
            &fields.contact_email.as_ref().map(|email| email.as_ref().map(|_| ())).map_err(Problem::clone),
        ) || address_given(
            &fields.contact_phone.as_ref().map(|phone| phone.as_ref().map(|_| ())).map_err(Problem::clone),
        );
        let id_given = !matches!(id, Some(None));
        if id_given && given {
            self.add(
                ProblemCode::ContactAndAddress,
                "contactId",
                "contactId excludes contactEmail and contactPhone. Send the id of an existing contact or an address, not both.",
            );
            return false;
        }
        if matches!(id, Some(Some(_))) && known.by_id.is_none() {
            self.add(
                ProblemCode::UnknownContact,
                "contactId",
                "contactId names no contact. Use the id of an existing one, or contactEmail or contactPhone to find or create one.",
            );
            return false;
        }
        let email = self.note(fields.contact_email.clone());
        let phone = self.note(fields.contact_phone.clone());
        if !id_given && !given {
            self.add(
                ProblemCode::ContactMissing,
                "contactId",
                "Nobody was named. Give contactId, contactEmail or contactPhone.",
            );
            return false;
        }
        id.is_some() && email.is_some() && phone.is_some()
    }

    fn subject(&mut self, fields: &Fields, kind: Option<ChannelKind>) -> Option<Option<Subject>> {
        let subject = self.note(fields.subject.clone())?;
        if kind == Some(ChannelKind::Email) && subject.is_none() {
            self.add(ProblemCode::SubjectRequired, "subject", "subject is missing or blank. Email needs one.");
            return None;
        }
        Some(subject)
    }

    fn wording(
        &mut self,
        fields: &Fields,
        channel: Option<&Channel>,
        content: Option<&Content>,
        known: &Known,
    ) -> Option<Worded> {
        let template = self.note(fields.template.clone())?;
        self.note(word(channel?, content?, template.as_ref(), known.window_open, known.approved.as_deref()))
    }

    fn content(&mut self, fields: &Fields, kind: Option<ChannelKind>, sms_segments: usize) -> Option<Content> {
        let content = self.note(fields.content.clone())?;
        let limit = match kind? {
            ChannelKind::Email => ContentLimit::Email,
            ChannelKind::Sms => ContentLimit::Sms,
            ChannelKind::WhatsApp => ContentLimit::WhatsApp,
        };
        let fits = limit.check(&content).and_then(|()| match limit {
            ContentLimit::Sms => SmsSegments::of(content.as_str()).check(sms_segments),
            ContentLimit::Email | ContentLimit::WhatsApp => Ok(()),
        });
        match fits {
            Ok(()) => Some(content),
            Err(over) => {
                self.0.push(Problem {
                    details: Some(Details::TooLong { limit: over.limit, length: over.length, unit: over.unit }),
                    ..Problem::new(
                        ProblemCode::ContentTooLong,
                        "content",
                        format!(
                            "content has {} {}; this channel carries at most {}. Shorten it or split it.",
                            over.length, over.unit, over.limit
                        ),
                    )
                });
                None
            }
        }
    }
}
