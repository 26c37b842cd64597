//! A small world to compose in: one tenant with a workspace, a channel and some contacts, and a request that is fine
//! until a test spoils it.

use super::super::examine::Known;
use super::super::*;
use crate::entities::{
    Address, AddressKind, Channel, ChannelFault, ChannelKind, ChannelLimits, ChannelState, Contact, OnUnclear,
    Transport, WINDOW,
};
use crate::ids::{ApiKeyId, ChannelId, ContactId, TenantId, Version, WorkspaceId};
use crate::ports::{
    ApprovedTemplate, KnownContacts, KnownPlace, MockChannelRepo, MockClock, MockContactRepo, MockConversationRepo,
    MockIdGenerator, MockInboundRepo, MockWorkflowStarter, Opened, Started, WantedContact,
};
use crate::time::Timestamp;
use crate::values::{DisplayName, EmailAddress, PhoneNumber};
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

pub(super) const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
pub(super) const WORKSPACE: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(2));
pub(super) const CHANNEL: ChannelId = ChannelId::from_uuid(Uuid::from_u128(3));
pub(super) const KEY: ApiKeyId = ApiKeyId::from_uuid(Uuid::from_u128(4));
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// The generation of the wakeup that the mocked commit writes.
pub(super) const GENERATION: i64 = 11;

pub(super) const ANN_EMAIL: &str = "ann@example.com";
pub(super) const ANN_PHONE: &str = "+4915112345678";
pub(super) const BEN_EMAIL: &str = "ben@example.com";
pub(super) const BEN_PHONE: &str = "+4915112345679";

/// What exists, who asks, and for what.
#[derive(Clone)]
pub(super) struct World {
    pub(super) caller: Caller,
    pub(super) command: ComposeCommand,
    pub(super) workspace_exists: bool,
    pub(super) channel: Option<Channel>,
    pub(super) contacts: Vec<Contact>,
    /// Whether the contact has written within a day.
    pub(super) window_open: bool,
    /// What the channel's provider has approved.
    pub(super) approved: Option<Vec<ApprovedTemplate>>,
    /// The most segments that one SMS may take.
    pub(super) sms_segments: usize,
}

/// A world with a working channel of that kind, and a request that names everything but a contact.
pub(super) fn world_on(kind: ChannelKind) -> World {
    World {
        caller: Caller {
            tenant_id: TENANT,
            key_id: KEY,
            scopes: vec![Scope::ConversationsWrite, Scope::ContactsRead],
            workspace_id: None,
        },
        command: ComposeCommand {
            workspace_id: some(WORKSPACE),
            channel_id: some(CHANNEL),
            subject: some("Your order"),
            content: some("Hello, here is what you asked for."),
            ..ComposeCommand::default()
        },
        workspace_exists: true,
        channel: Some(channel(kind)),
        contacts: vec![],
        window_open: false,
        approved: None,
        sms_segments: 10,
    }
}

/// A world with an email channel, and a request to an address that nobody has yet.
pub(super) fn world() -> World {
    let mut world = world_on(ChannelKind::Email);
    world.command.contact_email = some(ANN_EMAIL);
    world
}

pub(super) fn some(text: impl Display + Copy) -> Option<String> {
    Some(text.to_string())
}

fn channel(kind: ChannelKind) -> Channel {
    Channel {
        id: CHANNEL,
        tenant_id: TENANT,
        workspace_id: WORKSPACE,
        name: "Support".into(),
        kind,
        transport: Transport::Sandbox,
        state: ChannelState::Active,
        enabled: true,
        paused_at: None,
        limits: ChannelLimits::default(),
        on_unclear: OnUnclear::default_for(kind),
        fault: None,
        message_id_domain: (kind == ChannelKind::Email).then(|| "mail.example".into()),
        outside_window: None,
        version: Version::FIRST,
        created_at: NOW,
    }
}

pub(super) fn in_error(channel: &mut Channel) {
    channel.state = ChannelState::Error;
    channel.fault = Some(ChannelFault { code: "authentication_failed".into(), text: "No.".into(), since: NOW });
}

/// A contact with the addresses given, in version 7.
pub(super) fn contact(n: u128, name: Option<&str>, addresses: &[&str]) -> Contact {
    Contact {
        id: ContactId::from_uuid(Uuid::from_u128(n)),
        tenant_id: TENANT,
        name: name.map(name_of),
        addresses: addresses.iter().map(|text| address(text)).collect(),
        version: Version(7),
        created_at: NOW,
    }
}

pub(super) fn name_of(text: &str) -> DisplayName {
    DisplayName::parse(text).unwrap().expect("a name")
}

pub(super) fn address(text: &str) -> Address {
    if text.contains('@') {
        Address::Email(EmailAddress::parse(text).unwrap())
    } else {
        Address::Phone(PhoneNumber::parse(text).unwrap())
    }
}

impl World {
    pub(super) fn channel(&mut self) -> &mut Channel {
        self.channel.as_mut().expect("this world has a channel")
    }

    /// What the lookup of contacts gives.
    pub(super) fn matching(&self, wanted: &WantedContact) -> KnownContacts {
        let with = |wanted: Option<Address>| {
            wanted.and_then(|wanted| self.contacts.iter().find(|contact| contact.has(&wanted)).cloned())
        };
        KnownContacts {
            by_id: self.contacts.iter().find(|contact| Some(contact.id) == wanted.id).cloned(),
            by_email: with(wanted.email.clone().map(Address::Email)),
            by_phone: with(wanted.phone.clone().map(Address::Phone)),
        }
    }

