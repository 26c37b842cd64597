//! Channels as their owners manage them: what is shown, what a change writes, what verifying and pausing do.

use super::stage::{BRIEF, HOUR, Place, Stage, channel};
use crate::BEGINNING;
use overture_domain::entities::{
    CarryTemplate, Channel, ChannelLimits, ChannelSettings, ChannelState, MessageStatus, OutsideWindow, Transport,
};
use overture_domain::ids::Version;
use overture_domain::ports::{
    ApprovedTemplate, Begun, ChannelDetails, ChannelRevision, NewIds, OpenConversation, Position, StartOrder,
};
use overture_domain::time::Timestamp;
use overture_domain::values::{Country, DeliverWithin, Secret, TemplateName};
use std::time::Duration;

/// No secret comes out, only its name.
pub async fn a_channel_is_shown_with_its_settings_and_the_names_of_its_secrets(stage: &Stage) {
    let added = managed(stage).await;
    let shown = details(stage, added.id).await;
    assert_eq!(shown.channel, added);
    assert_eq!(shown.public, settings("one").public);
    assert!(shown.secrets.iter().eq(["authToken", "password"]));
    let bare = details(stage, stage.home.channel).await;
    assert_eq!((bare.channel, bare.secrets.len()), (channel(stage.home), 0));
    let nobody = stage.ports.registry.details(stage.home.tenant, stage.ids.channel_id()).await;
    assert_eq!(nobody.expect("details"), None);
}

/// Oldest first, by time and then by id; of the tenant or of one workspace.
pub async fn channels_are_read_page_by_page(stage: &Stage) {
    let mut all = vec![channel(stage.home)];
    for n in 1..6 {
        let place = Place { channel: stage.ids.channel_id(), ..stage.home };
        let added = Channel { created_at: BEGINNING.plus(HOUR * (n / 2)), ..channel(place) };
        stage.ports.channels.add(&added, &settings("one")).await.expect("add");
        all.push(added);
    }
    all.sort_by_key(|channel| (channel.created_at, channel.id));
    let registry = &stage.ports.registry;
    for workspace in [None, Some(stage.home.workspace)] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = registry.page(stage.home.tenant, workspace, after, 4).await.expect("page");
            let Some(last) = page.last() else { break };
            after = Some(Position { created_at: last.channel.created_at, id: last.channel.id.as_uuid() });
            seen.extend(page.into_iter().map(|found| found.channel));
        }
        assert_eq!(seen, all);
    }
    let elsewhere = registry.page(stage.home.tenant, Some(stage.ids.workspace_id()), None, 4).await;
    assert_eq!(elsewhere.expect("page"), []);
}

/// And the version grows by one.
pub async fn a_revision_changes_what_it_names_and_nothing_else(stage: &Stage) {
    let added = managed(stage).await;
    let named = ChannelRevision { name: Some("New".into()), ..revision(&added) };
    assert!(revise(stage, &named).await);
    let renamed = Channel { name: "New".into(), version: added.version.next(), ..added.clone() };
    assert_eq!(details(stage, added.id).await.channel, renamed);
    assert!(connected(stage, added.id).await == settings("one"), "the settings stay");

    let limits = ChannelLimits {
        max_per_second: Some(20),
        max_per_day: Some(7),
        max_per_contact_per_hour: Some(u32::MAX),
        // A code that no number belongs to any more is kept like others.
        allowed_countries: Some(
            [Country::from_stored("DE"), Country::from_stored("XX")].into_iter().flatten().collect(),
        ),
    };
    let whole = ChannelRevision {
        enabled: Some(false),
        limits: Some(limits.clone()),
        outside_window: Some(Some(carry())),
        settings: Some((settings("two"), Some("two.example".into()))),
        ..revision(&renamed)
    };
    assert!(revise(stage, &whole).await);
    let expected = Channel {
        enabled: false,
        limits,
        message_id_domain: Some("two.example".into()),
        outside_window: Some(carry()),
        version: renamed.version.next(),
        ..renamed
    };
    let shown = details(stage, added.id).await;
    assert_eq!((&shown.channel, &shown.public), (&expected, &settings("two").public));
    assert!(connected(stage, added.id).await == settings("two"), "settings and secrets are the new ones");

    let cleared =
        ChannelRevision { limits: Some(ChannelLimits::default()), outside_window: Some(None), ..revision(&expected) };
    assert!(revise(stage, &cleared).await);
    let cleared = details(stage, added.id).await.channel;
    assert_eq!((cleared.limits, cleared.outside_window), (ChannelLimits::default(), None));
}

