//! The window of WhatsApp, through the built binary: what leaves while a contact has not written for a day, what waits for it to
//! write, and what becomes of that.

use anyhow::{Context, Result, ensure};
use overture_tests::carrier::{Carrier, News, Sent};
use overture_tests::conditions::{AFTER_LEASES, eventually};
use overture_tests::line::Line;
use overture_tests::provider_server::Act;
use overture_tests::whatsapp;
use serde_json::{Value, json};

const ANN: &str = "+4915112345671";
const BEN: &str = "+4915112345672";

/// A line of the Cloud API whose channel says what leaves outside the window.
async fn line(outside: &Value) -> Result<Line> {
    let line = Line::open(Carrier::Cloud).await?;
    line.client.change_channel(&line.channel, &json!({ "outsideWindow": outside })).await?;
    Ok(line)
}

fn opener() -> Value {
    json!({ "mode": "opener", "template": { "name": "may_we_write", "language": "en" }, "body": "May we write to you?" })
}

/// Composes to somebody who may never have written; comes back with the conversation.
async fn composed(line: &Line, to: &str, text: &str) -> Result<String> {
    Ok(line.client.compose(&line.body(to, text)).await?.composed()?.conversation()?.to_owned())
}

async fn writes(line: &Line, id: &str, from: &str, text: &str) -> Result<()> {
    let told = line.tell(&News::Text(id, from, text)).await?;
    ensure!(told.status == 200, "{told:?}");
    Ok(())
}

/// What the provider was handed of a message.
fn sent_of(line: &Line, message: &Value) -> Result<Sent> {
    let mut sent: Vec<_> = line.sent().into_iter().filter(|sent| message["id"] == sent.ours.as_str()).collect();
    ensure!(sent.len() == 1, "{} of {message}", sent.len());
    Ok(sent.remove(0))
}

/// The message of ours in a conversation that says this, once it has that status.
async fn said_in(line: &Line, conversation: &str, text: &str, status: &str) -> Result<Value> {
    let what = format!("{text:?} is {status}");
    let found = eventually(&what, AFTER_LEASES, async || {
        let messages = line.messages(conversation).await?;
        Ok(messages.into_iter().find(|message| message["content"] == text && message["status"] == status))
    });
    match found.await {
        Ok(found) => Ok(found),
        Err(error) => Err(error.context(format!("{:?}", line.messages(conversation).await?))),
    }
}

fn as_written(sent: &Sent, text: &str) -> Result<()> {
    ensure!(sent.body["type"] == "text" && sent.body["text"]["body"] == text, "{}", sent.body);
    ensure!(sent.body.get("template").is_none(), "{}", sent.body);
    Ok(())
}

