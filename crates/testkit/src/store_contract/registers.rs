//! Tenants, workspaces, channels and keys come back as they were added.

use super::stage::{HOUR, Place, Stage, channel};
use crate::BEGINNING;
use overture_domain::entities::{
    ApiKey, CarryTemplate, Channel, ChannelConnection, ChannelKind, ChannelSettings, ChannelState, KeyDigest,
    OnUnclear, OutsideWindow, Scope, Transport,
};
use overture_domain::ports::{KnownPlace, NewIds, StoreError, Tenant, Workspace};
use overture_domain::time::Timestamp;
use overture_domain::values::{Secret, TemplateName};
use std::time::Duration;

/// As they were made.
pub async fn tenants_and_workspaces_are_listed_oldest_first(stage: &Stage) {
    let tenants = &stage.ports.tenants;
    let old =
        Tenant { id: stage.ids.tenant_id(), name: "O'Neill & Söhne".into(), created_at: Timestamp::from_millis(7) };
    tenants.add_tenant(&old).await.expect("add_tenant");
    let listed = tenants.tenants().await.expect("tenants");
    assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), [old.id, stage.home.tenant]);
    assert_eq!(listed[0], old);
    let workspace = |millis| Workspace {
        id: stage.ids.workspace_id(),
        tenant_id: old.id,
        name: format!("of {millis}"),
        created_at: Timestamp::from_millis(millis),
    };
    let (newer, older) = (workspace(9), workspace(8));
    tenants.add_workspace(&newer).await.expect("add_workspace");
    tenants.add_workspace(&older).await.expect("add_workspace");
    assert_eq!(tenants.workspaces(old.id).await.expect("workspaces"), [older, newer]);
}

/// `Failed`, and nothing is there.
pub async fn a_workspace_needs_its_tenant(stage: &Stage) {
    let nowhere = stage.ids.tenant_id();
    let stray =
        Workspace { id: stage.ids.workspace_id(), tenant_id: nowhere, name: "Stray".into(), created_at: BEGINNING };
    let answer = stage.ports.tenants.add_workspace(&stray).await;
    assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    assert_eq!(stage.ports.tenants.workspaces(nowhere).await.expect("workspaces"), []);
}

/// Each half may be missing or unknown.
pub async fn a_place_is_found_with_its_channel(stage: &Stage) {
    let Place { tenant, workspace, channel: id } = stage.home;
    let channels = &stage.ports.channels;
    let whole = channels.place(tenant, Some(workspace), Some(id)).await.expect("place");
    assert_eq!(whole, KnownPlace { workspace_exists: true, channel: Some(channel(stage.home)) });
    let half = KnownPlace { workspace_exists: true, channel: None };
    assert_eq!(channels.place(tenant, Some(workspace), None).await.expect("place"), half);
    assert_eq!(channels.place(tenant, Some(workspace), Some(stage.ids.channel_id())).await.expect("place"), half);
    let unknown = channels.place(tenant, Some(stage.ids.workspace_id()), Some(id)).await.expect("place");
    assert_eq!(unknown, KnownPlace::default());
    assert!(!channels.place(tenant, None, Some(id)).await.expect("place").workspace_exists);
}

/// A channel belongs to one workspace.
pub async fn a_channel_of_another_workspace_is_not_in_this_place(stage: &Stage) {
    let second = another_workspace(stage).await;
    let place = stage.ports.channels.place(second.tenant, Some(second.workspace), Some(stage.home.channel)).await;
    assert_eq!(place.expect("place"), KnownPlace { workspace_exists: true, channel: None });
}

/// Every kind, state and rule.
pub async fn a_channel_comes_back_as_it_was_added(stage: &Stage) {
    for kind in ChannelKind::ALL.iter().copied() {
        for on_unclear in OnUnclear::ALL.iter().copied() {
            let added = Channel {
                id: stage.ids.channel_id(),
                name: format!("„{kind}“ '{on_unclear}'"),
                kind,
                transport: if kind == ChannelKind::Email { Transport::Smtp } else { Transport::Sandbox },
                state: if on_unclear == OnUnclear::Resend { ChannelState::Unverified } else { ChannelState::Active },
                enabled: on_unclear == OnUnclear::Resend,
                on_unclear,
                message_id_domain: (kind == ChannelKind::Email).then(|| "xn--bcher-kva.example".into()),
                created_at: Timestamp::from_millis(1_700_000_000_123),
                ..channel(stage.home)
            };
            stage.ports.channels.add(&added, &ChannelSettings::default()).await.expect("add");
            let place = stage.ports.channels.place(stage.home.tenant, Some(stage.home.workspace), Some(added.id)).await;
            assert_eq!(place.expect("place").channel, Some(added));
        }
    }
}

