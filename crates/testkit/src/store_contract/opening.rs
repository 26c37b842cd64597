//! Opening a conversation writes all of it, once.

use super::stage::{BRIEF, HOUR, Stage, content, email, name};
use overture_domain::entities::{
    Address, Author, ChannelKind, ConversationStatus, Direction, MessageStatus, Recipient,
};
use overture_domain::ports::{ContactChoice, OpenConversation};
use overture_domain::values::{Agent, DisplayName, Subject};
use std::time::Duration;

/// Conversation, message and contact are there as they were given.
pub async fn what_was_opened_can_be_read(stage: &Stage) {
    let address = email("Jan.Mueller@Acme-Customer.example");
    let phone = stage.phone();
    let mut opening = stage.creating(stage.home, vec![address.clone(), phone.clone()]);
    opening.contact = ContactChoice::Create {
        id: opening.contact.id(),
        name: Some(name("Jan Müller")),
        addresses: vec![address.clone(), phone.clone()],
    };
    stage.open(&opening).await;

    let found = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
    let read = found.expect("the conversation is there");
    assert_eq!((read.id, read.tenant_id), (opening.conversation_id, stage.home.tenant));
    assert_eq!((read.workspace_id, read.channel_id), (stage.home.workspace, stage.home.channel));
    assert_eq!(read.contact_id, opening.contact.id());
    assert_eq!((read.status, read.human_managed), (ConversationStatus::InProgress, true));
    assert_eq!(read.attention, None);
    assert_eq!((&read.subject, &read.last_message_preview), (&opening.subject, &opening.preview));
    assert_eq!(read.contact_name, Some(name("Jan Müller")));
    assert_eq!(
        (read.contact_email.map(Address::Email), read.contact_phone.map(Address::Phone)),
        (Some(address), Some(phone))
    );
    assert_eq!([read.created_at, read.updated_at, read.last_message_at], [opening.created_at; 3]);

    let messages = stage.ports.conversations.messages(stage.home.tenant, opening.conversation_id, None, 10).await;
    let [message] = &messages.expect("messages")[..] else { panic!("one message was opened") };
    assert_eq!((message.id, message.conversation_id), (opening.message_id, opening.conversation_id));
    assert_eq!((message.direction, message.status), (Direction::Outbound, MessageStatus::Queued));
    assert_eq!(message.author.as_ref(), Some(&opening.author));
    assert_eq!((&message.content, message.created_at), (&opening.content, opening.created_at));
    assert_eq!((message.attempts, &message.error), (0, &None));
    assert_eq!((message.sent_at, message.delivered_at, message.read_at), (None, None, None));

    let details = stage.message(&opening).await;
    assert_eq!((&details.message, details.kind), (message, ChannelKind::Email));
    assert_eq!((details.recipient, details.attempts), (opening.recipient.clone(), Vec::new()));
    assert_eq!(stage.contact_of(&opening).await.created_at, opening.created_at);
}

/// Any text: of every script, long, with what means something to SQL, JSON or a mail header.
pub async fn what_people_wrote_comes_back_byte_for_byte(stage: &Stage) {
    let long = "ü👋\r\n".repeat(37_000);
    for text in [
        "Grüße, 你好, שלום, مرحبا, 👩‍👩‍👧",
        "'; DROP TABLE messages; --",
        "{\"a\": \"\\\\\"}%s\t\u{1}",
        "  \r\n.\r\n\n ",
        &long,
    ] {
        let text = if text.trim().is_empty() { "." } else { text };
        let opening = OpenConversation {
            content: content(text),
            preview: text.chars().take(140).collect(),
            subject: Subject::parse("„Ihre“ Bestellung №7 'und' \"so\"").ok().flatten(),
            recipient: Recipient { address: stage.address(), name: Some(name("O'Brien ; 张伟")) },
            ..stage.opening()
        };
        stage.open(&opening).await;
        let details = stage.message(&opening).await;
        assert!(details.message.content == opening.content, "the content changed: {:?}", text.get(..20));
        assert_eq!(details.recipient.name.as_ref().map(DisplayName::as_str), Some("O'Brien ; 张伟"));
        let read = stage.ports.conversations.find(stage.home.tenant, opening.conversation_id).await.expect("find");
        let read = read.expect("the conversation is there");
        assert_eq!(read.last_message_preview, opening.preview);
        assert_eq!(read.subject.as_ref().map(Subject::as_str), opening.subject.as_ref().map(Subject::as_str));
    }
}

/// A named person, or the key where nobody was named.
pub async fn both_kinds_of_author_come_back(stage: &Stage) {
    let by_key = stage.opened().await;
    assert_eq!(stage.message(&by_key).await.message.author, Some(by_key.author));
    let agent = Agent::parse("agent-17", "Zoë").expect("an agent");
    let by_agent = OpenConversation { author: Author::Agent(agent), ..stage.opening() };
    stage.open(&by_agent).await;
    assert_eq!(stage.message(&by_agent).await.message.author, Some(by_agent.author));
}

