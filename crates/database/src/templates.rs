//! Templates as they are stored: small JSON objects of our own, and the rows of those that providers approved.

use crate::error::store_error;
use crate::rows::Row;
use crate::sql::all;
use overture_domain::entities::{CarryTemplate, OpenerTemplate, OutsideWindow};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{ApprovedTemplate, StoreError};
use overture_domain::values::{FilledTemplate, TemplateMessage, TemplateName, TemplateVariables, Wording};
use sea_orm::{DatabaseConnection, QueryResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

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

/// The columns of an approved template `t`, under the names that `read_template` reads.
pub(crate) const TEMPLATE_COLUMNS: &str =
    "t.channel_id AS id, t.name, t.language, t.content_sid, t.title, t.body, t.variables";

pub(crate) fn read_template(row: &QueryResult) -> Result<ApprovedTemplate, StoreError> {
    let row = Row::of("channel_templates", row);
    let named = (row.get::<Option<String>>("name")?, row.get::<Option<String>>("language")?);
    let template = match (named, row.get::<Option<String>>("content_sid")?) {
        ((Some(name), Some(language)), None) => TemplateName::Named { name, language },
        ((None, None), Some(sid)) => TemplateName::ContentSid(sid),
        _ => return Err(row.corrupt("name")),
    };
    Ok(ApprovedTemplate {
        template,
        title: row.get("title")?,
        body: row.get("body")?,
        variables: row.parsed("variables", |text| serde_json::from_str(text).ok())?,
    })
}

/// The approved templates of a channel by that name, or all; `None` where its provider told nothing with the settings it has.
pub(crate) async fn templates_named(
    db: &DatabaseConnection,
    channel: ChannelId,
    name: &TemplateName,
) -> Result<Option<Vec<ApprovedTemplate>>, StoreError> {
    let (column, name) = match name {
        TemplateName::Named { name, .. } => ("name", name),
        TemplateName::ContentSid(sid) => ("content_sid", sid),
    };
    let sql = format!(
        "SELECT {TEMPLATE_COLUMNS} FROM channels c LEFT JOIN channel_templates t ON t.channel_id = c.id AND (t.{column} = ? \
         OR NOT EXISTS (SELECT 1 FROM channel_templates n WHERE n.channel_id = c.id AND n.{column} = ?)) \
         WHERE c.id = ? AND c.templates_known ORDER BY t.title, t.name, t.language, t.content_sid"
    );
    let values = [name.clone().into(), name.clone().into(), channel.as_uuid().into()];
    let rows = all(db, &sql, values).await.map_err(|error| store_error(&error))?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut templates = Vec::with_capacity(rows.len());
    for row in &rows {
        // The one row of a channel that has none.
        if Row::of("channel_templates", row).get::<Option<Uuid>>("id")?.is_some() {
            templates.push(read_template(row)?);
        }
    }
    Ok(Some(templates))
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