/// As it was said, whichever way the template is named.
pub async fn what_a_channel_says_about_the_window_comes_back(stage: &Stage) {
    for template in [
        TemplateName::Named { name: "agent_message".into(), language: "de".into() },
        TemplateName::ContentSid("HX1".into()),
    ] {
        let carry = CarryTemplate::new(template, "Acme: {{text}}").expect("one placeholder");
        let added = Channel {
            id: stage.ids.channel_id(),
            kind: ChannelKind::WhatsApp,
            outside_window: Some(OutsideWindow::Carry(carry)),
            ..channel(stage.home)
        };
        stage.ports.channels.add(&added, &ChannelSettings::default()).await.expect("add");
        let (tenant, workspace) = (stage.home.tenant, Some(stage.home.workspace));
        let known = stage.ports.channels.place(tenant, workspace, Some(added.id)).await.expect("place");
        assert_eq!(known.channel, Some(added));
    }
}

/// In the tenant that it says: `Failed`, and nothing is there.
pub async fn a_channel_needs_its_workspace(stage: &Stage) {
    let other = stage.another_tenant().await;
    for workspace_id in [stage.ids.workspace_id(), other.workspace] {
        let stray = Channel { id: stage.ids.channel_id(), workspace_id, ..channel(stage.home) };
        let answer = stage.ports.channels.add(&stray, &ChannelSettings::default()).await;
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
        assert_eq!(stage.ports.channels.connection(stray.id).await.expect("connection"), None);
    }
}

/// Of the tenant, or of one workspace of it.
pub async fn channels_are_listed_oldest_first_by_workspace_or_all(stage: &Stage) {
    let second = another_workspace(stage).await;
    let add = async |place: Place, millis: i64| {
        let added = Channel { created_at: Timestamp::from_millis(millis), ..channel(place) };
        stage.ports.channels.add(&added, &ChannelSettings::default()).await.expect("add");
        added
    };
    let newer = add(Place { channel: stage.ids.channel_id(), ..second }, 9).await;
    let older = add(Place { channel: stage.ids.channel_id(), ..second }, 8).await;
    let of = async |workspace| stage.ports.channels.list(second.tenant, workspace).await.expect("list");
    assert_eq!(of(None).await, [older.clone(), newer.clone(), channel(stage.home)]);
    assert_eq!(of(Some(second.workspace)).await, [older, newer]);
    assert_eq!(of(Some(stage.home.workspace)).await, [channel(stage.home)]);
}

/// Empty ones, long ones, and what means something to SQL or JSON.
pub async fn settings_and_secrets_come_back_exactly(stage: &Stage) {
    let texts = ["", " ", "smtp.example.com", "pass'wörd\"\\\n\0\u{1F511}", &"x".repeat(10_000)];
    let named = || texts.iter().enumerate().map(|(n, text)| (format!("field-{n}"), (*text).to_owned()));
    let settings = ChannelSettings {
        public: named().map(|(name, text)| (name, text.replace('\0', ""))).collect(),
        secrets: named().map(|(name, text)| (name, Secret::from(text))).collect(),
    };
    let added = Channel { id: stage.ids.channel_id(), transport: Transport::Smtp, ..channel(stage.home) };
    stage.ports.channels.add(&added, &settings).await.expect("add");
    for ports in [stage.ports.clone(), stage.reopened().await] {
        let connection = ports.channels.connection(added.id).await.expect("connection");
        let (kind, transport, settings) = (added.kind, added.transport, settings.clone());
        let expected = ChannelConnection { channel_id: added.id, version: added.version, kind, transport, settings };
        assert!(connection == Some(expected), "the connection changed: {connection:?}");
    }
    let bare = stage.ports.channels.connection(stage.home.channel).await.expect("connection").expect("it is there");
    assert_eq!(bare.settings, ChannelSettings::default());
}

