//! Limits of providers, through the built binary: what Meta and Twilio take of a channel and to one person.

use anyhow::Result;
use overture_tests::carrier::Carrier;
use overture_tests::line::Line;
use overture_tests::paces;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_on_whatsapp_keep_both_limits_on_sqlite_and_embedded() -> Result<()> {
    paces::limits_are_kept_and_nobody_waits_for_another(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_on_whatsapp_keep_both_limits_on_postgres_and_temporal() -> Result<()> {
    paces::limits_are_kept_and_nobody_waits_for_another(&Line::open_in_production(Carrier::Cloud, &[]).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_meta_refuses_for_one_recipient_keeps_only_that_one_waiting() -> Result<()> {
    paces::a_refusal_for_one_recipient_concerns_nobody_else(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_meta_refuses_for_the_channel_is_refused_once() -> Result<()> {
    paces::a_refusal_for_the_channel_is_met_once(&Line::open(Carrier::Cloud).await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_twilio_refuses_for_the_channel_is_refused_once() -> Result<()> {
    paces::a_refusal_for_the_channel_is_met_once(&Line::open(Carrier::TwilioSms).await?).await
}
