//! Whether a template fits what its provider has approved.
//!
//! Owned here: name, language and variables against a list that was fetched before, and how the filled template reads. Refused
//! here: asking the provider. A list may be older than the newest approval: the text says how it is fetched anew.

use super::Details;
use crate::ports::ApprovedTemplate;
use crate::values::{FilledTemplate, LONGEST_TEMPLATE, TemplateMessage, TemplateName, TemplateVariables, fill};

/// How many of the templates that exist are named where none goes by the name that was given.
const MOST_NAMED: usize = 5;

/// How the list is seen, and fetched anew.
const LISTS: &str = "GET /api/channels/{id}/templates lists them all, and asks the provider again once an hour has passed; \
                     POST /api/channels/{id}/verify asks at once.";

/// Why a template cannot leave, and what would fit.
#[derive(Debug)]
pub(super) struct Misfit {
    /// What is wrong, in words that follow the template's name.
    pub(super) flaw: String,
    /// What would fit.
    pub(super) details: Details,
}

/// The template as it would leave. `listed` are the approved ones that go by its name, or all where none does.
pub(super) fn fitting(message: &TemplateMessage, listed: &[ApprovedTemplate]) -> Result<FilledTemplate, Misfit> {
    let Some(approved) = listed.iter().find(|approved| approved.template == message.template) else {
        return Err(not_listed(&message.template, listed));
    };
    let message = TemplateMessage {
        template: message.template.clone(),
        variables: filling(&message.variables, &approved.variables)?,
    };
    let text = fill(&approved.body, &message.variables);
    let length = text.chars().count();
    if length > LONGEST_TEMPLATE {
        return Err(Misfit {
            flaw: format!(
                "has {length} characters once it is filled; at most {LONGEST_TEMPLATE} fit. Shorten a value."
            ),
            details: Details::TooLong { limit: LONGEST_TEMPLATE, length, unit: "characters" },
        });
    }
    Ok(FilledTemplate { message, text: Some(text) })
}

/// No approved template goes by that name, or none in that language.
fn not_listed(wanted: &TemplateName, listed: &[ApprovedTemplate]) -> Misfit {
    if listed.is_empty() {
        let flaw = format!("is not approved: the channel's provider told of no approved template. {LISTS}");
        return Misfit { flaw, details: Details::Fitting { what: "templates", values: Vec::new() } };
    }
    let languages: Vec<String> = listed.iter().filter_map(|approved| language_of(wanted, &approved.template)).collect();
    if !languages.is_empty() {
        let flaw = format!("was approved in {}. Give one of these, spelled alike.", languages.join(", "));
        return Misfit { flaw, details: Details::Fitting { what: "languages", values: languages } };
    }
    let mut names: Vec<&str> = listed.iter().map(|approved| name_of(&approved.template)).collect();
    names.sort_by_key(|name| strsim::osa_distance(name, name_of(wanted)));
    names.dedup();
    names.truncate(MOST_NAMED);
    let flaw = format!("is not among the channel's approved templates; the nearest are {}. {LISTS}", names.join(", "));
    Misfit {
        flaw,
        details: Details::Fitting { what: "templates", values: names.into_iter().map(str::to_owned).collect() },
    }
}

/// The language in which another template has the same name.
fn language_of(wanted: &TemplateName, other: &TemplateName) -> Option<String> {
    match (wanted, other) {
        (TemplateName::Named { name, .. }, TemplateName::Named { name: same, language }) if name == same => {
            Some(language.clone())
        }
        _ => None,
    }
}

/// What a template is called by whoever writes a request.
pub(super) fn name_of(template: &TemplateName) -> &str {
    match template {
        TemplateName::Named { name, .. } => name,
        TemplateName::ContentSid(sid) => sid,
    }
}

/// The values, if there is one for each placeholder and no other. Numbered placeholders that were filled by name are filled in
/// their order, as providers want them.
fn filling(given: &TemplateVariables, wanted: &[String]) -> Result<TemplateVariables, Misfit> {
    let pairs = given.pairs();
    let value_of = |name: &String| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
    let missing: Vec<&str> = wanted.iter().filter(|name| value_of(name).is_none()).map(String::as_str).collect();
    let strange: Vec<&str> =
        pairs.iter().map(|(name, _)| name.as_str()).filter(|name| !wanted.iter().any(|known| known == name)).collect();
    if missing.is_empty() && strange.is_empty() {
        let numbered = wanted.iter().zip(1..).all(|(name, number): (_, u32)| *name == number.to_string());
        return Ok(match given {
            TemplateVariables::Named(_) if numbered => {
                TemplateVariables::Positional(wanted.iter().filter_map(value_of).collect())
            }
            given => given.clone(),
        });
    }
    let takes =
        if wanted.is_empty() { "no variables".to_owned() } else { format!("the variables {}", wanted.join(", ")) };
    let mut flaw = format!("takes {takes}");
    if !missing.is_empty() {
        flaw += &format!("; missing: {}", missing.join(", "));
    }
    if !strange.is_empty() {
        flaw += &format!("; too many: {}", strange.join(", "));
    }
    flaw += ". Fill numbers by a list in their order, and names by an object.";
    Err(Misfit { flaw, details: Details::Fitting { what: "variables", values: wanted.to_vec() } })
}
