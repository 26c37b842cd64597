//! What proves that Meta made a call: `X-Hub-Signature-256`, and the verify token of the handshake.
//!
//! Owned here: HMAC-SHA256 over the bytes as they came (Meta signs what it sends, with its `\uXXXX` escapes), compared in
//! constant time. Not promised: that a call is new. The signature has no time in it; whoever saw a call can repeat it,
//! and only what keeps the ids of events notices.

use hmac::{Hmac, KeyInit, Mac};
use overture_domain::values::Secret;
use sha2::Sha256;

/// What stands before the digits of the header.
const PREFIX: &str = "sha256=";
/// The length of the digest in bytes.
const LENGTH: usize = 32;

/// Whether one of these secrets made the signature of these bytes. Each is tried, whichever fits.
pub(super) fn is_signed<'s>(
    header: Option<&str>,
    body: &[u8],
    app_secrets: impl IntoIterator<Item = &'s Secret>,
) -> bool {
    let Some(claimed) = header.and_then(|header| header.trim().strip_prefix(PREFIX)).and_then(digest) else {
        return false;
    };
    app_secrets.into_iter().fold(false, |fits, secret| fits | made_by(secret, body, &claimed))
}

/// Whether a token is the channel's verify token: digests are compared, so that neither length nor beginning shows in the
/// time it takes.
pub(super) fn is_verify_token(expected: &Secret, token: &str) -> bool {
    let Some(mac) = keyed(expected) else { return false };
    made_by(expected, token.as_bytes(), &mac.chain_update(expected.expose()).finalize().into_bytes())
}

fn made_by(secret: &Secret, body: &[u8], claimed: &[u8]) -> bool {
    keyed(secret).is_some_and(|mac| mac.chain_update(body).verify_slice(claimed).is_ok())
}

/// HMAC takes keys of every length, so this is never `None`.
fn keyed(secret: &Secret) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()
}

/// A digest in hexadecimal digits.
fn digest(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != 2 * LENGTH || !text.is_ascii() {
        return None;
    }
    let mut digest = [0; LENGTH];
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(digits[0])? << 4 | value(digits[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    fn is_signed_by(key: &str, body: &[u8], header: &str) -> bool {
        is_signed(Some(header), body, [&secret(key)])
    }

    const GITHUB: (&str, &[u8], &str) = (
        "It's a Secret to Everybody",
        b"Hello, World!",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    );

    #[test]
    fn published_vectors_hold() {
        let (key, body, header) = GITHUB;
        assert!(is_signed_by(key, body, header));
        let header = "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914";
        assert!(is_signed_by("secret", b"test", header));
    }

    #[test]
    fn another_key_another_body_and_another_header_are_forged() {
        let (key, body, header) = GITHUB;
        assert!(!is_signed_by("It's a secret to Everybody", body, header));
        assert!(!is_signed_by("", body, header));
        assert!(!is_signed_by(key, b"Hello, World", header));
        assert!(!is_signed(None, body, [&secret(key)]));
        for wrong in [
            "",
            "sha256=",
            &header[7..],
            &header[..header.len() - 1],
            &header.replace("sha256", "sha1"),
            &header.replace("757107", "757108"),
            &header.replace("757107", "75710g"),
            &header.replace("757107", "7571ü"),
            &format!("{header}00"),
        ] {
            assert!(!is_signed_by(key, body, wrong), "{wrong}");
        }
    }

    #[test]
    fn the_bytes_are_signed_and_not_what_they_mean() {
        // {"a":"ä"} with the escape, as Meta sends it.
        let escaped = br#"{"a":"\u00e4"}"#;
        let mac = keyed(&secret("k")).unwrap().chain_update(escaped).finalize().into_bytes();
        let header = format!("sha256={}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert!(is_signed_by("k", escaped, &header));
        assert!(!is_signed_by("k", "{\"a\":\"ä\"}".as_bytes(), &header));
    }

    #[test]
    fn the_secondary_secret_counts_as_much_as_the_primary() {
        let (key, body, header) = GITHUB;
        assert!(is_signed(Some(header), body, [&secret("new"), &secret(key)]));
        assert!(is_signed(Some(header), body, [&secret(key), &secret("old")]));
        assert!(!is_signed(Some(header), body, [&secret("new"), &secret("old")]));
        assert!(!is_signed(Some(header), body, []));
    }

    #[test]
    fn only_the_whole_verify_token_is_right() {
        let expected = secret("correct-horse");
        assert!(is_verify_token(&expected, "correct-horse"));
        for wrong in ["", "correct-hors", "correct-horse ", "Correct-horse", "correct-horsecorrect-horse"] {
            assert!(!is_verify_token(&expected, wrong), "{wrong}");
        }
    }
}
