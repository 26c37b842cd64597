//! One script of conversations for any installation, and the rows that it leaves, in words that are the same on each:
//! ids become names, times become the word `time`.

use crate::client::{Answer, Client};
use crate::conditions::{AFTER_LEASES, eventually};
use crate::installation::{Demo, Installation};
use crate::mail_server::{Act, MailServer, MailServerOptions, Stage};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tables whose rows are told.
const TABLES: [&str; 9] = [
    "contacts",
    "contact_addresses",
    "conversations",
    "messages",
    "attempts",
    "events",
    "channels",
    "idempotency_records",
    "wakeups",
];
/// What is random or sealed with a key of the installation.
const SEALED: [(&str, &str); 3] =
    [("channels", "secrets"), ("idempotency_records", "key"), ("idempotency_records", "body")];

/// Where the script is played: an installation that serves and delivers.
pub struct Scene<'a> {
    /// Its command line and rows.
    pub installation: &'a Installation,
    /// What `init` made.
    pub demo: &'a Demo,
    /// Its API.
    pub client: &'a Client,
    /// The mail server of `channel`; the script tells it what to refuse.
    pub mail_server: &'a mut MailServer,
    /// The channel of that.
    pub channel: &'a str,
}

/// The rows that a script left: each table's, in an order of its own.
pub type Told = BTreeMap<&'static str, Vec<String>>;