fn by_template(sent: &Sent, text: &str) -> Result<()> {
    let components = json!([{ "type": "body", "parameters": [{ "type": "text", "text": text }] }]);
    let expected = json!({ "name": "agent_message", "language": { "code": "en" }, "components": components });
    ensure!(sent.body["type"] == "template" && sent.body["template"] == expected, "{}", sent.body);
    ensure!(sent.body.get("text").is_none(), "{}", sent.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_leaves_as_written_for_a_day_after_the_contact_wrote_and_else_by_its_template() -> Result<()> {
    let template = json!({ "name": "agent_message", "language": "en" });
    let line = line(&json!({ "mode": "carry", "template": template, "body": "Acme: {{1}}" })).await?;
    let text = "Dear Ann,\n\nyour order.";
    let (travels, reads) = ("Dear Ann, your order.", "Acme: Dear Ann, your order.");
    let is_open =
        async || Ok::<_, anyhow::Error>(line.client.preview(&line.body(ANN, text)).await?.body["windowOpen"].clone());
    let leaves = async || {
        let conversation = composed(&line, ANN, text).await?;
        line.message_in(&conversation, "sent").await
    };
    let never_wrote = async || {
        let message = leaves().await?;
        by_template(&sent_of(&line, &message)?, travels)?;
        ensure!(message["content"] == text && message["sentAs"] == reads, "{message}");
        ensure!(is_open().await? == false);
        Ok(())
    };
    never_wrote().await?;

    writes(&line, "wamid.one", ANN, "Yes?").await?;
    ensure!(is_open().await? == true);
    let message = leaves().await?;
    as_written(&sent_of(&line, &message)?, text)?;
    ensure!(message["content"] == text && message["sentAs"].is_null(), "{message}");

    // What was composed in time and leaves too late goes by the template as well.
    line.installation.ask(&["channel", "pause", &line.channel])?;
    let late = composed(&line, ANN, text).await?;
    let day = 24 * 60 * 60 * 1_000;
    line.installation.change(&format!("UPDATE windows SET opened_at = opened_at - {day}"))?;
    line.installation.ask(&["channel", "resume", &line.channel])?;
    let message = line.message_in(&late, "sent").await?;
    by_template(&sent_of(&line, &message)?, travels)?;
    ensure!(message["sentAs"] == reads, "{message}");
    never_wrote().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_texts_leave_as_written_once_the_contact_has_answered_the_opener() -> Result<()> {
    let line = line(&opener()).await?;
    let first = composed(&line, ANN, "First\n\ntext").await?;
    let second = composed(&line, ANN, "Second text").await?;
    let asked = said_in(&line, &first, "May we write to you?", "sent").await?;
    let sent = line.one_sent_to(ANN).await?;
    ensure!(asked["id"] == sent.ours.as_str() && asked["sentAs"] == "May we write to you?", "{asked}");
    let expected = json!({ "name": "may_we_write", "language": { "code": "en" } });
    ensure!(sent.body["template"] == expected, "{}", sent.body);
    for (conversation, text) in [(&first, "First\n\ntext"), (&second, "Second text")] {
        said_in(&line, conversation, text, "held").await?;
    }

    let declines = composed(&line, BEN, "Not wanted").await?;
    said_in(&line, &declines, "May we write to you?", "sent").await?;
    writes(&line, "wamid.stop", BEN, "Stop").await?;
    let canceled = said_in(&line, &declines, "Not wanted", "canceled").await?;
    ensure!(canceled["error"]["code"] == "opted_out", "{canceled}");

    ensure!(line.sent_to(ANN).len() == 1, "what is held waits for its own contact");
    writes(&line, "wamid.yes", ANN, "Yes, please").await?;
    for (conversation, text) in [(&first, "First\n\ntext"), (&second, "Second text")] {
        let message = said_in(&line, conversation, text, "sent").await?;
        as_written(&sent_of(&line, &message)?, text)?;
        ensure!(message["sentAs"].is_null(), "{message}");
    }
    line.installation.settles(AFTER_LEASES).await?;
    ensure!(line.sent_to(ANN).len() == 3 && line.sent_to(BEN).len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_held_for_an_opener_that_fails_fail_at_once_and_the_next_one_asks_anew() -> Result<()> {
    an_opener_fails(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_held_for_an_opener_that_fails_do_so_on_postgres_and_temporal_too() -> Result<()> {
    an_opener_fails(&Line::open_in_production(Carrier::Cloud, &[]).await?).await
}

async fn an_opener_fails(line: &Line) -> Result<()> {
    line.client.change_channel(&line.channel, &json!({ "outsideWindow": opener() })).await?;
    let refused = || Act::Answer(whatsapp::refusal(400, 131_026, "(#131026) Message undeliverable"));
    line.provider.rule(ANN, refused(), Some(1));
    let both = [composed(line, ANN, "A text").await?, composed(line, BEN, "A text").await?];

    // One is refused at once, the other is taken and fails by a receipt.
    let asked = said_in(line, &both[0], "May we write to you?", "failed").await?;
    ensure!(asked["error"]["code"] == "unknown_recipient", "{asked}");
    said_in(line, &both[1], "May we write to you?", "sent").await?;
    said_in(line, &both[1], "A text", "held").await?;
    let joined = composed(line, BEN, "A text").await?;
    said_in(line, &joined, "A text", "held").await?;
    line.receipt(&line.one_sent_to(BEN).await?, "failed", Some(131_026)).await?;
    for conversation in [&both[0], &both[1], &joined] {
        let failed = said_in(line, conversation, "A text", "failed").await?;
        ensure!(failed["error"]["code"] == "opener_failed" && failed["statusFinal"] == true, "{failed}");
        let asks = line.conversation(conversation).await?;
        ensure!(asks["attention"]["reason"] == "message_failed", "{asks}");
    }
    line.installation.settles(AFTER_LEASES).await?;
    ensure!(line.sent().len() == 2, "nothing leaves but what asks");

    let again = composed(line, ANN, "Another text").await?;
    said_in(line, &again, "May we write to you?", "sent").await?;
    writes(line, "wamid.yes", ANN, "Yes").await?;
    said_in(line, &again, "Another text", "sent").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_channel_in_error_leaves_once_its_token_is_replaced() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    let token = async |token: &str| {
        let changes = json!({ "config": { "accessToken": token } });
        line.client.change_channel(&line.channel, &changes).await
    };
    token("EAAzqxrevoked").await?;
    let met = line.compose(ANN, "First to meet it").await?;
    line.message(&met, |message| message["error"]["code"] == "authentication_failed").await?;
    ensure!(line.listed_channel()?["state"] == "error", "{}", line.listed_channel()?);
    line.is_open_to(BEN).await?;
    let told = line.client.compose(&line.body(BEN, "Waits")).await?.composed()?;
    ensure!(told.notices() == ["channel_in_error"], "{:?}", told.notices());
    let waits = told.conversation()?.to_owned();
    ensure!(line.sent().is_empty(), "Meta took a message from whoever has no token");

    let shown = token(whatsapp::ACCESS_TOKEN).await?;
    ensure!(!shown.to_string().contains(whatsapp::ACCESS_TOKEN), "a secret is shown");
    for (conversation, number) in [(&met, ANN), (&waits, BEN)] {
        let message = line.message_in(conversation, "sent").await?;
        ensure!(message["error"].is_null(), "{message}");
        line.one_sent_to(number).await?;
    }
    ensure!(line.listed_channel()?["state"] == "active", "{}", line.listed_channel()?);
    let refused = line.provider.strange();
    let first = refused.first().context("the old token was never tried")?;
    ensure!(first.headers.get("authorization").map(String::as_str) == Some("Bearer EAAzqxrevoked"), "{first:?}");
    Ok(())
}
