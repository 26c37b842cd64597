//! Templates as they are stored: small JSON objects of our own.

use overture_domain::entities::{CarryTemplate, OpenerTemplate, OutsideWindow};
use overture_domain::values::{FilledTemplate, TemplateMessage, TemplateName, TemplateVariables, Wording};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which template.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredName {
    Named { name: String, language: String },
    ContentSid(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredVariables {
    Positional(Vec<String>),
    Named(BTreeMap<String, String>),
}

/// The column `messages.template`.
#[derive(Serialize, Deserialize)]
struct StoredWording {
    name: StoredName,
    variables: StoredVariables,
    text: Option<String>,
    /// Whether it leaves although the window is open.
    always: bool,
}

/// The column `channels.outside_window`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredOutside {
    Carry { name: StoredName, body: String },
    Opener { name: StoredName, body: String, hold_ms: u64 },
}

/// How a message leaves, as it is stored; `None`: as it was written.
pub(crate) fn stored_wording(wording: &Wording) -> Option<String> {
    let (filled, always) = match wording {
        Wording::AsWritten => return None,
        Wording::OrTemplate(filled) => (filled, false),
        Wording::Template(filled) => (filled, true),
    };
    let stored = StoredWording {
        name: (&filled.message.template).into(),
        variables: match &filled.message.variables {
            TemplateVariables::Positional(values) => StoredVariables::Positional(values.clone()),
            TemplateVariables::Named(values) => StoredVariables::Named(values.clone()),
        },
        text: filled.text.clone(),
        always,
    };
    serde_json::to_string(&stored).ok()
}

/// How a message leaves; `None` if the text is none of ours.
pub(crate) fn read_wording(text: &str) -> Option<Wording> {
    let stored: StoredWording = serde_json::from_str(text).ok()?;
    let variables = match stored.variables {
        StoredVariables::Positional(values) => TemplateVariables::Positional(values),
        StoredVariables::Named(values) => TemplateVariables::Named(values),
    };
    let message = TemplateMessage { template: stored.name.into(), variables };
    let filled = FilledTemplate { message, text: stored.text };
    Some(if stored.always { Wording::Template(filled) } else { Wording::OrTemplate(filled) })
}

/// What leaves outside the window, as it is stored.
pub(crate) fn stored_outside(outside: &OutsideWindow) -> Option<String> {
    let stored = match outside {
        OutsideWindow::Carry(carry) => {
            StoredOutside::Carry { name: carry.template().into(), body: carry.body().to_owned() }
        }
        OutsideWindow::Opener(opener) => StoredOutside::Opener {
            name: opener.template().into(),
            body: opener.body().to_owned(),
            hold_ms: u64::try_from(opener.hold_for().as_millis()).unwrap_or(u64::MAX),
        },
    };
    serde_json::to_string(&stored).ok()
}

/// What leaves outside the window; `None` if the text is none of ours.
pub(crate) fn read_outside(text: &str) -> Option<OutsideWindow> {
    match serde_json::from_str(text).ok()? {
        StoredOutside::Carry { name, body } => CarryTemplate::new(name.into(), &body).ok().map(OutsideWindow::Carry),
        StoredOutside::Opener { name, body, hold_ms } => {
            let hold = Duration::from_millis(hold_ms);
            OpenerTemplate::new(name.into(), &body, hold).ok().map(OutsideWindow::Opener)
        }
    }
}

impl From<&TemplateName> for StoredName {
    fn from(name: &TemplateName) -> Self {
        match name.clone() {
            TemplateName::Named { name, language } => Self::Named { name, language },
            TemplateName::ContentSid(sid) => Self::ContentSid(sid),
        }
    }
}

impl From<StoredName> for TemplateName {
    fn from(name: StoredName) -> Self {
        match name {
            StoredName::Named { name, language } => Self::Named { name, language },
            StoredName::ContentSid(sid) => Self::ContentSid(sid),
        }
    }
}
