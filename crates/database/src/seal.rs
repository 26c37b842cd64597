//! Secrets at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), the nonce before the sealed text, bound to the tenant,
//! the channel and the name they belong to, so that a sealed secret moved to another row does not open.
//!
//! There is one newest key, which seals, and there may be older ones, which only open: so keys are replaced while the
//! server runs.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use overture_domain::ids::{ChannelId, TenantId};
use overture_domain::values::Secret;
use rand::RngExt;

const NONCE: usize = 24;

/// Seals and opens the secrets of channels.
#[derive(Clone)]
pub(crate) struct Seal {
    newest: XChaCha20Poly1305,
    older: Vec<XChaCha20Poly1305>,
}

/// Where a secret belongs: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Belongs<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) channel: ChannelId,
    pub(crate) name: &'a str,
}

/// What was opened.
pub(crate) struct Opened {
    pub(crate) secret: Secret,
    /// Whether an older key opened it.
    pub(crate) is_old: bool,
}

impl Seal {
    pub(crate) fn new(newest: &[u8; 32], older: &[[u8; 32]]) -> Self {
        let cipher = |key: &[u8; 32]| XChaCha20Poly1305::new(&(*key).into());
        Self { newest: cipher(newest), older: older.iter().map(cipher).collect() }
    }

    /// The sealed secret.
    pub(crate) fn seal(&self, belongs: Belongs<'_>, secret: &Secret) -> Vec<u8> {
        let nonce: [u8; NONCE] = rand::rng().random();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &belongs.associated() };
        #[expect(clippy::expect_used, reason = "the cipher fails only above 256 GiB")]
        let sealed = self.newest.encrypt(&XNonce::from(nonce), payload).expect("the cipher fails only above 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The secret; `None` if no key that we have sealed it, or if it belongs elsewhere.
    pub(crate) fn open(&self, belongs: Belongs<'_>, sealed: &[u8]) -> Option<Opened> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = XNonce::from(<[u8; NONCE]>::try_from(nonce).ok()?);
        let aad = belongs.associated();
        let opened = |cipher: &XChaCha20Poly1305| {
            let plain = cipher.decrypt(&nonce, Payload { msg: text, aad: &aad }).ok()?;
            String::from_utf8(plain).ok().map(Secret::from)
        };
        if let Some(secret) = opened(&self.newest) {
            return Some(Opened { secret, is_old: false });
        }
        self.older.iter().find_map(opened).map(|secret| Opened { secret, is_old: true })
    }
}

impl Belongs<'_> {
    /// The name comes last: all before it has one length.
    fn associated(&self) -> Vec<u8> {
        let label = b"overture channel secret 2".as_slice();
        [label, self.tenant.as_uuid().as_bytes(), self.channel.as_uuid().as_bytes(), self.name.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn belongs(n: u128, name: &str) -> Belongs<'_> {
        let (tenant, channel) = (TenantId::from_uuid(Uuid::from_u128(n)), ChannelId::from_uuid(Uuid::from_u128(n + 1)));
        Belongs { tenant, channel, name }
    }

    fn opened(seal: &Seal, belongs: Belongs<'_>, sealed: &[u8]) -> Option<(String, bool)> {
        seal.open(belongs, sealed).map(|opened| (opened.secret.expose().to_owned(), opened.is_old))
    }

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_and_for_its_tenant_channel_and_name() {
        let (seal, home) = (Seal::new(&[7; 32], &[]), belongs(1, "password"));
        let sealed = seal.seal(home, &Secret::from("hunter2".to_owned()));
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(opened(&seal, home, &sealed), Some(("hunter2".into(), false)));
        assert_eq!(opened(&Seal::new(&[8; 32], &[]), home, &sealed), None);
        assert_eq!(opened(&seal, Belongs { tenant: belongs(5, "").tenant, ..home }, &sealed), None);
        assert_eq!(opened(&seal, Belongs { channel: belongs(5, "").channel, ..home }, &sealed), None);
        assert_eq!(opened(&seal, Belongs { name: "authToken", ..home }, &sealed), None);
        assert_eq!(opened(&seal, home, &sealed[..10]), None);
    }

    #[test]
    fn an_older_key_opens_and_never_seals() {
        let (old, home) = (Seal::new(&[7; 32], &[]), belongs(1, "password"));
        let secret = Secret::from("hunter2".to_owned());
        let rotated = Seal::new(&[8; 32], &[[9; 32], [7; 32]]);
        assert_eq!(opened(&rotated, home, &old.seal(home, &secret)), Some(("hunter2".into(), true)));
        assert_eq!(opened(&old, home, &rotated.seal(home, &secret)), None);
    }
}
