//! One door to all senders: the transport of a channel decides who carries its messages.
//!
//! Owned here: choosing the sender, and the numbers about sending (`overture_send_total` by transport and outcome,
//! `overture_send_seconds` by transport). Refused here: anything personal in numbers, spans and log lines; what a
//! provider said is returned to be stored, never logged.

use crate::egress::EgressGuard;
use crate::provider_http::ProviderHttp;
use crate::sandbox::SandboxSender;
use crate::settings::{SettingsProblem, check_outside_window, check_settings, identity};
use crate::smtp::{SmtpOptions, SmtpSender, TrustedCertificates};
use crate::twilio::{TwilioOptions, TwilioSender};
use crate::whatsapp::{WhatsAppOptions, WhatsAppSender};
use async_trait::async_trait;
use overture_domain::entities::{ChannelConnection, ChannelKind, OutsideWindow, Transport};
use overture_domain::ports::{
    Accepted, ChannelVerifier, CheckedSettings, MessageSender, NoSetting, Outgoing, ProviderEvent, SendError,
    SettingValue, SettingsChecker, SettingsFlaw, Verified, VerifyError, WebhookCall, WebhookError, WebhookReader,
    WrittenSettings, WrittenWindow,
};
use overture_domain::values::Flaw;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What the senders need to know.
#[derive(Debug, Clone)]
pub struct SendersOptions {
    /// The folder of the sandbox.
    pub outbox: PathBuf,
    /// Whether senders may connect to private, loopback and link-local addresses.
    pub allow_private: bool,
    /// The most that one send by SMTP may take, from resolving the name to the answer after the text.
    pub smtp_timeout: Duration,
    /// What mail servers may show beside certificates of the usual authorities.
    pub smtp_trusted: TrustedCertificates,
    /// Where Twilio is.
    pub twilio: TwilioOptions,
    /// Where the WhatsApp Cloud API is.
    pub whatsapp: WhatsAppOptions,
}

impl Default for SendersOptions {
    fn default() -> Self {
        Self {
            outbox: PathBuf::from("outbox"),
            allow_private: false,
            smtp_timeout: SmtpOptions::DEFAULT_TIMEOUT,
            smtp_trusted: TrustedCertificates::default(),
            twilio: TwilioOptions::default(),
            whatsapp: WhatsAppOptions::default(),
        }
    }
}

/// Every sender there is.
pub struct Senders {
    smtp: SmtpSender,
    sandbox: SandboxSender,
    twilio: TwilioSender,
    whatsapp: WhatsAppSender,
}

impl Senders {
    /// All senders with these options. Nothing is connected and no folder is made before the first message.
    pub fn new(options: SendersOptions) -> Self {
        let guard = EgressGuard::new(options.allow_private);
        let http = ProviderHttp::new(guard);
        Self {
            smtp: SmtpSender::new(SmtpOptions {
                timeout: options.smtp_timeout,
                trusted: options.smtp_trusted,
                ..SmtpOptions::new(guard)
            }),
            sandbox: SandboxSender::new(options.outbox),
            twilio: TwilioSender::new(http.clone(), options.twilio),
            whatsapp: WhatsAppSender::new(http, options.whatsapp),
        }
    }
}

#[async_trait]
impl MessageSender for Senders {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let begun = Instant::now();
        let result = match connection.transport {
            Transport::Smtp => self.smtp.send(connection, outgoing).await,
            Transport::Sandbox => self.sandbox.send(connection, outgoing).await,
            Transport::Twilio => self.twilio.send(connection, outgoing).await,
            Transport::WhatsAppCloud => self.whatsapp.send(connection, outgoing).await,
        };
        let transport = connection.transport.as_str();
        let (outcome, code) = outcome(&result);
        metrics::counter!("overture_send_total", "transport" => transport, "outcome" => outcome).increment(1);
        metrics::histogram!("overture_send_seconds", "transport" => transport).record(begun.elapsed().as_secs_f64());
        tracing::debug!(message_id = %outgoing.message_id, transport, outcome, code, "a send ended");
        result
    }
}

