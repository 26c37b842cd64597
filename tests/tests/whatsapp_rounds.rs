//! WhatsApp by the Cloud API, from compose to what people read in the end, through the built binary.

use anyhow::{Result, ensure};
use overture_tests::carrier::{Carrier, News, Sent, signed_for_whatsapp};
use overture_tests::line::Line;
use overture_tests::{forgeries, moments, rounds, whatsapp};
use serde_json::{Value, json};
use std::sync::Arc;

/// The body is what Meta's page says, and no more.
fn is_the_body(sent: &Sent) -> Result<()> {
    let expected = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": sent.to, "type": "text",
        "text": { "preview_url": false, "body": sent.text }, "biz_opaque_callback_data": sent.ours,
    });
    ensure!(sent.body == expected, "{} instead of {expected}", sent.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_message_goes_its_full_round_on_sqlite_and_embedded() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    ensure!(
        line.server.told["adapters"]["database"] == "sqlite" && line.server.told["adapters"]["engine"] == "embedded"
    );
    is_the_body(&rounds::from_compose_to_the_contacts_answer(&line, true).await?)?;
    rounds::a_failure_and_then_a_delivery(&line, 131_026, "unknown_recipient").await?;
    rounds::receipts_before_the_answer(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_message_goes_its_full_round_on_postgres_and_temporal() -> Result<()> {
    let line = Line::open_in_production(Carrier::Cloud, &[]).await?;
    ensure!(
        line.server.told["adapters"]["database"] == "postgres" && line.server.told["adapters"]["engine"] == "temporal"
    );
    is_the_body(&rounds::from_compose_to_the_contacts_answer(&line, true).await?)?;
    rounds::a_failure_and_then_a_delivery(&line, 131_026, "unknown_recipient").await?;
    rounds::receipts_before_the_answer(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_message_whose_answer_is_unclear_is_sent_once_and_settled_by_a_receipt_with_our_id() -> Result<()> {
    rounds::unclear_answers_are_settled_by_receipts(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_meta_that_are_not_signed_are_refused_alike_and_leave_nothing() -> Result<()> {
    forgeries::are_refused_alike_and_leave_nothing(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_meta_for_another_account_number_or_tenant_change_nothing() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    forgeries::of_another_account_are_left_out(&line).await?;

    let before = forgeries::kept(&line)?;
    let message = json!({
        "from": "4915112345675", "id": "wamid.other", "timestamp": whatsapp::timestamp()?, "type": "text", "text": { "body": "Hi" },
    });
    let other_number = whatsapp::entry(whatsapp::BUSINESS, "106540352242999", &json!({ "messages": [message] }));
    let answer = line.call(signed_for_whatsapp(&line.voice(), serde_json::to_vec(&other_number)?)?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(forgeries::kept(&line)? == before, "what was written to another number is kept");

    let line = Line::open(Carrier::Cloud).await?;
    forgeries::of_another_tenant_do_not_reach_us(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_meta_may_be_a_batch_of_three_megabytes_with_strange_members_in_it() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    let (one, other) = ("+4915112345676", "+4915112345677");
    let conversations = [line.compose(one, "Hello").await?, line.compose(other, "Hello").await?];
    for conversation in &conversations {
        line.message_in(conversation, "sent").await?;
    }
    let sent = [line.one_sent_to(one).await?, line.one_sent_to(other).await?];
    let now = whatsapp::timestamp()?;
    let receipt = |id: &str, status: Value| json!({ "id": id, "status": status, "timestamp": now, "recipient_id": 5 });
    let mine = whatsapp::entry(
        whatsapp::BUSINESS,
        whatsapp::NUMBER,
        &json!({
            "statuses": [
                receipt(&sent[0].id, json!("delivered")), receipt(&sent[0].id, json!(["read"])), receipt(&sent[0].id, json!("vanished")),
                receipt("", json!("read")), "what?", { "tomorrow": { "deep": [null, 1e300] } }, receipt(&sent[1].id, json!("read")),
            ],
            "messages": [
                { "from": "4915112345676", "id": "wamid.tomorrow", "timestamp": now, "type": "hologram", "hologram": { "rays": 7 } },
                { "from": 4_915_112_345_677_u64, "id": "wamid.odd", "timestamp": 1, "type": "text", "text": "no object" }, 7,
            ],
        }),
    );
    let foreign =
        whatsapp::entry("5", whatsapp::NUMBER, &json!({ "statuses": [receipt(&sent[1].id, json!("failed"))] }));
    let mut batch = mine.clone();
    batch["entry"] = json!([foreign["entry"][0], { "id": whatsapp::BUSINESS, "changes": "none" }, mine["entry"][0]]);
    batch["padding"] = json!("x".repeat(3_000_000));
    let body = serde_json::to_vec(&batch)?;
    let unsigned = line.call(signed_for_whatsapp(
        &overture_tests::carrier::Voice { secret: "another".into(), ..line.voice() },
        body.clone(),
    )?);
    ensure!(unsigned.await?.status == 403);
    let answer = line.call(signed_for_whatsapp(&line.voice(), body)?).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(line.composed(&conversations[0]).await?["status"] == "delivered");
    ensure!(line.composed(&conversations[1]).await?["status"] == "read");
    let messages = line.messages(&conversations[0]).await?;
    ensure!(messages.iter().any(|message| message["content"] == "(hologram)"), "{messages:?}");

    for (body, status, code) in [
        (vec![b' '; 5_000_000], 413, "body_too_large"),
        (b"{\"entry\":".to_vec(), 400, "unreadable_webhook"),
        (b"[]".to_vec(), 400, "unreadable_webhook"),
    ] {
        let answer = line.call(signed_for_whatsapp(&line.voice(), body)?).await?;
        ensure!(answer.status == status && answer.body["code"] == code, "{answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_meta_with_a_thousand_receipts_of_many_messages_is_kept_whole_and_once() -> Result<()> {
    const MESSAGES: usize = 20;
    let line = Line::open(Carrier::Cloud).await?;
    let mut conversations = Vec::new();
    for n in 0..MESSAGES {
        conversations.push(line.compose(&format!("+49151123700{n:02}"), "Hello").await?);
    }
    for conversation in &conversations {
        line.message_in(conversation, "sent").await?;
    }
    let now = whatsapp::timestamp()?;
    let receipt = |id: &str, status: &str| json!({ "id": id, "status": status, "timestamp": now, "recipient_id": "5" });
    let mut statuses = Vec::new();
    for sent in line.sent() {
        statuses.extend(["read", "sent", "delivered"].map(|status| receipt(&sent.id, status)));
    }
    let of_nobody = 1_000 - statuses.len();
    statuses.extend((0..of_nobody).map(|n| receipt(&format!("wamid.nobody{n}"), "delivered")));
    let call = whatsapp::entry(whatsapp::BUSINESS, whatsapp::NUMBER, &json!({ "statuses": statuses }));
    for _ in 0..2 {
        let answer = line.call(signed_for_whatsapp(&line.voice(), serde_json::to_vec(&call)?)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
        for conversation in &conversations {
            let message = line.composed(conversation).await?;
            ensure!(message["status"] == "read" && message["deliveredAt"] == message["readAt"], "{message}");
            ensure!(line.conversation(conversation).await?["status"] == "awaiting_contact");
        }
        let kept = line.installation.count("SELECT count(*) FROM receipts")?;
        ensure!(kept == 1_000, "{kept} receipts are kept");
    }
    let waiting = line.installation.count("SELECT count(*) FROM receipts WHERE NOT applied")?;
    ensure!(waiting == of_nobody as u64, "{waiting} receipts have had no effect");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_number_or_was_not_written_by_the_contact_is_kept_and_moves_nothing() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    let conversation = line.compose("+4915112345678", "Hello").await?;
    line.message_in(&conversation, "sent").await?;
    let before = line.conversation(&conversation).await?;
    let windows = "SELECT count(*) FROM windows";
    let opened = line.installation.count(windows)?;
    let now = whatsapp::timestamp()?;
    let system = |id: &str, from: &str| {
        let told = json!({ "body": "A changed their number", "wa_id": "4915112345699", "type": "user_changed_number" });
        json!({ "from": from, "id": id, "timestamp": now, "type": "system", "system": told })
    };
    let hidden = json!({
        "from_user_id": "DE.13491208655302741918", "id": "wamid.hidden", "timestamp": now, "type": "text", "text": { "body": "Hallo" },
    });
    let messages = [system("wamid.moved", "4915112345678"), system("wamid.stranger", "4915112345688"), hidden];
    let call = whatsapp::entry(whatsapp::BUSINESS, whatsapp::NUMBER, &json!({ "messages": messages }));
    for _ in 0..2 {
        let answer = line.call(signed_for_whatsapp(&line.voice(), serde_json::to_vec(&call)?)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    let messages = line.messages(&conversation).await?;
    let told: Vec<_> = messages.iter().filter(|message| message["kind"] == "system").collect();
    ensure!(told.len() == 1 && told[0]["content"] == "A changed their number", "{messages:?}");
    let after = line.conversation(&conversation).await?;
    ensure!(after == before, "{after} instead of {before}");
    ensure!(line.installation.count(windows)? == opened, "a window was opened by what nobody wrote");
    let status = line.installation.ask(&["status"])?;
    ensure!(status["unplaced"] == 2, "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_that_meta_revoked_messages_wait_and_leave_once_when_it_is_good_again() -> Result<()> {
    rounds::a_token_revoked_in_the_middle(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_meta_limits_or_refuses_for_an_opt_out_ends_as_meta_says() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    rounds::too_many_requests(&line).await?;
    rounds::an_opt_out_at_the_provider(&line, 131_050).await
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_message_whose_process_died_between_send_and_record_is_not_sent_again() -> Result<()> {
    rounds::killed_between_send_and_record(&mut Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_sets_the_webhook_up_with_the_verify_token_alone_and_a_contact_is_known_by_what_meta_calls_it()
-> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    let asked = |token: &str| {
        format!(
            "/webhooks/whatsapp/{}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}",
            line.channel
        )
    };
    let shown = line.client.get(&asked(whatsapp::VERIFY_TOKEN)).await?;
    ensure!(shown.status == 200 && shown.body == 1_158_201_444, "{shown:?}");
    for wrong in ["", "another", whatsapp::APP_SECRET] {
        ensure!(line.client.get(&asked(wrong)).await?.status == 403, "{wrong}");
    }

    // In Brazil WhatsApp knows people without the ninth digit, as they were called before.
    let conversation = line.compose("+5511987654321", "Olá").await?;
    line.message_in(&conversation, "sent").await?;
    let told = line.tell(&News::Text("wamid.brazil", "+551187654321", "Oi!")).await?;
    ensure!(told.status == 200, "{told:?}");
    let messages = line.messages(&conversation).await?;
    ensure!(messages.iter().any(|message| message["content"] == "Oi!"), "{messages:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_of_meta_at_odd_moments_count_once_they_can_be_told() -> Result<()> {
    let line = Line::open(Carrier::Cloud).await?;
    moments::receipts_at_odd_moments(&line).await?;
    moments::an_answer_before_the_providers(&line).await?;
    moments::an_answer_before_the_receipt(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_meta_all_at_once_leave_what_they_would_leave_one_by_one() -> Result<()> {
    let line = Arc::new(Line::open(Carrier::Cloud).await?);
    moments::receipts_that_race_the_answer(&line).await?;
    moments::messages_of_a_stranger_all_at_once(&line).await?;
    moments::a_burst_of_one_contact(&line).await
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whatsapp_message_whose_worker_died_between_send_and_record_is_not_sent_again_on_postgres_and_temporal()
-> Result<()> {
    rounds::killed_between_send_and_record(&mut Line::open_in_production(Carrier::Cloud, &[]).await?).await
}
