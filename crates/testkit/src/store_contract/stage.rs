//! Where a behaviour of a store is played: a fresh store with a tenant, a workspace and an email channel, and the moves
//! that many behaviours share.

use super::{StoreHarness, StorePorts};
use crate::{BEGINNING, DEADLINE, SequentialIds};
use overture_domain::entities::{
    Address, AttemptOutcome, Author, Channel, ChannelFault, ChannelKind, ChannelLimits, ChannelSettings, ChannelState,
    Contact, MessageStatus, OnUnclear, Recipient, Transport,
};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    AttemptChange, Begun, BegunAttempt, ChannelChange, Claimed, ContactChoice, IdempotencyRecord, KeyedHash,
    LoadedProcess, MessageChange, MessageDetails, NewIds, OpenConversation, OpenError, Opened, ProcessChange,
    SaveError, Saved, StartOrder, Tenant, WantedContact, Workspace,
};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, DeliverWithin, DisplayName, EmailAddress, PhoneNumber, Subject, Wording};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What must last.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// What the clock of people shows when nothing says otherwise: long before any database's clock, so that whoever takes
/// the one for the other is found out.
pub(super) const SEEN: Timestamp = Timestamp::from_millis(1_000_000_000_000);
/// What must end.
pub(super) const BRIEF: Duration = Duration::from_millis(1);

/// A tenant with a workspace and an email channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its entity")]
pub struct Place {
    pub tenant: TenantId,
    pub workspace: WorkspaceId,
    pub channel: ChannelId,
}

/// A fresh store and what stands in it.
pub struct Stage {
    harness: Box<dyn StoreHarness>,
    pub(crate) ports: StorePorts,
    pub(super) ids: SequentialIds,
    pub(super) home: Place,
    counter: AtomicU64,
}

impl Stage {
    /// A fresh store with a place.
    pub async fn set<H: StoreHarness>() -> Self {
        let harness = Box::new(H::empty().await);
        let (ids, counter) = (SequentialIds::new(), AtomicU64::new(0));
        let home = Place { tenant: ids.tenant_id(), workspace: ids.workspace_id(), channel: ids.channel_id() };
        let stage = Self { ports: harness.ports(), harness, ids, home, counter };
        stage.furnish(home).await;
        stage
    }

    /// One more tenant with a workspace and a channel.
    pub(super) async fn another_tenant(&self) -> Place {
        let ids = &self.ids;
        let place = Place { tenant: ids.tenant_id(), workspace: ids.workspace_id(), channel: ids.channel_id() };
        self.furnish(place).await;
        place
    }

    /// One more channel in the same workspace.
    pub(crate) async fn another_channel(&self) -> Place {
        let place = Place { channel: self.ids.channel_id(), ..self.home };
        self.ports.channels.add(&channel(place), &ChannelSettings::default()).await.expect("a channel can be added");
        place
    }

    async fn furnish(&self, place: Place) {
        let (name, created_at) = ("A tenant".to_owned(), BEGINNING);
        let tenant = Tenant { id: place.tenant, name: name.clone(), created_at };
        self.ports.tenants.add_tenant(&tenant).await.expect("a tenant can be added");
        let workspace = Workspace { id: place.workspace, tenant_id: place.tenant, name, created_at };
        self.ports.tenants.add_workspace(&workspace).await.expect("a workspace can be added");
        self.ports.channels.add(&channel(place), &ChannelSettings::default()).await.expect("a channel can be added");
    }

    /// An SMS channel in the same workspace.
    pub(super) async fn sms_channel(&self) -> Place {
        let place = Place { channel: self.ids.channel_id(), ..self.home };
        let sms = Channel {
            kind: ChannelKind::Sms,
            on_unclear: OnUnclear::AskPerson,
            message_id_domain: None,
            ..channel(place)
        };
        self.ports.channels.add(&sms, &ChannelSettings::default()).await.expect("a channel can be added");
        place
    }

    /// A WhatsApp channel with a window in the same workspace.
    pub(super) async fn whatsapp_channel(&self) -> Place {
        let place = Place { channel: self.ids.channel_id(), ..self.home };
        let whatsapp = Channel {
            kind: ChannelKind::WhatsApp,
            transport: Transport::WhatsAppCloud,
            on_unclear: OnUnclear::AskPerson,
            message_id_domain: None,
            ..channel(place)
        };
        self.ports.channels.add(&whatsapp, &ChannelSettings::default()).await.expect("a channel can be added");
        place
    }

