//! Makes a channel.

use super::{ChannelRule, ManageChannelError, Reach, WrittenLimits, display_name};
use crate::entities::{Channel, ChannelKind, ChannelLimits, ChannelState, OnUnclear, Transport};
use crate::ids::{Version, WorkspaceId};
use crate::ports::{
    ChannelDetails, ChannelRepo, CheckedSettings, Clock, IdGenerator, NewIds, SettingsChecker, WrittenSettings,
    WrittenWindow,
};
use crate::use_cases::{Problem, ProblemCode, required_id};
use crate::values::Flaw;
use std::sync::Arc;

/// What to do about a number that is no limit.
const REMEDY: &str = "Write one, or leave it out.";

/// A channel that is wanted, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewChannel {
    /// The workspace that will own it.
    pub workspace_id: Option<String>,
    /// Email, SMS or WhatsApp.
    pub kind: Option<String>,
    /// Who carries it.
    pub transport: Option<String>,
    /// What it is called.
    pub display_name: Option<String>,
    /// Its settings.
    pub config: WrittenSettings,
    /// What leaves outside the window of WhatsApp.
    pub outside_window: Option<WrittenWindow>,
    /// Its limits; what is not written is what its provider is known to take.
    pub limits: WrittenLimits,
}

/// Makes a channel. One that leaves this machine begins `unverified` and takes no messages before it was verified; a
/// sandbox has nothing to verify.
pub struct AddChannel {
    channels: Arc<dyn ChannelRepo>,
    settings: Arc<dyn SettingsChecker>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl AddChannel {
    /// From the ports it needs.
    pub fn new(
        channels: Arc<dyn ChannelRepo>,
        settings: Arc<dyn SettingsChecker>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self { channels, settings, clock, ids }
    }

    /// Makes it, or writes nothing.
    ///
    /// # Errors
    /// `ForeignWorkspace` before any look-up, `Place`, `Refused`, and any `StoreError`.
    pub async fn execute(&self, reach: &Reach, new: NewChannel) -> Result<ChannelDetails, ManageChannelError> {
        let workspace = workspace_of(new.workspace_id.as_ref())?;
        if !reach.sees(workspace) {
            return Err(ManageChannelError::ForeignWorkspace);
        }
        let kind = word(new.kind.as_deref(), ChannelRule::Kind, "type", ChannelKind::ALL, ChannelKind::as_str)?;
        let transport =
            word(new.transport.as_deref(), ChannelRule::Transport, "transport", Transport::ALL, Transport::as_str)?;
        let name = display_name(new.display_name.as_deref())?;
        let limits = new.limits.over(&ChannelLimits::default_for(transport), kind, REMEDY)?;
        let checked = self.settings.check(kind, transport, &new.config);
        let CheckedSettings { settings, message_id_domain } =
            checked.map_err(|flaw| ManageChannelError::setting(&flaw))?;
        let outside_window =
            new.outside_window.as_ref().map(|written| self.settings.check_window(kind, transport, written));
        let outside_window = outside_window.transpose().map_err(|flaw| ManageChannelError::setting(&flaw))?;
        if !self.channels.place(reach.tenant_id, Some(workspace), None).await?.workspace_exists {
            let text = "workspaceId names no workspace of yours. Each channel of GET /api/channels names its own; the id of a new workspace was printed when it was made.";
            let problem = Problem::new(ProblemCode::UnknownWorkspace, "workspaceId", text.into());
            return Err(ManageChannelError::Place(problem));
        }
        let channel = Channel {
            id: self.ids.channel_id(),
            tenant_id: reach.tenant_id,
            workspace_id: workspace,
            name,
            kind,
            transport,
            state: if transport == Transport::Sandbox { ChannelState::Active } else { ChannelState::Unverified },
            enabled: true,
            paused_at: None,
            limits,
            on_unclear: OnUnclear::default_for(kind),
            fault: None,
            message_id_domain,
            outside_window,
            version: Version::FIRST,
            created_at: self.clock.now(),
        };
        self.channels.add(&channel, &settings).await?;
        tracing::info!(channel_id = %channel.id, workspace_id = %workspace, %transport, state = %channel.state, "a channel was made");
        Ok(ChannelDetails { channel, public: settings.public, secrets: settings.secrets.into_keys().collect() })
    }
}

fn workspace_of(text: Option<&String>) -> Result<WorkspaceId, ManageChannelError> {
    required_id(&text.cloned(), "workspaceId", ProblemCode::InvalidWorkspaceId, WorkspaceId::parse)
        .map_err(ManageChannelError::Place)
}

/// One of the known words.
fn word<T: Copy>(
    text: Option<&str>,
    rule: ChannelRule,
    field: &'static str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, ManageChannelError> {
    let written = text.unwrap_or_default().trim();
    all.iter().copied().find(|one| as_str(*one) == written).ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
        let reason = if written.is_empty() { "is missing" } else { "is none of the known words" };
        ManageChannelError::refused(rule, field, &Flaw::new(reason, format!("Write one of {}.", words.join(", "))))
    })
}
