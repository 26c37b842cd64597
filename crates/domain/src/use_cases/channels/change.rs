//! Changes a channel.

use super::{ChannelRule, DECISIONS, ManageChannelError, Reach, WINDOW_TEMPLATE, WrittenLimits, display_name, unfit};
use crate::entities::{Channel, ChannelConnection, OutsideWindow};
use crate::ids::ChannelId;
use crate::ports::{
    ChannelDetails, ChannelRegistry, ChannelRepo, ChannelRevision, CheckedSettings, SettingValue, SettingsChecker,
    WrittenSettings, WrittenWindow,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What to do about a number that is no limit.
const REMEDY: &str = "Write one, or null for no limit; enabled switches a channel off.";

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
    /// Its limits.
    pub limits: WrittenLimits,
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
            ("maxPerSecond", self.limits.max_per_second.is_some()),
            ("maxPerDay", self.limits.max_per_day.is_some()),
            ("maxPerContactPerHour", self.limits.max_per_contact_per_hour.is_some()),
            ("allowedCountries", self.limits.allowed_countries.is_some()),
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
        let limits = patch.limits.over(&channel.limits, channel.kind, REMEDY)?;
        let name = patch.display_name.as_ref().map(|name| display_name(name.as_deref())).transpose()?;
        let settings = match &patch.config {
            None => None,
            Some(written) => {
                let known = self.channels.connection(channel.id).await?.ok_or(ManageChannelError::NotFound)?;
                Some(self.merged(&known, written)?)
            }
        };
        let is_somebody_else = settings.as_ref().is_some_and(|(_, somebody_else)| *somebody_else);
        let outside_window = match &patch.outside_window {
            Some(Some(written)) => Some(Some(self.window(channel, written, is_somebody_else).await?)),
            Some(None) => Some(None),
            None => None,
        };
        Ok(Some(ChannelRevision {
            tenant_id: channel.tenant_id,
            channel_id: channel.id,
            expected: channel.version,
            name,
            enabled: patch.enabled,
            limits: (limits != channel.limits).then_some(limits),
            outside_window,
            settings: settings.map(|(checked, _)| (checked.settings, checked.message_id_domain)),
            is_somebody_else,
        }))
    }

    /// What is to leave outside the window. What is known of templates was told to whoever the settings say now: of somebody
    /// else, verifying tells whether it fits.
    async fn window(
        &self,
        channel: &Channel,
        written: &WrittenWindow,
        somebody_else: bool,
    ) -> Result<OutsideWindow, ManageChannelError> {
        let checked = self.settings.check_window(channel.kind, channel.transport, written);
        let outside = checked.map_err(|flaw| ManageChannelError::setting(&flaw))?;
        if somebody_else {
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

    /// What was there with what was written over it, unless a secret would then go where it was not entered for; and whether
    /// that is somebody else.
    fn merged(
        &self,
        known: &ChannelConnection,
        written: &BTreeMap<String, Option<SettingValue>>,
    ) -> Result<(CheckedSettings, bool), ManageChannelError> {
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
        let is_somebody_else = self.settings.identity(known.transport).iter().any(|name| moved(&name));
        if is_somebody_else {
            let entered = |name: &String| matches!(written.get(name), Some(Some(_)));
            let missing: Vec<_> = checked.settings.secrets.keys().filter(|name| !entered(name)).cloned().collect();
            if !missing.is_empty() {
                return Err(ManageChannelError::SecretsRequired(missing));
            }
        }
        Ok((checked, is_somebody_else))
    }
}
