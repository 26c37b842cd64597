//! Making a channel.

use super::*;
use crate::ports::{KnownPlace, MockClock, MockIdGenerator, SettingsFlaw};
use crate::use_cases::ProblemCode;
use crate::values::Flaw;

fn wanted(transport: Transport) -> NewChannel {
    NewChannel {
        workspace_id: Some(WORKSPACE.to_string()),
        kind: Some("email".into()),
        transport: Some(transport.to_string()),
        display_name: Some(" Support\tdesk ".into()),
        config: [("from".to_owned(), text("a@example.com"))].into(),
        outside_window: None,
        limits: WrittenLimits::default(),
    }
}

fn per_second(most: i64) -> WrittenLimits {
    WrittenLimits { max_per_second: Some(Some(most)), ..WrittenLimits::default() }
}

fn adding(channels: MockChannelRepo, checker: MockSettingsChecker) -> AddChannel {
    let (mut clock, mut ids) = (MockClock::new(), MockIdGenerator::new());
    clock.expect_now().return_const(NOW);
    ids.expect_uuid().return_const(CHANNEL.as_uuid());
    AddChannel::new(Arc::new(channels), Arc::new(checker), Arc::new(clock), Arc::new(ids))
}

/// A repo that knows the workspace and takes one channel.
fn takes_one() -> MockChannelRepo {
    let mut channels = MockChannelRepo::new();
    channels
        .expect_place()
        .returning(|_, workspace, _| Ok(KnownPlace { workspace_exists: workspace == Some(WORKSPACE), channel: None }));
    channels.expect_add().times(1).returning(|_, _| Ok(()));
    channels
}

#[tokio::test]
async fn a_channel_that_leaves_this_machine_begins_unverified_and_a_sandbox_is_active_at_once() {
    for (transport, state) in [(Transport::Smtp, ChannelState::Unverified), (Transport::Sandbox, ChannelState::Active)]
    {
        let added = adding(takes_one(), checker()).execute(&EVERYTHING, wanted(transport)).await.unwrap();
        assert_eq!((added.channel.state, added.channel.id), (state, CHANNEL));
        assert_eq!((added.channel.name.as_str(), added.channel.created_at), ("Support desk", NOW));
    }
}

#[tokio::test]
async fn a_new_channel_sends_in_a_second_what_its_provider_is_known_to_take() {
    for (transport, most) in [
        (Transport::WhatsAppCloud, Some(80)),
        (Transport::Twilio, None),
        (Transport::Smtp, None),
        (Transport::Sandbox, None),
    ] {
        let added = adding(takes_one(), checker()).execute(&EVERYTHING, wanted(transport)).await.unwrap();
        assert_eq!(added.channel.limits.max_per_second, most, "{transport}");
    }
}

#[tokio::test]
async fn a_new_channel_sends_in_a_second_what_its_owner_says() {
    for transport in [Transport::WhatsAppCloud, Transport::Sandbox] {
        for most in [1, 10_000] {
            let new = NewChannel { limits: per_second(most), ..wanted(transport) };
            let added = adding(takes_one(), checker()).execute(&EVERYTHING, new).await.unwrap();
            assert_eq!(added.channel.limits.max_per_second.map(i64::from), Some(most), "{transport}");
        }
    }
    for most in [i64::MIN, 0, 10_001, i64::MAX] {
        let new = NewChannel { limits: per_second(most), ..wanted(Transport::Smtp) };
        let answer = adding(MockChannelRepo::new(), MockSettingsChecker::new()).execute(&EVERYTHING, new).await;
        assert_eq!(refusal(answer), (ChannelRule::Limit, "maxPerSecond".to_owned()), "{most}");
    }
}

