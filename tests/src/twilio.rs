//! Twilio as its customers meet it: the Messages API on one side, and on the other the signed calls that it makes to the
//! addresses it was given.

use crate::carrier::HookCall;
use crate::limits::Limited;
use crate::provider_server::{Asked, Provider, says};
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// The account.
pub const ACCOUNT: &str = "AC00000000000000000000000000000007";
/// Its token.
pub const TOKEN: &str = "zqxtwiliotoken7zqxtwiliotoken7zq";
/// The number that messages come from.
pub const SENDER: &str = "+4915792300001";

/// The Messages API of one account.
pub struct Twilio;

/// The settings of a channel of it.
pub fn settings() -> Value {
    json!({ "accountSid": ACCOUNT, "authToken": TOKEN, "from": SENDER })
}

/// A form by name.
pub fn form(body: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// The answer that refuses a message.
pub fn refusal(status: u16, code: u32, message: &str) -> Vec<u8> {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    says(status, &json!({ "code": code, "message": message, "more_info": more_info, "status": status }))
}

impl Provider for Twilio {
    fn recipient(&self, asked: &Asked) -> Result<String, Vec<u8>> {
        if asked.line != format!("POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json") {
            return Err(refusal(404, 20404, "The requested resource was not found"));
        }
        let login = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
        if asked.headers.get("authorization") != Some(&login) {
            return Err(refusal(401, 20003, "Authenticate"));
        }
        if asked.headers.get("content-type").map(String::as_str) != Some("application/x-www-form-urlencoded") {
            return Err(refusal(415, 20415, "Unsupported Media Type"));
        }
        form(&asked.body).remove("To").ok_or_else(|| refusal(400, 21604, "A 'To' phone number is required."))
    }

    fn takes(&self, asked: &Asked, number: usize) -> (String, Vec<u8>) {
        let (sid, form) = (format!("SM{number:032x}"), form(&asked.body));
        let body = json!({
            "sid": sid, "account_sid": ACCOUNT, "status": "queued", "num_segments": "1", "num_media": "0",
            "error_code": null, "error_message": null, "direction": "outbound-api", "to": form.get("To"),
            "from": form.get("From"), "body": form.get("Body"), "date_created": "Tue, 24 Nov 2026 10:00:00 +0000",
        });
        (sid, says(201, &body))
    }

    fn limits(&self, _: Limited) -> Vec<u8> {
        refusal(429, 20429, "Too Many Requests")
    }
}

/// A call to a webhook: its body, and the signature that goes with it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The form.
    pub body: Vec<u8>,
    /// `X-Twilio-Signature`.
    pub signature: String,
}

impl Call {
    /// As it is posted to that path.
    #[must_use]
    pub fn posted(self, path: String) -> HookCall {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8".to_owned();
        let headers = vec![("content-type", kind), ("x-twilio-signature", self.signature)];
        HookCall { path, headers, body: self.body }
    }
}

/// The call to an address with these parameters, signed with this token.
///
/// # Errors
/// The token is no key.
pub fn call(url: &str, token: &str, parameters: &[(&str, &str)]) -> Result<Call> {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let signed = sorted.iter().fold(url.to_owned(), |signed, (name, value)| signed + name + value);
    let mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).context("no key")?.chain_update(signed);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into_bytes();
    Ok(Call { body, signature })
}