/// Somebody was faster.
pub async fn a_revision_of_an_old_version_writes_nothing(stage: &Stage) {
    let added = managed(stage).await;
    assert!(revise(stage, &ChannelRevision { enabled: Some(false), ..revision(&added) }).await);
    let before = details(stage, added.id).await;
    let late =
        ChannelRevision { name: Some("Late".into()), settings: Some((settings("two"), None)), ..revision(&added) };
    assert!(!revise(stage, &late).await);
    assert_eq!(details(stage, added.id).await, before);
    assert!(connected(stage, added.id).await == settings("one"), "the settings stay");
}

/// A token that was replaced need not wait for the next probe.
pub async fn new_settings_let_a_channel_in_error_be_tried_at_once(stage: &Stage) {
    let (finder, waiting) = (stage.opened().await, stage.opened().await);
    stage.meet_fault(&finder, HOUR).await;
    assert!(matches!(stage.begin(waiting.message_id, HOUR).await, Begun::ChannelWaits { .. }));
    let known = details(stage, stage.home.channel).await.channel;
    assert_eq!(known.state, ChannelState::Error);
    let domain = known.message_id_domain.clone();
    assert!(revise(stage, &ChannelRevision { settings: Some((settings("two"), domain)), ..revision(&known) }).await);
    assert_eq!(details(stage, known.id).await.channel.state, ChannelState::Error);
    assert!(stage.attempt_soon(waiting.message_id, HOUR).await.probes);
}

/// Those from before are gone.
pub async fn a_verified_channel_is_active_without_fault_and_has_its_templates(stage: &Stage) {
    let added = managed(stage).await;
    assert_eq!(added.state, ChannelState::Unverified);
    for (found, kept) in
        [(vec![named("b"), by_id(), named("a")], vec![named("a"), named("b"), by_id()]), (vec![], vec![])]
    {
        assert!(verified(stage, &added, added.version, &found).await);
        assert_eq!(details(stage, added.id).await.channel.state, ChannelState::Active);
        assert_eq!(stage.ports.registry.templates(added.tenant_id, added.id).await.expect("templates"), kept);
    }
}

/// As when a probe shows that it works.
pub async fn what_waits_for_a_channel_is_due_when_it_is_verified(stage: &Stage) {
    let (finder, waiting) = (stage.opened().await, stage.opened_and_due().await);
    stage.meet_fault(&finder, HOUR).await;
    let order = stage.claim_of(waiting.conversation_id, HOUR).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    let known = details(stage, stage.home.channel).await.channel;
    assert!(verified(stage, &known, known.version, &[]).await);
    let after = details(stage, known.id).await.channel;
    assert_eq!((after.state, after.fault), (ChannelState::Active, None));
    assert!(!stage.attempt_soon(finder.message_id, HOUR).await.probes);
    stage.claim_of(waiting.conversation_id, HOUR).await;
}

/// What was tried is not what is there now.
pub async fn a_verification_of_other_settings_is_not_kept(stage: &Stage) {
    let added = managed(stage).await;
    assert!(!verified(stage, &added, added.version.next(), &[by_id()]).await);
    assert_eq!(details(stage, added.id).await.channel.state, ChannelState::Unverified);
    let registry = &stage.ports.registry;
    registry.keep_templates(added.id, added.version.next(), &[by_id()]).await.expect("keep_templates");
    assert_eq!(registry.templates(added.tenant_id, added.id).await.expect("templates"), []);
    registry.keep_templates(added.id, added.version, &[by_id()]).await.expect("keep_templates");
    assert_eq!(registry.templates(added.tenant_id, added.id).await.expect("templates"), [by_id()]);
}

