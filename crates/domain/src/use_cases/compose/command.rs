//! What a request says, field by field, before and after parsing.

use super::{Problem, ProblemCode};
use crate::ids::{ChannelId, ContactId, WorkspaceId};
use crate::ports::WantedContact;
use crate::values::{
    Agent, Content, DeliverWithin, DisplayName, EmailAddress, Flaw, IdempotencyKey, PhoneNumber, Subject,
    TemplateMessage, TemplateName, TemplateVariables,
};

/// A request as it came: text, nothing checked. For optional fields an empty or blank text equals absence.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ComposeCommand {
    /// `workspaceId`
    pub workspace_id: Option<String>,
    /// `channelId`
    pub channel_id: Option<String>,
    /// `contactId`
    pub contact_id: Option<String>,
    /// `contactEmail`
    pub contact_email: Option<String>,
    /// `contactPhone`
    pub contact_phone: Option<String>,
    /// `contactName`
    pub contact_name: Option<String>,
    /// `subject`
    pub subject: Option<String>,
    /// `content`
    pub content: Option<String>,
    /// `deliverWithin`
    pub deliver_within: Option<String>,
    /// `template`
    pub template: Option<TemplateFields>,
    /// `agent`
    pub agent: Option<AgentFields>,
    /// `Prefer: handling=strict`: an ignored hint is a conflict.
    pub strict: bool,
    /// `Idempotency-Key`
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The `template` object as it came.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TemplateFields {
    /// `template.name`
    pub name: Option<String>,
    /// `template.contentSid`
    pub content_sid: Option<String>,
    /// `template.language`
    pub language: Option<String>,
    /// `template.variables`
    pub variables: Option<TemplateVariables>,
}

/// The `agent` object as it came.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AgentFields {
    /// `agent.id`
    pub id: Option<String>,
    /// `agent.name`
    pub name: Option<String>,
}

/// The same fields, each parsed or with its problem.
pub(super) struct Fields {
    pub(super) workspace_id: Result<WorkspaceId, Problem>,
    pub(super) channel_id: Result<ChannelId, Problem>,
    pub(super) contact_id: Result<Option<ContactId>, Problem>,
    pub(super) contact_email: Result<Option<EmailAddress>, Problem>,
    pub(super) contact_phone: Result<Option<PhoneNumber>, Problem>,
    pub(super) contact_name: Result<Option<DisplayName>, Problem>,
    pub(super) subject: Result<Option<Subject>, Problem>,
    pub(super) content: Result<Content, Problem>,
    pub(super) deliver_within: Result<Option<DeliverWithin>, Problem>,
    pub(super) template: Result<Option<TemplateMessage>, Problem>,
    pub(super) agent: Result<Option<Agent>, Problem>,
}

impl ComposeCommand {
    pub(super) fn parse(&self) -> Fields {
        Fields {
            workspace_id: required_id(
                &self.workspace_id,
                "workspaceId",
                ProblemCode::InvalidWorkspaceId,
                WorkspaceId::parse,
            ),
            channel_id: required_id(&self.channel_id, "channelId", ProblemCode::InvalidChannelId, ChannelId::parse),
            contact_id: id(&self.contact_id, "contactId", ProblemCode::InvalidContactId, ContactId::parse),
            contact_email: optional(
                &self.contact_email,
                "contactEmail",
                ProblemCode::InvalidContactEmail,
                EmailAddress::parse,
            ),
            contact_phone: optional(
                &self.contact_phone,
                "contactPhone",
                ProblemCode::InvalidContactPhone,
                PhoneNumber::parse,
            ),
            contact_name: flattened(
                &self.contact_name,
                "contactName",
                ProblemCode::InvalidContactName,
                DisplayName::parse,
            ),
            subject: flattened(&self.subject, "subject", ProblemCode::InvalidSubject, Subject::parse),
            content: content(self.content.as_deref()),
            deliver_within: optional(
                &self.deliver_within,
                "deliverWithin",
                ProblemCode::InvalidDeliverWithin,
                DeliverWithin::parse,
            ),
            template: template(self.template.as_ref()),
            agent: agent(self.agent.as_ref()),
        }
    }
}

impl Fields {
    pub(super) fn workspace_id(&self) -> Option<WorkspaceId> {
        self.workspace_id.as_ref().ok().copied()
    }

    pub(super) fn channel_id(&self) -> Option<ChannelId> {
        self.channel_id.as_ref().ok().copied()
    }

    pub(super) fn wanted_contact(&self) -> WantedContact {
        WantedContact {
            id: self.contact_id.as_ref().ok().copied().flatten(),
            email: self.contact_email.as_ref().ok().cloned().flatten(),
            phone: self.contact_phone.as_ref().ok().cloned().flatten(),
        }
    }
}

/// A field's text, if it says anything.
pub(super) fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}

fn id<T>(
    text: &Option<String>,
    field: &'static str,
    code: ProblemCode,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = said(text.as_ref()) else { return Ok(None) };
    parse(text.trim()).map(Some).ok_or_else(|| {
        Problem::new(
            code,
            field,
            format!(
                "{field} is not a UUID: it must be 32 hexadecimal digits written as 8-4-4-4-12. \
                 The ids in the published example (w1a2b3c4-…) are placeholders; put your own there."
            ),
        )
    })
}

