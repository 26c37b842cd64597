//! What contacts write: kept once, where it belongs.

use super::retention::unplaced;
use super::stage::{HOUR, SEEN, content, ended, name};
use super::{Place, Stage};
use futures_util::future::join_all;
use overture_domain::entities::{
    Address, AttemptOutcome, ConversationStatus, Direction, Message, MessageStatus, WINDOW,
};
use overture_domain::ids::ConversationId;
use overture_domain::ports::{
    Begun, ContactChoice, Held, Kept, NewIds, OpenConversation, PlacedMessage, Placement, SYSTEM, SaveError, Thread,
};
use overture_domain::values::{FilledTemplate, PhoneNumber, TemplateMessage, TemplateName, TemplateVariables, Wording};
use std::time::Duration;

pub(super) fn phone_of(address: &Address) -> PhoneNumber {
    PhoneNumber::from_stored(address.canonical())
}

impl Stage {
    pub(super) async fn thread(&self, place: Place, from: &PhoneNumber) -> Thread {
        let found = self.ports.inbound.thread(place.channel, Some(from.clone()), from.as_str().into()).await;
        found.expect("thread").expect("the channel is there")
    }

    /// A message of that sender, placed as it would be on that thread.
    pub(super) fn placed(&self, place: Place, from: &PhoneNumber, thread: &Thread, id: &str) -> PlacedMessage {
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
            releases: true,
        }
    }

    /// Places a message on what is there, and keeps it.
    pub(super) async fn write(&self, place: Place, from: &PhoneNumber, id: &str) -> Result<Kept, SaveError> {
        let thread = self.thread(place, from).await;
        self.ports.inbound.keep_message(self.placed(place, from, &thread, id)).await
    }

    pub(super) async fn messages_in(&self, conversation: ConversationId) -> Vec<Message> {
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
    let elsewhere = stage.write(stage.sms_channel().await, &from, "IN1").await.expect("keep");
    assert_eq!(elsewhere, Kept::New, "on another channel the same id is another message");
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

/// The conversation does not move, the window stays closed, and what is held stays held.
pub async fn what_a_provider_tells_in_a_contacts_place_is_kept_and_changes_nothing_else(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    let opening = stage.held(place, phone.clone(), HOUR).await;
    let (from, read) = (phone_of(&phone), async || {
        let found = stage.ports.conversations.find(place.tenant, opening.conversation_id).await.expect("find");
        (found.expect("it is there"), stage.loaded(opening.conversation_id).await.process)
    });
    let before = read().await;
    let thread = stage.thread(place, &from).await;
    let told = PlacedMessage {
        kind: SYSTEM.into(),
        written_at: None,
        place: Placement::Beside { id: opening.conversation_id },
        ..stage.placed(place, &from, &thread, "IN1")
    };
    assert_eq!(stage.ports.inbound.keep_message(told.clone()).await.expect("keep"), Kept::New);
    assert_eq!(stage.ports.inbound.keep_message(told).await.expect("keep"), Kept::Repeated);
    let after = read().await;
    assert_eq!((after.1.version, after.1.status), (before.1.version, before.1.status));
    assert_eq!((after.1.contact_wrote_at, after.1.pending.len()), (None, before.1.pending.len()));
    assert_eq!(after.0, before.0, "people see it where they saw it");
    assert_eq!(stage.message(&opening).await.message.status, MessageStatus::Held);
    assert!(!stage.ports.inbound.wrote_within(place.channel, &from, WINDOW).await.expect("wrote_within"));
    let messages = stage.messages_in(opening.conversation_id).await;
    assert_eq!(messages.iter().filter(|message| message.kind == SYSTEM).count(), 1);
}

/// On another channel the same id is another message.
pub async fn what_has_no_place_is_kept_once_and_counted(stage: &Stage) {
    let count = async || stage.ports.observatory.overview().await.expect("overview").unplaced;
    let (one, other) = (stage.sms_channel().await, stage.sms_channel().await);
    assert_eq!(count().await, 0);
    for (place, expected) in [(one, Kept::New), (one, Kept::Repeated), (other, Kept::New)] {
        assert_eq!(stage.ports.inbound.keep_unplaced(unplaced(place, "IN1", SEEN)).await.expect("keep"), expected);
    }
    assert_eq!(count().await, 2);
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

/// Counted from when it was written, by the database's clock at the latest.
pub async fn a_window_is_open_for_a_day_after_the_contact_wrote(stage: &Stage) {
    let place = stage.sms_channel().await;
    let from = phone_of(&stage.phone());
    let inbound = &stage.ports.inbound;
    assert!(!inbound.wrote_within(place.channel, &from, WINDOW).await.expect("wrote_within"));
    let thread = stage.thread(place, &from).await;
    let ahead = PlacedMessage { written_at: None, ..stage.placed(place, &from, &thread, "IN1") };
    inbound.keep_message(ahead).await.expect("keep");
    assert!(inbound.wrote_within(place.channel, &from, WINDOW).await.expect("wrote_within"));
    let ended =
        async || (!inbound.wrote_within(place.channel, &from, Duration::from_millis(1)).await.ok()?).then_some(());
    stage.until("it closes", ended).await;
    let other = stage.sms_channel().await;
    assert!(
        !inbound.wrote_within(other.channel, &from, WINDOW).await.expect("wrote_within"),
        "each channel has its own"
    );
    // One that was written long ago and came late opens nothing.
    let late = phone_of(&stage.phone());
    stage.write(place, &late, "IN2").await.expect("keep");
    assert!(!inbound.wrote_within(place.channel, &late, WINDOW).await.expect("wrote_within"));
}

pub(super) fn filled() -> FilledTemplate {
    FilledTemplate {
        message: TemplateMessage {
            template: TemplateName::Named { name: "agent_message".into(), language: "en".into() },
            variables: TemplateVariables::Positional(vec!["Hello".into()]),
        },
        text: Some("Acme: Hello".into()),
    }
}

impl Stage {
    /// A contact writes, which opens its window.
    async fn writes_now(&self, place: Place, phone: &Address) {
        let from = phone_of(phone);
        let thread = self.thread(place, &from).await;
        let written = PlacedMessage { written_at: None, ..self.placed(place, &from, &thread, "IN1") };
        self.ports.inbound.keep_message(written).await.expect("keep");
    }

    /// A conversation on a channel with a window, worded so; the contact has written if `open`.
    async fn worded(&self, wording: Wording, open: bool) -> OpenConversation {
        let place = self.whatsapp_channel().await;
        let phone = self.phone();
        if open {
            self.writes_now(place, &phone).await;
        }
        let opening = match self.contact(place.tenant, &phone).await {
            None => self.creating(place, vec![phone]),
            Some(contact) => self.using(place, &contact),
        };
        let opening = OpenConversation { wire_message_id: None, wording, ..opening };
        self.open(&opening).await;
        opening
    }
}

/// Nothing is written where it may not.
pub async fn a_text_leaves_as_written_only_while_the_window_is_open(stage: &Stage) {
    let closed = stage.worded(Wording::AsWritten, false).await;
    assert_eq!(stage.begin(closed.message_id, HOUR).await, Begun::WindowClosed);
    assert_eq!(stage.message(&closed).await.message.status, MessageStatus::Queued);
    let open = stage.worded(Wording::AsWritten, true).await;
    let Begun::Attempt(attempt) = stage.begin(open.message_id, HOUR).await else { panic!("the window is open") };
    assert_eq!(attempt.outgoing.template, None);
}

/// What left can be read; what was written stays.
pub async fn a_text_that_a_template_carries_leaves_by_it_outside_the_window(stage: &Stage) {
    let closed = stage.worded(Wording::OrTemplate(filled()), false).await;
    let Begun::Attempt(attempt) = stage.begin(closed.message_id, HOUR).await else { panic!("a template carries it") };
    assert_eq!(attempt.outgoing.template, Some(filled().message));
    let message = stage.message(&closed).await.message;
    assert_eq!((message.content.as_str(), message.sent_as.as_deref()), ("Hello", Some("Acme: Hello")));
    let open = stage.worded(Wording::OrTemplate(filled()), true).await;
    let Begun::Attempt(attempt) = stage.begin(open.message_id, HOUR).await else { panic!("the window is open") };
    assert_eq!(attempt.outgoing.template, None);
    assert_eq!(stage.message(&open).await.message.sent_as, None);
}

/// Named variables come back as they were.
pub async fn a_template_that_was_asked_for_leaves_inside_the_window_too(stage: &Stage) {
    let named = FilledTemplate {
        message: TemplateMessage {
            template: TemplateName::ContentSid("HX1".into()),
            variables: TemplateVariables::Named([("name".to_owned(), "Jan".to_owned())].into()),
        },
        text: None,
    };
    let open = stage.worded(Wording::Template(named.clone()), true).await;
    let Begun::Attempt(attempt) = stage.begin(open.message_id, HOUR).await else { panic!("it may leave") };
    assert_eq!(attempt.outgoing.template, Some(named.message));
}

impl Stage {
    /// A conversation whose message is held for so long, to somebody who has never written.
    pub(super) async fn held(&self, place: Place, phone: Address, for_: Duration) -> OpenConversation {
        let opening = self.to_hold(place, phone, for_).await;
        self.open(&opening).await;
        opening
    }

    /// The same before it is opened.
    pub(super) async fn to_hold(&self, place: Place, phone: Address, for_: Duration) -> OpenConversation {
        let held = Held { for_, opener_id: self.ids.message_id(), opener: filled() };
        let opening = match self.contact(place.tenant, &phone).await {
            None => self.creating(place, vec![phone]),
            Some(contact) => self.using(place, &contact),
        };
        OpenConversation { wire_message_id: None, held: Some(held), claimed_for: Duration::ZERO, ..opening }
    }

    pub(super) async fn statuses(&self, opening: &OpenConversation) -> Vec<MessageStatus> {
        self.messages_in(opening.conversation_id).await.iter().map(|message| message.status).collect()
    }
}

/// Two messages: one asks, the other waits.
pub async fn what_is_held_waits_while_what_asks_the_contact_leaves(stage: &Stage) {
    let opening = stage.held(stage.whatsapp_channel().await, stage.phone(), HOUR).await;
    assert_eq!(stage.statuses(&opening).await.len(), 2);
    let pending = stage.loaded(opening.conversation_id).await.process.pending;
    let opener_id = opening.held.as_ref().expect("it is held").opener_id;
    let status = |id| pending.iter().find(|pending| pending.id == id).map(|pending| pending.status);
    assert_eq!(
        (status(opener_id), status(opening.message_id)),
        (Some(MessageStatus::Queued), Some(MessageStatus::Held))
    );
    assert!(matches!(stage.begin(opening.message_id, HOUR).await, Begun::NotDue { .. }));
    let Begun::Attempt(attempt) = stage.begin(opener_id, HOUR).await else { panic!("it may leave") };
    assert_eq!(attempt.outgoing.template, Some(filled().message));
}

/// Between the look at the window and the commit.
pub async fn what_was_to_be_held_leaves_at_once_if_the_contact_has_written_meanwhile(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    stage.writes_now(place, &phone).await;
    let opening = stage.held(place, phone, HOUR).await;
    assert_eq!(stage.statuses(&opening).await, [MessageStatus::Queued], "nobody is asked");
    let Begun::Attempt(attempt) = stage.begin(opening.message_id, HOUR).await else { panic!("the window is open") };
    assert_eq!(attempt.outgoing.template, None);
}

/// Later texts join the one that is out.
pub async fn a_contact_is_asked_once_however_many_wait(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    let first = stage.held(place, phone.clone(), HOUR).await;
    let second = stage.held(place, phone.clone(), HOUR).await;
    assert_eq!(stage.statuses(&first).await.len(), 2);
    assert_eq!(stage.statuses(&second).await, [MessageStatus::Held]);
    let elsewhere = stage.held(stage.whatsapp_channel().await, phone, HOUR).await;
    assert_eq!(stage.statuses(&elsewhere).await.len(), 2, "another channel asks for itself");
}

/// In every conversation of the channel with this contact.
pub async fn what_was_held_leaves_when_the_contact_writes_and_its_time_begins_then(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    let openings =
        [stage.held(place, phone.clone(), HOUR * 48).await, stage.held(place, phone.clone(), HOUR * 48).await];
    let version = stage.loaded(openings[0].conversation_id).await.process.version;
    let from = phone_of(&phone);
    let thread = stage.thread(place, &from).await;
    let written = PlacedMessage { written_at: None, ..stage.placed(place, &from, &thread, "IN1") };
    stage.ports.inbound.keep_message(written).await.expect("keep");
    for opening in &openings {
        let loaded = stage.loaded(opening.conversation_id).await;
        let pending = loaded.process.pending.iter().find(|pending| pending.id == opening.message_id);
        let pending = pending.expect("it waits no more");
        assert_eq!(pending.status, MessageStatus::Queued);
        assert!(pending.deliver_by <= loaded.now.plus(HOUR), "its own time, not that of holding");
        assert!(stage.is_claimable(opening.conversation_id).await);
        // Two to one person leave one after the other.
        match stage.begin(opening.message_id, HOUR).await {
            Begun::Attempt(attempt) if opening == &openings[0] => assert_eq!(attempt.outgoing.template, None),
            Begun::NotDue { in_ } if opening == &openings[1] => assert!(in_ < Duration::from_secs(10), "{in_:?}"),
            other => panic!("it may leave, but the store says {other:?}"),
        }
    }
    assert!(stage.loaded(openings[0].conversation_id).await.process.version > version);
    let later = stage.held(place, phone, HOUR).await;
    assert_eq!(stage.statuses(&later).await, [MessageStatus::Queued], "nobody is asked who has just answered");
}

/// It is never sent, and says why.
pub async fn a_wish_to_stop_cancels_what_was_held(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    let opening = stage.held(place, phone.clone(), HOUR).await;
    let from = phone_of(&phone);
    let thread = stage.thread(place, &from).await;
    let stop = PlacedMessage { releases: false, ..stage.placed(place, &from, &thread, "IN1") };
    stage.ports.inbound.keep_message(stop).await.expect("keep");
    let message = stage.message(&opening).await.message;
    assert_eq!(message.status, MessageStatus::Canceled);
    assert_eq!(message.error.map(|error| error.code).as_deref(), Some("opted_out"));
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Settled);
}

/// Then somebody may ask again.
pub async fn what_is_held_too_long_is_over(stage: &Stage) {
    let (place, phone) = (stage.whatsapp_channel().await, stage.phone());
    let opening = stage.held(place, phone.clone(), Duration::from_millis(1)).await;
    let over = async || (stage.begin(opening.message_id, HOUR).await == Begun::Expired).then_some(());
    stage.until("its time passes", over).await;
    let again = stage.held(place, phone, HOUR).await;
    assert_eq!(stage.statuses(&again).await.len(), 2);
}
