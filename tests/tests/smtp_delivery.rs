//! Delivery to a real mail server: what arrives there, and what every answer of it, or none, does to the message.

use anyhow::{Context, Result, ensure};
use overture_tests::client::Client;
use overture_tests::conditions::{AFTER_LEASES, SOON, eventually};
use overture_tests::installation::{Demo, Installation, Server};
use overture_tests::mail_server::{Act, Mail, MailServer, MailServerOptions, Stage};
use serde_json::{Value, json};
use std::process::Output;

/// An installation that serves, with one channel that sends by one mail server.
struct Post {
    installation: Installation,
    demo: Demo,
    mail_server: MailServer,
    channel: String,
    client: Client,
    _server: Server,
}

impl Post {
    async fn open() -> Result<Self> {
        Self::open_with(MailServerOptions::default(), Value::Null).await
    }

    async fn open_with(options: MailServerOptions, settings: Value) -> Result<Self> {
        let installation = Installation::new()?.with("OVERTURE__SMTP__TIMEOUT", "PT3S");
        let demo = installation.init()?;
        let mail_server = MailServer::start_with(options).await?;
        let channel = installation.add_mail_channel(&demo, &mail_server, &settings)?;
        let server = installation.serve().await?;
        let client = server.client(&demo)?;
        Ok(Self { installation, demo, mail_server, channel, client, _server: server })
    }

    /// Composes to an address; comes back with the conversation.
    async fn compose(&self, to: &str, subject: &str) -> Result<String> {
        self.compose_body(&self.demo.mail(&self.channel, to, subject)).await
    }

    async fn compose_body(&self, body: &Value) -> Result<String> {
        Ok(self.client.compose(body).await?.composed()?.conversation()?.to_owned())
    }

    /// The message of a conversation, once `wanted` holds for it.
    async fn message(&self, conversation: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = eventually("the message is as wanted", SOON, async || {
            let message = self.client.only_message(conversation).await?;
            Ok(wanted(&message).then_some(message))
        });
        match found.await {
            Ok(message) => Ok(message),
            Err(error) => Err(error.context(self.client.only_message(conversation).await?)),
        }
    }

    async fn message_in(&self, conversation: &str, status: &str) -> Result<Value> {
        self.message(conversation, |message| message["status"] == status).await
    }

    /// Its attempts, as `overture message show` tells them: outcome and code of each.
    fn attempts(&self, message: &Value) -> Result<Vec<(String, String)>> {
        let id = message["id"].as_str().context("no id")?;
        let shown = self.installation.ask(&["message", "show", id])?;
        let attempts = shown["attempts"].as_array().context("no attempts")?.clone();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(attempts.iter().map(|attempt| (word(&attempt["outcome"]), word(&attempt["code"]))).collect())
    }

    /// The channel, as `overture channel list` tells it.
    fn listed_channel(&self) -> Result<Value> {
        let listed = self.installation.ask(&["channel", "list"])?;
        let channels = listed["data"].as_array().context("no data")?.clone();
        channels.into_iter().find(|channel| channel["id"] == self.channel.as_str()).context("the channel is not listed")
    }

    fn copies(&self, subject: &str) -> Result<Vec<Mail>> {
        let mails = self.mail_server.mails()?;
        Ok(mails.into_iter().filter(|mail| mail.text("subject") == subject).collect())
    }
}

fn outcomes(attempts: &[(String, String)]) -> Vec<(&str, &str)> {
    attempts.iter().map(|(outcome, code)| (outcome.as_str(), code.as_str())).collect()
}

