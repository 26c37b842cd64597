//! Changing and pausing a channel.

use super::*;
use crate::entities::{CarryTemplate, OutsideWindow};
use crate::ports::{ApprovedTemplate, ChannelRevision, SettingsFlaw, WrittenWindow};
use crate::use_cases::logged::Logged;
use crate::values::{Flaw, TemplateName};
use tracing::Level;

fn changing(registry: MockChannelRegistry) -> ChangeChannel {
    ChangeChannel::new(Arc::new(registry), Arc::new(repo()), Arc::new(checker()))
}

fn config(members: &[(&str, Option<&str>)]) -> ChannelPatch {
    let member = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(text));
    ChannelPatch { config: Some(members.iter().map(member).collect()), ..ChannelPatch::default() }
}

/// A register that must be given this revision.
fn expects(wanted: impl Fn(&ChannelRevision) -> bool + Send + 'static) -> MockChannelRegistry {
    let mut registry = register(&channel(ChannelState::Active));
    registry.expect_revise().withf(wanted).times(1).returning(|_| Ok(true));
    registry
}

#[tokio::test]
async fn what_is_not_mentioned_stays() {
    let registry = expects(|revision| {
        revision.enabled == Some(false)
            && revision.name.is_none()
            && revision.settings.is_none()
            && revision.limits.is_none()
            && revision.expected == Version(7)
    });
    let patch = ChannelPatch { enabled: Some(false), ..ChannelPatch::default() };
    changing(registry).execute(&EVERYTHING, CHANNEL, &patch).await.unwrap();
}

#[tokio::test]
async fn a_change_is_logged_by_the_names_of_its_fields_and_no_value() {
    let logged = Logged::down_to(Level::INFO);
    let limits = WrittenLimits { max_per_day: Some(Some(9)), ..WrittenLimits::default() };
    let patch = ChannelPatch { limits, ..config(&[("password", Some("hunter3"))]) };
    changing(expects(|_| true)).execute(&EVERYTHING, CHANNEL, &patch).await.unwrap();
    let lines = logged.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for fact in [&CHANNEL.to_string(), "a channel was changed", "config.password,maxPerDay"] {
        assert!(lines[0].contains(fact), "{fact}: {lines:?}");
    }
    assert!(!lines[0].contains("hunter"), "{lines:?}");
}

#[tokio::test]
async fn nothing_asked_for_writes_nothing() {
    let logged = Logged::down_to(Level::INFO);
    let registry = register(&channel(ChannelState::Active));
    assert!(changing(registry).execute(&EVERYTHING, CHANNEL, &ChannelPatch::default()).await.is_ok());
    assert_eq!(logged.lines(), [""; 0]);
}

#[tokio::test]
async fn a_channel_of_another_workspace_does_not_exist() {
    let registry = register(&channel(ChannelState::Active));
    let patch = ChannelPatch { enabled: Some(false), ..ChannelPatch::default() };
    let answer = changing(registry).execute(&bound_elsewhere(), CHANNEL, &patch).await;
    assert!(matches!(answer, Err(ManageChannelError::NotFound)), "{answer:?}");
    let pausing = PauseChannel::new(Arc::new(register(&channel(ChannelState::Active))));
    let answer = pausing.execute(&bound_elsewhere(), CHANNEL, true).await;
    assert!(matches!(answer, Err(ManageChannelError::NotFound)), "{answer:?}");
}

#[tokio::test]
async fn a_setting_replaces_the_one_of_its_name_and_the_others_stay_secrets_too() {
    let registry = expects(|revision| {
        let Some((settings, domain)) = &revision.settings else { return false };
        settings.public["from"] == "b@example.com"
            && settings.public["host"] == "mail.example.com"
            && settings.secrets["password"].expose() == "hunter2"
            && domain.as_deref() == Some("example.com")
    });
    changing(registry).execute(&EVERYTHING, CHANNEL, &config(&[("from", Some("b@example.com"))])).await.unwrap();
}

#[tokio::test]
async fn null_removes_a_setting() {
    let registry = expects(|revision| {
        revision.settings.as_ref().is_some_and(|(settings, _)| !settings.public.contains_key("from"))
    });
    changing(registry).execute(&EVERYTHING, CHANNEL, &config(&[("from", None)])).await.unwrap();
}