    /// A conversation by SMS with a new contact; its wakeup is due at once.
    pub(super) async fn text_opened(&self, place: Place) -> OpenConversation {
        let opening = OpenConversation {
            wire_message_id: None,
            claimed_for: Duration::ZERO,
            ..self.creating(place, vec![self.phone()])
        };
        self.open(&opening).await;
        opening
    }

    /// The ports of the same store after a restart.
    pub(crate) async fn reopened(&self) -> StorePorts {
        self.harness.reopened().await
    }

    /// Comes back with the value as soon as there is one, and lets the store's time pass meanwhile.
    pub(super) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain: {what}");
            self.harness.pass_time().await;
        }
    }

    /// Comes back when a few milliseconds of the database's time have passed.
    pub(super) async fn time_passes(&self, seen_by: &OpenConversation) {
        let before = self.loaded(seen_by.conversation_id).await.now;
        let later = async || (self.loaded(seen_by.conversation_id).await.now >= before.plus(BRIEF * 5)).then_some(());
        self.until("time passes", later).await;
    }

    /// A number that was not used before.
    pub(super) fn number(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An email address that nobody has.
    pub(super) fn address(&self) -> Address {
        email(&format!("guest-{}@example.com", self.number()))
    }

    /// A phone number that nobody has.
    pub(super) fn phone(&self) -> Address {
        Address::Phone(PhoneNumber::from_stored(&format!("+4915112{:06}", self.number())))
    }

    /// A compose to a new contact at home.
    pub(super) fn opening(&self) -> OpenConversation {
        self.opening_in(self.home)
    }

    /// A compose to a new contact.
    pub(crate) fn opening_in(&self, place: Place) -> OpenConversation {
        self.creating(place, vec![self.address()])
    }

    /// A compose to a new contact with these addresses.
    pub(super) fn creating(&self, place: Place, addresses: Vec<Address>) -> OpenConversation {
        let (message_id, number) = (self.ids.message_id(), self.number());
        OpenConversation {
            tenant_id: place.tenant,
            workspace_id: place.workspace,
            channel_id: place.channel,
            conversation_id: self.ids.conversation_id(),
            message_id,
            recipient: Recipient { address: addresses[0].clone(), name: None },
            contact: ContactChoice::Create { id: self.ids.contact_id(), name: None, addresses },
            subject: Subject::parse("Your order").ok().flatten(),
            preview: "Hello".into(),
            content: content("Hello"),
            wording: Wording::AsWritten,
            held: None,
            author: Author::Key(self.ids.api_key_id()),
            wire_message_id: Some(format!("<{message_id}@mail.example.com>")),
            deliver_within: DeliverWithin::from_millis(3_600_000),
            notices: Vec::new(),
            quotas: Vec::new(),
            idempotency: None,
            claimed_for: HOUR,
            created_at: SEEN.plus(Duration::from_secs(number)),
        }
    }

    /// A compose to a contact that is there, as it was read.
    pub(super) fn using(&self, place: Place, contact: &Contact) -> OpenConversation {
        OpenConversation {
            contact: ContactChoice::Use { id: contact.id, expect: contact.version, add: Vec::new(), fill_name: None },
            recipient: Recipient { address: contact.addresses[0].clone(), name: contact.name.clone() },
            ..self.opening_in(place)
        }
    }

    /// Opens it; it must be kept.
    pub(crate) async fn open(&self, opening: &OpenConversation) -> Opened {
        self.ports.conversations.open(opening.clone()).await.expect("this opening applies")
    }

    /// A conversation with a new contact at home that was opened.
    pub(super) async fn opened(&self) -> OpenConversation {
        let opening = self.opening();
        self.open(&opening).await;
        opening
    }

    /// A conversation that was opened and whose wakeup is due at once.
    pub(super) async fn opened_and_due(&self) -> OpenConversation {
        let opening = OpenConversation { claimed_for: Duration::ZERO, ..self.opening() };
        self.open(&opening).await;
        opening
    }

    /// Opens it; the contact must have moved, and nothing of it may be there.
    pub(super) async fn must_move(&self, opening: &OpenConversation) {
        let answer = self.ports.conversations.open(opening.clone()).await;
        assert!(matches!(answer, Err(OpenError::ContactMoved)), "the contact moved, but the answer is {answer:?}");
        self.nothing_is_left_of(opening).await;
    }

    /// Nothing of a refused opening may be there.
    pub(super) async fn nothing_is_left_of(&self, opening: &OpenConversation) {
        let (tenant, conversations) = (opening.tenant_id, &self.ports.conversations);
        assert_eq!(conversations.find(tenant, opening.conversation_id).await.expect("find"), None);
        assert_eq!(conversations.message(tenant, opening.message_id).await.expect("message"), None);
        assert_eq!(self.ports.deliveries.load(opening.conversation_id).await.expect("load"), None);
        let wakes = self.claim(1_000, Duration::ZERO).await.orders;
        assert!(wakes.iter().all(|order| order.conversation_id != opening.conversation_id), "a wakeup is left");
        if let ContactChoice::Create { id, .. } = &opening.contact {
            assert_eq!(self.ports.contacts.find(tenant, *id).await.expect("find"), None, "a contact is left");
        }
    }

    /// The contact with that address.
    pub(super) async fn contact(&self, tenant: TenantId, address: &Address) -> Option<Contact> {
        let wanted = match address.clone() {
            Address::Email(email) => WantedContact { email: Some(email), ..WantedContact::default() },
            Address::Phone(phone) => WantedContact { phone: Some(phone), ..WantedContact::default() },
        };
        let known = self.ports.contacts.matching(tenant, &wanted).await.expect("matching");
        known.by_email.or(known.by_phone)
    }

    /// The contact of a conversation that was opened.
    pub(super) async fn contact_of(&self, opening: &OpenConversation) -> Contact {
        let found = self.ports.contacts.find(opening.tenant_id, opening.contact.id()).await.expect("find");
        found.expect("the contact is there")
    }

    /// A message that must be there.
    pub(super) async fn message(&self, opening: &OpenConversation) -> MessageDetails {
        let found = self.ports.conversations.message(opening.tenant_id, opening.message_id).await.expect("message");
        found.expect("the message is there")
    }

    /// A conversation's process that must be there.
    pub(super) async fn loaded(&self, id: ConversationId) -> LoadedProcess {
        self.ports.deliveries.load(id).await.expect("load").expect("the conversation is there")
    }

    /// What the store says to somebody who wants to send.
    pub(super) async fn begin(&self, message: MessageId, lease: Duration) -> Begun {
        self.ports.deliveries.begin_attempt(message, lease).await.expect("begin_attempt")
    }

    /// An attempt that must begin.
    pub(super) async fn attempt(&self, message: MessageId, lease: Duration) -> BegunAttempt {
        match self.begin(message, lease).await {
            Begun::Attempt(attempt) => *attempt,
            other => panic!("an attempt may begin, but the store says {other:?}"),
        }
    }

    /// An attempt that begins as soon as the store lets it.
    pub(super) async fn attempt_soon(&self, message: MessageId, lease: Duration) -> BegunAttempt {
        let what = "an attempt begins";
        self.until(what, async || match self.begin(message, lease).await {
            Begun::Attempt(attempt) => Some(*attempt),
            _ => None,
        })
        .await
    }

    /// A change of the only message of a conversation, decided on what is there now.
    pub(super) async fn change(&self, opening: &OpenConversation, status: MessageStatus) -> ProcessChange {
        let process = self.loaded(opening.conversation_id).await.process;
        ProcessChange {
            conversation_id: process.id,
            expected: process.version,
            status: process.status,
            attention: process.attention,
            message: MessageChange {
                id: opening.message_id,
                status,
                error: None,
                provider_message_id: None,
                recipient_alias: None,
                sent_at: None,
                next_attempt_in: None,
            },
            attempt: None,
            channel: None,
            hold: None,
            at: SEEN.plus(HOUR),
        }
    }

    /// The change that ends an attempt so that the message is tried again after that long.
    pub(super) async fn try_again(&self, opening: &OpenConversation, number: u32, after: Duration) -> ProcessChange {
        let mut change = self.change(opening, MessageStatus::Queued).await;
        change.message.next_attempt_in = Some(after);
        change.attempt = Some(ended(number, AttemptOutcome::Unavailable));
        change
    }

    /// The change that ends an attempt well.
    pub(super) async fn sent(&self, opening: &OpenConversation, number: u32) -> ProcessChange {
        let mut change = self.change(opening, MessageStatus::Sent).await;
        change.message.sent_at = Some(change.at);
        change.attempt = Some(ended(number, AttemptOutcome::Sent));
        change
    }

    /// What becomes of a change.
    pub(super) async fn save(&self, change: &ProcessChange) -> Result<Saved, SaveError> {
        self.ports.deliveries.save(change.clone()).await
    }

    /// Saves a change that must apply.
    pub(super) async fn apply(&self, change: &ProcessChange) {
        let saved = self.save(change).await;
        assert!(matches!(saved, Ok(Saved::Applied)), "the change applies, but the answer is {saved:?}");
    }

    /// An attempt at the message of this conversation finds the channel at fault. The message waits as long as the probe.
    pub(crate) async fn meet_fault(&self, opening: &OpenConversation, probe_in: Duration) {
        let attempt = self.attempt_soon(opening.message_id, HOUR).await;
        let mut change = self.try_again(opening, attempt.number, probe_in).await;
        change.attempt = Some(ended(attempt.number, AttemptOutcome::ChannelFault));
        change.channel = Some(ChannelChange::Faulty { id: opening.channel_id, fault: fault(BEGINNING), probe_in });
        self.apply(&change).await;
    }

    /// The message of this conversation probes its channel, and it works.
    pub(crate) async fn probe_works(&self, opening: &OpenConversation) {
        let attempt = self.attempt_soon(opening.message_id, HOUR).await;
        assert!(attempt.probes, "a message of a channel in error probes it");
        let mut change = self.sent(opening, attempt.number).await;
        change.channel = Some(ChannelChange::Works { id: opening.channel_id });
        self.apply(&change).await;
    }

    /// Leaves a newer wake for every conversation of the home channel: somebody finds it at fault, then working.
    pub(super) async fn wake_everybody(&self) {
        let finder = self.opened().await;
        self.meet_fault(&finder, Duration::ZERO).await;
        self.probe_works(&finder).await;
    }

    /// Claims wakeups.
    pub(super) async fn claim(&self, limit: u32, lease: Duration) -> Claimed {
        self.ports.wakeups.claim(limit, lease).await.expect("claim")
    }

    /// Claims until the wakeup of a conversation is among them.
    pub(super) async fn claim_of(&self, conversation: ConversationId, lease: Duration) -> StartOrder {
        let what = "a wakeup is claimed";
        let find =
            async || self.claim(1_000, lease).await.orders.into_iter().find(|it| it.conversation_id == conversation);
        self.until(what, find).await
    }

    /// Whether a wakeup can be claimed now. If so, its claim ends at once.
    pub(super) async fn is_claimable(&self, conversation: ConversationId) -> bool {
        let claimed = self.claim(1_000, Duration::ZERO).await;
        claimed.orders.iter().any(|order| order.conversation_id == conversation)
    }
}

