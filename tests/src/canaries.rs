//! Values that stand nowhere else, one for each personal or secret field, and the search for them: as they are, in any case,
//! and as base64, hexadecimal or a list of bytes, as programs print what they do not read.

use crate::client::Client;
use crate::conditions::SOON;
use crate::installation::{Demo, Installation};
use crate::mail_server::{Act, MailServer, MailServerOptions, Stage};
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fmt::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The part before the @ of an address.
pub const EMAIL: &str = "zqxmail7";
/// A phone number.
pub const PHONE: &str = "+4915157313373";
/// The password of a mail server.
pub const PASSWORD: &str = "zqxpassword7";
/// What a caller names its request.
pub const IDEMPOTENCY_KEY: &str = "zqxidempotency7";
/// The password of a database.
pub const DATABASE_PASSWORD: &str = "zqxdatabase7";
/// A key that nobody was given.
const FOREIGN_KEY: &str = "ov_zqxforeignkey7zqxforeignkey7zqxforeignkey7zq";
const NAME: &str = "Zqxname7 Zqxsurname7";
const SUBJECT: &str = "About zqxsubject7";
const CONTENT: &str = "Dear zqxcontent7, hello.";
const AGENT_ID: &str = "zqxagentid7";
const AGENT_NAME: &str = "Zqxagentname7";
const USERNAME: &str = "zqxusername7@example.com";

/// What must be found nowhere.
pub struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    /// Those of this page, and the key that `init` printed.
    pub fn of(demo: &Demo) -> Self {
        let fixed = [
            ("an email address", EMAIL),
            ("a phone number", &PHONE[1..]),
            ("a name", "zqxname7"),
            ("a surname", "zqxsurname7"),
            ("a subject", "zqxsubject7"),
            ("a content", "zqxcontent7"),
            ("an agent's id", AGENT_ID),
            ("an agent's name", "zqxagentname7"),
            ("an idempotency key", IDEMPOTENCY_KEY),
            ("a wrong key", &FOREIGN_KEY[3..]),
            ("a user name", "zqxusername7"),
            ("a mail server's password", PASSWORD),
            ("a database's password", DATABASE_PASSWORD),
        ];
        let mut canaries: Vec<_> = fixed.map(|(what, value)| (what, value.to_owned())).into();
        canaries.push(("a key", demo.api_key.trim_start_matches("ov_").to_owned()));
        Self(canaries)
    }

    /// These and more.
    #[must_use]
    pub fn and(mut self, more: &[(&'static str, &str)]) -> Self {
        self.0.extend(more.iter().map(|(what, value)| (*what, (*value).to_owned())));
        self
    }

    /// Which canaries stand in a text, in which form, with what is around them.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let lower = text.to_lowercase();
        let mut found = Vec::new();
        for (what, value) in &self.0 {
            for (form, needle, haystack) in forms(value, &text, &lower) {
                if let Some(at) = haystack.find(&needle) {
                    let around = haystack.get(at.saturating_sub(300)..).unwrap_or(&haystack[at..]);
                    let around: String = around.chars().take(600).collect();
                    found.push(format!("{what} {form}: … {around} …"));
                }
            }
        }
        found
    }

    /// The same, as a failure.
    ///
    /// # Errors
    /// A canary was found.
    pub fn must_not_be_in(&self, place: &str, bytes: &[u8]) -> Result<()> {
        let found = self.found_in(bytes);
        ensure!(found.is_empty(), "{place} holds {}", found.join("\nand "));
        Ok(())
    }
}

/// A body whose every personal field but the address and the subject is a canary.
#[must_use]
pub fn in_canaries(mut body: Value) -> Value {
    body["contactName"] = json!(NAME);
    body["content"] = json!(CONTENT);
    body["agent"] = json!({ "id": AGENT_ID, "name": AGENT_NAME });
    body
}

