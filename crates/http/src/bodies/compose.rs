//! The body of a compose request and of its answer.

use super::{ContactBody, ConversationBody, MessageBody, words};
use crate::Code;
use crate::failure::Failure;
use crate::json::{self, Json};
use crate::suggest::suggest;
use overture_domain::use_cases::{AgentFields, ComposeCommand, TemplateFields};
use overture_domain::values::TemplateVariables;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Array, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};

/// What to open: to whom, through which channel, with which words. A field that is `null` counts as absent, and so does
/// an optional one that is empty or blank.
#[derive(Default, ToSchema)]
#[schema(as = ComposeRequest, rename_all = "camelCase")]
pub(crate) struct ComposeBody<'a> {
    /// The workspace that will own the conversation.
    #[schema(value_type = String, required = true, nullable = false, format = "uuid", example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    workspace_id: Option<Cow<'a, str>>,
    /// The channel that carries the message: one of the workspace's email, SMS or WhatsApp channels.
    #[schema(value_type = String, required = true, nullable = false, format = "uuid", example = "01890a5d-ac96-7c3f-8f6e-0f2b7c1d9e10")]
    channel_id: Option<Cow<'a, str>>,
    /// A contact that exists already. Excludes `contactEmail` and `contactPhone`.
    #[schema(value_type = Option<String>, nullable = false, format = "uuid", example = "01890a5d-ac96-7a11-9d42-6c5f3e8b7a20")]
    contact_id: Option<Cow<'a, str>>,
    /// The recipient's email address: finds the contact that has it or makes one. It decides who is meant on email channels.
    #[schema(value_type = Option<String>, nullable = false, format = "email", example = "jan.mueller@acme-customer.de")]
    contact_email: Option<Cow<'a, str>>,
    /// The recipient's phone number in E.164 form, with `+` and country code. It decides who is meant on SMS and WhatsApp channels.
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, example = "+4915112345678")]
    contact_phone: Option<Cow<'a, str>>,
    /// What to call the recipient. A new contact gets this name; one that has a name keeps its own.
    #[schema(value_type = Option<String>, nullable = false, example = "Jan Mueller")]
    contact_name: Option<Cow<'a, str>>,
    /// What the conversation is about. Email channels need it, others may have it.
    #[schema(value_type = Option<String>, nullable = false, example = "Follow-up: Your recent order inquiry")]
    subject: Option<Cow<'a, str>>,
    /// The text of the first message.
    #[schema(value_type = String, required = true, nullable = false, min_length = 1,
        example = "Dear Jan, I wanted to follow up on your recent inquiry about order #4521...")]
    content: Option<Cow<'a, str>>,
    /// How long we may try to hand the message to its provider: an ISO 8601 duration of at most `P7D`. What is not handed
    /// over by then fails as `expired` and is never sent later. Left out: four hours on SMS and WhatsApp, one day on email.
    #[schema(value_type = Option<String>, nullable = false, format = "duration", example = "PT4H")]
    deliver_within: Option<Cow<'a, str>>,
    /// The approved template that leaves instead of `content`, on WhatsApp. Left out: the text leaves while the contact has
    /// written within 24 hours, else what the channel's `outsideWindow` says. Name, language and variables must be those of an
    /// approved template, as far as the channel's are known.
    #[schema(value_type = Option<TemplateBody>, nullable = false)]
    template: Option<TemplateBody<'a>>,
    /// The person who wrote the message. Left out: the API key is its author.
    #[schema(value_type = Option<AgentBody>, nullable = false)]
    agent: Option<AgentBody<'a>>,
}

/// A person of yours, in your own words.
#[derive(Default, ToSchema)]
#[schema(as = Agent)]
pub(crate) struct AgentBody<'a> {
    /// Your id for the person, at most 100 characters.
    #[schema(value_type = String, required = true, nullable = false, example = "u-17")]
    id: Option<Cow<'a, str>>,
    /// The person's name, at most 100 characters.
    #[schema(value_type = String, required = true, nullable = false, example = "Zoë Brandt")]
    name: Option<Cow<'a, str>>,
}