/// Whoever gets the right to ask has it alone. Those of another account may be asked for at once.
pub async fn templates_are_asked_for_once_in_their_time_and_not_before_the_first_verification(stage: &Stage) {
    let added = managed(stage).await;
    let claim = async |every| stage.ports.registry.claim_template_fetch(added.id, every).await.expect("claim");
    assert!(!claim(Duration::ZERO).await, "it was never verified");
    assert!(verified(stage, &added, added.version, &[]).await);
    assert!(!claim(HOUR).await, "verifying has asked");
    stage.until("the time has passed", async || claim(BRIEF).await.then_some(())).await;
    assert!(!claim(HOUR).await);
    let revised = ChannelRevision { is_somebody_else: true, ..of_other_settings(&added) };
    assert!(revise(stage, &revised).await);
    assert!(claim(HOUR).await && !claim(HOUR).await);
}

/// In each language; one that is not there shows what is. Of somebody else nothing is known. That there
/// is none is known as well.
pub async fn approved_templates_are_found_by_name_until_the_settings_change(stage: &Stage) {
    let added = managed(stage).await;
    let approved = async |name: &ApprovedTemplate| {
        let found = stage.ports.channels.approved_templates(added.id, &name.template).await;
        found.expect("approved_templates")
    };
    assert_eq!(approved(&named("b")).await, None, "it was never verified");
    let language = "en".to_owned();
    let english = TemplateName::Named { name: "b".into(), language };
    let other = ApprovedTemplate { template: english, ..named("b") };
    let all = [named("a"), named("b"), other.clone(), by_id()];
    assert!(verified(stage, &added, added.version, &all).await);
    assert_eq!(approved(&named("b")).await, Some(vec![named("b"), other]));
    assert_eq!(approved(&by_id()).await, Some(vec![by_id()]));
    assert_eq!(approved(&named("c")).await, Some(all.to_vec()));
    assert!(verified(stage, &added, added.version, &[]).await);
    assert_eq!(approved(&named("c")).await, Some(vec![]));
    assert!(verified(stage, &added, added.version, &all).await);
    let elsewhere = stage.ports.channels.approved_templates(stage.home.channel, &by_id().template).await;
    assert_eq!(elsewhere.expect("approved_templates"), None);
    assert!(revise(stage, &of_other_settings(&added)).await);
    assert_eq!(approved(&by_id()).await, Some(vec![by_id()]), "a new secret opens the same account");
    let added = details(stage, added.id).await.channel;
    assert!(revise(stage, &ChannelRevision { is_somebody_else: true, ..of_other_settings(&added) }).await);
    assert_eq!(approved(&named("b")).await, None);
    assert_eq!(stage.ports.registry.templates(added.tenant_id, added.id).await.expect("templates"), []);
    assert!(stage.ports.registry.claim_template_fetch(added.id, HOUR).await.expect("claim"));
    assert_eq!(approved(&named("b")).await, None, "asking is not knowing");
    let version = details(stage, added.id).await.channel.version;
    stage.ports.registry.keep_templates(added.id, version, &[named("b")]).await.expect("keep_templates");
    assert_eq!(approved(&named("b")).await, Some(vec![named("b")]));
}

/// The sandbox has no list of templates, and neither has email.
pub async fn a_channel_whose_provider_has_no_list_knows_nothing_of_templates(stage: &Stage) {
    let added = managed(stage).await;
    assert!(verified(stage, &added, added.version, &[by_id()]).await);
    let kept = stage.ports.registry.keep_verified(added.tenant_id, added.id, added.version, None).await;
    assert!(kept.expect("keep_verified"));
    let found = stage.ports.channels.approved_templates(added.id, &by_id().template).await;
    assert_eq!(found.expect("approved_templates"), None);
}