#[tokio::test]
async fn an_email_arrives_with_subject_text_message_id_and_a_name_beyond_ascii() {
    let settings = json!({ "from": "Überall Support <support@example.com>", "replyTo": "antwort@example.com" });
    let post = Post::open_with(MailServerOptions::default(), settings).await.unwrap();
    let subject =
        "Grüße: Ihre Anfrage № 4521 ist da — 山田さん, und noch ein Stück, damit die Zeile lang genug zum Falten wird";
    let content =
        format!("Sehr geehrte Frau Åström,\n\n.ein Punkt am Anfang\n..zwei\n\t€ 100 😀\n{}\nEnde", "lang ".repeat(400));
    let name = "Zoë \"山田\" Åström, Dr.";
    let mut body = post.demo.mail(&post.channel, "Zoe.Astrom+4521@bücher.example", subject);
    body["contactName"] = json!(name);
    body["content"] = json!(content);
    let conversation = post.compose_body(&body).await.unwrap();
    let message = post.message_in(&conversation, "sent").await.unwrap();

    let mails = post.mail_server.mails().unwrap();
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(mail.text("subject"), subject);
    assert_eq!(mail.text("text").replace("\r\n", "\n").trim_end(), content);
    assert_eq!(mail.facts["recipients"], json!(["Zoe.Astrom+4521@xn--bcher-kva.example"]));
    assert_eq!(mail.facts["to"], json!([{ "name": name, "address": "Zoe.Astrom+4521@xn--bcher-kva.example" }]));
    assert_eq!(mail.facts["from"], json!([{ "name": "Überall Support", "address": "support@example.com" }]));
    assert_eq!(mail.facts["replyTo"][0]["address"], "antwort@example.com");
    assert_eq!(mail.text("mailFrom"), "support@example.com");
    assert_eq!(mail.text("mimeVersion"), "1.0");
    assert!(!mail.text("date").is_empty());
    assert_eq!(mail.facts["defects"], json!([]));
    assert!(mail.bytes.is_ascii(), "a server without 8BITMIME gets ASCII only");
    assert!(
        mail.bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999),
        "RFC 5322: at most 998 octets a line"
    );

    let message_id = mail.text("messageId").trim_matches(['<', '>']);
    assert!(message_id.ends_with("@example.com"), "{message_id}");
    assert_eq!(message["providerMessageId"].as_str().unwrap().trim_matches(['<', '>']), message_id);
    assert_eq!(message["content"], json!(content));
    assert_eq!(message["attempts"], 1);
    let conversation = post.client.get(&format!("/api/conversations/{conversation}")).await.unwrap().body;
    assert_eq!(conversation["status"], "awaiting_contact");
}

#[tokio::test]
async fn a_local_part_beyond_ascii_is_sent_where_smtputf8_is_offered_and_fails_where_it_is_not() {
    let able = Post::open_with(MailServerOptions { smtputf8: true, ..Default::default() }, Value::Null).await.unwrap();
    let conversation = able.compose("zoë@example.com", "Able").await.unwrap();
    able.message_in(&conversation, "sent").await.unwrap();
    let mail = able.copies("Able").unwrap().remove(0);
    assert_eq!(mail.facts["recipients"], json!(["zoë@example.com"]));
    assert!(mail.facts["mailOptions"].to_string().contains("SMTPUTF8"), "{}", mail.facts);

    let unable = Post::open().await.unwrap();
    let conversation = unable.compose("zoë@example.com", "Unable").await.unwrap();
    let message = unable.message_in(&conversation, "failed").await.unwrap();
    assert_eq!(message["error"]["code"], "smtputf8_unsupported");
}

fn try_out(installation: &Installation, url: &str, password: Option<&str>) -> Result<Output> {
    let mut command = installation.command(&["try", "--to", "me@example.com", "--smtp", url])?;
    if let Some(password) = password {
        command.env("OVERTURE_TRY_SMTP_PASSWORD", password);
    }
    Ok(command.output()?)
}

#[tokio::test]
async fn overture_try_sends_one_real_email_and_tells_its_life_until_it_is_sent() {
    let installation = Installation::new().unwrap();
    let mail_server = MailServer::start().await.unwrap();
    let output = try_out(&installation, &format!("smtp://127.0.0.1:{}", mail_server.port()), None).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    for part in ["POST http://127.0.0.1:", "200 OK", "attempt 1 begins", "attempt 1: sent"] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    let mails = mail_server.mails().unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].facts["recipients"], json!(["me@example.com"]));
    assert!(!installation.database().exists(), "it leaves the installation alone");
}

