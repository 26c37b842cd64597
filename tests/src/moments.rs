//! What providers and contacts say at odd moments and all at once: whatever the order, one thing happened, and everybody
//! reads the same.

use crate::carrier::{News, Sent};
use crate::conditions::{AFTER_LEASES, eventually};
use crate::line::Line;
use crate::provider_server::Act;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many messages race.
const RACERS: usize = 16;

/// Receipts that come while nobody has answered the request yet, or without our id, or about a message that is given up
/// as unclear.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn receipts_at_odd_moments(line: &Line) -> Result<()> {
    let (hung, nameless, refused, switched_off) =
        ("+4915112350001", "+4915112350002", "+4915112350003", "+4915112350004");
    line.provider.rule(hung, Act::Hang, None);
    line.provider.rule(nameless, Act::Hold, None);
    line.provider.rule(refused, Act::Hold, None);
    let hangs = line.compose(hung, "Never answered").await?;
    line.receipt(&line.one_sent_to(hung).await?, "delivered", None).await?;

    // The provider's id alone, before anybody has heard of it.
    let by_id = line.compose(nameless, "By its id").await?;
    let sent = Sent { ours: String::new(), ..line.one_sent_to(nameless).await? };
    line.receipt(&sent, "delivered", None).await?;
    let fails = line.compose(refused, "Refused at once").await?;
    line.receipt(&line.one_sent_to(refused).await?, "failed", Some(30005)).await?;
    line.provider.release();
    line.message_in(&by_id, "delivered").await?;
    line.message_in(&fails, "failed").await?;
    let asks = line.conversation(&fails).await?;
    ensure!(asks["attention"]["reason"] == "message_failed" && asks["status"] == "in_progress", "{asks}");

    let off = line.compose(switched_off, "Then switched off").await?;
    line.message_in(&off, "sent").await?;
    line.installation.ask(&["channel", "disable", &line.channel])?;
    line.receipt(&line.one_sent_to(switched_off).await?, "delivered", None).await?;
    ensure!(line.composed(&off).await?["status"] == "delivered", "a channel that is off hears nothing");
    line.installation.ask(&["channel", "enable", &line.channel])?;

    let delivered = line.message_in(&hangs, "delivered").await?;
    let calm = line.conversation(&hangs).await?;
    ensure!(delivered["error"].is_null() && calm["attention"].is_null(), "{delivered} {calm}");
    ensure!(calm["status"] == "awaiting_contact", "{calm}");
    ensure!(line.sent().len() == 4, "{} requests for four messages", line.sent().len());
    Ok(())
}

/// The contact answers before the provider has told that it took the message: the contact's words wait for a person.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn an_answer_before_the_providers(line: &Line) -> Result<()> {
    let number = "+4915112350008";
    line.provider.rule(number, Act::Hold, None);
    let conversation = line.compose(number, "Are you there?").await?;
    line.one_sent_to(number).await?;
    let id = format!("{}quick", line.carrier.prefix());
    ensure!(line.tell(&News::Text(&id, number, "I am, and I have a question.")).await?.status == 200);
    line.provider.release();
    line.message_in(&conversation, "sent").await?;
    let now = line.conversation(&conversation).await?;
    ensure!(now["status"] == "in_progress" && now["attention"].is_null(), "nobody would see the question: {now}");
    Ok(())
}

/// The contact answers a message of which nobody knows whether it left, and then a receipt says that it did: the contact's
/// words still wait for a person.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn an_answer_before_the_receipt(line: &Line) -> Result<()> {
    let number = "+4915112350005";
    line.provider.rule(number, Act::TakeAndCut, None);
    let conversation = line.compose(number, "Did it come?").await?;
    line.message_in(&conversation, "unconfirmed").await?;
    let id = format!("{}yes", line.carrier.prefix());
    ensure!(line.tell(&News::Text(&id, number, "Yes, and I have a question.")).await?.status == 200);
    line.receipt(&line.one_sent_to(number).await?, "delivered", None).await?;
    let now = line.conversation(&conversation).await?;
    ensure!(line.composed(&conversation).await?["status"] == "delivered" && now["attention"].is_null(), "{now}");
    ensure!(now["status"] == "in_progress", "nobody would see the question: {now}");
    Ok(())
}

