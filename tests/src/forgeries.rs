//! Calls that are not what they say: unsigned, signed by others, for other addresses, accounts and tenants. What they leave
//! is nothing, and what they are told is one thing.

use crate::carrier::{Carrier, HookCall, News, PUBLIC_URL, Sent, Voice};
use crate::line::Line;
use crate::twilio;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DORA: &str = "+4915112345674";
const STRANGER: &str = "+4915112345675";
const NOBODY: &str = "0197a1b2-0000-7000-8000-000000000001";

/// Whoever cannot sign, and whoever names a channel that is none, is told the same, and nothing is kept of it.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn are_refused_alike_and_leave_nothing(line: &Line) -> Result<()> {
    let (conversation, sent) = sent_message(line).await?;
    let (before, message) = (kept(line)?, line.composed(&conversation).await?);
    let id = format!("{}forged", line.carrier.prefix());
    let mut refusal: Option<Value> = None;
    for news in [News::Receipt(&sent, "delivered", None), News::Text(&id, STRANGER, "Let me in")] {
        for (what, call) in forged(line, &news)? {
            let answer = line.call(call).await?;
            ensure!(answer.status == 403, "{what}: {} {}", answer.status, answer.body);
            let mut body = answer.body;
            body.as_object_mut().with_context(|| format!("{what}: no object"))?.remove("requestId");
            let first = refusal.get_or_insert_with(|| body.clone());
            ensure!(*first == body, "{what} is told {body}, others are told {first}");
        }
    }
    ensure!(refusal.is_some_and(|refusal| refusal["code"] == "webhook_refused"));
    ensure!(kept(line)? == before, "before {before:?}, after {:?}", kept(line)?);
    ensure!(line.composed(&conversation).await? == message);

    line.receipt(&sent, "delivered", None).await?;
    ensure!(line.composed(&conversation).await?["status"] == "delivered");
    Ok(())
}

/// Signed for this channel, and of another account or another number: taken, and left out.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn of_another_account_are_left_out(line: &Line) -> Result<()> {
    let (conversation, sent) = sent_message(line).await?;
    let (before, message) = (kept(line)?, line.composed(&conversation).await?);
    let account = match line.carrier {
        Carrier::TwilioSms | Carrier::TwilioWhatsApp => "AC00000000000000000000000000000008",
        Carrier::Cloud => "102290129340399",
    };
    let foreign = Voice { account: account.to_owned(), ..line.voice() };
    let id = format!("{}foreign", line.carrier.prefix());
    for news in [News::Receipt(&sent, "delivered", None), News::Text(&id, STRANGER, "Not for you")] {
        let answer = line.call(line.carrier.call(&foreign, &news)?).await?;
        ensure!(matches!(answer.status, 200 | 204), "{answer:?}");
    }
    ensure!(kept(line)? == before, "before {before:?}, after {:?}", kept(line)?);
    ensure!(line.composed(&conversation).await? == message);
    Ok(())
}

/// Another tenant has a channel of its own, and calls in its name about our message, by our id and by the provider's.
///
/// # Errors
/// Whatever does not hold, in words.
pub async fn of_another_tenant_do_not_reach_us(line: &Line) -> Result<()> {
    let (conversation, sent) = sent_message(line).await?;
    let message = line.composed(&conversation).await?;
    let tenant = line.installation.ask(&["tenant", "add", "--name", "Others"])?;
    let tenant = tenant["tenantId"].as_str().with_context(|| tenant.to_string())?;
    let workspace = line.installation.ask(&["workspace", "add", "--name", "Theirs", "--tenant", tenant])?;
    let workspace = workspace["workspaceId"].as_str().with_context(|| workspace.to_string())?;
    let mut settings = line.carrier.settings();
    let secret = match line.carrier {
        Carrier::TwilioSms | Carrier::TwilioWhatsApp => "authToken",
        Carrier::Cloud => "appSecret",
    };
    settings[secret] = json!("another0another0another0another0");
    let theirs = line.carrier.add_channel(&line.installation, workspace, &settings)?;
    let voice = Voice { channel: theirs, secret: "another0another0another0another0".into(), ..line.voice() };
    for status in ["failed", "delivered"] {
        let call = line.carrier.call(&voice, &News::Receipt(&sent, status, None))?;
        let answer = line.call(call).await?;
        ensure!(matches!(answer.status, 200 | 204), "{answer:?}");
        ensure!(line.composed(&conversation).await? == message, "{status} of another tenant reached our message");
    }
    let into_ours = Voice { channel: line.channel.clone(), ..voice };
    let call = line.carrier.call(&into_ours, &News::Receipt(&sent, "delivered", None))?;
    ensure!(line.call(call).await?.status == 403, "their secret opens our channel");
    ensure!(line.composed(&conversation).await? == message);
    // What they said about it is not in the way of what the provider says to us.
    line.receipt(&sent, "delivered", None).await?;
    ensure!(line.composed(&conversation).await?["status"] == "delivered");
    Ok(())
}

