//! Secrets at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), the nonce before the sealed text, bound to the tenant
//! and channel they belong to, so that a sealed secret moved to another row does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use overture_domain::ids::{ChannelId, TenantId};
use overture_domain::values::Secret;
use rand::RngExt;
use std::collections::BTreeMap;

const NONCE: usize = 24;

/// Seals and opens the secrets of channels.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
}

impl Seal {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&(*key).into()) }
    }

    /// The sealed secrets of a channel; `None` if it has none.
    pub(crate) fn seal(
        &self,
        tenant: TenantId,
        channel: ChannelId,
        secrets: &BTreeMap<String, Secret>,
    ) -> Option<Vec<u8>> {
        if secrets.is_empty() {
            return None;
        }
        let plain: BTreeMap<&str, &str> =
            secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        #[expect(clippy::expect_used, reason = "a map of strings is always valid JSON")]
        let plain = serde_json::to_vec(&plain).expect("a map of strings is always valid JSON");
        let nonce: [u8; NONCE] = rand::rng().random();
        let payload = Payload { msg: &plain, aad: &associated(tenant, channel) };
        #[expect(clippy::expect_used, reason = "the cipher fails only above 256 GiB")]
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("the cipher fails only above 256 GiB");
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// The secrets of a channel; `None` if they were sealed with another key or for another channel.
    pub(crate) fn open(&self, tenant: TenantId, channel: ChannelId, sealed: &[u8]) -> Option<BTreeMap<String, Secret>> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        let payload = Payload { msg: text, aad: &associated(tenant, channel) };
        let plain = self.cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
        let plain: BTreeMap<String, String> = serde_json::from_slice(&plain).ok()?;
        Some(plain.into_iter().map(|(name, secret)| (name, Secret::from(secret))).collect())
    }
}

fn associated(tenant: TenantId, channel: ChannelId) -> Vec<u8> {
    [b"overture channel secrets 1".as_slice(), tenant.as_uuid().as_bytes(), channel.as_uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn ids(n: u128) -> (TenantId, ChannelId) {
        (TenantId::from_uuid(Uuid::from_u128(n)), ChannelId::from_uuid(Uuid::from_u128(n + 1)))
    }

    #[test]
    fn sealed_secrets_open_only_with_their_key_and_for_their_channel() {
        let secrets = BTreeMap::from([("password".to_owned(), Secret::from("hunter2".to_owned()))]);
        let (tenant, channel) = ids(1);
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(tenant, channel, &secrets).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(seal.open(tenant, channel, &sealed), Some(secrets));
        assert_eq!(Seal::new(&[8; 32]).open(tenant, channel, &sealed), None);
        assert_eq!(seal.open(ids(5).0, channel, &sealed), None);
        assert_eq!(seal.open(tenant, ids(5).1, &sealed), None);
        assert_eq!(seal.open(tenant, channel, &sealed[..10]), None);
    }
}
