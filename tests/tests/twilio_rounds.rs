//! SMS and WhatsApp by Twilio, from compose to what people read in the end, through the built binary.

use anyhow::{Context, Result, ensure};
use overture_tests::carrier::{Carrier, News, PUBLIC_URL, Sent};
use overture_tests::line::Line;
use overture_tests::twilio;
use overture_tests::{forgeries, moments, rounds};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The form is what Twilio's page says, and no more.
fn is_the_form(line: &Line, sent: &Sent, before: &str) -> Result<()> {
    let (form, ours) = (&sent.body, &sent.ours);
    let names: BTreeSet<_> = form.as_object().context("no form")?.keys().map(String::as_str).collect();
    ensure!(names == BTreeSet::from(["Body", "From", "StatusCallback", "To", "ValidityPeriod"]), "{form}");
    let callback = format!("{PUBLIC_URL}/webhooks/twilio/{}/status?message={ours}", line.channel);
    ensure!(form["StatusCallback"] == callback, "{form}");
    ensure!(form["From"] == format!("{before}{}", twilio::SENDER), "{form}");
    ensure!(form["To"] == format!("{before}{}", sent.to), "{form}");
    // A text may be tried for four hours where the request does not say otherwise.
    let validity: u32 = form["ValidityPeriod"].as_str().context("no ValidityPeriod")?.parse()?;
    ensure!((14_300..=14_400).contains(&validity), "{form}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sms_by_twilio_goes_its_full_round_on_sqlite_and_embedded() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    ensure!(
        line.server.told["adapters"]["database"] == "sqlite" && line.server.told["adapters"]["engine"] == "embedded"
    );
    let sent = rounds::from_compose_to_the_contacts_answer(&line, false).await?;
    is_the_form(&line, &sent, "")?;
    rounds::a_failure_and_then_a_delivery(&line, 30003, "handset_unreachable").await?;
    rounds::receipts_before_the_answer(&line).await?;

    let mut longer = line.body("+4915112345679", "For a week");
    longer["deliverWithin"] = json!("P7D");
    line.client.compose(&longer).await?.composed()?;
    let sent = line.one_sent_to("+4915112345679").await?;
    ensure!(sent.body["ValidityPeriod"] == "36000", "Twilio takes no more: {}", sent.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sms_by_twilio_goes_its_full_round_on_postgres_and_temporal() -> Result<()> {
    let line = Line::open_in_production(Carrier::TwilioSms, &[]).await?;
    ensure!(
        line.server.told["adapters"]["database"] == "postgres" && line.server.told["adapters"]["engine"] == "temporal"
    );
    let sent = rounds::from_compose_to_the_contacts_answer(&line, false).await?;
    is_the_form(&line, &sent, "")?;
    rounds::a_failure_and_then_a_delivery(&line, 30003, "handset_unreachable").await?;
    rounds::receipts_before_the_answer(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatsapp_by_twilio_goes_its_full_round() -> Result<()> {
    let line = Line::open(Carrier::TwilioWhatsApp).await?;
    let sent = rounds::from_compose_to_the_contacts_answer(&line, true).await?;
    is_the_form(&line, &sent, "whatsapp:")?;
    rounds::a_failure_and_then_a_delivery(&line, 63024, "unknown_recipient").await?;
    rounds::receipts_before_the_answer(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sms_whose_answer_is_unclear_is_sent_once_and_settled_by_a_receipt_with_our_id() -> Result<()> {
    rounds::unclear_answers_are_settled_by_receipts(&Line::open(Carrier::TwilioSms).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_twilio_that_are_not_signed_for_this_address_are_refused_alike_and_leave_nothing() -> Result<()> {
    forgeries::are_refused_alike_and_leave_nothing(&Line::open(Carrier::TwilioSms).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_twilio_for_another_account_number_or_tenant_change_nothing() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    forgeries::of_another_account_are_left_out(&line).await?;

    let before = forgeries::kept(&line)?;
    let path = format!("/webhooks/twilio/{}/inbound", line.channel);
    for (from, to) in [("+4915112345675", "+4915792309999"), ("whatsapp:+4915112345675", twilio::SENDER)] {
        let parameters =
            [("AccountSid", twilio::ACCOUNT), ("MessageSid", "SM1"), ("From", from), ("To", to), ("Body", "Hi")];
        let call = twilio::call(&format!("{PUBLIC_URL}{path}"), twilio::TOKEN, &parameters)?;
        let answer = line.call(call.posted(path.clone())).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    ensure!(forgeries::kept(&line)? == before, "what was written to others is kept");

    let line = Line::open(Carrier::TwilioSms).await?;
    forgeries::of_another_tenant_do_not_reach_us(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_calls_of_twilio_are_taken_for_what_can_be_read_and_three_megabytes_are_refused_unread() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    let conversation = line.compose("+4915112345676", "Hello").await?;
    let message = line.message_in(&conversation, "sent").await?;
    let sent = line.one_sent_to("+4915112345676").await?;
    let path = format!("/webhooks/twilio/{}/status?message={}", line.channel, sent.ours);
    let url = format!("{PUBLIC_URL}{path}");
    let of = |status| [("AccountSid", twilio::ACCOUNT), ("MessageSid", sent.id.as_str()), ("MessageStatus", status)];

    let large = "x".repeat(3_000_000);
    for token in [twilio::TOKEN, "another"] {
        let parameters = [of("delivered").as_slice(), &[("Body", large.as_str())]].concat();
        let answer = line.call(twilio::call(&url, token, &parameters)?.posted(path.clone())).await?;
        ensure!(answer.status == 413 && answer.body["code"] == "body_too_large", "{answer:?}");
    }
    for status in ["teleported", "sending", "accepted"] {
        let answer = line.call(twilio::call(&url, twilio::TOKEN, &of(status))?.posted(path.clone())).await?;
        ensure!(answer.status == 204, "{status}: {answer:?}");
    }
    ensure!(line.composed(&conversation).await? == message, "what says nothing new changed the message");

    // Parameters of tomorrow, doubled and empty ones are signed all the same.
    let odd = [("Tomorrow", "ü&=+ 👍"), ("Tomorrow", "again"), ("ErrorCode", ""), ("RawDlrDoneDate", "2611241000")];
    let parameters = [of("delivered").as_slice(), &odd].concat();
    let answer = line.call(twilio::call(&url, twilio::TOKEN, &parameters)?.posted(path.clone())).await?;
    ensure!(answer.status == 204, "{answer:?}");
    ensure!(line.composed(&conversation).await?["status"] == "delivered");

    let bare = twilio::call(&url, twilio::TOKEN, &[("AccountSid", twilio::ACCOUNT)])?;
    let answer = line.call(bare.posted(path)).await?;
    ensure!(answer.status == 400 && answer.body["code"] == "unreadable_webhook", "{answer:?}");

    // A picture without a word is a message too.
    let path = format!("/webhooks/twilio/{}/inbound", line.channel);
    let picture = [
        ("AccountSid", twilio::ACCOUNT),
        ("MessageSid", "MM1"),
        ("From", "+4915112345676"),
        ("To", twilio::SENDER),
        ("Body", ""),
        ("NumMedia", "1"),
        ("MediaUrl0", "https://api.twilio.com/m"),
        ("MediaContentType0", "image/jpeg"),
    ];
    let call = twilio::call(&format!("{PUBLIC_URL}{path}"), twilio::TOKEN, &picture)?;
    let answer = line.call(call.posted(path)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let messages = line.messages(&conversation).await?;
    ensure!(messages.iter().any(|message| message["content"] == "(image)"), "{messages:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_that_twilio_revoked_sms_wait_and_leave_once_when_it_is_good_again() -> Result<()> {
    rounds::a_token_revoked_in_the_middle(&Line::open(Carrier::TwilioSms).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_twilio_limits_or_refuses_for_an_opt_out_ends_as_twilio_says() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    rounds::too_many_requests(&line).await?;
    rounds::an_opt_out_at_the_provider(&line, 21610).await
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sms_whose_process_died_between_send_and_record_is_not_sent_again() -> Result<()> {
    rounds::killed_between_send_and_record(&mut Line::open(Carrier::TwilioSms).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_an_sms_first_has_a_conversation() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    let told = line.tell(&News::Text("SMfirst", "+4915112345678", "Are you there?")).await?;
    ensure!(told.status == 200 && told.header("content-type") == Some("text/xml"), "{told:?}");
    let rows = line.installation.rows("SELECT id FROM conversations")?;
    ensure!(rows.len() == 1, "{rows:?}");
    let conversation = rows[0]["id"].as_str().context("no id")?;
    let messages = line.messages(conversation).await?;
    ensure!(messages.len() == 1 && messages[0]["direction"] == "inbound", "{messages:?}");
    ensure!(messages[0]["content"] == "Are you there?", "{messages:?}");
    ensure!(line.conversation(conversation).await?["contactPhone"] == "+4915112345678");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_of_twilio_at_odd_moments_count_once_they_can_be_told() -> Result<()> {
    let line = Line::open(Carrier::TwilioSms).await?;
    moments::receipts_at_odd_moments(&line).await?;
    moments::an_answer_before_the_providers(&line).await?;
    moments::an_answer_before_the_receipt(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_twilio_all_at_once_leave_what_they_would_leave_one_by_one() -> Result<()> {
    let line = Arc::new(Line::open(Carrier::TwilioSms).await?);
    moments::receipts_that_race_the_answer(&line).await?;
    moments::messages_of_a_stranger_all_at_once(&line).await?;
    moments::a_burst_of_one_contact(&line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_twilio_all_at_once_do_so_on_postgres_and_temporal_too() -> Result<()> {
    let line = Arc::new(Line::open_in_production(Carrier::TwilioSms, &[]).await?);
    moments::receipts_that_race_the_answer(&line).await?;
    moments::messages_of_a_stranger_all_at_once(&line).await?;
    moments::a_burst_of_one_contact(&line).await
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sms_whose_worker_died_between_send_and_record_is_not_sent_again_on_postgres_and_temporal() -> Result<()> {
    rounds::killed_between_send_and_record(&mut Line::open_in_production(Carrier::TwilioSms, &[]).await?).await
}
