//! One tenant's desk: a workspace, a channel of each kind, keys, and the server in front of them.

use super::{Answer, Ask, Conversations, Parts, Provider, WordReader};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use overture_domain::entities::{
    ApiKey, Channel, ChannelKind, ChannelLimits, ChannelSettings, ChannelState, KeyDigest, Message, OnUnclear, Scope,
    Transport,
};
use overture_domain::ids::{ChannelId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{
    ApiKeyRepo, Begun, Cause, ChannelRepo, ConversationRepo, DeliveryRepo, IdGenerator, NewIds, SendError, Tenant,
    TenantRepo, Workspace,
};
use overture_domain::process::{Effect, Event};
use overture_domain::use_cases::{
    Authenticate, ComposeOutbound, ComposePorts, ComposeRules, DeliverWithinDefaults, PreviewOutbound, ReceiveMessage,
    ReceiveWebhook, RecordReceipt, RequestHasher,
};
use overture_domain::values::{DeliverWithin, Secret};
use overture_http::{Application, ChannelManagement, HttpOptions, Serving, serve};
use overture_testkit::{BEGINNING, MemoryStore, RecordingStarter, SequentialIds};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What every test of this binary counts.
static METRICS: LazyLock<PrometheusHandle> = LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());

/// A raw API key.
pub(crate) type Key = String;

/// A running server and what stands behind it.
pub(crate) struct Desk {
    pub(crate) serving: Serving,
    pub(crate) store: MemoryStore,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) tenant: TenantId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) email: ChannelId,
    pub(crate) sms: ChannelId,
    /// Reads and writes conversations, and nothing else.
    pub(crate) key: Key,
    ids: SequentialIds,
    client: reqwest::Client,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut HttpOptions)) -> Self {
        let mut options = HttpOptions::at("127.0.0.1:0".parse().unwrap());
        options.workers = 1;
        change(&mut options);
        LazyLock::force(&METRICS);
        let (store, ids) = (MemoryStore::new(), SequentialIds::new());
        let conversations = Arc::new(Conversations::new(store.clone()));
        let parts = Arc::new(Parts::ready());
        let provider = Arc::new(Provider::working());
        let serving = serve(&options, application(&store, &conversations, &parts, &provider)).unwrap();
        let tenant = ids.tenant_id();
        let workspace = ids.workspace_id();
        let mut desk = Self {
            serving,
            store,
            conversations,
            parts,
            provider,
            tenant,
            workspace,
            email: ids.channel_id(),
            sms: ids.channel_id(),
            key: String::new(),
            ids,
            client: client(),
        };
        desk.furnish().await;
        desk
    }

    async fn furnish(&mut self) {
        let tenant = Tenant { id: self.tenant, name: "Acme".into(), created_at: BEGINNING };
        self.store.add_tenant(&tenant).await.unwrap();
        self.add_workspace(self.tenant, self.workspace).await;
        for (id, kind) in [(self.email, ChannelKind::Email), (self.sms, ChannelKind::Sms)] {
            let channel = Channel { id, ..self.channel(kind) };
            self.add_channel(channel).await;
        }
        self.key = self.key_with(&[Scope::ConversationsRead, Scope::ConversationsWrite]).await;
    }

    async fn add_workspace(&self, tenant_id: TenantId, id: WorkspaceId) {
        let workspace = Workspace { id, tenant_id, name: "Support".into(), created_at: BEGINNING };
        self.store.add_workspace(&workspace).await.unwrap();
    }

    pub(crate) async fn another_workspace(&self) -> WorkspaceId {
        let id = self.ids.workspace_id();
        self.add_workspace(self.tenant, id).await;
        id
    }

    /// Another tenant with a workspace, a channel and a key of its own.
    pub(crate) async fn another_tenant(&self) -> (WorkspaceId, ChannelId, Key) {
        let tenant_id = self.ids.tenant_id();
        self.store.add_tenant(&Tenant { id: tenant_id, name: "Other".into(), created_at: BEGINNING }).await.unwrap();
        let workspace_id = self.ids.workspace_id();
        self.add_workspace(tenant_id, workspace_id).await;
        let channel = Channel { tenant_id, workspace_id, ..self.channel(ChannelKind::Email) };
        let channel = self.add_channel(channel).await;
        let both = [Scope::ConversationsRead, Scope::ConversationsWrite];
        let key = self.keep(ApiKey { tenant_id, ..self.api_key(&both) }).await;
        (workspace_id, channel, key)
    }

    /// A channel of this desk that is not kept yet.
    pub(crate) fn channel(&self, kind: ChannelKind) -> Channel {
        Channel {
            id: self.ids.channel_id(),
            tenant_id: self.tenant,
            workspace_id: self.workspace,
            name: "Channel".into(),
            kind,
            transport: Transport::Sandbox,
            state: ChannelState::Active,
            enabled: true,
            paused_at: None,
            limits: ChannelLimits::default(),
            on_unclear: OnUnclear::default_for(kind),
            fault: None,
            message_id_domain: (kind == ChannelKind::Email).then(|| "mail.acme.example".into()),
            outside_window: None,
            version: Version::FIRST,
            created_at: BEGINNING,
        }
    }

    pub(crate) async fn add_channel(&self, channel: Channel) -> ChannelId {
        ChannelRepo::add(&self.store, &channel, &ChannelSettings::default()).await.unwrap();
        channel.id
    }

    /// An API key of this desk that is not kept yet.
    pub(crate) fn api_key(&self, scopes: &[Scope]) -> ApiKey {
        ApiKey {
            id: self.ids.api_key_id(),
            tenant_id: self.tenant,
            name: "test".into(),
            scopes: scopes.to_vec(),
            workspace_id: None,
            expires_at: None,
            revoked_at: None,
            created_at: BEGINNING,
        }
    }

    pub(crate) async fn keep(&self, key: ApiKey) -> Key {
        let raw: Secret = self.ids.api_key();
        ApiKeyRepo::add(&self.store, &key, &KeyDigest::of(&raw)).await.unwrap();
        raw.expose().to_owned()
    }

    pub(crate) async fn key_with(&self, scopes: &[Scope]) -> Key {
        self.keep(self.api_key(scopes)).await
    }

    /// A request without a key.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.serving.address);
        self.client.request(method, url).header("X-Request-Id", "r-1")
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path).bearer_auth(&self.key)
    }

    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        self.post_as(&self.key, body)
    }

    pub(crate) fn post_as(&self, key: &str, body: &Value) -> RequestBuilder {
        self.ask(Method::POST, "/api/conversations/compose").bearer_auth(key).json(body)
    }

    /// The body as text, for what no JSON library would write.
    pub(crate) fn post_text(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.ask(Method::POST, "/api/conversations/compose")
            .bearer_auth(&self.key)
            .header("Content-Type", "application/json")
            .body(body)
    }

    /// The seed page's example with this desk's ids.
    pub(crate) fn body(&self) -> Value {
        seed_body(self.workspace, self.email)
    }

    pub(crate) fn body_with(&self, changes: &Value) -> Value {
        let mut body = self.body();
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    }

    /// A conversation that was just opened: its path.
    pub(crate) async fn opened(&self) -> String {
        let answer = self.post(&self.body()).answer().await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn opened_count(&self) -> usize {
        self.store.newest_messages(self.tenant, 1_000).await.unwrap().len()
    }

    /// The message was sent once, and nobody knows what became of that.
    pub(crate) async fn leave_unclear(&self, message: &Message) {
        let Begun::Attempt(attempt) = self.store.begin_attempt(message.id, Duration::from_secs(60)).await.unwrap()
        else {
            panic!("it is due")
        };
        let loaded = self.store.load(message.conversation_id).await.unwrap().unwrap();
        let cause = Cause { code: "cut", provider_code: None, text: "The connection was cut.".into() };
        let ended = Event::AttemptEnded {
            message: message.id,
            number: attempt.number,
            probed: false,
            began_at: attempt.began_at,
            result: Err(SendError::Unclear(cause)),
            at: BEGINNING,
        };
        let (_, Effect::Keep(change)) = loaded.process.step(ended, loaded.now) else { panic!("it is kept") };
        self.store.save(*change).await.unwrap();
    }

    pub(crate) async fn answer_of(&self, body: &Value) -> Answer {
        self.post(body).answer().await
    }
}

