//! Limits of providers, on every line: what is sent keeps them, and what runs into one keeps nobody waiting whom it does
//! not concern.

use crate::carrier::Carrier;
use crate::conditions::{AFTER_LEASES, eventually};
use crate::limits::Limits;
use crate::line::Line;
use crate::provider_server::Act;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// What WhatsApp takes to one person.
pub const PAIR: Duration = Duration::from_secs(6);

/// Many messages to some people leave as the provider takes them: none is refused, and nobody waits for another's turn.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn limits_are_kept_and_nobody_waits_for_another(line: &Line) -> Result<()> {
    const PER_SECOND: usize = 4;
    let people: Vec<String> = (1..=10).map(|n| format!("+491511236{n:04}")).collect();
    line.provider.enforce(Limits::new(PAIR, PER_SECOND));
    let path = format!("/api/channels/{}", line.channel);
    let changed = line.client.patch(&path, &json!({ "maxPerSecond": PER_SECOND })).await?;
    ensure!(changed.status == 200 && changed.body["maxPerSecond"] == PER_SECOND, "{changed:?}");
    let mut conversations = Vec::new();
    for text in ["First", "Second", "Third"] {
        for number in &people {
            conversations.push(line.compose(number, text).await?);
        }
    }
    for conversation in &conversations {
        let message = line.message_in(conversation, "sent").await?;
        ensure!(message["attempts"] == 1, "{message}");
    }
    ensure!(line.provider.limited().is_empty(), "{:?}", line.provider.limited());
    let sent = line.sent();
    ensure!(sent.len() == 3 * people.len(), "{} requests for {} messages", sent.len(), conversations.len());
    let first: BTreeSet<_> = sent[..people.len()].iter().map(|sent| sent.to.as_str()).collect();
    let timeline =
        || sent.iter().map(|one| format!("{} {} {:?}", one.to, one.text, one.at - sent[0].at)).collect::<Vec<_>>();
    ensure!(first.len() == people.len(), "a second message came before another's first: {:?}", timeline());
    for number in &people {
        // Of several conversations nobody promises which one is first: each is somebody else's wake.
        let texts: BTreeSet<_> = line.sent_to(number).into_iter().map(|sent| sent.text).collect();
        ensure!(texts == BTreeSet::from(["First", "Second", "Third"].map(str::to_owned)), "{number} got {texts:?}");
    }
    Ok(())
}

/// One recipient gets no more for the moment, says the provider: others do, and that one does later.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_refusal_for_one_recipient_concerns_nobody_else(line: &Line) -> Result<()> {
    let (limited, other) = ("+4915112370001", "+4915112370002");
    let refusal = line.carrier.refusal(400, 20429, 131_056, "Pair rate limit hit");
    line.provider.rule(limited, Act::Answer(refusal), Some(1));
    let waits = line.compose(limited, "Too soon").await?;
    is_put_off(line, &waits, "pair_limited").await?;
    let behind = line.compose(limited, "Behind it").await?;
    let goes = line.compose(other, "At once").await?;
    line.message_in(&goes, "sent").await?;
    for conversation in [&waits, &behind] {
        line.message_in(conversation, "sent").await?;
    }
    let (refused, at_once) = (line.sent_to(limited), line.one_sent_to(other).await?);
    let mut texts: Vec<_> = refused.iter().map(|sent| sent.text.as_str()).collect();
    ensure!(texts.first() == Some(&"Too soon"), "{texts:?}");
    // Its own back-off may be longer than the next one's turn.
    texts.sort_unstable();
    ensure!(texts == ["Behind it", "Too soon", "Too soon"], "{texts:?}");
    ensure!(refused.windows(2).all(|two| two[1].at - two[0].at >= PAIR), "{refused:?}");
    ensure!(at_once.at < refused[1].at, "another recipient waited for it");
    Ok(())
}

/// The whole channel sends too much, says the provider, and one message finds it out for all.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn a_refusal_for_the_channel_is_met_once(line: &Line) -> Result<()> {
    const ASKED_FOR: Duration = Duration::from_secs(5);
    let said = line.carrier.refusal(429, 20429, 130_429, "Too Many Requests");
    let refusal = String::from_utf8_lossy(&said).replacen("\r\n", "\r\nRetry-After: 5\r\n", 1).into_bytes();
    line.provider.rule("", Act::Answer(refusal), Some(1));
    let first = line.compose("+4915112380001", "Too many").await?;
    let code = if line.carrier == Carrier::Cloud { "throughput_limited" } else { "rate_limited" };
    is_put_off(line, &first, code).await?;
    let mut conversations = vec![first];
    for n in 2..=8 {
        conversations.push(line.compose(&format!("+491511238{n:04}"), "Waits").await?);
    }
    for conversation in &conversations {
        line.message_in(conversation, "sent").await?;
    }
    let sent = line.sent();
    let refused = sent.first().context("nothing was sent")?;
    ensure!(sent.len() == conversations.len() + 1, "{} requests, one of them refused", sent.len());
    for later in &sent[1..] {
        let waited = later.at - refused.at;
        ensure!(waited >= ASKED_FOR, "it asked for {ASKED_FOR:?} and was asked again after {waited:?}");
    }
    ensure!(line.listed_channel()?["state"] == "active", "a limit is no fault of the channel");
    Ok(())
}

/// Comes back once a message has been put off for that reason.
async fn is_put_off(line: &Line, conversation: &str, code: &str) -> Result<()> {
    let put_off = async || {
        let message = line.composed(conversation).await?;
        Ok((message["error"]["code"] == code && message["status"] == "queued").then_some(()))
    };
    eventually("the message is put off", AFTER_LEASES, put_off).await
}