/// An approved template: by `name` and `language`, or by `contentSid`.
#[derive(Default, ToSchema)]
#[schema(as = Template, rename_all = "camelCase")]
pub(crate) struct TemplateBody<'a> {
    /// Its name, on the WhatsApp Cloud API.
    #[schema(value_type = Option<String>, nullable = false, example = "order_follow_up")]
    name: Option<Cow<'a, str>>,
    /// The id of its content at Twilio.
    #[schema(value_type = Option<String>, nullable = false, example = "HXb5b62575e6e4ff6129ad7c8efe1f983e")]
    content_sid: Option<Cow<'a, str>>,
    /// The language it was approved in, exactly; needed with `name`.
    #[schema(value_type = Option<String>, nullable = false, example = "de")]
    language: Option<Cow<'a, str>>,
    /// What fills its placeholders: a list for `{{1}}`, `{{2}}`, …, or an object for named ones.
    #[schema(schema_with = variables, required = false)]
    variables: Option<TemplateVariables>,
}

fn variables() -> Schema {
    let texts = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
    let named = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(
        AdditionalProperties::RefOr(RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(Type::String).build()))),
    ));
    let either = OneOfBuilder::new()
        .item(texts)
        .item(named)
        .description(Some("What fills its placeholders: a list for `{{1}}`, `{{2}}`, …, or an object for named ones."));
    Schema::OneOf(either.build())
}

impl<'a> ComposeBody<'a> {
    /// Every field there is, in the order of the documentation.
    const FIELDS: [&'static str; 11] = [
        "workspaceId",
        "channelId",
        "contactId",
        "contactEmail",
        "contactPhone",
        "contactName",
        "subject",
        "content",
        "deliverWithin",
        "template",
        "agent",
    ];

    /// Reads a body: an object whose fields are known, come once and have the right type.
    ///
    /// # Errors
    /// `malformed_json`, `wrong_type`, `unknown_field` or `duplicate_field`, each saying where.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Failure> {
        let Json::Object(members) = json::read(body)? else {
            return Err(Failure::new(Code::WrongType, "The body is no object. Send a JSON object."));
        };
        let [
            workspace_id,
            channel_id,
            contact_id,
            contact_email,
            contact_phone,
            contact_name,
            subject,
            content,
            deliver_within,
            template,
            agent,
        ] = fields(members, Self::FIELDS, "")?;
        Ok(Self {
            workspace_id: text(workspace_id, "workspaceId")?,
            channel_id: text(channel_id, "channelId")?,
            contact_id: text(contact_id, "contactId")?,
            contact_email: text(contact_email, "contactEmail")?,
            contact_phone: text(contact_phone, "contactPhone")?,
            contact_name: text(contact_name, "contactName")?,
            subject: text(subject, "subject")?,
            content: text(content, "content")?,
            deliver_within: text(deliver_within, "deliverWithin")?,
            template: TemplateBody::read(template)?,
            agent: AgentBody::read(agent)?,
        })
    }
}

impl<'a> AgentBody<'a> {
    const FIELDS: [&'static str; 2] = ["id", "name"];

    fn read(value: Option<Json<'a>>) -> Result<Option<Self>, Failure> {
        match value {
            None => Ok(None),
            Some(Json::Object(members)) => {
                let [id, name] = fields(members, Self::FIELDS, "agent.")?;
                Ok(Some(Self { id: text(id, "agent.id")?, name: text(name, "agent.name")? }))
            }
            Some(other) => Err(wrong_type("agent", &other, "an object with id and name")),
        }
    }
}

impl<'a> TemplateBody<'a> {
    const FIELDS: [&'static str; 4] = ["name", "contentSid", "language", "variables"];

    fn read(value: Option<Json<'a>>) -> Result<Option<Self>, Failure> {
        match value {
            None => Ok(None),
            Some(Json::Object(members)) => {
                let [name, content_sid, language, variables] = fields(members, Self::FIELDS, "template.")?;
                Ok(Some(Self {
                    name: text(name, "template.name")?,
                    content_sid: text(content_sid, "template.contentSid")?,
                    language: text(language, "template.language")?,
                    variables: read_variables(variables)?,
                }))
            }
            Some(other) => Err(wrong_type("template", &other, "an object with name and language, or contentSid")),
        }
    }
}

fn read_variables(value: Option<Json<'_>>) -> Result<Option<TemplateVariables>, Failure> {
    const FIELD: &str = "template.variables";
    let text = |value: Json<'_>| match value {
        Json::Text(text) => Ok(text.into_owned()),
        other => Err(wrong_type(FIELD, &other, "a list of strings, or an object of strings")),
    };
    match value {
        None => Ok(None),
        Some(Json::List(values)) => {
            Ok(Some(TemplateVariables::Positional(values.into_iter().map(text).collect::<Result<_, _>>()?)))
        }
        Some(Json::Object(members)) => {
            let named = members.into_iter().map(|(name, value)| Ok((name.into_owned(), text(value)?)));
            Ok(Some(TemplateVariables::Named(named.collect::<Result<_, Failure>>()?)))
        }
        Some(other) => Err(wrong_type(FIELD, &other, "a list of strings, or an object of strings")),
    }
}

impl From<TemplateBody<'_>> for TemplateFields {
    fn from(body: TemplateBody<'_>) -> Self {
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Self {
            name: own(body.name),
            content_sid: own(body.content_sid),
            language: own(body.language),
            variables: body.variables,
        }
    }
}

