//! What contacts write: kept once, where it belongs.

use super::stage::{HOUR, SEEN, content, ended, name};
use super::{Place, Stage};
use futures_util::future::join_all;
use overture_domain::entities::{Address, AttemptOutcome, ConversationStatus, Direction, Message, MessageStatus};
use overture_domain::ids::ConversationId;
use overture_domain::ports::{ContactChoice, Kept, NewIds, PlacedMessage, Placement, SaveError, Thread};
use overture_domain::values::PhoneNumber;
use std::time::Duration;

pub(super) fn phone_of(address: &Address) -> PhoneNumber {
    PhoneNumber::from_stored(address.canonical())
}

impl Stage {
    async fn thread(&self, place: Place, from: &PhoneNumber) -> Thread {
        let found = self.ports.inbound.thread(place.channel, Some(from.clone()), from.as_str().into()).await;
        found.expect("thread").expect("the channel is there")
    }

    /// A message of that sender, placed as it would be on that thread.
    fn placed(&self, place: Place, from: &PhoneNumber, thread: &Thread, id: &str) -> PlacedMessage {
        let placement = match (&thread.conversation, &thread.contact) {
            (Some(going_on), _) => {
                Placement::In { id: going_on.id, expected: going_on.version, status: ConversationStatus::InProgress }
            }
            (None, Some(contact)) => Placement::New {
                id: self.ids.conversation_id(),
                contact: ContactChoice::Use {
                    id: contact.id,
                    expect: contact.version,
                    add: Vec::new(),
                    fill_name: None,
                },
            },
            (None, None) => Placement::New {
                id: self.ids.conversation_id(),
                contact: ContactChoice::Create {
                    id: self.ids.contact_id(),
                    name: Some(name("Jan")),
                    addresses: vec![Address::Phone(from.clone())],
                },
            },
        };
        PlacedMessage {
            channel_id: place.channel,
            tenant_id: place.tenant,
            workspace_id: place.workspace,
            from: from.clone(),
            place: placement,
            message_id: self.ids.message_id(),
            kind: "text".into(),
            content: content("Good morning"),
            preview: "Good morning".into(),
            raw: None,
            provider_message_id: id.into(),
            written_at: Some(SEEN),
            at: SEEN.plus(HOUR),
        }
    }

    /// Places a message on what is there, and keeps it.
    pub(super) async fn write(&self, place: Place, from: &PhoneNumber, id: &str) -> Result<Kept, SaveError> {
        let thread = self.thread(place, from).await;
        self.ports.inbound.keep_message(self.placed(place, from, &thread, id)).await
    }

    async fn messages_in(&self, conversation: ConversationId) -> Vec<Message> {
        self.ports.conversations.messages(self.home.tenant, conversation, None, 100).await.expect("messages")
    }
}

/// It moves the conversation and is read with its messages.
pub async fn what_a_contact_writes_stands_in_the_latest_conversation(stage: &Stage) {
    let place = stage.sms_channel().await;
    let phone = stage.phone();
    let mut latest = None;
    for _ in 0..2 {
        let contact = stage.contact(place.tenant, &phone).await;
        let opening = match &contact {
            None => stage.creating(place, vec![phone.clone()]),
            Some(contact) => stage.using(place, contact),
        };
        stage.open(&opening).await;
        latest = Some(opening);
    }
    let latest = latest.expect("there are two").conversation_id;
    assert_eq!(stage.write(place, &phone_of(&phone), "IN1").await.expect("keep"), Kept::New);
    let messages = stage.messages_in(latest).await;
    let inbound: Vec<_> = messages.iter().filter(|message| message.direction == Direction::Inbound).collect();
    let [message] = &inbound[..] else { panic!("{messages:?}") };
    assert_eq!((message.content.as_str(), message.kind.as_str()), ("Good morning", "text"));
    assert_eq!((message.status, message.provider_message_id.as_deref()), (MessageStatus::Delivered, Some("IN1")));
    assert_eq!((message.sent_at, message.created_at, message.author.clone()), (Some(SEEN), SEEN.plus(HOUR), None));
    let conversation = stage.ports.conversations.find(place.tenant, latest).await.expect("find").expect("it is there");
    assert_eq!(conversation.status, ConversationStatus::InProgress);
    assert_eq!(conversation.last_message_preview, "Good morning");
    assert_eq!(conversation.last_message_at, SEEN.plus(HOUR));
}

