//! Many at once: somebody wins, the others are told, nobody is lost and nobody is spoilt.

use super::StorePorts;
use super::stage::{HOUR, SEEN, Stage, record};
use futures_util::future::join_all;
use overture_domain::entities::{Address, MessageStatus};
use overture_domain::ports::{
    Accepted, Begun, BegunAttempt, ContactChoice, OpenConversation, OpenError, Opened, Saved, StartOrder,
};
use overture_domain::process::{Effect, Event};

/// How many race.
const CROWD: usize = 64;

/// The others read and decide again.
pub async fn of_many_opens_to_one_new_address_one_makes_the_contact(stage: &Stage) {
    let address = stage.address();
    let openings: Vec<_> = (0..CROWD).map(|_| stage.creating(stage.home, vec![address.clone()])).collect();
    let answers = race(stage, &openings).await;
    let (kept, moved) =
        (kept(&answers), answers.iter().filter(|it| matches!(it, Err(OpenError::ContactMoved))).count());
    assert_eq!((kept.len(), moved), (1, CROWD - 1), "{answers:?}");
    let contact = stage.contact(stage.home.tenant, &address).await.expect("the contact is there");
    assert_eq!(contact.id, openings[kept[0]].contact.id());
    assert_eq!(count(stage).await, 1);
}

/// The others find what it did.
pub async fn of_many_opens_with_one_key_one_is_kept(stage: &Stage) {
    let keyed = || OpenConversation { idempotency: Some(record(1, 1, HOUR)), ..stage.opening() };
    let openings: Vec<_> = (0..CROWD).map(|_| keyed()).collect();
    let answers = race(stage, &openings).await;
    let (kept, taken) = (kept(&answers), answers.iter().filter(|it| matches!(it, Err(OpenError::KeyTaken))).count());
    assert_eq!((kept.len(), taken), (1, CROWD - 1), "{answers:?}");
    let key = record(1, 1, HOUR).key;
    let earlier = stage.ports.conversations.earlier(stage.home.tenant, &key).await.expect("earlier");
    assert_eq!(earlier.map(|it| it.conversation_id), Some(openings[kept[0]].conversation_id));
    assert_eq!(count(stage).await, 1);
}

/// However they are batched.
pub async fn many_opens_at_once_are_all_kept(stage: &Stage) {
    let openings: Vec<_> = (0..3 * CROWD).map(|_| stage.opening()).collect();
    let answers = race(stage, &openings).await;
    assert_eq!(kept(&answers).len(), 3 * CROWD, "{answers:?}");
    for opening in &openings {
        assert_eq!(stage.message(opening).await.message.content, opening.content);
        assert_eq!(stage.contact_of(opening).await.addresses.first(), Some(&opening.recipient.address));
    }
    assert_eq!(stage.ports.observatory.overview().await.expect("overview").wakeups, 3 * CROWD as u64);
}

/// Losers of every kind stand between winners.
pub async fn a_member_that_loses_spoils_no_other(stage: &Stage) {
    let known = OpenConversation { idempotency: Some(record(1, 1, HOUR)), ..stage.opening() };
    stage.open(&known).await;
    let contact = stage.contact_of(&known).await;
    let openings: Vec<_> = (0..CROWD)
        .map(|n| match n % 4 {
            0 => stage.creating(stage.home, vec![known.recipient.address.clone()]),
            1 => OpenConversation { idempotency: Some(record(1, 2, HOUR)), ..stage.opening() },
            2 => stage.using(stage.home, &contact),
            _ => stage.opening(),
        })
        .collect();
    let answers = race(stage, &openings).await;
    for (n, answer) in answers.iter().enumerate() {
        let as_expected = match n % 4 {
            0 => matches!(answer, Err(OpenError::ContactMoved)),
            1 => matches!(answer, Err(OpenError::KeyTaken)),
            _ => answer.is_ok(),
        };
        assert!(as_expected, "member {n}: {answer:?}");
    }
    assert_eq!(count(stage).await, 1 + CROWD / 2);
}

