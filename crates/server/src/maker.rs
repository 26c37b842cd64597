//! Making things on the command line: tenants, workspaces, channels, keys, and the demo of all of them.
//! Refuses to print: commands do.

use crate::failure::Failure;
use crate::hints::hint;
use overture_channels::{SettingsProblem, check_outside_window, check_settings};
use overture_domain::entities::{
    ApiKey, Channel, ChannelKind, ChannelLimits, ChannelState, KeyDigest, OnUnclear, Scope, Transport,
};
use overture_domain::ids::{ApiKeyId, ChannelId, TenantId, Version, WorkspaceId};
use overture_domain::ports::{ApiKeyRepo, ChannelRepo, Clock, IdGenerator, NewIds, Tenant, TenantRepo, Workspace};
use overture_domain::time::Timestamp;
use overture_domain::use_cases::{ManageChannelError, WrittenLimits};
use overture_domain::values::Secret;
use serde_json::Value;
use std::sync::Arc;

/// Makes tenants, workspaces, channels and keys.
pub(crate) struct Maker {
    pub(crate) tenants: Arc<dyn TenantRepo>,
    pub(crate) channels: Arc<dyn ChannelRepo>,
    pub(crate) keys: Arc<dyn ApiKeyRepo>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

/// What a newcomer needs to compose.
#[derive(Debug, Clone)]
pub(crate) struct Demo {
    pub(crate) tenant: TenantId,
    pub(crate) workspace: WorkspaceId,
    /// The first channel of each kind that the workspace has.
    pub(crate) channels: Vec<(ChannelKind, ChannelId)>,
    /// The key, if one was made.
    pub(crate) api_key: Option<Secret>,
}

impl Demo {
    /// The channel of a kind.
    pub(crate) fn channel(&self, kind: ChannelKind) -> Option<ChannelId> {
        self.channels.iter().find(|(own, _)| *own == kind).map(|(_, id)| *id)
    }
}

/// A channel that is wanted.
pub(crate) struct NewChannel<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) kind: ChannelKind,
    pub(crate) transport: Transport,
    pub(crate) name: &'a str,
    pub(crate) settings: &'a Value,
    pub(crate) outside_window: &'a Value,
    /// What is not written is what its transport is known to take.
    pub(crate) limits: &'a WrittenLimits,
    /// Whether it is to be verified before it takes messages; if not, it is taken for working.
    pub(crate) verifies: bool,
}

