//! Receives what a contact writes.

use super::RecordError;
use super::compose::preview;
use super::record_receipt::DECISIONS;
use crate::entities::{Address, ConversationStatus};
use crate::ids::ChannelId;
use crate::ports::{
    Clock, ContactChoice, IdGenerator, InboundMessage, InboundRepo, Kept, NewIds, PlacedMessage, Placement, SYSTEM,
    SaveError, Thread, UnplacedMessage,
};
use crate::values::{Content, DisplayName, PhoneNumber};
use std::sync::Arc;

/// Receives what a contact writes: kept once in the conversation of the latest message between the two, or in a new one.
/// What a provider tells in a contact's place is kept beside, and begins, moves and opens nothing.
pub struct ReceiveMessage {
    inbound: Arc<dyn InboundRepo>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// What became of a contact's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is on disk.
    Kept,
    /// It is on disk, and stands in no conversation: nobody can tell in which.
    Unplaced,
    /// It was there already.
    Repeated,
    /// There is no such channel.
    NoChannel,
}

impl ReceiveMessage {
    /// From the ports it needs.
    pub fn new(inbound: Arc<dyn InboundRepo>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { inbound, clock, ids }
    }

    /// Receives a message that came to a channel.
    ///
    /// # Errors
    /// See `RecordError`; the provider may send it again.
    pub async fn execute(&self, channel: ChannelId, message: &InboundMessage) -> Result<Received, RecordError> {
        let number = PhoneNumber::parse(&message.from).ok();
        for _ in 0..DECISIONS {
            let thread = self.inbound.thread(channel, number.clone(), message.from.clone()).await?;
            let Some(thread) = thread else { return Ok(Received::NoChannel) };
            let from = thread.known_as.clone().or_else(|| number.clone());
            let Some(placed) = from.and_then(|from| self.placed(channel, message, &thread, from)) else {
                return Ok(match self.inbound.keep_unplaced(self.unplaced(channel, message)).await? {
                    Kept::New => Received::Unplaced,
                    Kept::Repeated => Received::Repeated,
                });
            };
            match self.inbound.keep_message(placed).await {
                Ok(Kept::New) => return Ok(Received::Kept),
                Ok(Kept::Repeated) => return Ok(Received::Repeated),
                Err(SaveError::Moved) => {}
                Err(SaveError::Store(error)) => return Err(error.into()),
            }
        }
        Err(RecordError::Contended)
    }

    /// `None` where it has no place.
    fn placed(
        &self,
        channel_id: ChannelId,
        message: &InboundMessage,
        thread: &Thread,
        from: PhoneNumber,
    ) -> Option<PlacedMessage> {
        let place = match &thread.conversation {
            Some(conversation) if message.kind == SYSTEM => Placement::Beside { id: conversation.id },
            None if message.kind == SYSTEM => return None,
            Some(conversation) => Placement::In {
                id: conversation.id,
                expected: conversation.version,
                status: ConversationStatus::InProgress,
            },
            None => Placement::New {
                id: self.ids.conversation_id(),
                contact: match &thread.contact {
                    Some(contact) => ContactChoice::Use {
                        id: contact.id,
                        expect: contact.version,
                        add: Vec::new(),
                        fill_name: name_of(message).filter(|_| contact.name.is_none()),
                    },
                    None => ContactChoice::Create {
                        id: self.ids.contact_id(),
                        name: name_of(message),
                        addresses: vec![Address::Phone(from.clone())],
                    },
                },
            },
        };
        let content = content_of(message);
        Some(PlacedMessage {
            channel_id,
            tenant_id: thread.tenant_id,
            workspace_id: thread.workspace_id,
            from,
            place,
            message_id: self.ids.message_id(),
            kind: message.kind.clone(),
            preview: preview(content.as_str()),
            content,
            raw: message.raw.clone(),
            provider_message_id: message.provider_message_id.clone(),
            written_at: message.at,
            at: self.clock.now(),
            releases: !is_wish_to_stop(message.text.as_deref().unwrap_or_default()),
        })
    }

    fn unplaced(&self, channel_id: ChannelId, message: &InboundMessage) -> UnplacedMessage {
        UnplacedMessage {
            channel_id,
            provider_message_id: message.provider_message_id.clone(),
            sender: message.from.clone(),
            sender_name: name_of(message),
            kind: message.kind.clone(),
            content: content_of(message),
            raw: message.raw.clone(),
            written_at: message.at,
            at: self.clock.now(),
        }
    }
}

/// Words that alone are a wish to be written to no more: those that Twilio takes for one, and the German ones.
const STOP: [&str; 10] =
    ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "stopp", "abmelden"];

