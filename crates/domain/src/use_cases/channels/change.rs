//! Changes a channel.

use super::{ChannelRule, DECISIONS, ManageChannelError, Reach, WINDOW_TEMPLATE, display_name, limit, unfit};
use crate::entities::{Channel, ChannelConnection, ChannelLimits, OutsideWindow};
use crate::ids::ChannelId;
use crate::ports::{
    ChannelDetails, ChannelRegistry, ChannelRepo, ChannelRevision, CheckedSettings, SettingValue, SettingsChecker,
    WrittenSettings, WrittenWindow,
};
use crate::values::{Country, Flaw};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The highest limit: more is no limit.
const HIGHEST_LIMIT: i64 = 1_000_000_000;

/// The highest number of messages in a second; providers take a thousand.
pub const MOST_PER_SECOND: i64 = 10_000;

/// What is to change. The outer `None` leaves a field, the inner one clears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelPatch {
    /// What it is called; it cannot be cleared.
    pub display_name: Option<Option<String>>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// Settings: each replaces the one of its name, or removes it.
    pub config: Option<BTreeMap<String, Option<SettingValue>>>,
    /// What leaves outside the window of WhatsApp.
    pub outside_window: Option<Option<WrittenWindow>>,
    /// The most messages in a second.
    pub max_per_second: Option<Option<i64>>,
    /// The most messages in a day.
    pub max_per_day: Option<Option<i64>>,
    /// The most messages to one contact in an hour.
    pub max_per_contact_per_hour: Option<Option<i64>>,
    /// The countries whose numbers may be written to.
    pub allowed_countries: Option<Option<Vec<String>>>,
}

impl ChannelPatch {
    /// The names of what it writes, never a value.
    fn fields(&self) -> Vec<String> {
        let settings = self.config.iter().flat_map(|config| config.keys());
        let mut fields: Vec<_> = settings.map(|name| format!("config.{name}")).collect();
        let others = [
            ("displayName", self.display_name.is_some()),
            ("enabled", self.enabled.is_some()),
            ("outsideWindow", self.outside_window.is_some()),
            ("maxPerSecond", self.max_per_second.is_some()),
            ("maxPerDay", self.max_per_day.is_some()),
            ("maxPerContactPerHour", self.max_per_contact_per_hour.is_some()),
            ("allowedCountries", self.allowed_countries.is_some()),
        ];
        fields.extend(others.iter().filter(|(_, written)| *written).map(|(name, _)| (*name).to_owned()));
        fields
    }
}

/// Changes a channel. Its state stays: whether new settings work is shown by verifying or by the next message, which a
/// channel in `error` may send at once.
pub struct ChangeChannel {
    registry: Arc<dyn ChannelRegistry>,
    channels: Arc<dyn ChannelRepo>,
    settings: Arc<dyn SettingsChecker>,
}

impl ChangeChannel {
    /// From the ports it needs.
    pub fn new(
        registry: Arc<dyn ChannelRegistry>,
        channels: Arc<dyn ChannelRepo>,
        settings: Arc<dyn SettingsChecker>,
    ) -> Self {
        Self { registry, channels, settings }
    }

    /// Changes it as a whole, or not at all; the channel as it is then.
    ///
    /// # Errors
    /// `NotFound`, `Refused`, `SecretsRequired`, `Contended`, and any `StoreError`.
    pub async fn execute(
        &self,
        reach: &Reach,
        id: ChannelId,
        patch: &ChannelPatch,
    ) -> Result<ChannelDetails, ManageChannelError> {
        for _ in 0..DECISIONS {
            let found = reach.channel(&*self.registry, id).await?;
            let Some(revision) = self.revision(&found, patch).await? else { return Ok(found) };
            if self.registry.revise(&revision).await? {
                let fields = patch.fields().join(",");
                tracing::info!(channel_id = %id, fields, enabled = patch.enabled, "a channel was changed");
                return reach.channel(&*self.registry, id).await;
            }
        }
        Err(ManageChannelError::Contended)
    }

    /// What is to be kept; `None` where nothing was asked for.
    async fn revision(
        &self,
        found: &ChannelDetails,
        patch: &ChannelPatch,
    ) -> Result<Option<ChannelRevision>, ManageChannelError> {
        if *patch == ChannelPatch::default() {
            return Ok(None);
        }
        let channel = &found.channel;
        let name = patch.display_name.as_ref().map(|name| display_name(name.as_deref())).transpose()?;
        let settings = match &patch.config {
            None => None,
            Some(written) => {
                let known = self.channels.connection(channel.id).await?.ok_or(ManageChannelError::NotFound)?;
                let checked = self.merged(&known, written)?;
                Some((checked.settings, checked.message_id_domain))
            }
        };
        let outside_window = match &patch.outside_window {
            Some(Some(written)) => Some(Some(self.window(channel, written, settings.is_some()).await?)),
            Some(None) => Some(None),
            None => None,
        };
        Ok(Some(ChannelRevision {
            tenant_id: channel.tenant_id,
            channel_id: channel.id,
            expected: channel.version,
            name,
            enabled: patch.enabled,
            limits: limits(&channel.limits, patch)?,
            outside_window,
            settings,
        }))
    }