/// Who changes nothing is in nobody's way.
pub async fn a_contact_may_be_used_by_many_at_once(stage: &Stage) {
    let contact = stage.contact_of(&stage.opened().await).await;
    let openings: Vec<_> = (0..CROWD).map(|_| stage.using(stage.home, &contact)).collect();
    let answers = race(stage, &openings).await;
    assert_eq!(kept(&answers).len(), CROWD, "{answers:?}");
    assert_eq!(stage.ports.contacts.find(stage.home.tenant, contact.id).await.expect("find"), Some(contact));
}

/// The version tells the others.
pub async fn of_many_who_change_one_contact_one_does(stage: &Stage) {
    let contact = stage.contact_of(&stage.opened().await).await;
    let gaining = |address: Address| OpenConversation {
        contact: ContactChoice::Use { id: contact.id, expect: contact.version, add: vec![address], fill_name: None },
        ..stage.using(stage.home, &contact)
    };
    let openings: Vec<_> = (0..CROWD).map(|_| gaining(stage.phone())).collect();
    let answers = race(stage, &openings).await;
    assert_eq!(kept(&answers).len(), 1, "{answers:?}");
    assert!(answers.iter().all(|it| matches!(it, Ok(_) | Err(OpenError::ContactMoved))), "{answers:?}");
    let changed = stage.ports.contacts.find(stage.home.tenant, contact.id).await.expect("find").expect("it is there");
    assert_eq!((changed.addresses.len(), changed.version), (2, contact.version.next()));
}

/// Email and phone, from both sides at once: one contact each time, and no deadlock.
pub async fn crossed_pairs_of_addresses_never_make_twins(stage: &Stage) {
    let mut openings = Vec::new();
    let pairs: Vec<_> = (0..CROWD).map(|_| (stage.address(), stage.phone())).collect();
    for (email, phone) in &pairs {
        openings.push(stage.creating(stage.home, vec![email.clone(), phone.clone()]));
        openings.push(stage.creating(stage.home, vec![phone.clone(), email.clone()]));
    }
    let answers = race(stage, &openings).await;
    for (pair, answers) in pairs.iter().zip(answers.chunks(2)) {
        let lost = answers.iter().filter(|it| matches!(it, Err(OpenError::ContactMoved))).count();
        assert_eq!((kept(answers).len(), lost), (1, 1), "{answers:?}");
        let by_email = stage.contact(stage.home.tenant, &pair.0).await;
        assert!(by_email.is_some());
        assert_eq!(by_email, stage.contact(stage.home.tenant, &pair.1).await);
    }
}

/// Whoever wrote first, in whatever order, whether or not it had to look before: there is one contact and one record.
pub async fn two_processes_that_open_the_same_in_opposite_order_make_no_twins(stage: &Stage) {
    let other = stage.reopened().await;
    let known = stage.contact_of(&stage.opened().await).await;
    let opening = |n: usize, address: &Address| OpenConversation {
        idempotency: Some(record(u8::try_from(n).expect("a small crowd"), 1, HOUR)),
        ..stage.creating(stage.home, vec![address.clone()])
    };
    let addresses: Vec<_> = (0..CROWD).map(|_| stage.address()).collect();
    // Beside what a known contact is told, nothing is written before it was looked.
    let beside = |n: usize| (n % 16 == 15).then(|| stage.using(stage.home, &known));
    let here = addresses.iter().enumerate().flat_map(|(n, it)| [Some(opening(n, it)), beside(n)]);
    let there = addresses.iter().enumerate().rev().flat_map(|(n, it)| [Some(opening(n, it)), beside(n + 8)]);
    let (here, there): (Vec<_>, Vec<_>) = (here.flatten().collect(), there.flatten().collect());
    let (ours, theirs) = tokio::join!(race_on(&stage.ports, &here), race_on(&other, &there));
    let lost = |answers: &[Answer]| {
        assert!(
            answers.iter().all(|it| matches!(it, Ok(_) | Err(OpenError::ContactMoved | OpenError::KeyTaken))),
            "{answers:?}"
        );
        answers.iter().filter(|answer| answer.is_err()).count()
    };
    assert_eq!(lost(&ours) + lost(&theirs), CROWD);
    for address in &addresses {
        assert!(stage.contact(stage.home.tenant, address).await.is_some());
    }
    assert_eq!(count(stage).await, 1 + here.len() + there.len() - CROWD);
}