impl From<ComposeBody<'_>> for ComposeCommand {
    fn from(body: ComposeBody<'_>) -> Self {
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Self {
            workspace_id: own(body.workspace_id),
            channel_id: own(body.channel_id),
            contact_id: own(body.contact_id),
            contact_email: own(body.contact_email),
            contact_phone: own(body.contact_phone),
            contact_name: own(body.contact_name),
            subject: own(body.subject),
            content: own(body.content),
            deliver_within: own(body.deliver_within),
            template: body.template.map(TemplateFields::from),
            agent: body.agent.map(|agent| AgentFields { id: own(agent.id), name: own(agent.name) }),
            strict: false,
            idempotency_key: None,
        }
    }
}

/// The values of the known fields; `null` equals absence.
pub(super) fn fields<'a, const N: usize>(
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    known: [&'static str; N],
    prefix: &str,
) -> Result<[Option<Json<'a>>; N], Failure> {
    Ok(written(members, known, prefix)?.map(|value| value.filter(|value| *value != Json::Null)))
}

/// The values of the known fields, `null` too.
pub(super) fn written<'a, const N: usize>(
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    known: [&'static str; N],
    prefix: &str,
) -> Result<[Option<Json<'a>>; N], Failure> {
    let mut values = [const { None }; N];
    for (name, value) in members {
        let Some(place) = known.iter().position(|known| *known == name) else {
            return Err(unknown(&name, &known, prefix));
        };
        if values[place].replace(value).is_some() {
            let field = format!("{prefix}{name}");
            return Err(Failure::new(Code::DuplicateField, format!("{field} stands twice in the body. Send it once."))
                .at(field));
        }
    }
    Ok(values)
}

fn unknown(name: &str, known: &[&'static str], prefix: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    let place = prefix.strip_suffix('.').map(|parent| format!(" in {parent}")).unwrap_or_default();
    let text = match suggest(name, known) {
        Some(meant) => format!("There is no field \"{shown}\"{place}. Did you mean {meant}?"),
        None => format!("There is no field \"{shown}\"{place}. The fields are {}.", known.join(", ")),
    };
    Failure::new(Code::UnknownField, text).at(format!("{prefix}{shown}"))
}

pub(super) fn text<'a>(value: Option<Json<'a>>, field: &'static str) -> Result<Option<Cow<'a, str>>, Failure> {
    text_of(value, field, "a string")
}

/// A text of which it can be said what it is.
pub(super) fn text_of<'a>(
    value: Option<Json<'a>>,
    field: &'static str,
    wanted: &str,
) -> Result<Option<Cow<'a, str>>, Failure> {
    match value {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(field, &other, wanted)),
    }
}

pub(super) fn wrong_type(field: &str, found: &Json<'_>, wanted: &str) -> Failure {
    Failure::new(Code::WrongType, format!("{field} is {}; it must be {wanted}.", found.kind())).at(field.to_owned())
}