/// Composed before the pause or after.
pub async fn messages_of_a_paused_channel_wait_and_their_time_stands_still(stage: &Stage) {
    let before = stage.opened().await;
    pause(stage, true).await;
    let meanwhile = within(stage, BRIEF * 2).await;
    let left = async |opening: &OpenConversation| {
        let loaded = stage.loaded(opening.conversation_id).await;
        loaded.process.pending[0].deliver_by.since(loaded.now)
    };
    let (first, brief) = (left(&before).await, left(&meanwhile).await);
    stage.time_passes(&before).await;
    assert_eq!((left(&before).await, left(&meanwhile).await), (first, brief));
    assert_eq!(brief, BRIEF * 2);
    for opening in [&before, &meanwhile] {
        let Begun::ChannelWaits { look_again_in } = stage.begin(opening.message_id, HOUR).await else {
            panic!("it waits")
        };
        assert!(look_again_in > Duration::ZERO, "whoever waits for no time asks without end");
        assert_eq!(stage.message(opening).await.message.status, MessageStatus::Queued);
    }
    // Nobody forgot them: whoever claims their wakeups and lets them go leaves nothing that is due.
    for opening in [&before, &meanwhile] {
        let generation = 1;
        let (conversation_id, workspace_id) = (opening.conversation_id, opening.workspace_id);
        let order = StartOrder { conversation_id, workspace_id, generation, tries: 0 };
        stage.ports.wakeups.settle(&order).await.expect("settle");
    }
    assert_eq!(stage.ports.wakeups.wake_forgotten(Duration::ZERO, 10).await.expect("wake_forgotten"), 0);
}

/// A pause brings nothing back.
pub async fn a_message_whose_time_had_ended_before_the_pause_is_expired(stage: &Stage) {
    let (opening, other) = (within(stage, BRIEF).await, stage.opened().await);
    stage.time_passes(&other).await;
    pause(stage, true).await;
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Expired);
    stage.time_passes(&other).await;
    pause(stage, false).await;
    assert_eq!(stage.begin(opening.message_id, HOUR).await, Begun::Expired);
}

/// At once, and no more than that.
pub async fn a_resumed_channel_gives_back_the_time_it_stood_still_and_wakes_what_waits(stage: &Stage) {
    let (opening, elsewhere) = (stage.opened_and_due().await, stage.another_channel().await);
    let other = stage.opening_in(elsewhere);
    stage.open(&other).await;
    let ends = async |opening: &OpenConversation| stage.message(opening).await.message.deliver_by;
    let (before, before_elsewhere) = (ends(&opening).await, ends(&other).await);
    pause(stage, true).await;
    let order = stage.claim_of(opening.conversation_id, HOUR).await;
    stage.ports.wakeups.rest(&order, HOUR).await.expect("rest");
    stage.time_passes(&other).await;
    pause(stage, false).await;
    let moved = ends(&opening).await.since(before);
    assert!(moved >= BRIEF * 5 && moved < HOUR, "it stood still for some milliseconds, not for {moved:?}");
    assert_eq!(ends(&other).await, before_elsewhere, "another channel's messages keep their time");
    stage.claim_of(opening.conversation_id, HOUR).await;
    stage.attempt(opening.message_id, HOUR).await;
}

/// Since the first time.
pub async fn pausing_twice_is_pausing_once(stage: &Stage) {
    let opening = stage.opened().await;
    let since = async || details(stage, stage.home.channel).await.channel.paused_at;
    assert_eq!(since().await, None);
    pause(stage, true).await;
    let first = since().await;
    stage.time_passes(&opening).await;
    pause(stage, true).await;
    assert!(first.is_some() && since().await == first);
    for _ in 0..2 {
        pause(stage, false).await;
        assert_eq!(since().await, None);
    }
}

/// Like one that does not exist.
pub async fn a_channel_of_another_tenant_is_not_managed(stage: &Stage) {
    let (added, other) = (managed(stage).await, stage.another_tenant().await);
    let registry = &stage.ports.registry;
    assert_eq!(registry.details(other.tenant, added.id).await.expect("details"), None);
    let page = registry.page(other.tenant, Some(stage.home.workspace), None, 9).await.expect("page");
    assert_eq!(page, []);
    let foreign = ChannelRevision { tenant_id: other.tenant, enabled: Some(false), ..revision(&added) };
    assert!(!revise(stage, &foreign).await);
    assert!(!registry.set_paused(other.tenant, added.id, true).await.expect("set_paused"));
    assert!(
        !registry.keep_verified(other.tenant, added.id, added.version, Some(&[by_id()])).await.expect("keep_verified")
    );
    assert!(verified(stage, &added, added.version, &[by_id()]).await);
    assert_eq!(registry.templates(other.tenant, added.id).await.expect("templates"), []);
    let expected = Channel { state: ChannelState::Active, ..added };
    assert_eq!(details(stage, expected.id).await.channel, expected);
}