/// Whether a whole text is a wish to be written to no more; a sentence with such a word in it is none.
fn is_wish_to_stop(text: &str) -> bool {
    let text = text.trim().trim_end_matches(['.', '!']).to_lowercase();
    STOP.contains(&text.as_str())
}

fn name_of(message: &InboundMessage) -> Option<DisplayName> {
    message.sender_name.as_deref().and_then(|name| DisplayName::parse(name).ok().flatten())
}

/// What it says; where it says nothing, what it is.
fn content_of(message: &InboundMessage) -> Content {
    let said = message.text.as_deref().map(|text| text.replace('\0', ""));
    let what = format!("({})", message.kind);
    let content = |text: &str| Content::parse(text).ok().flatten();
    #[expect(clippy::expect_used, reason = "a word in parentheses is neither blank nor holds NUL")]
    said.as_deref()
        .and_then(content)
        .or_else(|| content(&what.replace('\0', "")))
        .expect("a word in parentheses can be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::Contact;
    use crate::ids::{ConversationId, MessageId, TenantId, Version, WorkspaceId};
    use crate::ports::{MockClock, MockIdGenerator, MockInboundRepo, StoreError, ThreadConversation};
    use crate::time::Timestamp;
    use uuid::Uuid;

    fn channel() -> ChannelId {
        ChannelId::from_uuid(Uuid::from_u128(5))
    }

    fn message(kind: &str, text: Option<&str>) -> InboundMessage {
        InboundMessage {
            provider_message_id: "SM1".into(),
            from: "+4915112345678".into(),
            sender_name: Some("Jan".into()),
            kind: kind.into(),
            text: text.map(str::to_owned),
            at: Some(Timestamp::from_millis(3)),
            in_reply_to: None,
            raw: None,
        }
    }

    fn thread(conversation: Option<ThreadConversation>, contact: Option<Contact>) -> Thread {
        Thread {
            tenant_id: TenantId::from_uuid(Uuid::from_u128(1)),
            workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(2)),
            known_as: None,
            conversation,
            contact,
        }
    }

    fn receiver(inbound: MockInboundRepo) -> ReceiveMessage {
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(7));
        let mut ids = MockIdGenerator::new();
        ids.expect_uuid().returning(|| Uuid::from_u128(99));
        ReceiveMessage::new(Arc::new(inbound), Arc::new(clock), Arc::new(ids))
    }

    /// What is kept of a message where it finds that thread.
    async fn kept(found: Thread, message: InboundMessage) -> PlacedMessage {
        let mut inbound = MockInboundRepo::new();
        inbound.expect_thread().times(1).return_once(move |_, _, _| Ok(Some(found)));
        let (tell, told) = std::sync::mpsc::channel();
        inbound.expect_keep_message().times(1).returning(move |placed| {
            tell.send(placed).unwrap();
            Ok(Kept::New)
        });
        assert_eq!(receiver(inbound).execute(channel(), &message).await.unwrap(), Received::Kept);
        told.recv().unwrap()
    }

    #[tokio::test]
    async fn what_a_contact_writes_stands_in_the_conversation_that_goes_on_and_moves_it() {
        let id = ConversationId::from_uuid(Uuid::from_u128(4));
        let going_on = ThreadConversation { id, version: Version(6), status: ConversationStatus::AwaitingContact };
        let placed = kept(thread(Some(going_on), None), message("text", Some("Hi"))).await;
        let expected = Placement::In { id, expected: Version(6), status: ConversationStatus::InProgress };
        assert_eq!(placed.place, expected);
        assert_eq!((placed.content.as_str(), placed.preview.as_str()), ("Hi", "Hi"));
        assert_eq!((placed.written_at, placed.at), (Some(Timestamp::from_millis(3)), Timestamp::from_millis(7)));
        assert_eq!(placed.message_id, MessageId::from_uuid(Uuid::from_u128(99)));
    }

    #[tokio::test]
    async fn whoever_was_never_written_to_gets_a_contact_and_a_conversation() {
        let placed = kept(thread(None, None), message("text", Some("Hi"))).await;
        let Placement::New { contact: ContactChoice::Create { name, addresses, .. }, .. } = placed.place else {
            panic!("{placed:?}")
        };
        assert_eq!(name.unwrap().as_str(), "Jan");
        assert_eq!(addresses[0].canonical(), "+4915112345678");
    }

    #[tokio::test]
    async fn a_contact_that_is_known_is_used_and_its_name_stays() {
        let known = Contact {
            id: crate::ids::ContactId::from_uuid(Uuid::from_u128(8)),
            tenant_id: TenantId::from_uuid(Uuid::from_u128(1)),
            name: DisplayName::parse("Jan Mueller").unwrap(),
            addresses: Vec::new(),
            version: Version(2),
            created_at: Timestamp::from_millis(0),
        };
        let placed = kept(thread(None, Some(known)), message("text", Some("Hi"))).await;
        let Placement::New { contact: ContactChoice::Use { expect, fill_name, .. }, .. } = placed.place else {
            panic!("{placed:?}")
        };
        assert_eq!((expect, fill_name), (Version(2), None));
    }

    #[tokio::test]
    async fn a_wish_to_stop_releases_nothing() {
        for (text, releases) in [("Stop", false), (" STOPP! ", false), ("Please stop texting", true), ("Yes", true)] {
            let placed = kept(thread(None, None), message("text", Some(text))).await;
            assert_eq!(placed.releases, releases, "{text}");
        }
    }

    #[tokio::test]
    async fn what_has_no_text_says_what_it_is() {
        let placed = kept(thread(None, None), message("image", None)).await;
        assert_eq!((placed.kind.as_str(), placed.content.as_str()), ("image", "(image)"));
    }

    /// What becomes of a message without a place, and what is kept of it.
    async fn unplaced(message: InboundMessage, kept: Kept) -> (Received, UnplacedMessage) {
        let mut inbound = MockInboundRepo::new();
        inbound.expect_thread().returning(|_, _, _| Ok(Some(thread(None, None))));
        let (tell, told) = std::sync::mpsc::channel();
        inbound.expect_keep_unplaced().times(1).returning(move |message| {
            tell.send(message).unwrap();
            Ok(kept)
        });
        (receiver(inbound).execute(channel(), &message).await.unwrap(), told.recv().unwrap())
    }

    #[tokio::test]
    async fn what_a_sender_without_a_number_writes_who_was_never_written_to_is_kept_without_a_place() {
        let stranger = InboundMessage { from: "US.13491208655302741918".into(), ..message("text", Some("Hi")) };
        let (received, kept) = unplaced(stranger.clone(), Kept::New).await;
        assert_eq!((received, kept.channel_id), (Received::Unplaced, channel()));
        assert_eq!((kept.sender.as_str(), kept.content.as_str()), ("US.13491208655302741918", "Hi"));
        assert_eq!((kept.written_at, kept.at), (Some(Timestamp::from_millis(3)), Timestamp::from_millis(7)));
        assert_eq!(unplaced(stranger, Kept::Repeated).await.0, Received::Repeated);
    }

    #[tokio::test]
    async fn what_a_provider_tells_of_a_contact_stands_beside_and_of_a_stranger_begins_nothing() {
        let id = ConversationId::from_uuid(Uuid::from_u128(4));
        let going_on = ThreadConversation { id, version: Version(6), status: ConversationStatus::AwaitingContact };
        let changed = message(SYSTEM, Some("Jan changed from +49 to +43"));
        let placed = kept(thread(Some(going_on), None), changed.clone()).await;
        assert_eq!((placed.place, placed.kind.as_str()), (Placement::Beside { id }, SYSTEM));
        let (received, kept) = unplaced(changed, Kept::New).await;
        assert_eq!((received, kept.kind.as_str()), (Received::Unplaced, SYSTEM));
    }

    #[tokio::test]
    async fn a_channel_that_is_gone_takes_nothing() {
        let mut inbound = MockInboundRepo::new();
        inbound.expect_thread().returning(|_, _, _| Ok(None));
        let received = receiver(inbound).execute(channel(), &message("text", Some("Hi"))).await;
        assert_eq!(received.unwrap(), Received::NoChannel);
    }

    #[tokio::test]
    async fn a_place_that_was_lost_is_looked_for_again() {
        let mut inbound = MockInboundRepo::new();
        inbound.expect_thread().times(2).returning(|_, _, _| Ok(Some(thread(None, None))));
        let mut tries = 0;
        inbound.expect_keep_message().times(2).returning(move |_| {
            tries += 1;
            if tries == 1 { Err(SaveError::Moved) } else { Ok(Kept::Repeated) }
        });
        let received = receiver(inbound).execute(channel(), &message("text", Some("Hi"))).await;
        assert_eq!(received.unwrap(), Received::Repeated);
    }

    #[tokio::test]
    async fn a_store_that_is_busy_says_so() {
        let mut inbound = MockInboundRepo::new();
        inbound.expect_thread().returning(|_, _, _| Err(StoreError::Busy("full".into())));
        let failed = receiver(inbound).execute(channel(), &message("text", Some("Hi"))).await;
        assert!(matches!(failed, Err(RecordError::Store(StoreError::Busy(_)))));
    }
}