    /// What is to leave outside the window. What is known of templates was told to the settings of now: with other settings,
    /// verifying tells whether it fits.
    async fn window(
        &self,
        channel: &Channel,
        written: &WrittenWindow,
        other_settings: bool,
    ) -> Result<OutsideWindow, ManageChannelError> {
        let checked = self.settings.check_window(channel.kind, channel.transport, written);
        let outside = checked.map_err(|flaw| ManageChannelError::setting(&flaw))?;
        if other_settings {
            return Ok(outside);
        }
        let approved = self.channels.approved_templates(channel.id, outside.template()).await?;
        match approved.and_then(|approved| unfit(&outside, &approved)) {
            None => Ok(outside),
            Some(text) => {
                Err(ManageChannelError::Refused { rule: ChannelRule::Window, field: WINDOW_TEMPLATE.to_owned(), text })
            }
        }
    }

    /// What was there with what was written over it, unless a secret would then go where it was not entered for.
    fn merged(
        &self,
        known: &ChannelConnection,
        written: &BTreeMap<String, Option<SettingValue>>,
    ) -> Result<CheckedSettings, ManageChannelError> {
        let public = known.settings.public.iter().map(|(name, value)| (name.clone(), value.clone()));
        let secrets = known.settings.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
        let mut whole: WrittenSettings =
            public.chain(secrets).map(|(name, value)| (name, SettingValue::Text(value))).collect();
        for (name, value) in written {
            match value {
                Some(value) => whole.insert(name.clone(), value.clone()),
                // An unknown name that is cleared is unknown all the same: an empty text equals absence.
                None => whole.insert(name.clone(), SettingValue::Text(String::new())),
            };
        }
        let checked = self.settings.check(known.kind, known.transport, &whole);
        let checked = checked.map_err(|flaw| ManageChannelError::setting(&flaw))?;
        let moved = |name: &&&str| known.settings.public.get(**name) != checked.settings.public.get(**name);
        if self.settings.identity(known.transport).iter().any(|name| moved(&name)) {
            let entered = |name: &String| matches!(written.get(name), Some(Some(_)));
            let missing: Vec<_> = checked.settings.secrets.keys().filter(|name| !entered(name)).cloned().collect();
            if !missing.is_empty() {
                return Err(ManageChannelError::SecretsRequired(missing));
            }
        }
        Ok(checked)
    }
}

/// All limits as they are from now on; `None` where none was mentioned.
fn limits(known: &ChannelLimits, patch: &ChannelPatch) -> Result<Option<ChannelLimits>, ManageChannelError> {
    let mut limits = known.clone();
    if let Some(limit) = patch.max_per_second {
        limits.max_per_second = limit.map(|limit| number("maxPerSecond", limit, MOST_PER_SECOND)).transpose()?;
    }
    if let Some(limit) = patch.max_per_day {
        limits.max_per_day = limit.map(|limit| number("maxPerDay", limit, HIGHEST_LIMIT)).transpose()?;
    }
    if let Some(limit) = patch.max_per_contact_per_hour {
        let number = |limit| number("maxPerContactPerHour", limit, HIGHEST_LIMIT);
        limits.max_per_contact_per_hour = limit.map(number).transpose()?;
    }
    if let Some(countries) = &patch.allowed_countries {
        limits.allowed_countries = countries.as_deref().map(allowed_countries).transpose()?;
    }
    Ok((limits != *known).then_some(limits))
}

fn number(field: &'static str, written: i64, highest: i64) -> Result<u32, ManageChannelError> {
    limit(field, written, highest, "Write one, or null for no limit; enabled switches a channel off.")
}

fn allowed_countries(codes: &[String]) -> Result<BTreeSet<Country>, ManageChannelError> {
    const FIELD: &str = "allowedCountries";
    let refused = |flaw: &Flaw| ManageChannelError::refused(ChannelRule::Countries, FIELD, flaw);
    if codes.is_empty() {
        return Err(refused(&Flaw::new("is empty", "Name at least one country, or write null to allow all.")));
    }
    let parse = |code: &String| {
        Country::parse(code).map_err(|flaw| {
            let shown: String = code.chars().take(16).collect();
            refused(&Flaw::new(format!("has {shown:?}, which {}", flaw.reason), flaw.remedy))
        })
    };
    codes.iter().map(parse).collect()
}