    fn place(&self, workspace: Option<WorkspaceId>, channel: Option<ChannelId>) -> KnownPlace {
        let workspace_exists = self.workspace_exists && workspace == Some(WORKSPACE);
        let known = self.channel.clone().filter(|known| workspace_exists && channel == Some(known.id));
        KnownPlace { workspace_exists, channel: known }
    }

    pub(super) fn known(&self) -> Known {
        let fields = self.command.parse();
        let place = self.place(fields.workspace_id(), fields.channel_id());
        Known {
            place,
            contacts: self.matching(&fields.wanted_contact()),
            window_open: self.window_open,
            approved: self.approved.clone(),
            sms_segments: self.sms_segments,
        }
    }

    /// The use case over this world. It may be read; nothing else may happen but what the two mocks expect.
    pub(super) fn with(&self, conversations: MockConversationRepo, starter: MockWorkflowStarter) -> ComposeOutbound {
        let (places, contacts) = (self.clone(), self.clone());
        let mut channel_repo = MockChannelRepo::new();
        channel_repo.expect_place().returning(move |tenant, workspace, channel| {
            assert_eq!(tenant, TENANT, "only the caller's tenant is looked into");
            Ok(places.place(workspace, channel))
        });
        // Nobody but a channel of WhatsApp is asked for templates.
        if self.channel.as_ref().is_some_and(|channel| channel.kind == ChannelKind::WhatsApp) {
            let approved = self.approved.clone();
            channel_repo.expect_approved_templates().times(..=1).returning(move |_, _| Ok(approved.clone()));
        }
        let mut contact_repo = MockContactRepo::new();
        contact_repo.expect_matching().returning(move |tenant, wanted| {
            assert_eq!(tenant, TENANT, "only the caller's tenant is looked into");
            Ok(contacts.matching(wanted))
        });
        let open = self.window_open;
        let mut inbound = MockInboundRepo::new();
        inbound.expect_wrote_within().returning(move |channel, _, within| {
            assert_eq!((channel, within), (CHANNEL, WINDOW));
            Ok(open)
        });
        composing_beside(channel_repo, contact_repo, conversations, inbound, starter, self.sms_segments)
    }

    pub(super) async fn ask(
        &self,
        conversations: MockConversationRepo,
        starter: MockWorkflowStarter,
    ) -> Result<Composed, ComposeError> {
        self.with(conversations, starter).execute(&self.caller, self.command.clone()).await
    }

    /// What is answered and what is written; demands that it is written once and started once.
    pub(super) async fn opens(&self) -> (Composed, OpenConversation) {
        let written = Arc::new(Mutex::new(None));
        let mut conversations = MockConversationRepo::new();
        let keep = Arc::clone(&written);
        conversations.expect_open().times(1).returning(move |opening| {
            *keep.lock().unwrap() = Some(opening);
            Ok(Opened { generation: GENERATION })
        });
        if self.command.idempotency_key.is_some() {
            conversations.expect_earlier().times(1).returning(|_, _| Ok(None));
        }
        let composed = self.ask(conversations, starts_once()).await.expect("it opens");
        let opening = written.lock().unwrap().take().expect("it was written");
        (composed, opening)
    }

    /// Why it is refused; nothing is written and nothing started.
    pub(super) async fn refused(&self) -> Problem {
        match self.ask(MockConversationRepo::new(), MockWorkflowStarter::new()).await {
            Err(ComposeError::Refused(problem)) => problem,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    /// Why it is refused, as code and field.
    pub(super) async fn refusal(&self) -> (ProblemCode, Option<&'static str>) {
        let problem = self.refused().await;
        (problem.code, problem.field)
    }
}

/// An engine that takes one conversation.
pub(super) fn starts_once() -> MockWorkflowStarter {
    let mut starter = MockWorkflowStarter::new();
    starter.expect_start().times(1).returning(|_| Ok(Started::InMemory));
    starter
}

/// The use case over these mocks, a clock that stands at `NOW`, and ids that count.
pub(super) fn composing(
    channels: MockChannelRepo,
    contacts: MockContactRepo,
    conversations: MockConversationRepo,
    starter: MockWorkflowStarter,
) -> ComposeOutbound {
    composing_beside(channels, contacts, conversations, MockInboundRepo::new(), starter, 10)
}

/// The same, where contacts may have written.
fn composing_beside(
    channels: MockChannelRepo,
    contacts: MockContactRepo,
    conversations: MockConversationRepo,
    inbound: MockInboundRepo,
    starter: MockWorkflowStarter,
    sms_segments: usize,
) -> ComposeOutbound {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| NOW);
    let mut ids = MockIdGenerator::new();
    let made = AtomicU64::new(0x1000);
    ids.expect_uuid().returning(move || Uuid::from_u128(made.fetch_add(1, Ordering::Relaxed).into()));
    let ports = ComposePorts {
        contacts: Arc::new(contacts),
        channels: Arc::new(channels),
        conversations: Arc::new(conversations),
        inbound: Arc::new(inbound),
        starter: Arc::new(starter),
        clock: Arc::new(clock),
        ids: Arc::new(ids),
    };
    ComposeOutbound::new(ports, hasher(), ComposeRules { deliver_within: defaults(), sms_segments })
}

pub(super) fn hasher() -> RequestHasher {
    RequestHasher::new(&[7; 32])
}

pub(super) fn defaults() -> DeliverWithinDefaults {
    let of = |text| DeliverWithin::parse(text).unwrap();
    DeliverWithinDefaults { email: of("P1D"), sms: of("PT4H"), whatsapp: of("PT3H") }
}

/// The field that carries this kind of address.
pub(super) fn field_of(kind: AddressKind, command: &mut ComposeCommand) -> &mut Option<String> {
    match kind {
        AddressKind::Email => &mut command.contact_email,
        AddressKind::Phone => &mut command.contact_phone,
    }
}
