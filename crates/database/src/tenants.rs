//! Tenants and workspaces.

use crate::Database;
use crate::error::store_error;
use crate::rows::{Row, millis};
use crate::sql::{all, change};
use async_trait::async_trait;
use overture_domain::ids::{TenantId, WorkspaceId};
use overture_domain::ports::{StoreError, Tenant, TenantRepo, Workspace};

#[async_trait]
impl TenantRepo for Database {
    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.writer
            .write(move |tx| {
                let values = [tenant.id.as_uuid().into(), tenant.name.clone().into(), millis(tenant.created_at)];
                Box::pin(async move {
                    change(tx, "INSERT INTO tenants (id, name, created_at) VALUES (?,?,?)", values).await.map(|_| ())
                })
            })
            .await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let rows = all(&self.readers, "SELECT id, name, created_at FROM tenants ORDER BY created_at, id", []).await;
        let rows = rows.map_err(|error| store_error(&error))?;
        rows.iter()
            .map(|row| Row::of("tenants", row))
            .map(|row| {
                Ok(Tenant {
                    id: TenantId::from_uuid(row.get("id")?),
                    name: row.get("name")?,
                    created_at: row.time("created_at")?,
                })
            })
            .collect()
    }

    async fn add_workspace(&self, workspace: &Workspace) -> Result<(), StoreError> {
        let workspace = workspace.clone();
        self.writer
            .write(move |tx| {
                let values = [
                    workspace.id.as_uuid().into(),
                    workspace.tenant_id.as_uuid().into(),
                    workspace.name.clone().into(),
                    millis(workspace.created_at),
                ];
                let sql = "INSERT INTO workspaces (id, tenant_id, name, created_at) VALUES (?,?,?,?)";
                Box::pin(async move { change(tx, sql, values).await.map(|_| ()) })
            })
            .await
    }

    async fn workspaces(&self, tenant: TenantId) -> Result<Vec<Workspace>, StoreError> {
        let sql = "SELECT id, name, created_at FROM workspaces WHERE tenant_id = ? ORDER BY created_at, id";
        let rows = all(&self.readers, sql, [tenant.as_uuid().into()]).await.map_err(|error| store_error(&error))?;
        rows.iter()
            .map(|row| Row::of("workspaces", row))
            .map(|row| {
                Ok(Workspace {
                    id: WorkspaceId::from_uuid(row.get("id")?),
                    tenant_id: tenant,
                    name: row.get("name")?,
                    created_at: row.time("created_at")?,
                })
            })
            .collect()
    }
}
