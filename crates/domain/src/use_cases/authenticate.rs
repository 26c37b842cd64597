//! Who calls: from a raw key to a caller.

use crate::entities::{Caller, KeyDigest};
use crate::ports::{ApiKeyRepo, Clock, StoreError};
use crate::values::Secret;
use std::sync::Arc;
use thiserror::Error;

/// Finds out who calls.
pub struct Authenticate {
    keys: Arc<dyn ApiKeyRepo>,
    clock: Arc<dyn Clock>,
}

/// Why a caller is not let in.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// The key is missing, unknown, expired or revoked; which of these is nobody's business.
    #[error("no valid API key")]
    Unauthorized,
    /// The keys could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Authenticate {
    /// From the ports it needs.
    pub fn new(keys: Arc<dyn ApiKeyRepo>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock }
    }

    /// The caller with that key.
    ///
    /// # Errors
    /// See `AuthenticateError`.
    pub async fn execute(&self, raw: Option<&Secret>) -> Result<Caller, AuthenticateError> {
        let raw = raw.filter(|raw| raw.expose().starts_with("ov_")).ok_or(AuthenticateError::Unauthorized)?;
        let key = self.keys.find(&KeyDigest::of(raw)).await?;
        key.filter(|key| key.works_at(self.clock.now()))
            .map(|key| Caller::from(&key))
            .ok_or(AuthenticateError::Unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::ApiKey;
    use crate::ids::{ApiKeyId, TenantId};
    use crate::ports::{MockApiKeyRepo, MockClock};
    use crate::time::Timestamp;
    use uuid::Uuid;

    fn key() -> ApiKey {
        ApiKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(1)),
            tenant_id: TenantId::from_uuid(Uuid::from_u128(2)),
            name: "test".into(),
            scopes: vec![],
            workspace_id: None,
            expires_at: None,
            revoked_at: None,
            created_at: Timestamp::from_millis(0),
        }
    }

    async fn ask(stored: Option<ApiKey>, raw: Option<&str>) -> Result<Caller, AuthenticateError> {
        let mut keys = MockApiKeyRepo::new();
        keys.expect_find().returning(move |_| Ok(stored.clone()));
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(1_000));
        let raw = raw.map(|raw| Secret::from(raw.to_owned()));
        Authenticate::new(Arc::new(keys), Arc::new(clock)).execute(raw.as_ref()).await
    }

    #[tokio::test]
    async fn a_known_key_is_its_caller() {
        assert_eq!(ask(Some(key()), Some("ov_x")).await.unwrap().key_id, key().id);
    }

    #[tokio::test]
    async fn missing_unknown_expired_and_revoked_keys_are_refused_alike() {
        let expired = ApiKey { expires_at: Some(Timestamp::from_millis(1_000)), ..key() };
        let revoked = ApiKey { revoked_at: Some(Timestamp::from_millis(1)), ..key() };
        for (stored, raw) in [
            (Some(key()), None),
            (None, Some("ov_x")),
            (Some(expired), Some("ov_x")),
            (Some(revoked), Some("ov_x")),
            (Some(key()), Some("x")),
        ] {
            assert!(matches!(ask(stored, raw).await, Err(AuthenticateError::Unauthorized)));
        }
    }
}
