//! Stopping: what runs is finished, nothing new begins.

use crate::common::{Ask, Desk, Trouble};
use overture_domain::ports::ConversationRepo;
use overture_testkit::eventually;
use tokio::net::TcpStream;

#[tokio::test]
async fn stopping_waits_for_the_request_that_runs_and_refuses_new_connections() {
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Held);
    let running = tokio::spawn(desk.post(&desk.body()).answer());
    desk.conversations.one_is_held().await;
    let Desk { serving, conversations, .. } = desk;
    let address = serving.address;
    let stopping = tokio::spawn(serving.stop());
    eventually("nobody listens any more", async || TcpStream::connect(address).await.is_err()).await;
    assert!(!stopping.is_finished());
    conversations.release();
    assert_eq!(running.await.unwrap().status, 200);
    stopping.await.unwrap();
}

#[tokio::test]
async fn stopping_waits_for_work_whose_client_has_gone() {
    let desk = Desk::open().await;
    desk.conversations.trouble_next(Trouble::Held);
    let gone = tokio::spawn(desk.post(&desk.body()).answer());
    desk.conversations.one_is_held().await;
    gone.abort();
    let Desk { serving, conversations, store, tenant, .. } = desk;
    let address = serving.address;
    let stopping = tokio::spawn(serving.stop());
    eventually("nobody listens any more", async || TcpStream::connect(address).await.is_err()).await;
    conversations.release();
    stopping.await.unwrap();
    assert_eq!(store.newest_messages(tenant, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn stopping_gives_up_when_its_grace_has_passed() {
    let desk = Desk::open_with(|options| options.stop_grace = std::time::Duration::from_millis(50)).await;
    desk.conversations.trouble_next(Trouble::Held);
    let _running = tokio::spawn(desk.post(&desk.body()).answer());
    desk.conversations.one_is_held().await;
    let Desk { serving, .. } = desk;
    serving.stop().await;
}