/// A working email channel of a place, in the sandbox.
pub fn channel(place: Place) -> Channel {
    Channel {
        id: place.channel,
        tenant_id: place.tenant,
        workspace_id: place.workspace,
        name: "Support".into(),
        kind: ChannelKind::Email,
        transport: Transport::Sandbox,
        state: ChannelState::Active,
        enabled: true,
        paused_at: None,
        limits: ChannelLimits::default(),
        on_unclear: OnUnclear::Resend,
        fault: None,
        message_id_domain: Some("mail.example.com".into()),
        outside_window: None,
        version: Version::FIRST,
        created_at: BEGINNING,
    }
}

pub(super) fn email(text: &str) -> Address {
    Address::Email(EmailAddress::parse(text).expect("an email address"))
}

pub(super) fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).ok().flatten().expect("a name")
}

pub(super) fn content(text: &str) -> Content {
    Content::parse(text).ok().flatten().expect("a content")
}

pub(super) fn ended(number: u32, outcome: AttemptOutcome) -> AttemptChange {
    AttemptChange { number, outcome, code: None, provider_code: None, text: None, provider_message_id: None }
}

pub(super) fn fault(since: Timestamp) -> ChannelFault {
    ChannelFault { code: "authentication_failed".into(), text: "The server refuses the password.".into(), since }
}

/// An idempotency record with a key of its own number.
pub(super) fn record(key: u8, body: u8, keep_for: Duration) -> IdempotencyRecord {
    IdempotencyRecord { key: KeyedHash([key; 32]), body: KeyedHash([body; 32]), keep_for }
}