#[tokio::test]
async fn where_secrets_go_or_whose_they_are_changes_only_with_all_secrets_entered_again() {
    for changed in ["host", "username"] {
        let registry = register(&channel(ChannelState::Active));
        let answer = changing(registry).execute(&EVERYTHING, CHANNEL, &config(&[(changed, Some("evil"))])).await;
        assert!(
            matches!(&answer, Err(ManageChannelError::SecretsRequired(fields)) if fields == &["password"]),
            "{answer:?}"
        );
        let registry = expects(|revision| {
            revision.settings.as_ref().is_some_and(|(settings, _)| settings.secrets["password"].expose() == "new")
        });
        let whole = config(&[(changed, Some("other")), ("password", Some("new"))]);
        changing(registry).execute(&EVERYTHING, CHANNEL, &whole).await.unwrap();
    }
}

#[tokio::test]
async fn writing_the_same_host_again_asks_for_no_secret() {
    let registry = expects(|revision| revision.settings.is_some());
    changing(registry).execute(&EVERYTHING, CHANNEL, &config(&[("host", Some("mail.example.com"))])).await.unwrap();
}

#[tokio::test]
async fn limits_are_set_and_cleared_one_by_one() {
    let mut registry = register(&texting());
    registry
        .expect_revise()
        .times(1)
        .withf(|revision| {
            revision.limits.as_ref().is_some_and(|limits| {
                let countries = limits.allowed_countries.iter().flatten().map(crate::values::Country::as_str);
                limits.max_per_second == Some(20)
                    && limits.max_per_day.is_none()
                    && limits.max_per_contact_per_hour == Some(3)
                    && countries.eq(["AT", "DE"])
            })
        })
        .returning(|_| Ok(true));
    let limits = WrittenLimits {
        max_per_second: Some(Some(20)),
        max_per_day: Some(None),
        max_per_contact_per_hour: Some(Some(3)),
        allowed_countries: Some(Some(vec!["de".into(), "AT".into()])),
    };
    let patch = ChannelPatch { limits, ..ChannelPatch::default() };
    changing(registry).execute(&EVERYTHING, CHANNEL, &patch).await.unwrap();
}

/// A channel to phone numbers.
fn texting() -> Channel {
    Channel { kind: ChannelKind::Sms, transport: Transport::Sandbox, ..channel(ChannelState::Active) }
}

#[tokio::test]
async fn a_limit_of_none_a_country_of_nobody_and_no_name_are_refused() {
    let limits = |limits| ChannelPatch { limits, ..ChannelPatch::default() };
    let none = WrittenLimits::default;
    let countries = |codes: &[&str]| {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        limits(WrittenLimits { allowed_countries: Some(Some(codes)), ..none() })
    };
    let unnamed = ChannelPatch { display_name: Some(None), ..ChannelPatch::default() };
    for (patch, rule, field) in [
        (limits(WrittenLimits { max_per_second: Some(Some(0)), ..none() }), ChannelRule::Limit, "maxPerSecond"),
        (limits(WrittenLimits { max_per_second: Some(Some(10_001)), ..none() }), ChannelRule::Limit, "maxPerSecond"),
        (limits(WrittenLimits { max_per_day: Some(Some(0)), ..none() }), ChannelRule::Limit, "maxPerDay"),
        (
            limits(WrittenLimits { max_per_contact_per_hour: Some(Some(-1)), ..none() }),
            ChannelRule::Limit,
            "maxPerContactPerHour",
        ),
        (countries(&["Germany"]), ChannelRule::Countries, "allowedCountries"),
        (countries(&["DE", "XX"]), ChannelRule::Countries, "allowedCountries"),
        (countries(&[]), ChannelRule::Countries, "allowedCountries"),
        (unnamed, ChannelRule::DisplayName, "displayName"),
    ] {
        let answer = changing(register(&texting())).execute(&EVERYTHING, CHANNEL, &patch).await;
        assert_eq!(refusal(answer), (rule, field.to_owned()));
    }
}

