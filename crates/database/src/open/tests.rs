use super::{OpenMember, judge, rows, write_unlooked};
use crate::Database;
use crate::error::is_taken;
use crate::sql::all;
use crate::test_place::{Place, on_postgres};
use futures_util::future::join_all;
use overture_domain::ids::{ConversationId, Version};
use overture_domain::ports::{ContactChoice, ConversationRepo as _, OpenConversation, OpenError, StoreError};
use sea_orm::TransactionTrait as _;
use std::time::Duration;
use uuid::Uuid;

/// The same request as another process has it: with ids of its own.
fn elsewhere(place: &Place, number: u128, opening: &OpenConversation) -> OpenConversation {
    let other = place.opening(number);
    OpenConversation {
        recipient: opening.recipient.clone(),
        contact: ContactChoice::Create {
            id: other.contact.id(),
            name: None,
            addresses: vec![opening.recipient.address.clone()],
        },
        idempotency: opening.idempotency.clone(),
        ..other
    }
}

async fn conversations(database: &Database) -> Vec<ConversationId> {
    let rows = all(&database.readers, "SELECT id FROM conversations", []).await.unwrap();
    rows.iter().map(|row| ConversationId::from_uuid(row.try_get_by_index::<Uuid>(0).unwrap())).collect()
}

/// Whoever looked first, and is overtaken before it writes, takes nobody's key or address.
#[tokio::test]
async fn who_looked_and_was_overtaken_writes_nothing() {
    let (database, place) = on_postgres().await;
    let opening = place.opening(1);
    let whole = elsewhere(&place, 2, &opening);
    let only_key = OpenConversation { idempotency: opening.idempotency.clone(), ..place.opening(3) };
    let only_address = OpenConversation { idempotency: None, ..elsewhere(&place, 4, &opening) };
    for (n, late) in [whole, only_key, only_address].into_iter().enumerate() {
        let tx = database.readers.begin().await.unwrap();
        let mut late = [OpenMember::new(late).0];
        if n == 0 {
            judge(&tx, &mut late).await.unwrap();
            let fast = [OpenMember::new(opening.clone()).0];
            write_unlooked(&database.readers, &fast).await.expect("nothing is looked at").unwrap();
        }
        let error = rows::written(&late).change(&tx).await.unwrap_err();
        assert!(is_taken(&error), "{error}");
        let told = error.to_string();
        assert!(!told.contains("example.com"), "{told}");
        tx.rollback().await.unwrap();
        assert_eq!(conversations(&database).await, [opening.conversation_id]);
    }
}

/// Whoever does not look learns that something is there, and nothing of it is written.
#[tokio::test]
async fn who_does_not_look_and_is_late_writes_nothing() {
    let (database, place) = on_postgres().await;
    let opening = place.opening(1);
    let open = async |openings: Vec<OpenConversation>| {
        let members: Vec<_> = openings.into_iter().map(|opening| OpenMember::new(opening).0).collect();
        write_unlooked(&database.readers, &members).await
    };
    open(vec![opening.clone()]).await.unwrap().unwrap();
    let late = open(vec![place.opening(2), elsewhere(&place, 3, &opening)]).await.unwrap().unwrap_err();
    assert!(is_taken(&late), "{late}");
    assert_eq!(conversations(&database).await, [opening.conversation_id]);
    let twice = elsewhere(&place, 5, &place.opening(4));
    assert!(open(vec![place.opening(4), twice]).await.is_none(), "of two in one batch the first wins: that is decided");
}

/// What waited too long was not written, and never is.
#[tokio::test]
async fn whoever_gave_up_waiting_is_told_that_it_is_busy_and_is_not_written_later() {
    let place = Place::nowhere();
    let (member, asked) = OpenMember::new(place.opening(1));
    let told = asked.wait_in_line(Duration::ZERO).await;
    assert!(matches!(told, Err(OpenError::Store(StoreError::Busy(_)))), "{told:?}");
    assert!(!member.is_taken_up());
}

/// What is being written is waited for, however long it takes.
#[tokio::test]
async fn whoever_is_being_written_is_told_what_came_of_it() {
    let (member, asked) = OpenMember::new(Place::nowhere().opening(1));
    assert!(member.is_taken_up());
    let told = tokio::spawn(asked.wait_in_line(Duration::ZERO));
    tokio::task::yield_now().await;
    member.answer(Ok(()));
    assert!(told.await.unwrap().is_ok());
}

/// Whoever waits for a lock that somebody else holds is told that it is busy, and nobody beside it is.
#[tokio::test]
async fn a_contact_that_is_locked_elsewhere_costs_its_own_conversation_only() {
    let (database, place) = on_postgres().await;
    let known = place.opening(1);
    database.open(known.clone()).await.unwrap();
    let tx = database.readers.begin().await.unwrap();
    all(&tx, "SELECT 1 FROM contacts FOR UPDATE", []).await.unwrap();
    let contact =
        ContactChoice::Use { id: known.contact.id(), expect: Version::FIRST, add: Vec::new(), fill_name: None };
    let blocked = OpenConversation { contact, recipient: known.recipient.clone(), ..place.opening(2) };
    let others: Vec<_> = (3..12).map(|number| place.opening(number)).collect();
    let opened = join_all([blocked].into_iter().chain(others).map(|opening| database.open(opening))).await;
    assert!(matches!(opened[0], Err(OpenError::Store(StoreError::Busy(_)))), "{opened:?}");
    assert!(opened[1..].iter().all(Result::is_ok), "{opened:?}");
    tx.rollback().await.unwrap();
}