/// Providers repeat for days.
pub async fn the_same_message_twice_is_kept_once(stage: &Stage) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    let from = phone_of(&opening.recipient.address);
    assert_eq!(stage.write(place, &from, "IN1").await.expect("keep"), Kept::New);
    let version = stage.loaded(opening.conversation_id).await.process.version;
    assert_eq!(stage.write(place, &from, "IN1").await.expect("keep"), Kept::Repeated);
    assert_eq!(stage.messages_in(opening.conversation_id).await.len(), 2);
    assert_eq!(stage.loaded(opening.conversation_id).await.process.version, version);
}

/// The others are repetitions, or lose the race and are then.
pub async fn of_many_equal_messages_at_once_one_is_kept(stage: &Stage) {
    let place = stage.sms_channel().await;
    let from = phone_of(&stage.phone());
    let answers = join_all((0..8).map(|_| stage.write(place, &from, "IN1"))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Kept::New))).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(SaveError::Moved))), "{answers:?}");
    assert_eq!(stage.write(place, &from, "IN1").await.expect("keep"), Kept::Repeated);
    let thread = stage.thread(place, &from).await;
    let conversation = thread.conversation.expect("it goes on").id;
    assert_eq!(stage.messages_in(conversation).await.len(), 1);
}

/// Nothing that arrives is dropped.
pub async fn a_stranger_gets_a_contact_and_a_conversation(stage: &Stage) {
    let place = stage.sms_channel().await;
    let phone = stage.phone();
    stage.write(place, &phone_of(&phone), "IN1").await.expect("keep");
    let contact = stage.contact(place.tenant, &phone).await.expect("there is a contact");
    assert_eq!(contact.name, Some(name("Jan")));
    let thread = stage.thread(place, &phone_of(&phone)).await;
    let id = thread.conversation.expect("it goes on").id;
    let found = stage.ports.conversations.find(place.tenant, id).await.expect("find").expect("it is there");
    assert_eq!((found.status, found.human_managed), (ConversationStatus::Open, false));
    assert_eq!((found.contact_id, found.channel_id), (contact.id, place.channel));
    assert_eq!(thread.contact.map(|contact| contact.id), Some(contact.id));
}

/// Another channel knows them.
pub async fn a_contact_that_is_known_is_not_made_again(stage: &Stage) {
    let opening = stage.text_opened(stage.sms_channel().await).await;
    let place = stage.sms_channel().await;
    let from = phone_of(&opening.recipient.address);
    assert_eq!(stage.thread(place, &from).await.conversation, None);
    stage.write(place, &from, "IN1").await.expect("keep");
    let contact = stage.contact(place.tenant, &opening.recipient.address).await.expect("there is a contact");
    assert_eq!(contact.id, opening.contact.id());
    let mut wrong = stage.placed(place, &from, &stage.thread(stage.sms_channel().await, &from).await, "IN2");
    wrong.channel_id = stage.sms_channel().await.channel;
    wrong.place = Placement::New {
        id: stage.ids.conversation_id(),
        contact: ContactChoice::Create {
            id: stage.ids.contact_id(),
            name: None,
            addresses: vec![opening.recipient.address.clone()],
        },
    };
    let twin = stage.ports.inbound.keep_message(wrong).await;
    assert!(matches!(twin, Err(SaveError::Moved)), "{twin:?}");
}

