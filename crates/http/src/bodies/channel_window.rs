//! What leaves outside the window of WhatsApp, as a channel's owners read and write it.

use super::compose::{fields, text_of, wrong_type};
use crate::failure::Failure;
use crate::json::Json;
use overture_domain::entities::OutsideWindow;
use overture_domain::ports::WrittenWindow;
use overture_domain::values::TemplateName;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// What leaves to a contact that has not written for 24 hours.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OutsideWindow)]
pub(crate) struct OutsideWindowBody {
    /// `carry`: the text goes into the one variable of the template. `opener`: the template asks the contact to write, and the
    /// text waits for that.
    #[schema(example = "carry")]
    mode: &'static str,
    /// The approved template.
    template: WindowTemplateBody,
    /// The words of the template's body, as they were approved.
    #[schema(example = "Acme writes: {{1}}")]
    body: String,
    /// How long a text waits for an answer to the opener, as an ISO 8601 duration; 72 hours if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "duration")]
    hold_for: Option<String>,
}

/// Which template: by name and language on the WhatsApp Cloud API, by the id of its content at Twilio.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WindowTemplate)]
pub(crate) struct WindowTemplateBody {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// The language it was approved in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    language: Option<String>,
    /// The id of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    content_sid: Option<String>,
}

impl From<&OutsideWindow> for OutsideWindowBody {
    fn from(outside: &OutsideWindow) -> Self {
        let (mode, template, body, hold_for) = match outside {
            OutsideWindow::Carry(carry) => ("carry", carry.template(), carry.body(), None),
            OutsideWindow::Opener(opener) => {
                ("opener", opener.template(), opener.body(), Some(format!("PT{}S", opener.hold_for().as_secs())))
            }
        };
        let (name, language, content_sid) = match template.clone() {
            TemplateName::Named { name, language } => (Some(name), Some(language), None),
            TemplateName::ContentSid(sid) => (None, None, Some(sid)),
        };
        Self { mode, template: WindowTemplateBody { name, language, content_sid }, body: body.to_owned(), hold_for }
    }
}

/// Reads `outsideWindow`.
///
/// # Errors
/// `wrong_type`, `unknown_field` or `duplicate_field`, each saying where.
pub(super) fn window(value: Json<'_>) -> Result<WrittenWindow, Failure> {
    let own = |value, field, wanted| Ok::<_, Failure>(text_of(value, field, wanted)?.map(Cow::into_owned));
    let members = match value {
        Json::Object(members) => members,
        other => return Err(wrong_type("outsideWindow", &other, "an object with mode, template and body")),
    };
    let [mode, template, body, hold_for] = fields(members, ["mode", "template", "body", "holdFor"], "outsideWindow.")?;
    let [name, language, content_sid] = match template {
        None => [None, None, None],
        Some(Json::Object(members)) => fields(members, ["name", "language", "contentSid"], "outsideWindow.template.")?,
        Some(other) => {
            return Err(wrong_type("outsideWindow.template", &other, "an object that names the approved template"));
        }
    };
    Ok(WrittenWindow {
        mode: own(mode, "outsideWindow.mode", "\"carry\" or \"opener\"")?,
        name: own(name, "outsideWindow.template.name", "the template's name at Meta, as a string")?,
        language: own(
            language,
            "outsideWindow.template.language",
            "the language it was approved in, as a string such as \"de\"",
        )?,
        content_sid: own(
            content_sid,
            "outsideWindow.template.contentSid",
            "the template's Content SID at Twilio, as a string",
        )?,
        body: own(body, "outsideWindow.body", "the words of the template's body, as a string")?,
        hold_for: own(hold_for, "outsideWindow.holdFor", "an ISO 8601 duration, as a string such as \"PT72H\"")?,
    })
}