/// A channel with settings and secrets that was never verified.
async fn managed(stage: &Stage) -> Channel {
    let added = Channel {
        id: stage.ids.channel_id(),
        transport: Transport::Smtp,
        state: ChannelState::Unverified,
        limits: ChannelLimits { max_per_day: Some(1), ..ChannelLimits::default() },
        version: Version(41),
        created_at: Timestamp::from_millis(1_700_000_000_123),
        ..channel(stage.home)
    };
    stage.ports.channels.add(&added, &settings("one")).await.expect("add");
    added
}

fn settings(word: &str) -> ChannelSettings {
    let named = |name: &str| (name.to_owned(), format!("{word} {name}"));
    ChannelSettings {
        public: ["from", "host"].map(named).into(),
        secrets: ["authToken", "password"].map(named).map(|(name, text)| (name, Secret::from(text))).into(),
    }
}

async fn details(stage: &Stage, id: overture_domain::ids::ChannelId) -> ChannelDetails {
    let found = stage.ports.registry.details(stage.home.tenant, id).await.expect("details");
    found.expect("the channel is there")
}

async fn connected(stage: &Stage, id: overture_domain::ids::ChannelId) -> ChannelSettings {
    stage.ports.channels.connection(id).await.expect("connection").expect("it is there").settings
}

fn carry() -> OutsideWindow {
    let name = TemplateName::Named { name: "agent_message".into(), language: "de".into() };
    OutsideWindow::Carry(CarryTemplate::new(name, "Acme: {{1}}").expect("it has one placeholder"))
}

/// A change of settings to others.
fn of_other_settings(channel: &Channel) -> ChannelRevision {
    ChannelRevision { settings: Some((settings("two"), None)), ..revision(channel) }
}

/// A change of nothing.
pub(super) fn revision(channel: &Channel) -> ChannelRevision {
    ChannelRevision {
        tenant_id: channel.tenant_id,
        channel_id: channel.id,
        expected: channel.version,
        name: None,
        enabled: None,
        limits: None,
        outside_window: None,
        settings: None,
        is_somebody_else: false,
    }
}

async fn revise(stage: &Stage, revision: &ChannelRevision) -> bool {
    stage.ports.registry.revise(revision).await.expect("revise")
}

async fn verified(stage: &Stage, channel: &Channel, version: Version, templates: &[ApprovedTemplate]) -> bool {
    let kept = stage.ports.registry.keep_verified(channel.tenant_id, channel.id, version, Some(templates)).await;
    kept.expect("keep_verified")
}

async fn pause(stage: &Stage, paused: bool) {
    let done = stage.ports.registry.set_paused(stage.home.tenant, stage.home.channel, paused).await;
    assert!(done.expect("set_paused"));
}

/// A message with so much time.
async fn within(stage: &Stage, time: Duration) -> OpenConversation {
    let millis = i64::try_from(time.as_millis()).expect("a short time");
    let opening = OpenConversation { deliver_within: DeliverWithin::from_millis(millis), ..stage.opening() };
    stage.open(&opening).await;
    opening
}

fn named(title: &str) -> ApprovedTemplate {
    ApprovedTemplate {
        template: TemplateName::Named { name: title.to_owned(), language: "de_DE".into() },
        title: title.to_owned(),
        body: "Hallo {{1}}, \"{{name}}\" ' ü".into(),
        variables: vec!["1".into(), "name".into()],
    }
}

fn by_id() -> ApprovedTemplate {
    ApprovedTemplate {
        template: TemplateName::ContentSid("HX0123".into()),
        title: "c (de)".into(),
        body: String::new(),
        variables: vec![],
    }
}
