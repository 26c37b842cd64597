//! How a message leaves: as it was written, or by a template.

use super::{Details, Problem, ProblemCode};
use crate::entities::{Channel, ChannelKind, OutsideWindow};
use crate::values::{Content, FilledTemplate, TemplateMessage, Wording};
use std::time::Duration;

/// How a message leaves, and whether it waits for the contact to write.
pub(super) struct Worded {
    pub(super) wording: Wording,
    /// What asks the contact to write, and how long the message waits for that.
    pub(super) held: Option<(FilledTemplate, Duration)>,
}

impl From<Wording> for Worded {
    fn from(wording: Wording) -> Self {
        Self { wording, held: None }
    }
}

/// Decides it. `open` says whether the contact has written within a day.
pub(super) fn word(
    channel: &Channel,
    content: &Content,
    template: Option<&TemplateMessage>,
    open: bool,
) -> Result<Worded, Problem> {
    if let Some(template) = template {
        if channel.kind != ChannelKind::WhatsApp {
            let text = "template is for WhatsApp channels, and this one is none. Leave it out.";
            return Err(Problem::new(ProblemCode::InvalidTemplate, "template", text.into()));
        }
        return Ok(Wording::Template(FilledTemplate { message: template.clone(), text: None }).into());
    }
    if !channel.has_window() {
        return Ok(Wording::AsWritten.into());
    }
    match &channel.outside_window {
        Some(OutsideWindow::Carry(carry)) => match carry.carry(content) {
            Ok(filled) => Ok(Wording::OrTemplate(filled).into()),
            // It leaves only if it leaves soon enough.
            Err(_) if open => Ok(Wording::AsWritten.into()),
            Err(over) => Err(Problem {
                details: Some(Details::TooLong { limit: over.limit, length: over.length, unit: over.unit }),
                ..Problem::new(
                    ProblemCode::ContentTooLong,
                    "content",
                    format!(
                        "content has {} characters with single spaces. The contact has not written for 24 hours, so that it must travel \
                         inside a template, where {} fit. Shorten it.",
                        over.length, over.limit
                    ),
                )
            }),
        },
        _ if open => Ok(Wording::AsWritten.into()),
        Some(OutsideWindow::Opener(opener)) => {
            Ok(Worded { wording: Wording::AsWritten, held: Some((opener.filled(), opener.hold_for())) })
        }
        None => Err(Problem::new(
            ProblemCode::TemplateRequired,
            "template",
            "template is required: the contact has not written for 24 hours, and WhatsApp takes only approved templates then. Give one, or \
             say in the channel's outsideWindow what is to leave."
                .into(),
        )),
    }
}
