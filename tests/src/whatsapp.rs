//! WhatsApp's Cloud API as its customers meet it: messages on one side, and on the other the signed calls of Meta.

use crate::limits::Limited;
use crate::provider_server::{Asked, Provider, says};
use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

/// The account that owns the number.
pub const BUSINESS: &str = "102290129340398";
/// Meta's id of the number.
pub const NUMBER: &str = "106540352242922";
/// What sends.
pub const ACCESS_TOKEN: &str = "EAAzqxaccesstoken7";
/// What signs.
pub const APP_SECRET: &str = "zqxappsecret7";
/// What sets the webhook up.
pub const VERIFY_TOKEN: &str = "zqxverifytoken7";

/// The messages of one number.
pub struct Cloud;

/// The settings of a channel of it.
pub fn settings() -> Value {
    json!({
        "phoneNumberId": NUMBER, "businessAccountId": BUSINESS, "accessToken": ACCESS_TOKEN, "appSecret": APP_SECRET,
        "verifyToken": VERIFY_TOKEN,
    })
}

/// The answer that refuses a message.
pub fn refusal(status: u16, code: i64, message: &str) -> Vec<u8> {
    let error = json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC" });
    says(status, &json!({ "error": error }))
}

impl Provider for Cloud {
    fn recipient(&self, asked: &Asked) -> Result<String, Vec<u8>> {
        if asked.line != format!("POST /v23.0/{NUMBER}/messages") {
            return Err(refusal(404, 2500, "Unknown path components"));
        }
        if asked.headers.get("authorization") != Some(&format!("Bearer {ACCESS_TOKEN}")) {
            return Err(refusal(401, 190, "Invalid OAuth access token."));
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let to = body["to"].as_str().map(|to| format!("+{}", to.trim_start_matches('+')));
        to.filter(|_| body["messaging_product"] == "whatsapp")
            .ok_or_else(|| refusal(400, 131_008, "(#131008) Required parameter is missing"))
    }

    /// People in São Paulo are known to it without their ninth digit.
    fn takes(&self, asked: &Asked, number: usize) -> (String, Vec<u8>) {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let (id, to) = (format!("wamid.HBgL{number:08}"), body["to"].as_str().unwrap_or_default());
        let answer = json!({
            "messaging_product": "whatsapp", "contacts": [{ "input": to, "wa_id": to.trim_start_matches('+').replacen("55119", "5511", 1) }],
            "messages": [{ "id": id, "message_status": "accepted" }],
        });
        (id, says(200, &answer))
    }

    fn limits(&self, limited: Limited) -> Vec<u8> {
        match limited {
            Limited::Recipient => refusal(400, 131_056, "(#131056) Pair rate limit hit"),
            Limited::Channel => refusal(429, 130_429, "(#130429) Rate limit hit"),
        }
    }
}

/// The body of a call that says this about a number of an account.
pub fn entry(business: &str, number: &str, members: &Value) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp", "metadata": { "display_phone_number": "4915792300002", "phone_number_id": number },
    });
    for (name, member) in members.as_object().into_iter().flatten() {
        value[name] = member.clone();
    }
    let changes = json!([{ "field": "messages", "value": value }]);
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": business, "changes": changes }] })
}

/// What a receipt and a message have as their `timestamp`.
///
/// # Errors
/// The clock stands before 1970.
pub fn timestamp() -> Result<String> {
    Ok(UNIX_EPOCH.elapsed()?.as_secs().to_string())
}

/// `X-Hub-Signature-256` of a body.
///
/// # Errors
/// The secret is no key.
pub fn signature(secret: &str, body: &[u8]) -> Result<String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("no key")?.chain_update(body);
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}")?;
    }
    Ok(signature)
}