/// The example body of the seed page, with ids that exist.
pub(crate) fn seed_body(workspace: WorkspaceId, channel: ChannelId) -> Value {
    json!({
        "workspaceId": workspace.to_string(),
        "channelId": channel.to_string(),
        "contactEmail": "jan.mueller@acme-customer.de",
        "contactName": "Jan Mueller",
        "subject": "Follow-up: Your recent order inquiry",
        "content": "Dear Jan, I wanted to follow up on your recent inquiry about order #4521...",
    })
}

fn application(
    store: &MemoryStore,
    conversations: &Arc<Conversations>,
    parts: &Arc<Parts>,
    provider: &Arc<Provider>,
) -> Application {
    let day = DeliverWithin::parse("P1D").unwrap();
    let store = Arc::new(store.clone());
    let clock = Arc::new(store.clock().clone());
    let ports = ComposePorts {
        contacts: store.clone(),
        channels: store.clone(),
        conversations: conversations.clone(),
        inbound: store.clone(),
        starter: Arc::new(RecordingStarter::new()),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::after(1_000)),
    };
    let rules = ComposeRules {
        deliver_within: DeliverWithinDefaults { email: day, sms: day, whatsapp: day },
        sms_segments: 10,
    };
    Application {
        authenticate: Arc::new(Authenticate::new(store.clone(), clock.clone())),
        compose: Arc::new(ComposeOutbound::new(ports, RequestHasher::new(&[7; 32]), rules)),
        preview: Arc::new(PreviewOutbound::new(store.clone(), store.clone(), store.clone(), store.clone(), rules)),
        webhooks: Arc::new(webhooks(&store)),
        conversations: conversations.clone(),
        contacts: store.clone(),
        channels: store.clone(),
        management: Arc::new(ChannelManagement::new(
            store.clone(),
            store.clone(),
            provider.clone(),
            provider.clone(),
            clock.clone(),
            Arc::new(SequentialIds::after(3_000_000)),
        )),
        public_url: Some("https://overture.example".into()),
        observatory: store,
        clock,
        ids: Arc::new(SequentialIds::after(1_000_000)),
        readiness: parts.clone(),
        metrics: Arc::new(|| METRICS.render()),
        runtime: tokio::runtime::Handle::current(),
    }
}

/// What providers call: signed with a word instead of a secret.
fn webhooks(store: &Arc<MemoryStore>) -> ReceiveWebhook {
    let clock = Arc::new(store.clock().clone());
    let receipts = RecordReceipt::new(store.clone(), clock.clone());
    let messages = ReceiveMessage::new(store.clone(), clock, Arc::new(SequentialIds::after(2_000_000)));
    ReceiveWebhook::new(store.clone(), Arc::new(WordReader), receipts, messages)
}

/// A client that speaks plain HTTP here, whatever TLS it was built for.
pub(crate) fn client() -> reqwest::Client {
    // Only the first of several can.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