/// How a program may write a value.
fn forms<'a>(value: &str, text: &'a str, lower: &'a str) -> Vec<(&'static str, String, &'a str)> {
    let mut forms = vec![("as it is", value.to_lowercase(), lower)];
    for before in ["", "x", "xx"] {
        // Of its first and last characters it depends on what stands around the value.
        let whole = STANDARD.encode(format!("{before}{value}")).replace('=', "");
        let from = if before.is_empty() { 0 } else { 4 };
        forms.push(("as base64", whole[from..whole.len() - 2].to_owned(), text));
    }
    let (mut hexadecimal, mut list) = (String::new(), Vec::new());
    for byte in value.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(hexadecimal, "{byte:02x}");
        list.push(byte.to_string());
    }
    forms.push(("in hexadecimal", hexadecimal, lower));
    forms.push(("as a list of bytes", list.join(", "), lower));
    forms
}

/// A choir: an installation's channels whose every value is a canary, and what is sung through them.
pub struct Choir<'a> {
    demo: &'a Demo,
    open: String,
    locked: String,
    /// Takes mail from whoever knows the password.
    pub mail_server: MailServer,
    _locked_server: MailServer,
}

impl<'a> Choir<'a> {
    /// With one channel that may log in, and one whose password is wrong.
    ///
    /// # Errors
    /// A server does not start, or a channel is refused.
    pub async fn gather(installation: &Installation, demo: &'a Demo) -> Result<Self> {
        let with = |password: &str| MailServerOptions { password: Some(password.into()), ..Default::default() };
        let (mut mail_server, locked_server) =
            (MailServer::start_with(with(PASSWORD)).await?, MailServer::start_with(with("another")).await?);
        let login = json!({ "username": USERNAME, "password": PASSWORD });
        let open = installation.add_mail_channel(demo, &mail_server, &login)?;
        let locked = installation.add_mail_channel(demo, &locked_server, &login)?;
        for (who, stage, act) in [
            ("gone", Stage::Recipient, Act::Reply(&format!("550 5.1.1 <{EMAIL}.gone@example.com>: zqxname7 has left"))),
            ("grey", Stage::Recipient, Act::Reply(&format!("451 4.7.1 <{EMAIL}.grey@example.com> come back later"))),
            ("cut", Stage::Text, Act::TakeAndCut),
            ("silent", Stage::Text, Act::Hang),
        ] {
            let times = (who != "gone").then_some(1);
            mail_server.rule(stage, &format!("{EMAIL}.{who}@example.com"), act, times).await?;
        }
        Ok(Self { demo, open, locked, mail_server, _locked_server: locked_server })
    }

    fn mail(&self, who: &str) -> Value {
        let mut body = in_canaries(self.demo.mail(&self.open, &format!("{EMAIL}.{who}@example.com"), SUBJECT));
        body["deliverWithin"] = json!("PT40S");
        body
    }

    fn text(&self, channel: &str) -> Value {
        json!({ "workspaceId": self.demo.workspace, "channelId": channel, "contactPhone": PHONE, "contactName": NAME, "content": CONTENT })
    }

    /// Composes what a mail server takes, refuses, puts off, cuts and does not answer; what it does at the wrong password;
    /// and texts. Whether it is taken does not matter: somebody may be breaking the servers meanwhile.
    pub async fn sing(&self, client: &Client) {
        let mut bodies: Vec<_> = ["plain", "gone", "grey", "cut", "silent"].map(|who| self.mail(who)).into();
        let mut locked = self.mail("locked");
        locked["channelId"] = json!(self.locked);
        locked["deliverWithin"] = json!("PT10S");
        bodies.extend([locked, self.text(&self.demo.sms), self.text(&self.demo.whatsapp)]);
        for (n, body) in bodies.iter().enumerate() {
            let key = format!("{IDEMPOTENCY_KEY}-{n}");
            let represented = [("Idempotency-Key", key.as_str()), ("Prefer", "return=representation")];
            drop(tokio::join!(client.compose_with(body, &represented), client.compose(body)));
        }
        // Another body with a key that is taken.
        drop(client.compose_once(&bodies[1], &format!("{IDEMPOTENCY_KEY}-0")).await);
    }

