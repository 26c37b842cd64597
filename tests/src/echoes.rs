//! Providers that repeat whatever they were told: numbers, texts and tokens in answers, receipts and calls. People may read
//! of them what the message is about; logs may not.

use crate::canaries::{Canaries, PHONE};
use crate::carrier::{Carrier, HookCall, News, PUBLIC_URL, Sent, Voice, signed_for_whatsapp};
use crate::line::Line;
use crate::provider_server::{Act, answer};
use crate::{twilio, whatsapp};
use anyhow::{Context, Result, ensure};
use serde_json::json;

const CONTENT: &str = "Dear zqxcontent7, hello.";
const NAME: &str = "Zqxname7 Zqxsurname7";

/// What must be found nowhere: also what a provider's channel knows.
pub fn canaries(line: &Line) -> Canaries {
    Canaries::of(&line.demo).and(&[
        ("Twilio's token", twilio::TOKEN),
        ("a sender's number", &twilio::SENDER[1..]),
        ("Meta's access token", &whatsapp::ACCESS_TOKEN[3..]),
        ("Meta's secret", whatsapp::APP_SECRET),
        ("a verify token", whatsapp::VERIFY_TOKEN),
    ])
}

/// Composes what the provider refuses, puts off, stumbles over and takes, with an echo each time, and lets it call with
/// what it should and should not.
///
/// # Errors
/// A message does not end as it should.
pub async fn sound(line: &Line) -> Result<()> {
    let secrets = format!("{} {} {}", twilio::TOKEN, whatsapp::ACCESS_TOKEN, whatsapp::APP_SECRET);
    let echo = format!("{PHONE} from {} ({CONTENT}) for {NAME}: {secrets}", twilio::SENDER);
    let refusal = |status, twilios, metas| Act::Answer(line.carrier.refusal(status, twilios, metas, &echo));
    let elsewhere = format!("Location: http://127.0.0.1:9/{PHONE}?{}\r\n", whatsapp::ACCESS_TOKEN);
    for (act, end) in [
        (refusal(400, 21211, 100), "failed"),
        (refusal(400, 99999, 99999), "failed"),
        (refusal(500, 20500, 131_000), "unconfirmed"),
        (Act::Answer(answer(200, "", &echo)), "unconfirmed"),
        (Act::Answer(format!("{echo}\r\n\r\n").into_bytes()), "unconfirmed"),
        (Act::TakeAndCut, "unconfirmed"),
        (refusal(429, 20429, 130_429), "sent"),
        (refusal(401, 20003, 190), "sent"),
        (Act::Answer(answer(302, &elsewhere, "")), "sent"),
    ] {
        line.provider.rule(&PHONE[1..], act.clone(), Some(1));
        line.is_open_to(PHONE).await?;
        let mut body = line.body(PHONE, CONTENT);
        body["contactName"] = json!(NAME);
        let composed = line.client.compose(&body).await?.composed()?;
        line.message_in(composed.conversation()?, end).await.with_context(|| format!("{act:?}"))?;
    }
    let sent = line.sent().pop().context("nothing was sent")?;
    line.receipt(&sent, "failed", Some(30003)).await?;
    line.receipt(&sent, "delivered", None).await?;
    call(line, &sent, &echo).await
}

/// Calls as they should be, and as they should not.
async fn call(line: &Line, sent: &Sent, echo: &str) -> Result<()> {
    let id = format!("{}canary", line.carrier.prefix());
    let (genuine, forger) = (line.voice(), Voice { secret: "another".into(), ..line.voice() });
    for news in [News::Receipt(sent, CONTENT, None), News::Receipt(sent, "sent", None), News::Text(&id, PHONE, CONTENT)]
    {
        for (voice, fine) in [(&genuine, true), (&forger, false)] {
            let answer = line.call(line.carrier.call(voice, &news)?).await?;
            ensure!(fine == matches!(answer.status, 200 | 204), "{answer:?}");
        }
    }
    for call in strange(line, echo)? {
        let answer = line.call(call).await?;
        ensure!((200..500).contains(&answer.status), "{answer:?}");
    }
    let setup =
        format!("/webhooks/whatsapp/{}?hub.mode=subscribe&hub.verify_token={}", line.channel, whatsapp::VERIFY_TOKEN);
    for path in
        [format!("{setup}&hub.challenge=5"), format!("{setup}{echo}").replace(' ', "+"), format!("/webhooks/{PHONE}")]
    {
        line.client.get(&path).await?;
    }
    Ok(())
}

/// Signed, and hardly what a provider sends.
fn strange(line: &Line, echo: &str) -> Result<Vec<HookCall>> {
    if line.carrier == Carrier::Cloud {
        let message =
            json!({ "from": &PHONE[1..], "id": echo, "timestamp": echo, "type": "hologram", "hologram": echo });
        let receipt = json!({
            "id": echo, "status": "failed", "errors": [{ "code": 131_026, "title": echo, "error_data": { "details": echo } }],
        });
        let members = json!({ "messages": [message], "statuses": [receipt, { "id": echo, "status": echo }] });
        let odd = whatsapp::entry(whatsapp::BUSINESS, whatsapp::NUMBER, &members);
        let foreign = whatsapp::entry(PHONE, whatsapp::NUMBER, &members);
        let bodies = [serde_json::to_vec(&odd)?, serde_json::to_vec(&foreign)?, echo.as_bytes().to_vec()];
        return bodies.into_iter().map(|body| signed_for_whatsapp(&line.voice(), body)).collect();
    }
    let account = [("AccountSid", twilio::ACCOUNT)];
    let inbound = [("MessageSid", "SMecho"), ("From", echo), ("To", twilio::SENDER), ("Body", echo), (echo, echo)];
    let receipt = [("MessageSid", echo), ("MessageStatus", "failed"), ("ErrorMessage", echo), ("ErrorCode", echo)];
    [("inbound", inbound.as_slice()), ("inbound", &[(echo, echo)]), ("status", &receipt), ("status", &[(echo, echo)])]
        .into_iter()
        .map(|(hook, parameters)| {
            let path = format!("/webhooks/twilio/{}/{hook}", line.channel);
            let parameters = [account.as_slice(), parameters].concat();
            let call = twilio::call(&format!("{PUBLIC_URL}{path}"), twilio::TOKEN, &parameters)?;
            Ok(call.posted(path))
        })
        .collect()
}
