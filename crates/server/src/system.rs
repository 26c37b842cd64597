//! The clock and the randomness of the machine, behind the ports of the domain. The only file that reads either.

use async_trait::async_trait;
use overture_domain::ports::{Clock, IdGenerator};
use overture_domain::time::Timestamp;
use overture_domain::values::Secret;
use rand::TryRng;
use rand::rngs::SysRng;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many base62 characters 256 bits need.
const KEY_LENGTH: usize = 43;

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the Clock port")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Ids by UUID version 7, keys by the system's randomness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomIds;

impl IdGenerator for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the IdGenerator port")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn api_key(&self) -> Secret {
        let mut bits = [0; 32];
        #[expect(
            clippy::expect_used,
            reason = "a system without randomness must not make keys, and cannot do anything else either"
        )]
        SysRng.try_fill_bytes(&mut bits).expect("the system gives randomness");
        Secret::from(format!("ov_{}", base62(bits)))
    }
}

/// A number of 256 bits in base 62, with its leading zeros.
fn base62(mut number: [u8; 32]) -> String {
    let mut digits = [0; KEY_LENGTH];
    for digit in digits.iter_mut().rev() {
        // One long division by 62; what is left over is the digit.
        let mut rest = 0_u16;
        for byte in &mut number {
            let part = (rest << 8) | u16::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or(u8::MAX);
            rest = part % 62;
        }
        *digit = BASE62[usize::from(rest)];
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn base62_counts_as_python_does() {
        assert_eq!(base62([0; 32]), "0".repeat(43));
        let mut one = [0; 32];
        one[31] = 61;
        assert_eq!(base62(one), format!("{}z", "0".repeat(42)));
        assert_eq!(base62([0xff; 32]), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
    }

    #[test]
    fn keys_are_ov_and_43_characters_and_never_the_same() {
        let keys: HashSet<_> = (0..1_000).map(|_| RandomIds.api_key().expose().to_owned()).collect();
        assert_eq!(keys.len(), 1_000);
        for key in keys {
            let rest = key.strip_prefix("ov_").unwrap();
            assert!(rest.len() == 43 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
        }
    }

    #[test]
    fn ids_are_version_7_and_grow() {
        let (first, second) = (RandomIds.uuid(), RandomIds.uuid());
        assert_eq!(first.get_version_num(), 7);
        assert!(first < second);
    }

    #[test]
    fn the_clock_knows_this_century() {
        assert!(SystemClock.now().to_string().starts_with("20"));
    }
}