/// A key that is wanted.
pub(crate) struct NewKey<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) name: &'a str,
    pub(crate) scopes: &'a [Scope],
    pub(crate) workspace: Option<WorkspaceId>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Maker {
    /// The demo tenant of an empty database; of any other, its first workspace. `new_key` makes a key there too.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn demo(&self, new_key: bool) -> Result<Demo, Failure> {
        let first = self.tenants.tenants().await?.into_iter().next();
        let empty = first.is_none();
        let (tenant, workspace) = match first {
            None => self.demo_tenant().await?,
            Some(tenant) => {
                let workspace = self.tenants.workspaces(tenant.id).await?.into_iter().next().ok_or_else(|| {
                    Failure::new(format!("The tenant {} has no workspace", tenant.name))
                        .remedy(format!("{} makes one.", hint("workspace add --name TEXT")))
                })?;
                (tenant.id, workspace.id)
            }
        };
        let channels = self.first_channels(tenant, workspace).await?;
        let api_key = if empty || new_key { Some(self.demo_key(tenant).await?) } else { None };
        Ok(Demo { tenant, workspace, channels, api_key })
    }

    /// A key that may do everything in its tenant.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn demo_key(&self, tenant: TenantId) -> Result<Secret, Failure> {
        let new = NewKey { tenant, name: "Demo key", scopes: Scope::ALL, workspace: None, expires_at: None };
        self.key(new).await.map(|(_, key)| key)
    }

    async fn demo_tenant(&self) -> Result<(TenantId, WorkspaceId), Failure> {
        let tenant = self.tenant("Demo").await?;
        let workspace = self.workspace(tenant, "Demo workspace").await?;
        for (kind, name) in [
            (ChannelKind::Email, "Sandbox email"),
            (ChannelKind::Sms, "Sandbox SMS"),
            (ChannelKind::WhatsApp, "Sandbox WhatsApp"),
        ] {
            self.channel(NewChannel {
                tenant,
                workspace,
                kind,
                transport: Transport::Sandbox,
                name,
                settings: &Value::Object(Default::default()),
                outside_window: &Value::Null,
                limits: &WrittenLimits::default(),
                verifies: false,
            })
            .await?;
        }
        Ok((tenant, workspace))
    }

    async fn first_channels(
        &self,
        tenant: TenantId,
        workspace: WorkspaceId,
    ) -> Result<Vec<(ChannelKind, ChannelId)>, Failure> {
        let channels = self.channels.list(tenant, Some(workspace)).await?;
        let first = |kind| {
            channels.iter().find(|channel| channel.kind == kind && channel.enabled).map(|channel| (kind, channel.id))
        };
        Ok(ChannelKind::ALL.iter().filter_map(|kind| first(*kind)).collect())
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn tenant(&self, name: &str) -> Result<TenantId, Failure> {
        let id = self.ids.tenant_id();
        self.tenants.add_tenant(&Tenant { id, name: name.into(), created_at: self.clock.now() }).await?;
        Ok(id)
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn workspace(&self, tenant_id: TenantId, name: &str) -> Result<WorkspaceId, Failure> {
        let id = self.ids.workspace_id();
        self.tenants
            .add_workspace(&Workspace { id, tenant_id, name: name.into(), created_at: self.clock.now() })
            .await?;
        Ok(id)
    }

    /// Makes a channel, after its settings were checked. Secrets may come from the environment.
    ///
    /// # Errors
    /// A transport that cannot carry that kind, settings that do not do, and what the store says.
    pub(crate) async fn channel(&self, new: NewChannel<'_>) -> Result<ChannelId, Failure> {
        let NewChannel { tenant, workspace, kind, transport, name, settings, outside_window, limits, verifies } = new;
        let environment = |name: &str| std::env::var(name).ok();
        let refused = |problem: SettingsProblem| {
            Failure::usage(format!("{} {}", problem.field, problem.reason)).remedy(problem.remedy)
        };
        let checked = check_settings(kind, transport, settings, &environment).map_err(refused)?;
        let outside_window = check_outside_window(kind, transport, outside_window).map_err(refused)?;
        let limits = limits.over(&ChannelLimits::default_for(transport), kind, "Write one, or none.");
        let channel = Channel {
            id: self.ids.channel_id(),
            tenant_id: tenant,
            workspace_id: workspace,
            name: name.into(),
            kind,
            transport,
            state: if verifies { ChannelState::Unverified } else { ChannelState::Active },
            enabled: true,
            paused_at: None,
            limits: limits.map_err(unlimited)?,
            on_unclear: OnUnclear::default_for(kind),
            fault: None,
            message_id_domain: checked.message_id_domain,
            outside_window,
            version: Version::FIRST,
            created_at: self.clock.now(),
        };
        self.channels.add(&channel, &checked.settings).await?;
        Ok(channel.id)
    }

    /// Makes a key. Only its digest is kept: what is returned here is seen once.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn key(&self, new: NewKey<'_>) -> Result<(ApiKeyId, Secret), Failure> {
        let raw = self.ids.api_key();
        let mut scopes = new.scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let key = ApiKey {
            id: self.ids.api_key_id(),
            tenant_id: new.tenant,
            name: new.name.into(),
            scopes,
            workspace_id: new.workspace,
            expires_at: new.expires_at,
            revoked_at: None,
            created_at: self.clock.now(),
        };
        self.keys.add(&key, &KeyDigest::of(&raw)).await?;
        Ok((key.id, raw))
    }
}

/// A limit does not do.
fn unlimited(error: ManageChannelError) -> Failure {
    match error {
        ManageChannelError::Refused { text, .. } => Failure::usage(text),
        other => Failure::new(format!("Its limits cannot be set: {other}")),
    }
}