/// The answer to a compose: `ok` alone, or with `Prefer: return=representation` also what was opened.
#[derive(Serialize, ToSchema)]
#[schema(as = ComposeAnswer)]
pub(crate) struct ComposeAnswer {
    /// True: the conversation and its message are stored.
    #[schema(example = true)]
    pub(crate) ok: bool,
    /// The conversation; only with `Prefer: return=representation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConversationBody>, nullable = false)]
    pub(crate) conversation: Option<ConversationBody>,
    /// Its first message; only with `Prefer: return=representation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MessageBody>, nullable = false)]
    pub(crate) message: Option<MessageBody>,
    /// The contact; only with `Prefer: return=representation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ContactBody>, nullable = false)]
    pub(crate) contact: Option<ContactBody>,
    /// What was accepted but deserves a look; only with `Prefer: return=representation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = notices, required = false)]
    pub(crate) notices: Option<Vec<&'static str>>,
}

fn notices() -> Array {
    ArrayBuilder::new()
        .items(words::notice())
        .description(Some("What was accepted but deserves a look; only with `Prefer: return=representation`."))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::use_cases::ComposeCommand;

    fn refused(body: &str) -> Code {
        ComposeBody::read(body.as_bytes()).err().unwrap().code()
    }

    #[test]
    fn every_field_reaches_its_place_in_the_command() {
        let body = br#"{"workspaceId":"w","channelId":"ch","contactId":"id","contactEmail":"e","contactPhone":"p","contactName":"n",
            "subject":"s","content":"line\nline","deliverWithin":"PT4H","agent":{"id":"17","name":"Ann"}}"#;
        let command = ComposeCommand::from(ComposeBody::read(body).unwrap());
        let text = |text: &str| Some(text.to_owned());
        assert!(
            command
                == ComposeCommand {
                    workspace_id: text("w"),
                    channel_id: text("ch"),
                    contact_id: text("id"),
                    contact_email: text("e"),
                    contact_phone: text("p"),
                    contact_name: text("n"),
                    subject: text("s"),
                    content: text("line\nline"),
                    deliver_within: text("PT4H"),
                    template: None,
                    agent: Some(AgentFields { id: text("17"), name: text("Ann") }),
                    strict: false,
                    idempotency_key: None,
                }
        );
    }

    #[test]
    fn null_equals_absence() {
        let body = br#"{"workspaceId":null,"agent":null,"content":"x"}"#;
        let command = ComposeCommand::from(ComposeBody::read(body).unwrap());
        assert!(command == ComposeCommand { content: Some("x".into()), ..ComposeCommand::default() });
    }

    #[test]
    fn a_field_twice_is_refused_even_if_one_is_null_or_written_with_an_escape() {
        assert_eq!(refused(r#"{"content":"a","content":"a"}"#), Code::DuplicateField);
        assert_eq!(refused(r#"{"content":null,"content":"a"}"#), Code::DuplicateField);
        assert_eq!(refused(r#"{"content":"a","c\u006fntent":"a"}"#), Code::DuplicateField);
        assert_eq!(refused(r#"{"agent":{"id":"1","id":"1","name":"n"}}"#), Code::DuplicateField);
    }

    #[test]
    fn an_unknown_field_is_refused_whatever_its_value() {
        for body in [r#"{"contactemail":"a"}"#, r#"{"x":null}"#, r#"{"agent":{"nmae":"Ann"}}"#] {
            assert_eq!(refused(body), Code::UnknownField, "{body}");
        }
    }

    #[test]
    fn another_json_type_is_refused() {
        for body in [
            "[]",
            "\"x\"",
            "1",
            r#"{"contactPhone":4915112345678}"#,
            r#"{"content":["a"]}"#,
            r#"{"agent":"Ann"}"#,
            r#"{"agent":{"id":1}}"#,
        ] {
            assert_eq!(refused(body), Code::WrongType, "{body}");
        }
    }

    #[test]
    fn a_body_of_a_hundred_thousand_fields_is_refused_at_the_first_unknown_one() {
        let members: Vec<String> = (0..100_000).map(|n| format!("\"f{n}\":1")).collect();
        assert_eq!(refused(&format!("{{{}}}", members.join(","))), Code::UnknownField);
    }

    #[test]
    fn the_documented_fields_are_the_fields_that_are_read() {
        use utoipa::PartialSchema;
        fn documented<T: PartialSchema>() -> Vec<String> {
            let schema = serde_json::to_value(T::schema()).unwrap();
            let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        }
        let sorted = |names: &[&str]| {
            let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(documented::<ComposeBody<'_>>(), sorted(&ComposeBody::FIELDS));
        assert_eq!(documented::<AgentBody<'_>>(), sorted(&AgentBody::FIELDS));
    }
}