#[tokio::test]
async fn overture_try_logs_in_with_the_password_of_the_environment_and_says_when_it_is_refused() {
    let installation = Installation::new().unwrap();
    let options = MailServerOptions { password: Some("hunter2".into()), ..Default::default() };
    let mut mail_server = MailServer::start_with(options).await.unwrap();
    let url = format!("smtp://me@example.com@127.0.0.1:{}?tls=none", mail_server.port());
    let output = try_out(&installation, &url, Some("hunter2")).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(mail_server.mails().unwrap()[0].text("mailFrom"), "me@example.com");

    mail_server.rule(Stage::Recipient, "*", Act::Reply("550 5.1.1 No such user here"), None).await.unwrap();
    let output = try_out(&installation, &url, Some("hunter2")).unwrap();
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("550 5.1.1") && told.contains("No such user here"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_550_fails_the_message_with_the_servers_code_and_text_and_asks_for_a_person() {
    let mut post = Post::open().await.unwrap();
    let refusal = Act::Reply("550 5.1.1 No such user here");
    post.mail_server.rule(Stage::Recipient, "gone@example.com", refusal, None).await.unwrap();
    let conversation = post.compose("gone@example.com", "To nobody").await.unwrap();
    let message = post.message_in(&conversation, "failed").await.unwrap();
    let error = &message["error"];
    assert_eq!((&error["code"], &error["providerCode"]), (&json!("recipient_unknown"), &json!("550 5.1.1")));
    assert!(error["text"].as_str().unwrap().contains("No such user here"), "{error}");
    assert_eq!(error["retryable"], false);
    assert_eq!(outcomes(&post.attempts(&message).unwrap()), [("rejected", "recipient_unknown")]);
    let conversation = post.client.get(&format!("/api/conversations/{conversation}")).await.unwrap().body;
    assert_eq!(conversation["status"], "in_progress");
    assert_eq!(conversation["attention"]["messageId"], message["id"]);
    assert_eq!(post.mail_server.events("rcpt").unwrap().len(), 1, "a refusal is not tried again");
}

#[tokio::test]
async fn a_451_is_tried_again_until_the_message_is_sent_once() {
    let mut post = Post::open().await.unwrap();
    let later = Act::Reply("451 4.7.1 Greylisted, come back later");
    post.mail_server.rule(Stage::Recipient, "grey@example.com", later, Some(1)).await.unwrap();
    post.mail_server.rule(Stage::Text, "grey@example.com", Act::Reply("451 4.3.0 Queue full"), Some(1)).await.unwrap();
    let conversation = post.compose("grey@example.com", "Later").await.unwrap();
    let waiting =
        post.message(&conversation, |message| message["attempts"] == 1 && message["status"] == "queued").await.unwrap();
    assert_eq!(waiting["error"]["code"], "temporarily_refused");
    assert_eq!(waiting["error"]["providerCode"], "451 4.7.1");
    assert_eq!(waiting["error"]["retryable"], true);
    let message = post.message_in(&conversation, "sent").await.unwrap();
    assert_eq!(message["error"], Value::Null);
    let refused = ("unavailable", "temporarily_refused");
    assert_eq!(outcomes(&post.attempts(&message).unwrap()), [refused, refused, ("sent", "")]);
    assert_eq!(post.copies("Later").unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_cut_after_the_text_is_unclear_and_the_same_bytes_come_again() {
    let mut post = Post::open().await.unwrap();
    post.mail_server.rule(Stage::Text, "taken@example.com", Act::TakeAndCut, Some(1)).await.unwrap();
    post.mail_server.rule(Stage::Text, "lost@example.com", Act::Cut, Some(1)).await.unwrap();
    post.mail_server.rule(Stage::Text, "silent@example.com", Act::Hang, Some(1)).await.unwrap();
    for (to, code, copies) in [
        ("taken@example.com", "answer_lost", 2),
        ("lost@example.com", "answer_lost", 1),
        ("silent@example.com", "answer_timed_out", 1),
    ] {
        let conversation = post.compose(to, to).await.unwrap();
        let message = post.message_in(&conversation, "sent").await.unwrap();
        assert_eq!(outcomes(&post.attempts(&message).unwrap()), [("unclear", code), ("sent", "")], "{to}");
        let came = post.copies(to).unwrap();
        assert_eq!(came.len(), copies, "{to}");
        assert!(came.iter().all(|copy| copy.bytes == came[0].bytes), "{to}: the copies differ");
        assert!(
            came[0].text("messageId").contains(message["providerMessageId"].as_str().unwrap().trim_matches(['<', '>']))
        );
    }
}

#[tokio::test]
async fn a_connection_cut_before_the_text_is_certainly_not_sent_and_the_message_comes_once() {
    let mut post = Post::open().await.unwrap();
    post.mail_server.rule(Stage::Recipient, "early@example.com", Act::Cut, Some(1)).await.unwrap();
    let conversation = post.compose("early@example.com", "Early").await.unwrap();
    let message = post.message_in(&conversation, "sent").await.unwrap();
    assert_eq!(outcomes(&post.attempts(&message).unwrap()), [("unavailable", "connection_lost"), ("sent", "")]);
    assert_eq!(post.copies("Early").unwrap().len(), 1);
}

#[tokio::test]
async fn with_a_wrong_password_the_channel_is_in_error_messages_wait_and_one_of_them_probes_until_it_works() {
    let options = MailServerOptions { password: Some("new".into()), ..Default::default() };
    let login = json!({ "username": "support@example.com", "password": "old" });
    let mut post = Post::open_with(options, login).await.unwrap();
    let first = post.compose("first@example.com", "First").await.unwrap();
    eventually(
        "the channel is in error",
        SOON,
        async || Ok((post.listed_channel()?["state"] == "error").then_some(())),
    )
    .await
    .unwrap();
    let fault = post.listed_channel().unwrap()["fault"].clone();
    assert_eq!(fault["code"], "authentication_failed");
    assert!(!fault.to_string().contains("support@example.com"), "{fault}");

    for n in 0..20 {
        let body = post.demo.mail(&post.channel, &format!("waits{n}@example.com"), &format!("Waits {n}"));
        let answer = post.client.compose(&body).await.unwrap().composed().unwrap();
        assert_eq!(answer.notices(), ["channel_in_error"]);
    }
    let tried = async || {
        let tried = post.mail_server.events("auth")?;
        Ok((tried.len() >= 2).then_some(tried))
    };
    let tried = eventually("it is probed again", AFTER_LEASES, tried).await.unwrap();
    let times: Vec<f64> = tried.iter().map(|event| event["at"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] > 10.0), "21 messages wait, and one probes: {times:?}");
    assert_eq!(post.client.only_message(&first).await.unwrap()["status"], "queued");
    assert_eq!(post.mail_server.mails().unwrap().len(), 0);

    post.mail_server.set_password("old").await.unwrap();
    post.installation.settles(AFTER_LEASES).await.unwrap();
    assert_eq!(post.listed_channel().unwrap()["state"], "active");
    assert_eq!(post.mail_server.mails().unwrap().len(), 21);
    let answer = post.client.compose(&post.demo.mail(&post.channel, "after@example.com", "After")).await.unwrap();
    assert!(answer.composed().unwrap().notices().is_empty());
}

#[tokio::test]
async fn while_the_mail_server_is_down_messages_wait_and_go_out_once_when_it_is_back() {
    let mut post = Post::open().await.unwrap();
    let before = post.compose("before@example.com", "Before").await.unwrap();
    post.message_in(&before, "sent").await.unwrap();
    post.mail_server.down().unwrap();
    let mut waiting = Vec::new();
    for n in 0..5 {
        waiting.push(post.compose(&format!("waits{n}@example.com"), &format!("Waits {n}")).await.unwrap());
    }
    let met = post.message(&waiting[0], |message| message["error"] != Value::Null).await.unwrap();
    assert_eq!((&met["error"]["code"], &met["status"]), (&json!("connection_failed"), &json!("queued")));
    assert_eq!(post.listed_channel().unwrap()["state"], "error", "one message probes for all");
    post.mail_server.up().await.unwrap();
    for (n, conversation) in waiting.iter().enumerate() {
        post.message_in(conversation, "sent").await.unwrap();
        assert_eq!(post.copies(&format!("Waits {n}")).unwrap().len(), 1);
    }
    assert_eq!(post.listed_channel().unwrap()["state"], "active");
}

#[tokio::test]
async fn what_is_not_handed_over_within_deliver_within_fails_as_expired_and_is_never_sent() {
    let mut post = Post::open().await.unwrap();
    post.mail_server.down().unwrap();
    let mut body = post.demo.mail(&post.channel, "late@example.com", "Too late");
    body["deliverWithin"] = json!("PT2S");
    let expired = post.compose_body(&body).await.unwrap();
    let waits = post.compose("waits@example.com", "In time").await.unwrap();
    let message = post.message_in(&expired, "failed").await.unwrap();
    assert_eq!(message["error"]["code"], "expired");
    assert_eq!(message["statusFinal"], true);
    let conversation = post.client.get(&format!("/api/conversations/{expired}")).await.unwrap().body;
    assert_eq!(conversation["attention"]["messageId"], message["id"]);

    post.mail_server.up().await.unwrap();
    post.message_in(&waits, "sent").await.unwrap();
    let after = post.compose("after@example.com", "Afterwards").await.unwrap();
    post.message_in(&after, "sent").await.unwrap();
    assert_eq!(post.copies("Too late").unwrap().len(), 0);
    assert_eq!(post.client.only_message(&expired).await.unwrap(), message);
}

#[tokio::test]
async fn asked_to_stop_while_a_message_is_under_way_the_process_lets_it_end() {
    let mut post = Post::open().await.unwrap();
    post.mail_server.rule(Stage::Text, "slow@example.com", Act::Hang, Some(1)).await.unwrap();
    let conversation = post.compose("slow@example.com", "Slow").await.unwrap();
    eventually("the message is under way", SOON, async || Ok(post.mail_server.events("text")?.first().cloned()))
        .await
        .unwrap();
    let Post { installation, _server: server, .. } = post;
    stops_cleanly(server).await.unwrap();
    let open = installation.count("SELECT count(*) FROM attempts WHERE outcome IS NULL").unwrap();
    assert_eq!(open, 0, "the attempt of {conversation} was left open");
}

async fn stops_cleanly(server: Server) -> Result<()> {
    let status = server.stop().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
