//! Full rounds that hold on every line: what is composed, what the provider was handed, what it tells afterwards and in
//! which order, and what everybody can read in the end.

use crate::carrier::{News, Sent};
use crate::conditions::{AFTER_LEASES, SOON};
use crate::line::Line;
use crate::provider_server::{Act, answer, says};
use anyhow::{Result, ensure};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const SIGKILL: i32 = 9;
const ANN: &str = "+4915112345671";
const BEN: &str = "+4915112345672";
const CAT: &str = "+4915112345673";

/// Compose, acceptance, receipts out of order and twice, an answer of the contact, twice. Comes back with what the provider
/// was handed first.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn from_compose_to_the_contacts_answer(line: &Line, reads: bool) -> Result<Sent> {
    let conversation = line.compose(ANN, "Grüße, 10 € 👍").await?;
    let accepted = line.message_in(&conversation, "sent").await?;
    let sent = line.one_sent_to(ANN).await?;
    ensure!(accepted["id"] == sent.ours.as_str() && accepted["providerMessageId"] == sent.id.as_str(), "{accepted}");
    ensure!(sent.text == "Grüße, 10 € 👍" && accepted["attempts"] == 1, "{sent:?} {accepted}");
    ensure!(line.conversation(&conversation).await?["status"] == "awaiting_contact");

    line.receipt(&sent, "delivered", None).await?;
    let delivered = line.composed(&conversation).await?;
    ensure!(delivered["status"] == "delivered" && delivered["deliveredAt"].is_string(), "{delivered}");
    for late in ["sent", "delivered", "delivered"] {
        line.receipt(&sent, late, None).await?;
        ensure!(line.composed(&conversation).await? == delivered, "{late} after delivered changed the message");
    }
    let last = if reads {
        line.receipt(&sent, "read", None).await?;
        let read = line.composed(&conversation).await?;
        ensure!(read["status"] == "read" && read["readAt"].is_string(), "{read}");
        ensure!(read["deliveredAt"] == delivered["deliveredAt"], "{read}");
        read
    } else {
        delivered
    };
    for (late, code) in [("delivered", None), ("failed", Some(30008)), ("sent", None)] {
        line.receipt(&sent, late, code).await?;
        ensure!(line.composed(&conversation).await? == last, "{late} after {} changed the message", last["status"]);
    }
    ensure!(line.conversation(&conversation).await?["attention"].is_null(), "a late failure asks for a person");

    let id = format!("{}answer1", line.carrier.prefix());
    for _ in 0..2 {
        let told = line.tell(&News::Text(&id, ANN, "Danke, gern!")).await?;
        ensure!(told.status == 200, "{told:?}");
    }
    let messages = line.messages(&conversation).await?;
    let written: Vec<_> = messages.iter().filter(|message| message["direction"] == "inbound").collect();
    ensure!(messages.len() == 2 && written.len() == 1, "{messages:?}");
    ensure!(written[0]["content"] == "Danke, gern!" && written[0]["providerMessageId"] == id.as_str(), "{written:?}");
    let conversation = line.conversation(&conversation).await?;
    ensure!(conversation["status"] == "in_progress", "{conversation}");
    ensure!(conversation["lastMessagePreview"] == "Danke, gern!", "{conversation}");
    ensure!(line.sent_to(ANN).len() == 1 && line.provider.strange().is_empty(), "{:?}", line.provider.strange());
    Ok(sent)
}

/// A receipt says that a message failed, and a later one that it arrived after all.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_failure_and_then_a_delivery(line: &Line, code: u32, ours: &str) -> Result<()> {
    let conversation = line.compose(BEN, "To nobody").await?;
    line.message_in(&conversation, "sent").await?;
    let sent = line.one_sent_to(BEN).await?;
    line.receipt(&sent, "sent", None).await?;
    line.receipt(&sent, "failed", Some(code)).await?;
    let failed = line.composed(&conversation).await?;
    ensure!(failed["status"] == "failed" && failed["error"]["code"] == ours, "{failed}");
    ensure!(failed["error"]["providerCode"] == json!(code.to_string()), "{failed}");
    let asks = line.conversation(&conversation).await?;
    ensure!(asks["status"] == "in_progress" && asks["attention"]["reason"] == "message_failed", "{asks}");
    ensure!(asks["attention"]["messageId"] == failed["id"], "{asks}");

    line.receipt(&sent, "delivered", None).await?;
    let delivered = line.composed(&conversation).await?;
    ensure!(delivered["status"] == "delivered" && delivered["error"].is_null(), "{delivered}");
    ensure!(line.conversation(&conversation).await?["attention"].is_null());
    ensure!(line.sent_to(BEN).len() == 1, "a receipt made it leave again");
    Ok(())
}

