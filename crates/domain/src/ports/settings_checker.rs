//! What knows the settings of every transport: their names, their forms, and which of them say who one is.

use crate::entities::{ChannelKind, ChannelSettings, OutsideWindow, Transport};
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
    /// What no setting is, in its place: the checker knows what to write instead.
    Other(NoSetting),
}

/// A value of JSON that no setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSetting {
    /// True or false.
    Boolean,
    /// A number that is no whole one, or too large.
    Fraction,
    /// A list.
    List,
    /// An object.
    Object,
}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingValue(***)")
    }
}

/// Settings as their owner writes them, by name.
pub type WrittenSettings = BTreeMap<String, SettingValue>;

/// What leaves outside the window of WhatsApp, as a channel's owner writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenWindow {
    /// `carry` or `opener`.
    pub mode: Option<String>,
    /// The template's name, on the WhatsApp Cloud API.
    pub name: Option<String>,
    /// The language it was approved in.
    pub language: Option<String>,
    /// The id of its content, at Twilio.
    pub content_sid: Option<String>,
    /// The words of its body.
    pub body: Option<String>,
    /// How long an opener makes texts wait.
    pub hold_for: Option<String>,
}

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

    /// What leaves outside the window; its flaws name `outsideWindow` or a field below it.
    ///
    /// # Errors
    /// The first `SettingsFlaw`.
    fn check_window(
        &self,
        kind: ChannelKind,
        transport: Transport,
        written: &WrittenWindow,
    ) -> Result<OutsideWindow, SettingsFlaw>;

    /// The settings that say where secrets go and whose they are: host, account, number, user name. A secret that was
    /// entered for one of them is never shown to another.
    fn identity(&self, transport: Transport) -> &'static [&'static str];
}
