//! What PostgreSQL, Temporal, workers and clocks may do to an installation of many processes: every 200 stays one
//! conversation, every message is sent, and none twice without a death that explains it.

use anyhow::Result;
use overture_tests::faults;

const COMPOSES: u64 = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_temporal_is_down_composes_are_200_and_go_out_once_when_it_is_up() -> Result<()> {
    eprintln!("{:?}", faults::temporal_down_for_the_whole_load(COMPOSES).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporal_killed_and_restarted_in_the_load_goes_on_with_what_was_in_flight() -> Result<()> {
    eprintln!("{:?}", faults::temporal_killed_in_the_load(COMPOSES).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_around_commit_and_a_restart_of_postgres_double_and_lose_nothing() -> Result<()> {
    eprintln!("{:?}", faults::postgres_cut_around_commit_and_restarted(COMPOSES).await?);
    Ok(())
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_between_send_and_record_leaves_an_unclear_attempt_and_one_equal_copy() -> Result<()> {
    eprintln!("{:?}", faults::worker_killed_between_send_and_record(COMPOSES).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_apis_and_two_workers_make_one_delivery_of_each_message() -> Result<()> {
    eprintln!("{:?}", faults::two_apis_and_two_workers(COMPOSES).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_clock_five_minutes_ahead_leases_claims_and_windows_hold() -> Result<()> {
    eprintln!("{:?}", faults::a_clock_five_minutes_ahead(COMPOSES).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_connection_taken_requests_wait_for_a_bounded_time_and_are_told_to_come_again() -> Result<()> {
    eprintln!("{:?}", faults::every_connection_taken(COMPOSES).await?);
    Ok(())
}