/// Nothing of it is kept, so that placing it again is not taken for a repetition.
pub async fn a_message_placed_on_an_old_version_is_placed_again(stage: &Stage) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    let from = phone_of(&opening.recipient.address);
    let before = stage.thread(place, &from).await;
    stage.write(place, &from, "IN1").await.expect("keep");
    let late = stage.ports.inbound.keep_message(stage.placed(place, &from, &before, "IN2")).await;
    assert!(matches!(late, Err(SaveError::Moved)), "{late:?}");
    assert_eq!(stage.write(place, &from, "IN2").await.expect("keep"), Kept::New);
    assert_eq!(stage.messages_in(opening.conversation_id).await.len(), 3);
}

/// Two first messages of a stranger at once are two messages of one conversation.
pub async fn a_second_conversation_is_not_begun_beside_one_that_goes_on(stage: &Stage) {
    let place = stage.sms_channel().await;
    let from = phone_of(&stage.phone());
    let before = stage.thread(place, &from).await;
    stage.write(place, &from, "IN1").await.expect("keep");
    let beside = stage.ports.inbound.keep_message(stage.placed(place, &from, &before, "IN2")).await;
    assert!(matches!(beside, Err(SaveError::Moved)), "{beside:?}");
}

/// The id stands for the number that was written to.
pub async fn what_a_provider_calls_a_recipient_leads_to_their_conversation(stage: &Stage) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    stage.attempt(opening.message_id, HOUR).await;
    let mut change = stage.sent(&opening, 1).await;
    change.attempt = Some(ended(1, AttemptOutcome::Sent));
    change.message.recipient_alias = Some("+555199".into());
    stage.apply(&change).await;
    let found = stage.ports.inbound.thread(place.channel, None, "+555199".into()).await.expect("thread");
    let thread = found.expect("the channel is there");
    assert_eq!(thread.known_as, Some(phone_of(&opening.recipient.address)));
    assert_eq!(thread.conversation.map(|conversation| conversation.id), Some(opening.conversation_id));
}

/// Nobody knows who that is.
pub async fn a_sender_without_a_number_has_no_thread(stage: &Stage) {
    let place = stage.sms_channel().await;
    let found = stage.ports.inbound.thread(place.channel, None, "US.123".into()).await.expect("thread");
    let thread = found.expect("the channel is there");
    assert_eq!((thread.known_as, thread.conversation, thread.contact), (None, None, None));
    assert_eq!((thread.tenant_id, thread.workspace_id), (place.tenant, place.workspace));
}

/// Whoever calls for it learns nothing.
pub async fn a_channel_that_does_not_exist_has_no_thread(stage: &Stage) {
    let from = phone_of(&stage.phone());
    let found = stage.ports.inbound.thread(stage.ids.channel_id(), Some(from), "x".into()).await;
    assert_eq!(found.expect("thread"), None);
}

/// As it came, for whoever can read it one day.
pub async fn another_kind_is_kept_whole(stage: &Stage) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    let from = phone_of(&opening.recipient.address);
    let thread = stage.thread(place, &from).await;
    let image = PlacedMessage {
        kind: "image".into(),
        content: content("(image)"),
        raw: Some("{\"id\":1}".into()),
        ..stage.placed(place, &from, &thread, "IN1")
    };
    assert_eq!(stage.ports.inbound.keep_message(image).await.expect("keep"), Kept::New);
    let messages = stage.messages_in(opening.conversation_id).await;
    assert!(messages.iter().any(|message| message.kind == "image" && message.content.as_str() == "(image)"));
}

/// The conversation is woken, whatever became of its own wakeup.
pub async fn what_waits_for_a_contact_is_due_when_it_writes(stage: &Stage) {
    let place = stage.sms_channel().await;
    let opening = stage.text_opened(place).await;
    let order = stage.claim_of(opening.conversation_id, HOUR).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    assert!(!stage.is_claimable(opening.conversation_id).await);
    stage.write(place, &phone_of(&opening.recipient.address), "IN1").await.expect("keep");
    let woken = stage.claim_of(opening.conversation_id, Duration::ZERO).await;
    assert!(woken.generation > order.generation);
}