async fn sent_message(line: &Line) -> Result<(String, Sent)> {
    let conversation = line.compose(DORA, "Yours").await?;
    line.message_in(&conversation, "sent").await?;
    Ok((conversation, line.one_sent_to(DORA).await?))
}

/// Calls that tell something and are not the provider's to this channel.
fn forged(line: &Line, news: &News<'_>) -> Result<Vec<(&'static str, HookCall)>> {
    let (carrier, voice) = (line.carrier, line.voice());
    let genuine = carrier.call(&voice, news)?;
    let at = |channel: &str| carrier.call(&Voice { channel: channel.to_owned(), ..voice.clone() }, news);
    let with_signature = |signature: Option<String>| {
        let mut call = genuine.clone();
        call.headers.truncate(1);
        let name = if carrier == Carrier::Cloud { "x-hub-signature-256" } else { "x-twilio-signature" };
        call.headers.extend(signature.map(|signature| (name, signature)));
        call
    };
    let elsewhere = |path: String| HookCall { path, ..genuine.clone() };
    let mut calls = vec![
        ("unsigned", with_signature(None)),
        ("an empty signature", with_signature(Some(String::new()))),
        ("no signature at all", with_signature(Some("sha256=zz, what?".into()))),
        ("another secret", carrier.call(&Voice { secret: "another".into(), ..voice.clone() }, news)?),
        ("an empty secret", carrier.call(&Voice { secret: String::new(), ..voice.clone() }, news)?),
        ("another body", HookCall { body: [genuine.body.as_slice(), b" "].concat(), ..genuine.clone() }),
        ("no body", HookCall { body: Vec::new(), ..genuine.clone() }),
        ("a channel that is none", at(NOBODY)?),
        ("a channel of the sandbox", at(&line.demo.sms)?),
        ("no id at all", at("me")?),
    ];
    if carrier != Carrier::Cloud {
        let (path, real) = (&genuine.path, line.server.url());
        let form = twilio::form(&genuine.body);
        let parameters: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let signed_for =
            |url: &str| anyhow::Ok(with_signature(Some(twilio::call(url, twilio::TOKEN, &parameters)?.signature)));
        calls.extend([
            ("signed for the address that was called", signed_for(&format!("{real}{path}"))?),
            ("signed for another host", signed_for(&format!("{PUBLIC_URL}.example.com{path}"))?),
            (
                "signed without the query",
                signed_for(&format!("{PUBLIC_URL}{}?", path.split('?').next().unwrap_or(path)))?,
            ),
            ("another query", elsewhere(format!("{path}{}more=1", if path.contains('?') { '&' } else { '?' }))),
        ]);
    }
    Ok(calls)
}

/// How many rows there are of what calls may leave.
///
/// # Errors
/// They cannot be read.
pub fn kept(line: &Line) -> Result<BTreeMap<&'static str, u64>> {
    let tables = ["receipts", "messages", "conversations", "contacts", "windows", "recipient_aliases", "events"];
    let count = |table: &'static str| Ok((table, line.installation.count(&format!("SELECT count(*) FROM {table}"))?));
    tables.into_iter().map(count).collect()
}