pub(in crate::use_cases) fn required_id<T>(
    text: &Option<String>,
    field: &'static str,
    code: ProblemCode,
    parse: fn(&str) -> Option<T>,
) -> Result<T, Problem> {
    id(text, field, code, parse)?.ok_or_else(|| {
        Problem::new(
            code,
            field,
            format!("{field} is missing. Give the UUID of one of your {}s.", &field[..field.len() - 2]),
        )
    })
}

fn optional<T>(
    text: &Option<String>,
    field: &'static str,
    code: ProblemCode,
    parse: fn(&str) -> Result<T, Flaw>,
) -> Result<Option<T>, Problem> {
    said(text.as_ref()).map(parse).transpose().map_err(|flaw| Problem::flawed(code, field, &flaw))
}

fn flattened<T>(
    text: &Option<String>,
    field: &'static str,
    code: ProblemCode,
    parse: fn(&str) -> Result<Option<T>, Flaw>,
) -> Result<Option<T>, Problem> {
    optional(text, field, code, parse).map(Option::flatten)
}

fn content(text: Option<&str>) -> Result<Content, Problem> {
    let required = || {
        Problem::new(
            ProblemCode::ContentRequired,
            "content",
            "content is missing or blank. Give the text of the message.".into(),
        )
    };
    Content::parse(text.unwrap_or_default())
        .map_err(|flaw| Problem::flawed(ProblemCode::InvalidContent, "content", &flaw))?
        .ok_or_else(required)
}

/// The longest name, language or id of a template, and the longest value of a placeholder, in characters.
const LONGEST_NAME: usize = 512;
const LONGEST_VALUE: usize = 1024;
/// More placeholders than any template has.
const MOST_VARIABLES: usize = 100;

fn template(fields: Option<&TemplateFields>) -> Result<Option<TemplateMessage>, Problem> {
    let Some(fields) = fields else { return Ok(None) };
    let wrong = |field: &'static str, what: &str| {
        Err(Problem::new(ProblemCode::InvalidTemplate, field, format!("{field} {what}")))
    };
    let said = |text: &Option<String>| said(text.as_ref()).map(|text| text.trim().to_owned());
    let template = match (said(&fields.name), said(&fields.content_sid), said(&fields.language)) {
        (None, None, None) if fields.variables.is_none() => return Ok(None),
        (Some(name), None, Some(language)) => TemplateName::Named { name, language },
        (Some(_), None, None) => {
            return wrong(
                "template.language",
                "is missing. Give the language it was approved in, such as de or en_US.",
            );
        }
        (None, Some(sid), None) => match TemplateName::content_sid(&sid) {
            Ok(template) => template,
            Err(flaw) => return wrong("template.contentSid", &flaw.to_string()),
        },
        (None, Some(_), Some(_)) => {
            return wrong(
                "template.language",
                "does not go with contentSid, which stands for one language. Leave it out.",
            );
        }
        (Some(_), Some(_), _) => return wrong("template.contentSid", "does not go with name. Give one of the two."),
        (None, None, _) => return wrong("template", "names no template. Give name and language, or contentSid."),
    };
    let names = match &template {
        TemplateName::Named { name, language } => vec![("template.name", name), ("template.language", language)],
        TemplateName::ContentSid(_) => Vec::new(),
    };
    for (field, name) in names {
        if name.chars().count() > LONGEST_NAME || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return wrong(field, "is not the name of a template: it has white space, or more than 512 characters.");
        }
    }
    let variables = fields.variables.clone().unwrap_or(TemplateVariables::Positional(Vec::new()));
    let pairs = variables.pairs();
    if pairs.len() > MOST_VARIABLES {
        return wrong("template.variables", "has more than 100 values.");
    }
    for (_, value) in pairs {
        if value.trim().is_empty() {
            return wrong(
                "template.variables",
                "has an empty value. Providers take no empty one: give each placeholder a text.",
            );
        }
        if value.chars().any(char::is_control) || value.contains("     ") {
            return wrong(
                "template.variables",
                "has a value with a line break, a tab or more than four spaces in a row. Providers take none of these.",
            );
        }
        if value.chars().count() > LONGEST_VALUE {
            return wrong("template.variables", "has a value of more than 1,024 characters. Shorten it.");
        }
    }
    Ok(Some(TemplateMessage { template, variables }))
}

fn agent(fields: Option<&AgentFields>) -> Result<Option<Agent>, Problem> {
    let Some(AgentFields { id, name }) = fields else { return Ok(None) };
    match (said(id.as_ref()), said(name.as_ref())) {
        (None, None) => Ok(None),
        (id, name) => Agent::parse(id.unwrap_or_default(), name.unwrap_or_default())
            .map(Some)
            .map_err(|(field, flaw)| Problem::flawed(ProblemCode::InvalidAgent, field, &flaw)),
    }
}