/// Of many messages, the receipts come all at once, each twice, while the provider answers.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn receipts_that_race_the_answer(line: &Arc<Line>) -> Result<()> {
    line.provider.rule("", Act::Hold, None);
    let mut conversations = Vec::new();
    for n in 0..RACERS {
        conversations.push(line.compose(&format!("+49151123600{n:02}"), "Run").await?);
    }
    let sent = eventually("all are under way", AFTER_LEASES, async || {
        let sent = line.sent();
        Ok((sent.len() == RACERS).then_some(sent))
    })
    .await?;
    let mut calls = JoinSet::new();
    for (n, one) in sent.iter().enumerate() {
        for status in ["delivered", "sent", "delivered", "sent"] {
            let (line, one) = (Arc::clone(line), one.clone());
            calls.spawn(async move { line.receipt(&one, status, None).await });
        }
        if n == RACERS / 2 {
            line.provider.release();
        }
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    for conversation in &conversations {
        let message = line.message_in(conversation, "delivered").await?;
        ensure!(message["attempts"] == 1 && message["sentAt"].is_string(), "{message}");
        ensure!(line.conversation(conversation).await?["status"] == "awaiting_contact");
    }
    let receipts = line.installation.count("SELECT count(*) FROM receipts")?;
    ensure!(receipts == 2 * RACERS as u64, "{receipts} receipts are kept of {RACERS} messages");
    ensure!(line.sent().len() == RACERS, "something was sent again");
    line.provider.no_rules();
    Ok(())
}

/// A contact writes many messages, all at once, as whoever forwards a series of pictures does, while a message to it is
/// under way. None is dropped, for Twilio does not repeat a call that was answered; and what the provider said is kept.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_burst_of_one_contact(line: &Arc<Line>) -> Result<()> {
    const NUMBER: &str = "+4915112350007";
    line.provider.rule(NUMBER, Act::Hold, None);
    let conversation = line.compose(NUMBER, "Send all you have").await?;
    line.one_sent_to(NUMBER).await?;
    let mut calls = JoinSet::new();
    for n in 0..2 * RACERS {
        let caller = Arc::clone(line);
        calls.spawn(async move {
            let id = format!("{}picture{n}", caller.carrier.prefix());
            let answer = caller.tell(&News::Text(&id, NUMBER, &format!("Picture {n}"))).await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        });
        if n == RACERS / 2 {
            line.provider.release();
        }
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    let message = line.message(&conversation, |message| message["status"] != "sending").await?;
    ensure!(message["status"] == "sent" && message["attempts"] == 1, "{message}");
    let messages = line.messages(&conversation).await?;
    ensure!(messages.len() == 2 * RACERS + 1, "{} messages", messages.len());
    Ok(())
}

/// A stranger writes several messages, and each call comes several times, all at once.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn messages_of_a_stranger_all_at_once(line: &Arc<Line>) -> Result<()> {
    const NUMBER: &str = "+4915112350006";
    let mut calls = JoinSet::new();
    for n in 0..RACERS {
        let line = Arc::clone(line);
        calls.spawn(async move {
            let (id, text) = (format!("{}burst{}", line.carrier.prefix(), n % 4), format!("Part {}", n % 4));
            let answer = line.tell(&News::Text(&id, NUMBER, &text)).await?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    let of = "SELECT c.id FROM conversations c WHERE c.recipient_canonical = '+4915112350006'";
    let rows = line.installation.rows(of)?;
    ensure!(rows.len() == 1, "{} conversations with one stranger", rows.len());
    let messages = line.messages(rows[0]["id"].as_str().context("no id")?).await?;
    let texts: BTreeSet<_> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    ensure!(messages.len() == 4 && texts.len() == 4, "{messages:?}");
    let contacts = "SELECT count(*) FROM contact_addresses WHERE canonical = '+4915112350006'";
    ensure!(line.installation.count(contacts)? == 1, "one stranger became several contacts");
    Ok(())
}
