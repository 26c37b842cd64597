//! Who carries messages, and how each of them talks: the settings of a channel, what a request asks for, and the signed
//! calls to our webhooks.

use crate::installation::Installation;
use crate::provider_server::ProviderServer;
use crate::twilio::{self, Twilio};
use crate::whatsapp::{self, Cloud};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::Instant;

/// What providers know us by; nobody listens there.
pub const PUBLIC_URL: &str = "https://overture.example.test";

/// Who carries what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// SMS by Twilio.
    TwilioSms,
    /// WhatsApp by Twilio.
    TwilioWhatsApp,
    /// WhatsApp by the Cloud API.
    Cloud,
}

/// A message as the provider was handed it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The provider's id of it.
    pub id: String,
    /// The number it goes to, with its `+`.
    pub to: String,
    /// Its text.
    pub text: String,
    /// Our id, as the provider was told it.
    pub ours: String,
    /// When it came.
    pub at: Instant,
    /// Its form or its JSON.
    pub body: Value,
}

/// Whose words a call pretends to be.
#[derive(Debug, Clone)]
pub struct Voice {
    /// The channel in the address.
    pub channel: String,
    /// What signs.
    pub secret: String,
    /// The account that it speaks of.
    pub account: String,
}

/// What a call tells.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// How far a message has come, and the provider's code for why no further.
    Receipt(&'a Sent, &'a str, Option<u32>),
    /// What a contact writes: the provider's id, the number, the text.
    Text(&'a str, &'a str, &'a str),
}

/// A call to a webhook.
#[derive(Debug, Clone)]
pub struct HookCall {
    /// Path and query.
    pub path: String,
    /// Its type and its signature.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Carrier {
    /// Starts its server.
    ///
    /// # Errors
    /// There is no port for it.
    pub async fn start(self) -> Result<ProviderServer> {
        match self {
            Self::TwilioSms | Self::TwilioWhatsApp => ProviderServer::start(Twilio).await,
            Self::Cloud => ProviderServer::start(Cloud).await,
        }
    }

    /// The settings of a channel of it.
    pub fn settings(self) -> Value {
        match self {
            Self::TwilioSms | Self::TwilioWhatsApp => twilio::settings(),
            Self::Cloud => whatsapp::settings(),
        }
    }

    /// Adds a channel with these settings to a workspace, as a person would.
    ///
    /// # Errors
    /// It is refused.
    pub fn add_channel(self, installation: &Installation, workspace: &str, settings: &Value) -> Result<String> {
        let (kind, transport) = match self {
            Self::TwilioSms => ("sms", "twilio"),
            Self::TwilioWhatsApp => ("whatsapp", "twilio"),
            Self::Cloud => ("whatsapp", "whatsapp-cloud"),
        };
        let (command, settings) = (["channel", "add", "--workspace", workspace], settings.to_string());
        let how = ["--type", kind, "--transport", transport, "--name", "Line", "--config", &settings];
        let added = installation.ask(&[command.as_slice(), how.as_slice()].concat())?;
        added["channelId"].as_str().map(str::to_owned).context("no channelId")
    }

    /// What its ids begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::TwilioSms | Self::TwilioWhatsApp => "SM",
            Self::Cloud => "wamid.",
        }
    }

    /// The answer by which it refuses a message.
    pub fn refusal(self, status: u16, twilios: u32, metas: i64, message: &str) -> Vec<u8> {
        match self {
            Self::TwilioSms | Self::TwilioWhatsApp => twilio::refusal(status, twilios, message),
            Self::Cloud => whatsapp::refusal(status, metas, message),
        }
    }

    /// Text, our id and all of what a request asks for.
    pub fn read(self, body: &[u8]) -> (String, String, Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match self {
            Self::TwilioSms | Self::TwilioWhatsApp => {
                let form = json!(twilio::form(body));
                let ours = text(&form["StatusCallback"]);
                let ours = ours.rsplit_once("?message=").map_or("", |(_, ours)| ours).to_owned();
                (text(&form["Body"]), ours, form)
            }
            Self::Cloud => {
                let json: Value = serde_json::from_slice(body).unwrap_or_default();
                (text(&json["text"]["body"]), text(&json["biz_opaque_callback_data"]), json)
            }
        }
    }

    /// The call by which a voice tells something.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn call(self, voice: &Voice, news: &News<'_>) -> Result<HookCall> {
        match self {
            Self::TwilioSms => twilio_call(voice, news, ""),
            Self::TwilioWhatsApp => twilio_call(voice, news, "whatsapp:"),
            Self::Cloud => signed_for_whatsapp(voice, serde_json::to_vec(&whatsapp_body(voice, news)?)?),
        }
    }
}

fn twilio_call(voice: &Voice, news: &News<'_>, before: &str) -> Result<HookCall> {
    let Voice { channel, secret, account } = voice;
    let wired = |number: &str| format!("{before}{number}");
    let mut parameters = vec![("AccountSid", account.clone()), ("ApiVersion", "2010-04-01".into())];
    let path = match news {
        News::Receipt(sent, status, code) => {
            let of = |name| (name, sent.id.clone());
            parameters.extend([of("MessageSid"), of("SmsSid"), ("MessageStatus", (*status).to_owned())]);
            parameters.extend([
                ("SmsStatus", (*status).to_owned()),
                ("To", wired(&sent.to)),
                ("From", wired(twilio::SENDER)),
            ]);
            parameters.extend(code.map(|code| ("ErrorCode", code.to_string())));
            format!("/webhooks/twilio/{channel}/status?message={}", sent.ours)
        }
        News::Text(id, from, text) => {
            let of = |name| (name, (*id).to_owned());
            parameters.extend([of("MessageSid"), of("SmsSid"), of("SmsMessageSid"), ("Body", (*text).to_owned())]);
            parameters.extend([("From", wired(from)), ("To", wired(twilio::SENDER)), ("NumMedia", "0".into())]);
            format!("/webhooks/twilio/{channel}/inbound")
        }
    };
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(twilio::call(&format!("{PUBLIC_URL}{path}"), secret, &parameters)?.posted(path))
}

fn whatsapp_body(voice: &Voice, news: &News<'_>) -> Result<Value> {
    let (account, timestamp) = (voice.account.as_str(), whatsapp::timestamp()?);
    let members = match news {
        News::Receipt(sent, status, code) => {
            let errors = code.map(|code| json!([{ "code": code, "title": "Message undeliverable" }]));
            let mut receipt = json!({
                "id": sent.id, "status": status, "timestamp": timestamp, "recipient_id": sent.to.trim_start_matches('+'),
                "biz_opaque_callback_data": sent.ours,
            });
            if let Some(errors) = errors {
                receipt["errors"] = errors;
            }
            json!({ "statuses": [receipt] })
        }
        News::Text(id, from, text) => {
            let from = from.trim_start_matches('+');
            json!({
                "contacts": [{ "profile": { "name": "Jan" }, "wa_id": from }],
                "messages": [{ "from": from, "id": id, "timestamp": timestamp, "type": "text", "text": { "body": text } }],
            })
        }
    };
    Ok(whatsapp::entry(account, whatsapp::NUMBER, &members))
}

/// The call with any body.
///
/// # Errors
/// It cannot be signed.
pub fn signed_for_whatsapp(voice: &Voice, body: Vec<u8>) -> Result<HookCall> {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-hub-signature-256", whatsapp::signature(&voice.secret, &body)?),
    ];
    Ok(HookCall { path: format!("/webhooks/whatsapp/{}", voice.channel), headers, body })
}