#[tokio::test]
async fn countries_are_refused_on_email_and_may_be_cleared_there() {
    let patch = |written| ChannelPatch {
        limits: WrittenLimits { allowed_countries: Some(written), ..WrittenLimits::default() },
        ..ChannelPatch::default()
    };
    let registry = register(&channel(ChannelState::Active));
    let answer = changing(registry).execute(&EVERYTHING, CHANNEL, &patch(Some(vec!["DE".into()]))).await;
    let Err(ManageChannelError::Refused { rule: ChannelRule::Countries, text, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert!(text.starts_with("allowedCountries is not for channels of type email."), "{text}");
    let registry = expects(|revision| revision.limits.is_none());
    assert!(changing(registry).execute(&EVERYTHING, CHANNEL, &patch(None)).await.is_ok());
}

#[tokio::test]
async fn whoever_loses_a_race_decides_again_and_gives_up_in_the_end() {
    let patch = ChannelPatch { enabled: Some(false), ..ChannelPatch::default() };
    let mut registry = register(&channel(ChannelState::Active));
    registry.expect_revise().times(1).returning(|_| Ok(false));
    registry.expect_revise().times(1).returning(|_| Ok(true));
    assert!(changing(registry).execute(&EVERYTHING, CHANNEL, &patch).await.is_ok());
    let mut registry = register(&channel(ChannelState::Active));
    registry.expect_revise().times(5).returning(|_| Ok(false));
    let answer = changing(registry).execute(&EVERYTHING, CHANNEL, &patch).await;
    assert!(matches!(answer, Err(ManageChannelError::Contended)), "{answer:?}");
}

fn carry() -> OutsideWindow {
    let name = TemplateName::Named { name: "agent_message".into(), language: "de".into() };
    OutsideWindow::Carry(CarryTemplate::new(name, "Acme: {{1}}").unwrap())
}

fn approving(templates: Option<Vec<ApprovedTemplate>>) -> MockChannelRepo {
    let mut channels = repo();
    channels.expect_approved_templates().returning(move |_, _| Ok(templates.clone()));
    channels
}

#[tokio::test]
async fn what_leaves_outside_the_window_must_be_approved_as_far_as_that_is_known() {
    let written = WrittenWindow { mode: Some("carry".into()), ..WrittenWindow::default() };
    let patch = ChannelPatch { outside_window: Some(Some(written)), ..ChannelPatch::default() };
    let answer = async |registry, templates, patch: &ChannelPatch| {
        let mut checker = checker();
        checker.expect_check_window().returning(|_, _, _| Ok(carry()));
        let changing = ChangeChannel::new(Arc::new(registry), Arc::new(approving(templates)), Arc::new(checker));
        changing.execute(&EVERYTHING, CHANNEL, patch).await
    };
    let listed = |variables: &[&str]| ApprovedTemplate {
        template: carry().template().clone(),
        title: String::new(),
        body: "Acme: {{1}}".into(),
        variables: variables.iter().map(|&name| name.to_owned()).collect(),
    };
    let keeps = || expects(|revision| revision.outside_window == Some(Some(carry())));
    answer(keeps(), Some(vec![listed(&["1"])]), &patch).await.unwrap();
    for templates in [vec![], vec![listed(&["1", "2"])]] {
        let refused = answer(register(&channel(ChannelState::Active)), Some(templates.clone()), &patch).await;
        assert_eq!(refusal(refused), (ChannelRule::Window, "outsideWindow.template".to_owned()));
        let new_secret = config(&[("password", Some("hunter3"))]);
        let new_secret = ChannelPatch { outside_window: patch.outside_window.clone(), ..new_secret };
        let refused = answer(register(&channel(ChannelState::Active)), Some(templates.clone()), &new_secret).await;
        assert_eq!(refusal(refused), (ChannelRule::Window, "outsideWindow.template".to_owned()));
        let elsewhere = config(&[("host", Some("mail.example.org")), ("password", Some("hunter3"))]);
        let elsewhere = ChannelPatch { outside_window: patch.outside_window.clone(), ..elsewhere };
        answer(keeps(), Some(templates), &elsewhere).await.expect("what somebody else has approved is unknown");
    }
}

#[tokio::test]
async fn what_leaves_outside_the_window_is_checked_and_null_clears_it() {
    let written = WrittenWindow { mode: Some("carry".into()), ..WrittenWindow::default() };
    for (patched, kept) in [(Some(written.clone()), Some(carry())), (None, None)] {
        let registry = expects(move |revision| revision.outside_window == Some(kept.clone()));
        let mut checker = checker();
        checker.expect_check_window().returning(|_, _, _| Ok(carry()));
        let changing = ChangeChannel::new(Arc::new(registry), Arc::new(approving(None)), Arc::new(checker));
        let patch = ChannelPatch { outside_window: Some(patched), ..ChannelPatch::default() };
        changing.execute(&EVERYTHING, CHANNEL, &patch).await.unwrap();
    }
    let mut checker = checker();
    checker.expect_check_window().returning(|_, _, _| {
        Err(SettingsFlaw { field: "outsideWindow.body".into(), flaw: Flaw::new("is missing", "Write it.") })
    });
    let registry = register(&channel(ChannelState::Active));
    let changing = ChangeChannel::new(Arc::new(registry), Arc::new(repo()), Arc::new(checker));
    let patch = ChannelPatch { outside_window: Some(Some(written)), ..ChannelPatch::default() };
    let answer = changing.execute(&EVERYTHING, CHANNEL, &patch).await;
    assert_eq!(refusal(answer), (ChannelRule::Window, "outsideWindow.body".to_owned()));
}