/// The provider calls with receipts before it answers the request.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn receipts_before_the_answer(line: &Line) -> Result<()> {
    line.provider.rule(CAT, Act::Hold, Some(1));
    let conversation = line.compose(CAT, "Slowly").await?;
    let sent = line.one_sent_to(CAT).await?;
    line.receipt(&sent, "delivered", None).await?;
    line.receipt(&sent, "sent", None).await?;
    let held = line.composed(&conversation).await?;
    ensure!(held["status"] == "sending", "nobody knows yet what the provider answers: {held}");
    line.provider.release();
    let delivered = line.message_in(&conversation, "delivered").await?;
    ensure!(delivered["providerMessageId"] == sent.id.as_str() && delivered["attempts"] == 1, "{delivered}");
    ensure!(delivered["sentAt"].is_string() && delivered["deliveredAt"].is_string(), "{delivered}");
    ensure!(line.conversation(&conversation).await?["status"] == "awaiting_contact");
    ensure!(line.sent_to(CAT).len() == 1);
    Ok(())
}

/// Whatever leaves it open whether the provider took a message: it is asked once, a person is asked, and a receipt with our
/// id says what became of it.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn unclear_answers_are_settled_by_receipts(line: &Line) -> Result<()> {
    let broken = json!({ "error": { "message": "An unknown error occurred", "code": 1, "type": "OAuthException" } });
    let acts = [
        ("+4915112340001", Act::TakeAndCut),
        ("+4915112340002", Act::Hang),
        ("+4915112340003", Act::Answer(answer(200, "", "<html>It works!</html>"))),
        ("+4915112340004", Act::Answer(says(200, &broken))),
        ("+4915112340005", Act::Answer(says(500, &json!({ "code": 20500, "message": "Internal", "status": 500 })))),
        ("+4915112340006", Act::Answer(answer(503, "Retry-After: 1\r\n", ""))),
        ("+4915112340007", Act::Answer(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{\"sid\":\"SM".to_vec())),
        ("+4915112340008", Act::Answer(Vec::new())),
    ];
    let mut conversations = Vec::new();
    for (number, act) in &acts {
        line.provider.rule(number, act.clone(), None);
        conversations.push(line.compose(number, "Did it come?").await?);
    }
    for ((number, act), conversation) in acts.iter().zip(&conversations) {
        let message = line.message_in(conversation, "unconfirmed").await?;
        ensure!(message["attempts"] == 1 && message["providerMessageId"].is_null(), "{act:?}: {message}");
        let asks = line.conversation(conversation).await?;
        ensure!(
            asks["status"] == "in_progress" && asks["attention"]["reason"] == "message_unconfirmed",
            "{act:?}: {asks}"
        );
        let sent = line.one_sent_to(number).await?;
        let delivered = *number != acts[0].0;
        let (status, code) = if delivered { ("delivered", None) } else { ("failed", Some(30005)) };
        line.receipt(&sent, status, code).await?;
        let settled = line.composed(conversation).await?;
        ensure!(settled["status"] == status && settled["providerMessageId"] == sent.id.as_str(), "{act:?}: {settled}");
        let asks = line.conversation(conversation).await?;
        if delivered {
            ensure!(asks["attention"].is_null() && asks["status"] == "awaiting_contact", "{act:?}: {asks}");
        } else {
            ensure!(asks["attention"]["reason"] == "message_failed", "{act:?}: {asks}");
        }
    }
    // A minute of rest would show nothing else: nothing is due any more.
    line.installation.settles(Duration::from_secs(10)).await?;
    ensure!(line.sent().len() == acts.len(), "{} requests for {} messages", line.sent().len(), acts.len());
    Ok(())
}

/// The provider refuses the token in the middle: messages wait, one of them probes, and all leave once when it is good again.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_token_revoked_in_the_middle(line: &Line) -> Result<()> {
    let numbers: Vec<_> = (0..6).map(|n| format!("+491511234010{n}")).collect();
    let before = line.compose(&numbers[0], "Before").await?;
    line.message_in(&before, "sent").await?;
    line.provider.rule("", Act::Answer(line.carrier.refusal(401, 20003, 190, "Authenticate")), None);
    let mut waiting = vec![line.compose(&numbers[1], "First to meet it").await?];
    let met = line.message(&waiting[0], |message| message["error"]["code"] == "authentication_failed").await?;
    ensure!(met["status"] == "queued", "{met}");
    let channel = line.listed_channel()?;
    ensure!(channel["state"] == "error" && channel["fault"]["code"] == "authentication_failed", "{channel}");
    for number in &numbers[2..] {
        line.is_open_to(number).await?;
        let told = line.client.compose(&line.body(number, "Waits")).await?.composed()?;
        ensure!(told.notices() == ["channel_in_error"], "{:?}", told.notices());
        waiting.push(told.conversation()?.to_owned());
    }
    for number in &numbers[2..] {
        ensure!(line.sent_to(number).is_empty(), "every message tries the token, not one");
    }
    let refused = line.sent_to(&numbers[1]).len();
    line.provider.no_rules();
    for conversation in &waiting {
        line.message_in(conversation, "sent").await?;
    }
    ensure!(line.listed_channel()?["state"] == "active");
    ensure!(line.sent_to(&numbers[1]).len() == refused + 1, "the one that probed was taken more than once");
    for number in &numbers[2..] {
        line.one_sent_to(number).await?;
    }
    let asks = line.conversation(&waiting[0]).await?;
    ensure!(asks["attention"].is_null() && asks["status"] == "awaiting_contact", "{asks}");
    Ok(())
}

