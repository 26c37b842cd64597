//! Request headers of our own: the request's id and the idempotency key. Names of the answer's headers stand here too.

use crate::Code;
use crate::failure::Failure;
use actix_web::http::header::{HeaderMap, HeaderName};
use overture_domain::ports::IdGenerator;
use overture_domain::values::IdempotencyKey;

/// Names a request, in every answer and every log line.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Makes a request repeatable.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The answer repeats that of an earlier request.
pub(crate) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What was accepted but deserves a look.
pub(crate) const NOTICE: HeaderName = HeaderName::from_static("overture-notice");
/// What the client would like (RFC 7240).
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Which of it was done (RFC 7240).
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The longest request id we take over.
const REQUEST_ID_LIMIT: usize = 64;

/// The request's own id if it is one we can echo and log, else a new one.
pub(crate) fn request_id(headers: &HeaderMap, ids: &dyn IdGenerator) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=REQUEST_ID_LIMIT).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .map_or_else(|| ids.uuid().to_string(), ToOwned::to_owned)
}

/// The idempotency key, if one came.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Failure> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let refused = |text: String| Failure::new(Code::InvalidIdempotencyKey, text);
    if values.next().is_some() {
        return Err(refused("Idempotency-Key came more than once. Send one.".into()));
    }
    // What is no text has a character that is no ASCII: the value's own words for that are right.
    let text = value.to_str().unwrap_or("\u{FFFD}");
    IdempotencyKey::parse(text).map(Some).map_err(|flaw| refused(format!("Idempotency-Key {flaw}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use overture_testkit::SequentialIds;

    fn id_for(sent: Option<&[u8]>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(sent) = sent {
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent).unwrap());
        }
        request_id(&headers, &SequentialIds::new())
    }

    #[test]
    fn a_request_id_of_up_to_64_printable_ascii_characters_is_taken_over() {
        assert_eq!(id_for(Some(b"job 17/a")), "job 17/a");
        assert_eq!(id_for(Some(&[b'x'; 64])), "x".repeat(64));
    }

    #[test]
    fn any_other_request_id_is_replaced_by_a_new_one() {
        let new = SequentialIds::new().uuid().to_string();
        for sent in [None, Some(&b""[..]), Some(&[b'x'; 65]), Some("né".as_bytes()), Some(b"a\tb")] {
            assert_eq!(id_for(sent), new, "{sent:?}");
        }
    }

    fn key_of(sent: &[&[u8]]) -> Result<Option<IdempotencyKey>, Failure> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn an_idempotency_key_is_one_header_of_printable_ascii() {
        assert_eq!(key_of(&[]).unwrap(), None);
        assert_eq!(key_of(&[b"order-17"]).unwrap().unwrap().as_str(), "order-17");
        for sent in [&[&b""[..]][..], &[b"a", b"a"], &["schlüssel".as_bytes()], &[&[b'k'; 256]]] {
            assert_eq!(key_of(sent).unwrap_err().code(), Code::InvalidIdempotencyKey, "{sent:?}");
        }
    }
}