impl Scene<'_> {
    /// Plays the script: each conversation has come to its end before the next one begins.
    ///
    /// # Errors
    /// A conversation ended otherwise than the script says.
    pub async fn play(mut self) -> Result<Told> {
        let locked_server =
            MailServer::start_with(MailServerOptions { password: Some("new".into()), ..Default::default() }).await?;
        let login = json!({ "username": "support@example.com", "password": "old" });
        let locked = self.installation.add_mail_channel(self.demo, &locked_server, &login)?;
        self.refusals().await?;

        let plain = self.mail("ann@example.com", "plain", |body| {
            body["contactName"] = json!("Ann Example");
            body["agent"] = json!({ "id": "agent-7", "name": "Agent Seven" });
        });
        self.expect(&plain, &[], "sent", &[]).await?;
        let ann = self.contact_of("plain")?;

        let repeated = self.mail("ben@example.com", "repeated", |_| {});
        let first = self.expect(&repeated, &[("Idempotency-Key", "script-1")], "sent", &[]).await?;
        let again = self.client.compose_once(&repeated, "script-1").await?.composed()?;
        ensure!(again.header("idempotency-replayed") == Some("true") && again.conversation()? == first);

        self.expect(&self.mail("gone@example.com", "rejected", |_| {}), &[], "failed", &[]).await?;
        self.expect(&self.mail("grey@example.com", "put off", |_| {}), &[], "sent", &[]).await?;
        self.expect(&self.text(&self.demo.sms, "+4915112345678", "text"), &[], "sent", &[]).await?;
        self.expect(&self.text(&self.demo.whatsapp, "+4915112345679", "whatsapp"), &[], "sent", &[]).await?;

        let mut widened = self.text(&self.demo.sms, "+4915112345670", "widened");
        widened["contactEmail"] = json!("Ann@Example.com");
        self.expect(&widened, &[], "sent", &["contact_widened"]).await?;
        let ignored =
            self.mail("ben@example.com", "hint ignored", |body| body["contactPhone"] = json!("+4915112345678"));
        self.expect(&ignored, &[], "sent", &["contact_hint_ignored"]).await?;

        let mut by_id = self.mail("", "by id", |body| body["contactId"] = json!(ann));
        by_id.as_object_mut().context("a body is an object")?.remove("contactEmail");
        self.expect(&by_id, &[], "sent", &[]).await?;
        let strict = self.client.compose_with(&ignored, &[("Prefer", "handling=strict")]).await?;
        ensure!(strict.status == 409, "{} {}", strict.status, strict.body);

        let mut expired = self.mail("late@example.com", "expired", |body| body["deliverWithin"] = json!("PT8S"));
        expired["channelId"] = json!(locked);
        self.expect(&expired, &[], "failed", &[]).await?;
        self.installation.settles(AFTER_LEASES).await?;
        self.tell(
            &[(locked, "channel locked"), (self.channel.to_owned(), "channel mail")],
            &[self.mail_server.port(), locked_server.port()],
        )
    }

    async fn refusals(&mut self) -> Result<()> {
        let (gone, grey) =
            (Act::Reply("550 5.1.1 No such user here"), Act::Reply("451 4.7.1 Greylisted, come back later"));
        self.mail_server.rule(Stage::Recipient, "gone@example.com", gone, None).await?;
        self.mail_server.rule(Stage::Recipient, "grey@example.com", grey, Some(1)).await
    }

    /// An email; its subject and content say which conversation of the script it is.
    fn mail(&self, to: &str, which: &str, more: impl FnOnce(&mut Value)) -> Value {
        let mut body = self.demo.mail(self.channel, to, &format!("Script: {which}"));
        body["content"] = json!(which);
        more(&mut body);
        body
    }

    fn text(&self, channel: &str, to: &str, which: &str) -> Value {
        json!({ "workspaceId": self.demo.workspace, "channelId": channel, "contactPhone": to, "content": which })
    }

    /// Composes, and waits until the message has come to this end. Comes back with the conversation.
    async fn expect(&self, body: &Value, headers: &[(&str, &str)], end: &str, notices: &[&str]) -> Result<String> {
        let answer: Answer = self.client.compose_with(body, headers).await?.composed()?;
        ensure!(answer.notices() == notices, "{body}: {:?}", answer.notices());
        let conversation = answer.conversation()?.to_owned();
        eventually(&format!("{} ends as {end}", body["content"]), AFTER_LEASES, async || {
            let message = self.client.only_message(&conversation).await?;
            let ended = !matches!(message["status"].as_str(), Some("queued" | "sending"));
            ensure!(!ended || message["status"] == end, "{message}");
            Ok(ended.then_some(()))
        })
        .await?;
        Ok(conversation)
    }

    fn contact_of(&self, which: &str) -> Result<String> {
        let sql = format!(
            "SELECT v.contact_id FROM conversations v JOIN messages m ON m.conversation_id = v.id WHERE m.content = '{which}'"
        );
        let rows = self.installation.rows(&sql)?;
        rows.first().and_then(|row| row["contact_id"].as_str()).map(str::to_owned).context("no contact")
    }

    /// All rows, with names for ids.
    fn tell(&self, channels: &[(String, &str)], ports: &[u16]) -> Result<Told> {
        let mut names: Vec<(String, String)> = self.names()?;
        names.extend(channels.iter().map(|(id, name)| (id.clone(), (*name).to_owned())));
        names.extend(ports.iter().map(|port| (port.to_string(), "PORT".to_owned())));
        let mut told = Told::new();
        for table in TABLES {
            let mut rows = Vec::new();
            for row in self.installation.rows(&format!("SELECT * FROM {table}"))? {
                let row = row.as_object().context("a row is an object")?;
                let plain = row.iter().filter(|(column, _)| (table, column.as_str()) != ("events", "id"));
                let plain: BTreeMap<_, _> =
                    plain.map(|(name, value)| (name, plain_value(table, name, value))).collect();
                let text = serde_json::to_string(&plain)?;
                rows.push(names.iter().fold(text, |text, (id, name)| text.replace(id, name)));
            }
            rows.sort();
            told.insert(table, rows);
        }
        Ok(told)
    }

    /// A name for each id: conversations and messages by what they say, contacts by where they are reached.
    fn names(&self) -> Result<Vec<(String, String)>> {
        let mut names = Vec::new();
        for (sql, what) in [
            ("SELECT conversation_id AS id, content AS name FROM messages", "conversation"),
            ("SELECT id, content AS name FROM messages", "message"),
            (
                "SELECT contact_id AS id, canonical AS name FROM contact_addresses WHERE is_primary = TRUE ORDER BY kind",
                "contact",
            ),
            ("SELECT id, name FROM tenants", "tenant"),
            ("SELECT id, name FROM workspaces", "workspace"),
            ("SELECT id, name FROM api_keys", "key"),
            ("SELECT id, kind AS name FROM channels WHERE transport = 'sandbox'", "channel"),
        ] {
            for row in self.installation.rows(sql)? {
                let text = |column: &str| row[column].as_str().map(str::to_owned).with_context(|| format!("{row}"));
                names.push((text("id")?, format!("{what} {}", text("name")?)));
            }
        }
        Ok(names)
    }
}

/// A value without what differs from one installation, database or moment to another.
fn plain_value(table: &str, column: &str, value: &Value) -> Value {
    let time = column == "at" || ["_at", "_until", "_since", "_by"].iter().any(|end| column.ends_with(end));
    match value {
        Value::Null => Value::Null,
        _ if SEALED.contains(&(table, column)) => json!("sealed"),
        _ if time => json!("time"),
        Value::Bool(truth) => json!(u8::from(*truth)),
        value => value.clone(),
    }
}
