//! What knows the settings of every transport: their names, their forms, and which of them say who one is.

use crate::entities::{ChannelKind, ChannelSettings, Transport};
use crate::values::Flaw;
use std::collections::BTreeMap;
use std::fmt;

/// A setting as its owner writes it; it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingValue(***)")
    }
}

/// Settings as their owner writes them, by name.
pub type WrittenSettings = BTreeMap<String, SettingValue>;

/// Settings that can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSettings {
    /// The settings, secrets apart.
    pub settings: ChannelSettings,
    /// The domain for the Message-IDs of an email channel, as A-label; `None` on other kinds.
    pub message_id_domain: Option<String>,
}

/// What is wrong with one setting. It never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFlaw {
    /// The setting; `config` where the whole is at fault, `transport` where it does not fit the kind of channel.
    pub field: String,
    /// What is wrong with it, in words that follow its name.
    pub flaw: Flaw,
}

/// Checks settings. It connects to nothing.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SettingsChecker: Send + Sync {
    /// The settings as they are stored.
    ///
    /// # Errors
    /// The first `SettingsFlaw`, unknown names before everything else.
    fn check(
        &self,
        kind: ChannelKind,
        transport: Transport,
        written: &WrittenSettings,
    ) -> Result<CheckedSettings, SettingsFlaw>;

    /// The settings that say where secrets go and whose they are: host, account, number, user name. A secret that was
    /// entered for one of them is never shown to another.
    fn identity(&self, transport: Transport) -> &'static [&'static str];
}