/// The recipient is pinned: spelling and name as they were composed.
pub async fn messages_go_to_the_address_that_was_composed_whatever_the_contact_says(stage: &Stage) {
    let composed = Recipient { address: email("INFO@Example.COM"), name: Some(name("Front desk")) };
    let mut opening = stage.creating(stage.home, vec![email("info@example.com")]);
    opening.recipient = composed.clone();
    stage.open(&opening).await;
    assert_eq!(stage.message(&opening).await.recipient, composed);
    assert_eq!(stage.attempt(opening.message_id, HOUR).await.outgoing.recipient, composed);
    assert_eq!(stage.contact_of(&opening).await.addresses[0].display(), "info@example.com");
}

/// By the database's clock, whatever the caller's clock says.
pub async fn the_time_of_a_message_is_counted_from_the_commit(stage: &Stage) {
    let first = stage.opened().await;
    let before = stage.loaded(first.conversation_id).await.now;
    let opening = stage.opened().await;
    let loaded = stage.loaded(opening.conversation_id).await;
    let [pending] = loaded.process.pending[..] else { panic!("one message is pending") };
    assert!(before.plus(HOUR) <= pending.deliver_by && pending.deliver_by <= loaded.now.plus(HOUR), "{pending:?}");
    assert!(before <= pending.next_attempt_at && pending.next_attempt_at <= loaded.now, "{pending:?}");
    assert_eq!(stage.message(&opening).await.message.deliver_by, pending.deliver_by);
}

/// The relay leaves it alone until then.
pub async fn a_new_wakeup_belongs_to_the_process_that_opens(stage: &Stage) {
    let opening = stage.opened().await;
    assert!(!stage.is_claimable(opening.conversation_id).await);
    assert_eq!(stage.ports.observatory.overview().await.expect("overview").wakeups, 1);
}

/// What a process that died left behind is found.
pub async fn a_wakeup_claimed_at_birth_comes_free_when_its_claim_ends(stage: &Stage) {
    let opening = OpenConversation { claimed_for: BRIEF, ..stage.opening() };
    let opened = stage.open(&opening).await;
    let order = stage.claim_of(opening.conversation_id, HOUR).await;
    assert_eq!((order.generation, order.workspace_id, order.tries), (opened.generation, stage.home.workspace, 0));
}

/// An answer means that it is on disk.
pub async fn what_was_opened_is_there_after_a_restart(stage: &Stage) {
    let opening = OpenConversation { claimed_for: Duration::ZERO, ..stage.opening() };
    stage.open(&opening).await;
    let later = stage.reopened().await;
    let tenant = stage.home.tenant;
    assert!(later.conversations.find(tenant, opening.conversation_id).await.expect("find").is_some());
    assert!(later.conversations.message(tenant, opening.message_id).await.expect("message").is_some());
    assert!(later.contacts.find(tenant, opening.contact.id()).await.expect("find").is_some());
    assert_eq!(later.observatory.overview().await.expect("overview").wakeups, 1);
}

/// Composes are accepted there: the message waits.
pub async fn a_channel_in_error_takes_new_conversations(stage: &Stage) {
    stage.meet_fault(&stage.opened().await, HOUR).await;
    let opening = stage.opened().await;
    assert_eq!(stage.message(&opening).await.message.status, MessageStatus::Queued);
}

/// Somebody who does not know whether it was written asks again.
pub async fn opening_again_with_the_same_ids_writes_once(stage: &Stage) {
    let opening = stage.opened().await;
    let opened = stage.open(&opening).await;
    let messages = stage.ports.conversations.newest_messages(stage.home.tenant, 10).await.expect("newest_messages");
    assert_eq!(messages.len(), 1);
    assert_eq!(stage.ports.observatory.overview().await.expect("overview").wakeups, 1);
    assert_eq!(stage.contact_of(&opening).await.addresses.len(), 1);
    assert_eq!(stage.open(&opening).await, opened);
}

/// Not even where nothing but its id says that it was written: without a key, to a contact that it uses as it is.
pub async fn opening_again_among_others_spoils_none_of_them(stage: &Stage) {
    let contact = stage.contact_of(&stage.opened().await).await;
    let again = stage.using(stage.home, &contact);
    let opened = stage.open(&again).await;
    let others: Vec<_> = (0..8).map(|_| stage.opening()).collect();
    let all = std::iter::once(&again).chain(&others).map(|opening| stage.ports.conversations.open(opening.clone()));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.expect("each is open in the end"), opened);
    }
    let messages = stage.ports.conversations.newest_messages(stage.home.tenant, 20).await.expect("newest_messages");
    assert_eq!(messages.len(), 10);
}
