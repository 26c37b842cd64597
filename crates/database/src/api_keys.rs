//! API keys, and a short memory of them: a key is looked up on every request and changes about never.

use crate::Database;
use crate::error::store_error;
use crate::rows::{Row, millis};
use crate::sql::{all, change, one};
use async_trait::async_trait;
use overture_domain::entities::{ApiKey, KeyDigest, Scope};
use overture_domain::ids::{ApiKeyId, TenantId, WorkspaceId};
use overture_domain::ports::{ApiKeyRepo, StoreError};
use overture_domain::time::Timestamp;
use sea_orm::QueryResult;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a key is remembered; below the 5 s within which a revoked key must have stopped working everywhere.
const REMEMBERED_FOR: Duration = Duration::from_secs(3);
/// How many keys are remembered; beyond it the memory starts anew.
const REMEMBERED: usize = 10_000;

const COLUMNS: &str = "id, tenant_id, name, scopes, workspace_id, expires_at, revoked_at, created_at";

/// Keys that were found in the last seconds. What was not found is not remembered, so that a new key works at once.
#[derive(Default)]
pub(crate) struct KeyCache {
    found: Mutex<HashMap<KeyDigest, (Instant, ApiKey)>>,
}

impl KeyCache {
    fn get(&self, digest: &KeyDigest) -> Option<ApiKey> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(digest).filter(|(at, _)| at.elapsed() < REMEMBERED_FOR).map(|(_, key)| key.clone())
    }

    fn put(&self, digest: &KeyDigest, key: &ApiKey) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(*digest, (Instant::now(), key.clone()));
    }

    fn forget_all(&self) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[async_trait]
impl ApiKeyRepo for Database {
    async fn find(&self, digest: &KeyDigest) -> Result<Option<ApiKey>, StoreError> {
        if let Some(key) = self.keys.get(digest) {
            return Ok(Some(key));
        }
        let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE digest = ?");
        let row = one(&self.readers, &sql, [digest.0.to_vec().into()]).await.map_err(|error| store_error(&error))?;
        let key = row.as_ref().map(api_key).transpose()?;
        if let Some(key) = &key {
            self.keys.put(digest, key);
        }
        Ok(key)
    }

    async fn add(&self, key: &ApiKey, digest: &KeyDigest) -> Result<(), StoreError> {
        let (key, digest) = (key.clone(), *digest);
        self.writer
            .write(move |tx| {
                let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
                let values = [
                    key.id.as_uuid().into(),
                    key.tenant_id.as_uuid().into(),
                    key.name.clone().into(),
                    digest.0.to_vec().into(),
                    scopes.join(" ").into(),
                    key.workspace_id.map(|id| id.as_uuid()).into(),
                    key.expires_at.map(Timestamp::as_millis).into(),
                    key.revoked_at.map(Timestamp::as_millis).into(),
                    millis(key.created_at),
                ];
                let sql = "INSERT INTO api_keys (id, tenant_id, name, digest, scopes, workspace_id, expires_at, revoked_at, created_at) \
                           VALUES (?,?,?,?,?,?,?,?,?)";
                Box::pin(async move { change(tx, sql, values).await.map(|_| ()) })
            })
            .await
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE tenant_id = ? ORDER BY created_at DESC, id DESC");
        let rows = all(&self.readers, &sql, [tenant.as_uuid().into()]).await.map_err(|error| store_error(&error))?;
        rows.iter().map(api_key).collect()
    }

    async fn revoke(&self, tenant: TenantId, key: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let revoked = self
            .writer
            .write(move |tx| {
                let values = [millis(at), key.as_uuid().into(), tenant.as_uuid().into()];
                let sql = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND tenant_id = ?";
                Box::pin(async move { Ok(change(tx, sql, values).await? > 0) })
            })
            .await;
        self.keys.forget_all();
        revoked
    }
}

fn api_key(row: &QueryResult) -> Result<ApiKey, StoreError> {
    let row = Row::of("api_keys", row);
    Ok(ApiKey {
        id: ApiKeyId::from_uuid(row.get("id")?),
        tenant_id: TenantId::from_uuid(row.get("tenant_id")?),
        name: row.get("name")?,
        scopes: row.parsed("scopes", |text| text.split_whitespace().map(Scope::parse).collect())?,
        workspace_id: row.get::<Option<uuid::Uuid>>("workspace_id")?.map(WorkspaceId::from_uuid),
        expires_at: row.time_opt("expires_at")?,
        revoked_at: row.time_opt("revoked_at")?,
        created_at: row.time("created_at")?,
    })
}