#[tokio::test]
async fn a_new_channel_is_stored_with_every_limit_that_was_written() {
    let mut channels = MockChannelRepo::new();
    channels.expect_place().returning(|_, _, _| Ok(KnownPlace { workspace_exists: true, channel: None }));
    channels
        .expect_add()
        .times(1)
        .withf(|channel, _| {
            let ChannelLimits { max_per_second, max_per_day, max_per_contact_per_hour, allowed_countries } =
                &channel.limits;
            let countries = allowed_countries.iter().flatten().map(crate::values::Country::as_str);
            (*max_per_second, *max_per_day, *max_per_contact_per_hour) == (Some(80), Some(500), Some(3))
                && countries.eq(["AT", "DE"])
        })
        .returning(|_, _| Ok(()));
    let limits = WrittenLimits {
        max_per_second: None,
        max_per_day: Some(Some(500)),
        max_per_contact_per_hour: Some(Some(3)),
        allowed_countries: Some(Some(vec!["de".into(), "AT".into()])),
    };
    let new = NewChannel { kind: Some("whatsapp".into()), limits, ..wanted(Transport::WhatsAppCloud) };
    adding(channels, checker()).execute(&EVERYTHING, new).await.unwrap();
}

#[tokio::test]
async fn another_workspace_than_the_bound_one_is_foreign_before_anything_is_looked_up() {
    let nothing = adding(MockChannelRepo::new(), MockSettingsChecker::new());
    let answer = nothing.execute(&bound_elsewhere(), wanted(Transport::Smtp)).await;
    assert!(matches!(answer, Err(ManageChannelError::ForeignWorkspace)), "{answer:?}");
}

#[tokio::test]
async fn a_workspace_that_is_not_there_or_no_id_is_told_and_nothing_is_written() {
    let mut channels = MockChannelRepo::new();
    channels.expect_place().returning(|_, _, _| Ok(KnownPlace::default()));
    let adding = adding(channels, checker());
    for (id, code) in [
        (None, ProblemCode::InvalidWorkspaceId),
        (Some("x".to_owned()), ProblemCode::InvalidWorkspaceId),
        (Some(Uuid::from_u128(5).to_string()), ProblemCode::UnknownWorkspace),
    ] {
        let new = NewChannel { workspace_id: id, ..wanted(Transport::Smtp) };
        let answer = adding.execute(&EVERYTHING, new).await;
        assert!(matches!(&answer, Err(ManageChannelError::Place(problem)) if problem.code == code), "{answer:?}");
    }
}

#[tokio::test]
async fn type_transport_and_name_are_needed_and_known() {
    let adding = adding(MockChannelRepo::new(), MockSettingsChecker::new());
    for (new, rule, field) in [
        (NewChannel { kind: Some("fax".into()), ..wanted(Transport::Smtp) }, ChannelRule::Kind, "type"),
        (NewChannel { kind: None, ..wanted(Transport::Smtp) }, ChannelRule::Kind, "type"),
        (
            NewChannel { transport: Some("pigeon".into()), ..wanted(Transport::Smtp) },
            ChannelRule::Transport,
            "transport",
        ),
        (
            NewChannel { display_name: Some(" ".into()), ..wanted(Transport::Smtp) },
            ChannelRule::DisplayName,
            "displayName",
        ),
        (NewChannel { display_name: None, ..wanted(Transport::Smtp) }, ChannelRule::DisplayName, "displayName"),
    ] {
        assert_eq!(refusal(adding.execute(&EVERYTHING, new).await), (rule, field.to_owned()));
    }
}

#[tokio::test]
async fn a_setting_that_does_not_do_is_named_below_config() {
    for (at, rule, field) in [
        ("host", ChannelRule::Config, "config.host"),
        ("config", ChannelRule::Config, "config"),
        ("transport", ChannelRule::Transport, "transport"),
    ] {
        let mut checker = MockSettingsChecker::new();
        checker.expect_check().returning(move |_, _, _| {
            Err(SettingsFlaw { field: at.into(), flaw: Flaw::new("is missing", "Write it.") })
        });
        let answer = adding(MockChannelRepo::new(), checker).execute(&EVERYTHING, wanted(Transport::Smtp)).await;
        assert_eq!(refusal(answer), (rule, field.to_owned()));
    }
}
