//! Managing channels: making, changing, verifying and pausing them, for whoever owns them.
//!
//! Owned here: who may see which channel, which state a channel begins in, and when secrets must be entered again. Refused
//! here: what a setting must look like (its transport's business), and sending.

mod add;
mod change;
mod pause;
mod templates;
mod verify;

pub use add::*;
pub use change::*;
pub use pause::*;
pub use templates::*;
pub use verify::*;

use super::Problem;
use super::approved::{fitting, name_of};
use crate::entities::{Caller, OutsideWindow, worded};
use crate::ids::{ChannelId, TenantId, WorkspaceId};
use crate::ports::{ApprovedTemplate, ChannelDetails, ChannelRegistry, SettingsFlaw, StoreError, VerifyError};
use crate::values::{DisplayName, Flaw};
use thiserror::Error;

/// How often a decision that lost its race is made again before the caller is told to come back.
const DECISIONS: u32 = 5;

/// What exists for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Their tenant.
    pub tenant_id: TenantId,
    /// The only workspace they see, if they are bound to one.
    pub workspace_id: Option<WorkspaceId>,
}

impl Reach {
    /// Whether a workspace of the tenant exists for them.
    pub fn sees(&self, workspace: WorkspaceId) -> bool {
        self.workspace_id.is_none_or(|own| own == workspace)
    }

    /// The channel, if it exists for them.
    ///
    /// # Errors
    /// `NotFound`, and any `StoreError` of a read.
    pub async fn channel(
        &self,
        registry: &dyn ChannelRegistry,
        id: ChannelId,
    ) -> Result<ChannelDetails, ManageChannelError> {
        let found = registry.details(self.tenant_id, id).await?;
        found.filter(|found| self.sees(found.channel.workspace_id)).ok_or(ManageChannelError::NotFound)
    }
}

impl From<&Caller> for Reach {
    fn from(caller: &Caller) -> Self {
        Self { tenant_id: caller.tenant_id, workspace_id: caller.workspace_id }
    }
}

/// Which rule a channel breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelRule {
    /// `type` is none of the kinds of channels.
    Kind,
    /// `transport` is none of ours, or cannot carry that kind.
    Transport,
    /// `displayName` is missing or no name.
    DisplayName,
    /// A setting does not do.
    Config,
    /// `outsideWindow` does not do.
    Window,
    /// A limit is no limit.
    Limit,
    /// `allowedCountries` has what is no country.
    Countries,
}
worded!(ChannelRule {
    Kind => "invalid_type", Transport => "invalid_transport", DisplayName => "invalid_display_name",
    Config => "invalid_config", Window => "invalid_outside_window", Limit => "invalid_channel_limit", Countries => "invalid_allowed_countries",
});

/// Why a channel was not made or changed as wanted.
#[derive(Debug, Error)]
pub enum ManageChannelError {
    /// The key is bound to another workspace.
    #[error("the key is bound to another workspace")]
    ForeignWorkspace,
    /// There is no such channel for whoever asks.
    #[error("there is no such channel")]
    NotFound,
    /// The workspace is not named, or there is none of that name.
    #[error("the workspace does not do: {0:?}")]
    Place(Problem),
    /// A rule refuses it.
    #[error("refused by the rule {rule}")]
    Refused {
        /// Which rule.
        rule: ChannelRule,
        /// Which field, such as `config.host`.
        field: String,
        /// For people: the field, what is wrong, and what to do.
        text: String,
    },
    /// Where secrets go or whose they are changes: these must be entered again.
    #[error("secrets must be entered again")]
    SecretsRequired(Vec<String>),
    /// The settings were tried and do not work.
    #[error("the settings do not work")]
    Verification(#[source] VerifyError),
    /// Others kept changing the channel.
    #[error("the channel kept changing")]
    Contended,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageChannelError {
    fn refused(rule: ChannelRule, field: &str, flaw: &Flaw) -> Self {
        Self::Refused { rule, field: field.to_owned(), text: format!("{field} {flaw}") }
    }

    fn setting(SettingsFlaw { field, flaw }: &SettingsFlaw) -> Self {
        match field.as_str() {
            "transport" => Self::refused(ChannelRule::Transport, field, flaw),
            "config" => Self::refused(ChannelRule::Config, field, flaw),
            name if name.starts_with("outsideWindow") => Self::refused(ChannelRule::Window, name, flaw),
            name => Self::refused(ChannelRule::Config, &format!("config.{name}"), flaw),
        }
    }
}

/// A limit of a channel: a number from 1 on.
fn limit(field: &'static str, written: i64, highest: i64, remedy: &'static str) -> Result<u32, ManageChannelError> {
    u32::try_from(written).ok().filter(|_| (1..=highest).contains(&written)).ok_or_else(|| {
        let flaw = Flaw::new(format!("is no number from 1 to {highest}"), remedy);
        ManageChannelError::refused(ChannelRule::Limit, field, &flaw)
    })
}

/// The field of what [`unfit`] tells.
pub const WINDOW_TEMPLATE: &str = "outsideWindow.template";

/// Why the template of `outsideWindow` cannot leave, if it is none of these or takes other variables.
fn unfit(outside: &OutsideWindow, approved: &[ApprovedTemplate]) -> Option<String> {
    let misfit = fitting(&outside.shortest(), approved).err()?;
    Some(format!("{WINDOW_TEMPLATE} {} {}", name_of(outside.template()), misfit.flaw))
}

/// What a channel is called: one line that people can tell from others.
fn display_name(text: Option<&str>) -> Result<String, ManageChannelError> {
    const FIELD: &str = "displayName";
    let refused = |flaw: &Flaw| ManageChannelError::refused(ChannelRule::DisplayName, FIELD, flaw);
    let name = DisplayName::parse(text.unwrap_or_default()).map_err(|flaw| refused(&flaw))?;
    let name = name.ok_or_else(|| refused(&Flaw::new("is missing", "Write what your people call this channel.")))?;
    Ok(name.as_str().to_owned())
}

#[cfg(test)]
mod tests;