/// A person decides.
pub async fn a_channel_is_switched_off_and_on(stage: &Stage) {
    let Place { tenant, workspace, channel: id } = stage.home;
    let channels = &stage.ports.channels;
    for enabled in [false, false, true] {
        assert!(channels.set_enabled(tenant, id, enabled).await.expect("set_enabled"));
        let place = channels.place(tenant, Some(workspace), Some(id)).await.expect("place");
        assert_eq!(place.channel.map(|it| it.enabled), Some(enabled));
    }
    assert!(!channels.set_enabled(tenant, stage.ids.channel_id(), true).await.expect("set_enabled"));
}

/// Every scope, its bounds, and nothing for another digest.
pub async fn a_key_is_found_by_its_digest_with_all_it_may_do(stage: &Stage) {
    let keys = &stage.ports.keys;
    let bound = ApiKey {
        scopes: Scope::ALL.to_vec(),
        workspace_id: Some(stage.home.workspace),
        expires_at: Some(BEGINNING.plus(HOUR)),
        ..key(stage, stage.home, BEGINNING)
    };
    let plain = key(stage, stage.home, BEGINNING);
    keys.add(&bound, &digest(1)).await.expect("add");
    keys.add(&plain, &digest(2)).await.expect("add");
    assert_eq!(keys.find(&digest(1)).await.expect("find"), Some(bound));
    assert_eq!(keys.find(&digest(2)).await.expect("find"), Some(plain));
    assert_eq!(keys.find(&digest(3)).await.expect("find"), None);
}

/// Those that ended too.
pub async fn keys_are_listed_newest_first(stage: &Stage) {
    let keys = &stage.ports.keys;
    let made: Vec<_> = [2, 3, 1].iter().map(|n| key(stage, stage.home, BEGINNING.plus(HOUR * *n))).collect();
    for (n, key) in (1..).zip(&made) {
        keys.add(key, &digest(n)).await.expect("add");
    }
    let expected = [made[1].clone(), made[0].clone(), made[2].clone()];
    assert_eq!(keys.list(stage.home.tenant).await.expect("list"), expected);
}

/// Whoever looks it up learns it within 5 s.
pub async fn a_revoked_key_says_since_when_and_keeps_the_first_time(stage: &Stage) {
    let (keys, tenant) = (&stage.ports.keys, stage.home.tenant);
    let revoked = key(stage, stage.home, BEGINNING);
    keys.add(&revoked, &digest(1)).await.expect("add");
    assert!(keys.find(&digest(1)).await.expect("find").is_some_and(|key| key.works_at(BEGINNING)));
    let first = BEGINNING.plus(Duration::from_secs(1));
    for at in [first, BEGINNING.plus(HOUR)] {
        assert!(keys.revoke(tenant, revoked.id, at).await.expect("revoke"));
        let listed = keys.list(tenant).await.expect("list");
        assert_eq!(listed.iter().map(|key| key.revoked_at).collect::<Vec<_>>(), [Some(first)]);
    }
    let told = async || keys.find(&digest(1)).await.expect("find").filter(|key| key.revoked_at == Some(first));
    stage.until("the key is found revoked", told).await;
    assert!(!keys.revoke(tenant, stage.ids.api_key_id(), first).await.expect("revoke"));
}

async fn another_workspace(stage: &Stage) -> Place {
    let place = Place { workspace: stage.ids.workspace_id(), ..stage.home };
    let (name, created_at) = ("Second".into(), BEGINNING);
    let workspace = Workspace { id: place.workspace, tenant_id: place.tenant, name, created_at };
    stage.ports.tenants.add_workspace(&workspace).await.expect("add_workspace");
    place
}

pub(super) fn key(stage: &Stage, place: Place, created_at: Timestamp) -> ApiKey {
    ApiKey {
        id: stage.ids.api_key_id(),
        tenant_id: place.tenant,
        name: "CRM „Nord“".into(),
        scopes: vec![Scope::ConversationsWrite],
        workspace_id: None,
        expires_at: None,
        revoked_at: None,
        created_at,
    }
}

pub(super) fn digest(n: u8) -> KeyDigest {
    KeyDigest([n; 32])
}
