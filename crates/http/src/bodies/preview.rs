//! What a compose would do, as clients read it.

use crate::Code;
use crate::failure_table::facts;
use overture_domain::use_cases::{ChannelRule, Preview, Problem};
use overture_domain::values::{FilledTemplate, SmsSegments, TemplateName, TemplateVariables};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What a compose with this body would do. Nothing was stored. Beside what is wrong, everything stands that can be told all the same.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComposePreview)]
pub(crate) struct PreviewBody {
    /// Whether it would be accepted.
    ok: bool,
    /// Everything that is wrong with it, in the order in which compose looks; compose answers the first.
    problems: Vec<ProblemBody>,
    /// The contact that would be used, or `created: true`. Only with the scope `contacts:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    contact: Option<Value>,
    /// From which address, number or service it would leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<String>,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    to: Option<String>,
    /// What would leave: the text as written, or a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    leaves: Option<LeavesBody>,
    /// What would ask the contact to write first; the text waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    opener: Option<LeavesBody>,
    /// Whether the contact has written within 24 hours, on channels where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    window_open: Option<bool>,
    /// How many segments it takes, on SMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    segments: Option<SegmentsBody>,
    /// For how many milliseconds it may be tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deliver_within_ms: Option<i64>,
    /// What would be accepted but deserves a look.
    notices: Vec<&'static str>,
}

/// One thing that is wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewProblem)]
pub(crate) struct ProblemBody {
    /// A sentence that says what to do.
    error: String,
    /// A stable word for programs.
    #[schema(example = "content_too_long")]
    code: &'static str,
    /// The field at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'static str>,
    /// Facts for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    details: Option<Value>,
}

/// What would leave.
#[derive(Serialize, ToSchema)]
#[schema(as = PreviewText)]
pub(crate) struct LeavesBody {
    /// What the contact would read, as far as it is known.
    #[schema(required = true)]
    text: Option<String>,
    /// The template that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    template: Option<Value>,
}

/// The length of an SMS.
#[derive(Serialize, ToSchema)]
#[schema(as = Segments)]
pub(crate) struct SegmentsBody {
    /// How many segments; each is charged.
    count: usize,
    /// `gsm-7` or `ucs-2`: one character that the first does not have makes the second of the whole text.
    encoding: &'static str,
    /// Septets, or UTF-16 code units.
    units: usize,
}

impl From<Preview> for PreviewBody {
    fn from(Preview { problems, outlook }: Preview) -> Self {
        let written = outlook.content.map(|content| LeavesBody { text: Some(content.into_string()), template: None });
        Self {
            ok: problems.is_empty(),
            problems: problems.into_iter().map(ProblemBody::from).collect(),
            contact: outlook.contact.map(|contact| match contact {
                Some(id) => json!({ "id": id.to_string(), "created": false }),
                None => json!({ "created": true }),
            }),
            from: outlook.from,
            to: outlook.recipient.map(|recipient| recipient.address.display().to_owned()),
            leaves: outlook.template.map(LeavesBody::from).or(written),
            opener: outlook.opener.map(LeavesBody::from),
            window_open: outlook.window_open,
            segments: outlook.segments.map(SegmentsBody::from),
            deliver_within_ms: outlook.deliver_within.map(|within| within.as_millis()),
            notices: outlook.notices.iter().map(|notice| notice.as_str()).collect(),
        }
    }
}

impl From<Problem> for ProblemBody {
    fn from(Problem { code, field, text, details }: Problem) -> Self {
        Self { error: text, code: Code::Problem(code).as_str(), field, details: details.map(facts) }
    }
}

impl ProblemBody {
    /// What is wrong with a channel although it works.
    pub(crate) fn of_channel(rule: ChannelRule, field: &'static str, error: String) -> Self {
        Self { error, code: Code::Channel(rule).as_str(), field: Some(field), details: None }
    }
}

impl From<FilledTemplate> for LeavesBody {
    fn from(FilledTemplate { message, text }: FilledTemplate) -> Self {
        let variables = match message.variables {
            TemplateVariables::Positional(values) => json!(values),
            TemplateVariables::Named(values) => json!(values),
        };
        let template = match message.template {
            TemplateName::Named { name, language } => {
                json!({ "name": name, "language": language, "variables": variables })
            }
            TemplateName::ContentSid(sid) => json!({ "contentSid": sid, "variables": variables }),
        };
        Self { text, template: Some(template) }
    }
}

impl From<SmsSegments> for SegmentsBody {
    fn from(segments: SmsSegments) -> Self {
        Self { count: segments.segments, encoding: segments.encoding.as_str(), units: segments.units }
    }
}
