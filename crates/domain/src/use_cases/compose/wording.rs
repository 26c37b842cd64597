//! How a message leaves: as it was written, or by a template.

use super::{Details, Problem, ProblemCode};
use crate::entities::{Channel, ChannelKind, OutsideWindow};
use crate::ports::ApprovedTemplate;
use crate::use_cases::approved::{Misfit, fitting, name_of};
use crate::values::{Content, FilledTemplate, TemplateMessage, TemplateName, TooLong, Wording};
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

/// Decides it. `open` says whether the contact has written within a day; `approved` are the channel's templates by the name of
/// the one that would leave, all where none goes by it. `None`: nothing is known of them (the channel was never verified, or has other
/// settings since), and the provider decides when the message leaves.
pub(super) fn word(
    channel: &Channel,
    content: &Content,
    template: Option<&TemplateMessage>,
    open: bool,
    approved: Option<&[ApprovedTemplate]>,
) -> Result<Worded, Problem> {
    if let Some(template) = template {
        if channel.kind != ChannelKind::WhatsApp {
            let text = "template is for WhatsApp channels, and this one is none. Leave it out.";
            return Err(Problem::new(ProblemCode::InvalidTemplate, "template", text.into()));
        }
        return Ok(Wording::Template(asked_for(channel, template, approved)?).into());
    }
    if !channel.has_window() {
        return Ok(Wording::AsWritten.into());
    }
    match &channel.outside_window {
        Some(OutsideWindow::Carry(carry)) => match carry.carry(content) {
            Ok(filled) if open => Ok(Wording::OrTemplate(filled).into()),
            Ok(filled) => match of_the_channel(&filled, approved) {
                Ok(fits) => Ok(Wording::OrTemplate(fits).into()),
                Err(Problem { details: Some(Details::TooLong { limit, length, .. }), .. }) => {
                    Err(does_not_fit_in(&carry.over(content, length - limit)))
                }
                Err(problem) => Err(problem),
            },
            // It leaves only if it leaves soon enough.
            Err(_) if open => Ok(Wording::AsWritten.into()),
            Err(over) => Err(does_not_fit_in(&over)),
        },
        _ if open => Ok(Wording::AsWritten.into()),
        Some(OutsideWindow::Opener(opener)) => {
            let asks = of_the_channel(&opener.filled(), approved)?;
            Ok(Worded { wording: Wording::AsWritten, held: Some((asks, opener.hold_for())) })
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

/// The template of a request, filled.
fn asked_for(
    channel: &Channel,
    template: &TemplateMessage,
    approved: Option<&[ApprovedTemplate]>,
) -> Result<FilledTemplate, Problem> {
    if !channel.transport.names(&template.template) {
        let wants = match template.template {
            TemplateName::Named { .. } => "contentSid",
            TemplateName::ContentSid(_) => "name and language",
        };
        let text = format!("template is of another provider: on this channel, templates go by {wants}. Give that.");
        return Err(Problem::new(ProblemCode::InvalidTemplate, "template", text));
    }
    let Some(approved) = approved else {
        return Ok(FilledTemplate { message: template.clone(), text: None });
    };
    fitting(template, approved).map_err(|Misfit { flaw, details }| Problem {
        details: Some(details),
        ..Problem::new(
            ProblemCode::InvalidTemplate,
            "template",
            format!("template {} {flaw}", name_of(&template.template)),
        )
    })
}

/// A template of the channel's own, in the words that were approved, whatever its owner wrote of them. Whoever composes cannot
/// mend it, but may give another.
fn of_the_channel(filled: &FilledTemplate, approved: Option<&[ApprovedTemplate]>) -> Result<FilledTemplate, Problem> {
    let Some(approved) = approved else { return Ok(filled.clone()) };
    match fitting(&filled.message, approved) {
        Ok(fits) => Ok(fits),
        Err(Misfit { flaw, details }) => Err(Problem {
            details: Some(details),
            ..Problem::new(
                ProblemCode::TemplateRequired,
                "template",
                format!(
                    "template is required: the contact has not written for 24 hours, and the template of the channel's outsideWindow \
                     cannot leave. Give one, or mend outsideWindow: {} {flaw}",
                    name_of(&filled.message.template)
                ),
            )
        }),
    }
}

fn does_not_fit_in(over: &TooLong) -> Problem {
    Problem {
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
    }
}