impl WebhookReader for Senders {
    fn read(&self, connection: &ChannelConnection, call: &WebhookCall) -> Result<Vec<ProviderEvent>, WebhookError> {
        match connection.transport {
            Transport::Twilio => self.twilio.read(connection, call),
            Transport::WhatsAppCloud => self.whatsapp.read(connection, call),
            // Nobody calls for these.
            Transport::Smtp | Transport::Sandbox => Err(WebhookError::Forged),
        }
    }

    fn is_verify_token(&self, connection: &ChannelConnection, token: &str) -> bool {
        match connection.transport {
            Transport::WhatsAppCloud => self.whatsapp.is_verify_token(connection, token),
            Transport::Smtp | Transport::Sandbox | Transport::Twilio => false,
        }
    }
}

#[async_trait]
impl ChannelVerifier for Senders {
    async fn verify(&self, connection: &ChannelConnection) -> Result<Verified, VerifyError> {
        match connection.transport {
            Transport::Smtp => self.smtp.verify(connection).await,
            Transport::Twilio => self.twilio.verify(connection).await,
            Transport::WhatsAppCloud => self.whatsapp.verify(connection).await,
            // A folder has no credentials.
            Transport::Sandbox => Ok(Verified::default()),
        }
    }
}

impl SettingsChecker for Senders {
    fn check(
        &self,
        kind: ChannelKind,
        transport: Transport,
        written: &WrittenSettings,
    ) -> Result<CheckedSettings, SettingsFlaw> {
        let value = |value: &SettingValue| match value {
            SettingValue::Text(text) => Value::from(text.as_str()),
            SettingValue::Number(number) => Value::from(*number),
            SettingValue::Other(NoSetting::Boolean) => Value::Bool(false),
            SettingValue::Other(NoSetting::Fraction) => Value::from(0.5),
            SettingValue::Other(NoSetting::List) => Value::Array(Vec::new()),
            SettingValue::Other(NoSetting::Object) => Value::Object(Map::new()),
        };
        let members: Map<_, _> = written.iter().map(|(name, written)| (name.clone(), value(written))).collect();
        // Nobody from outside reads this process's environment.
        check_settings(kind, transport, &Value::Object(members), &|_| None).map_err(flaw)
    }

    fn check_window(
        &self,
        kind: ChannelKind,
        transport: Transport,
        written: &WrittenWindow,
    ) -> Result<OutsideWindow, SettingsFlaw> {
        let template = json!({ "name": written.name, "language": written.language, "contentSid": written.content_sid });
        let json = json!({
            "mode": written.mode, "template": template, "body": written.body, "holdFor": written.hold_for,
        });
        let checked = check_outside_window(kind, transport, &json).map_err(flaw)?;
        checked.ok_or_else(|| SettingsFlaw {
            field: "outsideWindow".into(),
            flaw: Flaw::new("is missing", "Leave it out, or write an object with mode, template and body."),
        })
    }

    fn identity(&self, transport: Transport) -> &'static [&'static str] {
        identity(transport)
    }
}

fn flaw(problem: SettingsProblem) -> SettingsFlaw {
    SettingsFlaw { field: problem.field, flaw: Flaw::new(problem.reason, problem.remedy) }
}

/// How a send ended, in two words that name nobody.
fn outcome(result: &Result<Accepted, SendError>) -> (&'static str, Option<&'static str>) {
    match result {
        Ok(_) => ("accepted", None),
        Err(SendError::Rejected(cause)) => ("rejected", Some(cause.code)),
        Err(SendError::Config(cause)) => ("config", Some(cause.code)),
        Err(SendError::RateLimited { cause, .. }) => ("rate_limited", Some(cause.code)),
        Err(SendError::Unreachable(cause)) => ("unreachable", Some(cause.code)),
        Err(SendError::Unavailable(cause)) => ("unavailable", Some(cause.code)),
        Err(SendError::Unclear(cause)) => ("unclear", Some(cause.code)),
    }
}