    /// Sends what no caller should. Each is refused.
    ///
    /// # Errors
    /// One is not.
    pub async fn sing_out_of_tune(&self, client: &Client) -> Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(SOON).build()?;
        let compose = format!("{}/api/conversations/compose", client.url());
        let post = |body: String| {
            http.post(&compose).bearer_auth(client.key()).header("Content-Type", "application/json").body(body)
        };
        let with = |field: &str, value: Value| {
            let mut body = self.mail("plain");
            body[field] = value;
            post(body.to_string())
        };
        let requests = [
            post(format!(r#"{{"workspaceId": "{CONTENT}"#)),
            post(format!(r#""{CONTENT}""#)),
            with("zqxsubject7", json!(CONTENT)),
            with("contactEmail", json!([EMAIL, NAME])),
            with("contactEmail", json!(format!("{EMAIL}@@example.com"))),
            with("contactEmail", json!(format!("{NAME} <{EMAIL}@example.com>"))),
            with("contactPhone", json!(format!("{PHONE} ext {AGENT_ID}"))),
            with("contactName", json!(NAME.repeat(50))),
            with("subject", json!(SUBJECT.repeat(50))),
            with("content", json!(CONTENT.repeat(20_000))),
            with("agent", json!({ "id": AGENT_ID.repeat(50), "name": AGENT_NAME })),
            with("deliverWithin", json!(CONTENT)),
            with("channelId", json!(CONTENT)),
            with("contactId", json!(EMAIL)),
            post(self.mail("plain").to_string()).header("Idempotency-Key", IDEMPOTENCY_KEY.repeat(30)),
            post(self.mail("plain").to_string()).header("Prefer", format!("handling={CONTENT}")),
            http.post(&compose).bearer_auth(client.key()).header("Content-Type", "text/plain").body(CONTENT),
            http.post(&compose).bearer_auth(FOREIGN_KEY).json(&self.mail("plain")),
            http.post(&compose).basic_auth(USERNAME, Some(PASSWORD)).json(&self.mail("plain")),
            http.get(format!("{}/api/conversations/{EMAIL}@example.com", client.url())).bearer_auth(client.key()),
            http.get(format!("{}/api/conversations/{EMAIL}/messages?cursor={EMAIL}&{EMAIL}=1", client.url()))
                .bearer_auth(client.key()),
            http.get(format!("{}/{EMAIL}?{EMAIL}", client.url())),
            http.put(format!("{}/api/conversations/compose?{EMAIL}", client.url())).bearer_auth(client.key()),
        ];
        for (n, request) in requests.into_iter().enumerate() {
            let status = request.send().await?.status().as_u16();
            // What `Prefer` says may be passed over.
            ensure!((400..500).contains(&status) || n == 15, "request {n} was answered {status}");
        }
        let address = client.url().trim_start_matches("http://");
        for garbage in [
            format!("{CONTENT}\r\n\r\n"),
            format!("POST /{EMAIL} HTTP/9.9\r\nAuthorization: Bearer {FOREIGN_KEY}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nHost: {EMAIL}\r\nX: {}\r\n\r\n", CONTENT.repeat(20_000)),
            format!("POST /api/conversations/compose HTTP/1.1\r\nHost: x\r\nContent-Length: {CONTENT}\r\n\r\n"),
        ] {
            let mut connection = TcpStream::connect(address).await?;
            // It may hang up before all is said.
            let _ = connection.write_all(garbage.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(SOON, connection.read_to_end(&mut answer)).await.context("it hangs up")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that could not find would show nothing.
    #[test]
    fn a_canary_is_found_in_every_form() {
        let canaries = Canaries(vec![("a password", PASSWORD.to_owned())]);
        let list: Vec<u8> = format!("\0user\0{PASSWORD}").into_bytes();
        for text in [
            format!("before {PASSWORD} after"),
            PASSWORD.to_uppercase(),
            STANDARD.encode(&list),
            STANDARD.encode(&list[1..]),
            STANDARD.encode(&list[2..]),
            list.iter().map(|byte| format!("{byte:02X}")).collect(),
            format!("{list:?}"),
        ] {
            assert!(!canaries.found_in(text.as_bytes()).is_empty(), "{text}");
        }
        assert!(canaries.found_in(b"zqxpasswor").is_empty());
    }
}
