//! Whether a Twilio channel's settings work, found out by reading alone.
//!
//! Owned here: the account, the API key, the number of an SMS channel, and the templates of a WhatsApp channel. Not
//! looked at: short codes, alphanumeric sender IDs, messaging services and senders on WhatsApp; the first message tells.
//!
//! The account's own token is always asked with, for it must be right whoever sends: webhooks are signed with it, and a
//! standard API key may not read the account (<https://www.twilio.com/docs/iam/api-keys/keys-in-console>).

use super::TwilioOptions;
use crate::provider_http::{Answered, ProviderHttp, Unanswered};
use crate::settings::{ApiKey, Sender, TwilioSettings};
use overture_domain::entities::ChannelKind;
use overture_domain::ports::{ApprovedTemplate, Verified, VerifyError};
use overture_domain::values::{Secret, TemplateName, placeholders};
use serde_json::Value;
use url::Url;

/// Twilio says that an API key may be right and lacks a permission
/// (<https://www.twilio.com/docs/api/errors/70051>).
const MAY_LACK_PERMISSION: u64 = 70051;

/// WhatsApp has at most 6,000 approved templates per account; this is more than all of them, with those that are not.
const MOST_PAGES: usize = 200;

/// Tries the settings.
pub(crate) async fn verify(
    http: &ProviderHttp,
    options: &TwilioOptions,
    settings: &TwilioSettings,
) -> Result<Verified, VerifyError> {
    let asking = Asking { http, settings };
    let base = options.base_url.trim_end_matches('/');
    let account = format!("{base}/2010-04-01/Accounts/{}", settings.account_sid);
    asking.account(&format!("{account}.json")).await?;
    let numbers = format!("{account}/IncomingPhoneNumbers.json");
    if let Some(key) = &settings.api_key {
        asking.key(key, &numbers).await?;
    }
    match (settings.kind, &settings.sender) {
        (ChannelKind::WhatsApp, _) => {
            Ok(Verified { templates: Some(asking.templates(&options.content_base_url).await?) })
        }
        (ChannelKind::Sms, Sender::From(number)) if number.starts_with('+') => {
            asking.number(&numbers, number).await?;
            Ok(Verified::default())
        }
        _ => Ok(Verified::default()),
    }
}

struct Asking<'a> {
    http: &'a ProviderHttp,
    settings: &'a TwilioSettings,
}

impl Asking<'_> {
    /// The account must be there and in use.
    async fn account(&self, url: &str) -> Result<(), VerifyError> {
        let account = self.get(url, &[]).await?;
        let member = |name: &str| account.get(name).and_then(Value::as_str);
        if !member("sid").is_some_and(|sid| sid.eq_ignore_ascii_case(&self.settings.account_sid)) {
            return Err(VerifyError::UnexpectedAnswer);
        }
        match member("status") {
            Some("suspended" | "closed") => Err(VerifyError::SenderUnknown),
            _ => Ok(()),
        }
    }

    /// A key that may do no more than send is right as well.
    async fn key(&self, key: &ApiKey, url: &str) -> Result<(), VerifyError> {
        let answered = self.ask(url, &[("PageSize", "1")], &key.sid, &key.secret).await?;
        let code = || serde_json::from_slice::<Value>(&answered.body).ok()?.get("code")?.as_u64();
        match answered.status {
            403 => Ok(()),
            401 if code() == Some(MAY_LACK_PERMISSION) => Ok(()),
            _ => json(&answered).map(|_| ()),
        }
    }

    /// The number must be the account's. Twilio's filter finds parts of numbers too.
    async fn number(&self, url: &str, number: &str) -> Result<(), VerifyError> {
        let found = self.get(url, &[("PhoneNumber", number), ("PageSize", "50")]).await?;
        let numbers = found.get("incoming_phone_numbers").and_then(Value::as_array);
        let is_it = |one: &Value| one.get("phone_number").and_then(Value::as_str) == Some(number);
        match numbers.ok_or(VerifyError::UnexpectedAnswer)?.iter().any(is_it) {
            true => Ok(()),
            false => Err(VerifyError::SenderUnknown),
        }
    }

    /// Every template that WhatsApp approved, page by page. Pages of another host would see the token.
    async fn templates(&self, base: &str) -> Result<Vec<ApprovedTemplate>, VerifyError> {
        let first = format!("{}/v1/ContentAndApprovals?PageSize=100", base.trim_end_matches('/'));
        let first = Url::parse(&first).map_err(|_| VerifyError::UnexpectedAnswer)?;
        let mut templates = Vec::new();
        let mut next = Some(first.clone());
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(templates) };
            let page = self.get(url.as_str(), &[]).await?;
            let contents = page.get("contents").and_then(Value::as_array).ok_or(VerifyError::UnexpectedAnswer)?;
            templates.extend(contents.iter().filter_map(approved));
            if let Some(following) = page.pointer("/meta/next_page_url").and_then(Value::as_str) {
                let following = Url::parse(following).map_err(|_| VerifyError::UnexpectedAnswer)?;
                if following.origin() != first.origin() {
                    return Err(VerifyError::UnexpectedAnswer);
                }
                next = Some(following);
            }
        }
        Err(VerifyError::UnexpectedAnswer)
    }

    /// Asks with the account's own token.
    async fn get(&self, url: &str, query: &[(&str, &str)]) -> Result<Value, VerifyError> {
        json(&self.ask(url, query, &self.settings.account_sid, &self.settings.auth_token).await?)
    }

    async fn ask(
        &self,
        url: &str,
        query: &[(&str, &str)],
        user: &str,
        password: &Secret,
    ) -> Result<Answered, VerifyError> {
        let mut url = Url::parse(url).map_err(|_| VerifyError::UnexpectedAnswer)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.client().get(url).basic_auth(user, Some(password.expose()));
        self.http.ask(request).await.map_err(|why| match why {
            Unanswered::Refused(_) => VerifyError::AddressRefused,
            Unanswered::Unreachable(_) | Unanswered::Lost(_) => VerifyError::Unreachable,
        })
    }
}