/// 429 means later, and no sooner than it says; the message is taken once.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn too_many_requests(line: &Line) -> Result<()> {
    let (patient, plain) = ("+4915112340201", "+4915112340202");
    let refusal = |more: &str| {
        let said = line.carrier.refusal(429, 20429, 130_429, "Too Many Requests");
        Act::Answer(String::from_utf8_lossy(&said).replacen("\r\n", &format!("\r\n{more}"), 1).into_bytes())
    };
    line.provider.rule(patient, refusal("Retry-After: 4\r\n"), Some(1));
    line.provider.rule(plain, refusal(""), Some(2));
    let both = [line.compose(patient, "Later").await?, line.compose(plain, "Later").await?];
    for (conversation, (number, attempts)) in both.iter().zip([(patient, 2), (plain, 3)]) {
        let message = line.message_in(conversation, "sent").await?;
        ensure!(message["attempts"] == attempts && message["error"].is_null(), "{message}");
        ensure!(line.sent_to(number).len() == attempts, "{number}");
    }
    let sent = line.sent_to(patient);
    let waited = sent[1].at - sent[0].at;
    ensure!(waited >= Duration::from_secs(4), "it asked for 4 s and was asked again after {waited:?}");
    ensure!(line.listed_channel()?["state"] == "active", "a limit is no fault of the channel");
    Ok(())
}

/// The contact has told the provider not to want messages.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn an_opt_out_at_the_provider(line: &Line, provider_code: u32) -> Result<()> {
    let number = "+4915112340301";
    let said =
        line.carrier.refusal(400, provider_code, i64::from(provider_code), "Attempt to send to unsubscribed recipient");
    line.provider.rule(number, Act::Answer(said), None);
    let conversation = line.compose(number, "Hello?").await?;
    let message = line.message_in(&conversation, "failed").await?;
    ensure!(message["error"]["code"] == "opted_out", "{message}");
    ensure!(message["error"]["providerCode"] == json!(provider_code.to_string()), "{message}");
    ensure!(message["error"]["retryable"] == false && message["attempts"] == 1, "{message}");
    ensure!(line.conversation(&conversation).await?["attention"]["reason"] == "message_failed");
    line.one_sent_to(number).await?;
    ensure!(line.listed_channel()?["state"] == "active", "{}", line.listed_channel()?);
    Ok(())
}

/// The process dies twice between the provider's yes and its own record of it. Nothing is sent again; a person is asked, or
/// a receipt that comes before that says how it ended.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn killed_between_send_and_record(line: &mut Line) -> Result<()> {
    let (asked, told) = (ANN, BEN);
    let mut conversations = Vec::new();
    for number in [asked, told] {
        if conversations.is_empty() {
            line.deliverer().stop(SOON).await?;
        }
        line.deliver_again(&[("OVERTURE_CRASH_AT", "after_send")]).await?;
        line.provider.rule(number, Act::Hold, None);
        conversations.push(line.compose(number, "Once at most").await?);
        line.one_sent_to(number).await?;
        line.provider.release();
        let status = line.deliverer().end(SOON).await?;
        ensure!(status.signal() == Some(SIGKILL), "it ended otherwise: {status}");
    }
    line.provider.no_rules();
    line.deliver_again(&[]).await?;

    let sent = line.one_sent_to(told).await?;
    line.receipt(&sent, "delivered", None).await?;
    let delivered = line.message_in(&conversations[1], "delivered").await?;
    ensure!(delivered["providerMessageId"] == sent.id.as_str() && delivered["error"].is_null(), "{delivered}");

    let unconfirmed = line.message_in(&conversations[0], "unconfirmed").await?;
    ensure!(unconfirmed["error"]["code"] == "lease_ran_out" && unconfirmed["attempts"] == 1, "{unconfirmed}");
    ensure!(line.conversation(&conversations[0]).await?["attention"]["reason"] == "message_unconfirmed");
    line.installation.settles(AFTER_LEASES).await?;
    let sent = line.one_sent_to(asked).await?;
    line.receipt(&sent, "sent", None).await?;
    let settled = line.composed(&conversations[0]).await?;
    ensure!(settled["status"] == "sent" && settled["providerMessageId"] == sent.id.as_str(), "{settled}");
    let asks = line.conversation(&conversations[0]).await?;
    ensure!(asks["attention"].is_null() && asks["status"] == "awaiting_contact", "{asks}");
    ensure!(line.sent().len() == 2, "{} requests for two messages", line.sent().len());
    Ok(())
}
