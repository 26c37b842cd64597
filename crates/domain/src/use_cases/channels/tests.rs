//! The rules of managing channels, with mocked ports.

mod adding;
mod changing;
mod verifying;

use super::*;
use crate::entities::{
    Channel, ChannelConnection, ChannelKind, ChannelLimits, ChannelSettings, ChannelState, OnUnclear, Transport,
};
use crate::ids::Version;
use crate::ports::{
    ChannelDetails, CheckedSettings, MockChannelRegistry, MockChannelRepo, MockSettingsChecker, SettingValue,
    WrittenSettings,
};
use crate::time::Timestamp;
use crate::values::Secret;
use std::sync::Arc;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const WORKSPACE: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(2));
const CHANNEL: ChannelId = ChannelId::from_uuid(Uuid::from_u128(3));
const EVERYTHING: Reach = Reach { tenant_id: TENANT, workspace_id: None };

fn bound_elsewhere() -> Reach {
    Reach { workspace_id: Some(WorkspaceId::from_uuid(Uuid::from_u128(99))), ..EVERYTHING }
}

fn channel(state: ChannelState) -> Channel {
    Channel {
        id: CHANNEL,
        tenant_id: TENANT,
        workspace_id: WORKSPACE,
        name: "Support".into(),
        kind: ChannelKind::Email,
        transport: Transport::Smtp,
        state,
        enabled: true,
        paused_at: None,
        limits: ChannelLimits { max_per_day: Some(5), ..ChannelLimits::default() },
        on_unclear: OnUnclear::Resend,
        fault: None,
        message_id_domain: Some("example.com".into()),
        outside_window: None,
        version: Version(7),
        created_at: NOW,
    }
}

fn details(channel: Channel) -> ChannelDetails {
    let ChannelSettings { public, secrets } = settings();
    ChannelDetails { channel, public, secrets: secrets.into_keys().collect() }
}

fn settings() -> ChannelSettings {
    let public = [("host", "mail.example.com"), ("username", "relay"), ("from", "a@example.com")];
    ChannelSettings {
        public: public.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        secrets: [("password".to_owned(), Secret::from("hunter2".to_owned()))].into(),
    }
}

fn connection() -> ChannelConnection {
    ChannelConnection {
        channel_id: CHANNEL,
        version: Version(7),
        kind: ChannelKind::Email,
        transport: Transport::Smtp,
        settings: settings(),
    }
}

/// A register that has this channel.
fn register(channel: &Channel) -> MockChannelRegistry {
    let mut registry = MockChannelRegistry::new();
    let found = details(channel.clone());
    registry
        .expect_details()
        .withf(|tenant, id| (*tenant, *id) == (TENANT, CHANNEL))
        .returning(move |_, _| Ok(Some(found.clone())));
    registry
}

fn repo() -> MockChannelRepo {
    let mut channels = MockChannelRepo::new();
    channels.expect_connection().returning(|_| Ok(Some(connection())));
    channels
}

/// Takes every setting: passwords are secrets, empty texts are absent, host and user name say who one is.
fn checker() -> MockSettingsChecker {
    let mut checker = MockSettingsChecker::new();
    checker.expect_identity().return_const(&["host", "username"][..]);
    checker.expect_check().returning(|_, _, written: &WrittenSettings| {
        let mut settings = ChannelSettings::default();
        for (name, value) in written {
            let SettingValue::Text(value) = value else { panic!("only texts are written here") };
            if value.is_empty() {
                continue;
            }
            if name == "password" {
                settings.secrets.insert(name.clone(), Secret::from(value.clone()));
            } else {
                settings.public.insert(name.clone(), value.clone());
            }
        }
        Ok(CheckedSettings { settings, message_id_domain: Some("example.com".into()) })
    });
    checker
}

fn text(text: &str) -> SettingValue {
    SettingValue::Text(text.to_owned())
}

/// The rule and the field of a refusal.
fn refusal<T>(result: Result<T, ManageChannelError>) -> (ChannelRule, String) {
    match result {
        Err(ManageChannelError::Refused { rule, field, .. }) => (rule, field),
        Err(other) => panic!("refused by a rule, but: {other:?}"),
        Ok(_) => panic!("it is refused"),
    }
}