/// Somebody who does not know the outcome need not wait for the first asking to end.
pub async fn the_same_opening_many_times_at_once_is_one(stage: &Stage) {
    let opening = OpenConversation { idempotency: Some(record(1, 1, HOUR)), ..stage.opening() };
    let answers = race(stage, &vec![opening; 16]).await;
    assert_eq!(kept(&answers).len(), 16, "{answers:?}");
    assert_eq!(count(stage).await, 1);
    assert_eq!(stage.ports.observatory.overview().await.expect("overview").wakeups, 1);
}

/// Opens, attempts, renewals, changes and settlements, all mixed: none fails and none is lost.
pub async fn many_conversations_live_at_once_and_all_end(stage: &Stage) {
    let openings: Vec<_> = (0..CROWD).map(|_| OpenConversation { claimed_for: HOUR, ..stage.opening() }).collect();
    let tasks: Vec<_> =
        openings.iter().cloned().map(|opening| tokio::spawn(live(stage.ports.clone(), opening))).collect();
    for ended in join_all(tasks).await {
        ended.expect("no life ends early");
    }
    let overview = stage.ports.observatory.overview().await.expect("overview");
    assert_eq!((overview.messages, overview.wakeups), (vec![(MessageStatus::Sent, CROWD as u64)], 0));
}

/// The whole life of a conversation, as a process leads it.
async fn live(ports: StorePorts, opening: OpenConversation) {
    let StorePorts { conversations, deliveries, wakeups, .. } = ports;
    let (conversation_id, workspace_id) = (opening.conversation_id, opening.workspace_id);
    let message = opening.message_id;
    let opened = conversations.open(opening).await.expect("open");
    let process = deliveries.load(conversation_id).await.expect("load").expect("it is there").process;
    let Begun::Attempt(attempt) = deliveries.begin_attempt(message, HOUR).await.expect("begin_attempt") else {
        panic!("a fresh message may be attempted")
    };
    assert!(deliveries.renew_lease(message, attempt.number, HOUR).await.expect("renew_lease"));
    let accepted = Accepted { provider_message_id: None, recipient_alias: None };
    let BegunAttempt { number, began_at, .. } = *attempt;
    let event = Event::AttemptEnded { message, number, began_at, probed: false, result: Ok(accepted), at: SEEN };
    let (_, effect) = process.step(event, SEEN);
    let Effect::Keep(change) = effect else { panic!("an end of an attempt is kept") };
    assert_eq!(deliveries.save(*change).await.expect("save"), Saved::Applied);
    let order = StartOrder { conversation_id, workspace_id, generation: opened.generation, tries: 0 };
    wakeups.settle(&order).await.expect("settle");
}

type Answer = Result<Opened, OpenError>;

/// Opens all at once, each in a task of its own; the answers stand as the openings do.
async fn race(stage: &Stage, openings: &[OpenConversation]) -> Vec<Answer> {
    race_on(&stage.ports, openings).await
}

async fn race_on(ports: &StorePorts, openings: &[OpenConversation]) -> Vec<Answer> {
    let tasks = openings.iter().cloned().map(|opening| {
        let conversations = ports.conversations.clone();
        tokio::spawn(async move { conversations.open(opening).await })
    });
    let tasks: Vec<_> = tasks.collect();
    join_all(tasks).await.into_iter().map(|answer| answer.expect("no open panics")).collect()
}

/// Which were kept.
fn kept(answers: &[Answer]) -> Vec<usize> {
    answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()).map(|(n, _)| n).collect()
}

/// How many messages there are.
async fn count(stage: &Stage) -> usize {
    stage.ports.conversations.newest_messages(stage.home.tenant, 1_000).await.expect("newest_messages").len()
}
