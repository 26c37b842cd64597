//! Trying the settings of a channel without sending: two lists that only the owner of the account sees.
//!
//! Owned here: that the number belongs to the account (a webhook names both, and a channel that mixes two accounts would
//! never get a receipt), and which approved templates this sender can fill. Refused here: following addresses that come
//! with an answer. The next page is asked for at the address that was asked before, with the cursor that came.

use super::WhatsAppOptions;
use super::codes::{Meaning, meaning};
use super::graph_error::GraphError;
use super::webhook::{list, text};
use crate::provider_http::{Answered, ProviderHttp, Unanswered};
use crate::settings::WhatsAppSettings;
use overture_domain::ports::{ApprovedTemplate, Verified, VerifyError};
use overture_domain::values::{TemplateName, placeholders};
use serde_json::Value;

/// As many entries as one answer has.
const PAGE: &str = "100";
/// An account has at most 6,000 templates; a list that does not end is none.
const MOST_PAGES: usize = 100;

/// Looks whether the token is accepted, the account exists and has the number, and lists its templates.
///
/// # Errors
/// See [`VerifyError`].
pub(super) async fn verify(
    http: &ProviderHttp,
    options: &WhatsAppOptions,
    settings: &WhatsAppSettings,
) -> Result<Verified, VerifyError> {
    let account = Account { http, options, settings };
    let numbers = account.all("phone_numbers", "id,verified_name,display_phone_number").await?;
    let own = Some(settings.phone_number_id.as_str());
    if !numbers.iter().any(|number| text(number.get("id")).as_deref() == own) {
        return Err(VerifyError::SenderUnknown);
    }
    let templates = account.all("message_templates", "name,language,status,components").await?;
    Ok(Verified { templates: Some(templates.iter().filter_map(approved).collect()) })
}

/// The WhatsApp Business account of a channel.
struct Account<'a> {
    http: &'a ProviderHttp,
    options: &'a WhatsAppOptions,
    settings: &'a WhatsAppSettings,
}

impl Account<'_> {
    /// All that an edge of the account lists.
    async fn all(&self, edge: &str, fields: &str) -> Result<Vec<Value>, VerifyError> {
        let mut found = Vec::new();
        let mut after = None;
        for _ in 0..MOST_PAGES {
            let mut page = self.page(edge, fields, after.as_deref()).await?;
            let next = next(&page);
            match page.get_mut("data") {
                Some(Value::Array(data)) => found.append(data),
                _ => return Err(VerifyError::UnexpectedAnswer),
            }
            if next.is_none() {
                return Ok(found);
            }
            after = next;
        }
        Err(VerifyError::UnexpectedAnswer)
    }

    async fn page(&self, edge: &str, fields: &str, after: Option<&str>) -> Result<Value, VerifyError> {
        let address = self.options.edge(&self.settings.business_account_id, edge);
        let query = [("fields", fields), ("limit", PAGE)].into_iter().chain(after.map(|after| ("after", after)));
        let address = url::Url::parse_with_params(&address, query).map_err(|_| VerifyError::UnexpectedAnswer)?;
        let request = self.http.client().get(address).bearer_auth(self.settings.access_token.expose());
        match self.http.ask(request).await {
            Ok(answered) => answer(&answered),
            Err(Unanswered::Refused(_)) => Err(VerifyError::AddressRefused),
            Err(Unanswered::Unreachable(_)) => Err(VerifyError::Unreachable),
            Err(Unanswered::Lost(_)) => Err(VerifyError::UnexpectedAnswer),
        }
    }
}

/// Where the next page begins, if there is one.
fn next(page: &Value) -> Option<String> {
    let paging = page.get("paging")?;
    paging.get("next")?.as_str()?;
    text(paging.get("cursors")?.get("after"))
}

fn answer(answered: &Answered) -> Result<Value, VerifyError> {
    let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
    let Some(error) = body.as_ref().and_then(GraphError::of_answer) else {
        return match (answered.status, body) {
            (200, Some(body)) => Ok(body),
            (401, _) => Err(VerifyError::CredentialsRefused),
            _ => Err(VerifyError::UnexpectedAnswer),
        };
    };
    Err(match (error.code, error.code.and_then(meaning)) {
        // A node that does not exist, and fields that another kind of node has not.
        (Some(100), _) => VerifyError::SenderUnknown,
        (_, Some(Meaning::Config("authentication_failed" | "permission_missing"))) => VerifyError::CredentialsRefused,
        (_, Some(Meaning::Config("sender_unknown"))) => VerifyError::SenderUnknown,
        _ if answered.status == 401 => VerifyError::CredentialsRefused,
        _ if answered.status == 404 => VerifyError::SenderUnknown,
        _ => VerifyError::UnexpectedAnswer,
    })
}

/// A template that may be sent and that needs nothing but the placeholders of its body.
fn approved(template: &Value) -> Option<ApprovedTemplate> {
    if template.get("status")?.as_str()? != "APPROVED" {
        return None;
    }
    let name = text(template.get("name"))?;
    let language = text(template.get("language"))?;
    let components = list(template, "components");
    let body = components.iter().find(|component| is(component, "BODY"))?.get("text")?.as_str()?;
    if !components.iter().all(needs_nothing_else) {
        return None;
    }
    Some(ApprovedTemplate {
        title: name.clone(),
        template: TemplateName::Named { name, language },
        variables: placeholders(body),
        body: body.to_owned(),
    })
}

/// Whether a component is the body or goes out by itself. A picture in the header, a link with a placeholder or a code to
/// copy would have to be given with each message, and Meta refuses a message without them.
fn needs_nothing_else(component: &Value) -> bool {
    let is_fixed =
        |value: &Value, name: &str| placeholders(value.get(name).and_then(Value::as_str).unwrap_or("")).is_empty();
    if is(component, "HEADER") {
        let format = component.get("format").and_then(Value::as_str).unwrap_or("TEXT");
        return format == "TEXT" && is_fixed(component, "text");
    }
    if is(component, "BUTTONS") {
        return list(component, "buttons").iter().all(|button| {
            is(button, "QUICK_REPLY") || is(button, "PHONE_NUMBER") || (is(button, "URL") && is_fixed(button, "url"))
        });
    }
    is(component, "BODY") || is(component, "FOOTER")
}

fn is(value: &Value, kind: &str) -> bool {
    value.get("type").and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests;