/// The body of an answer that says yes.
fn json(answered: &Answered) -> Result<Value, VerifyError> {
    match answered.status {
        200..=299 => serde_json::from_slice(&answered.body).map_err(|_| VerifyError::UnexpectedAnswer),
        401 | 403 => Err(VerifyError::CredentialsRefused),
        404 => Err(VerifyError::SenderUnknown),
        _ => Err(VerifyError::UnexpectedAnswer),
    }
}

/// A content of Twilio as a template, if WhatsApp approved it and it has a text.
fn approved(content: &Value) -> Option<ApprovedTemplate> {
    let approval = content.get("approval_requests").and_then(whatsapp_approval)?;
    if approval.get("status").and_then(Value::as_str) != Some("approved") {
        return None;
    }
    let member = |name: &str| content.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let sid = member("sid")?;
    let types = content.get("types")?.as_object()?;
    let named = approval.get("content_type").and_then(Value::as_str).and_then(|name| types.get(name));
    let (kind, body) = named.into_iter().chain(types.values()).find_map(|kind| Some((kind, text_of(kind)?)))?;
    let title = match (member("friendly_name").unwrap_or(sid), member("language")) {
        (name, Some(language)) => format!("{name} ({language})"),
        (name, None) => name.to_owned(),
    };
    let variables = placeholders(&texts(kind).join(" "));
    Some(ApprovedTemplate {
        template: TemplateName::ContentSid(sid.to_owned()),
        title,
        body: body.to_owned(),
        variables,
    })
}

/// The approval by WhatsApp: the object itself, or its member of that name.
fn whatsapp_approval(requests: &Value) -> Option<&Value> {
    match requests {
        Value::Array(several) => several.iter().find_map(whatsapp_approval),
        Value::Object(members) => match members.get("whatsapp") {
            Some(inner) => Some(inner),
            None => {
                let of = members.get("type").and_then(Value::as_str);
                of.is_none_or(|of| of.eq_ignore_ascii_case("whatsapp")).then_some(requests)
            }
        },
        _ => None,
    }
}

/// The text of a content of one type; that of a card is its title.
fn text_of(kind: &Value) -> Option<&str> {
    ["body", "title"].into_iter().find_map(|name| kind.get(name)?.as_str().filter(|text| !text.is_empty()))
}

/// Every text of a content of one type: buttons and addresses of pictures have placeholders too.
fn texts(kind: &Value) -> Vec<&str> {
    match kind {
        Value::String(text) => vec![text.as_str()],
        Value::Array(several) => several.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
