//! A request's body as bytes: of the right type, within its limit and its time. What it says is the bodies' business.

use crate::Code;
use crate::failure::Failure;
use crate::json::{self, Json};
use crate::state::State;
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde_json::json;

/// The whole body.
///
/// # Errors
/// 415 if it is no JSON, 413 if it is too large, 408 if it takes too long.
pub(crate) async fn read(request: &HttpRequest, payload: Payload, state: &State) -> Result<Bytes, Failure> {
    check_type(request.headers())?;
    raw(request, payload, state, state.body_limit).await
}

/// The whole body, whatever its type.
///
/// # Errors
/// 413 if it is larger than the limit, 408 if it takes too long.
pub(crate) async fn raw(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    limit: usize,
) -> Result<Bytes, Failure> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(state.body_timeout, collect(payload, limit)).await {
        Ok(body) => body,
        Err(_) => Err(Failure::new(Code::BodyTimeout, "The body did not arrive in time. Send the request again.")),
    }
}

/// Takes a request that brings nothing: no body, or an object without fields. No type is asked for, since there is none of nothing.
///
/// # Errors
/// 400 for whatever else it brings, and what a body can fail by.
pub(crate) async fn nothing(request: &HttpRequest, payload: Payload, state: &State) -> Result<(), Failure> {
    let body = raw(request, payload, state, state.body_limit).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    match json::read(&body)? {
        Json::Object(members) => members.first().map_or(Ok(()), |(name, _)| {
            let shown: String = name.chars().take(64).collect();
            let text = format!("There is no field \"{shown}\". This takes none: send no body, or {{}}.");
            Err(Failure::new(Code::UnknownField, text).at(shown))
        }),
        other => {
            let text = format!("The body is {}. This takes none: send no body, or {{}}.", other.kind());
            Err(Failure::new(Code::WrongType, text))
        }
    }
}

/// One chunk is the whole body of most requests: it is handed on as it came.
async fn collect(mut payload: Payload, limit: usize) -> Result<Bytes, Failure> {
    let mut only = Bytes::new();
    let mut many = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|_| Failure::new(Code::MalformedJson, "The body ended early. Send the request again."))?;
        if only.len().max(many.len()) + chunk.len() > limit {
            return Err(too_large(limit));
        }
        if only.is_empty() {
            only = chunk;
            continue;
        }
        if many.is_empty() {
            many.extend_from_slice(&only);
        }
        many.extend_from_slice(&chunk);
    }
    Ok(if many.is_empty() { only } else { many.freeze() })
}

fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let refused = |text: &'static str| Err(Failure::new(Code::UnsupportedMediaType, text));
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return refused("The body must be JSON: send the header Content-Type: application/json.");
    }
    for (name, charset) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let charset = charset.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
        {
            return refused("JSON is UTF-8. Send Content-Type: application/json without another charset.");
        }
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refused("The body must not be compressed: leave out Content-Encoding.");
    }
    Ok(())
}

fn too_large(limit: usize) -> Failure {
    Failure::new(Code::BodyTooLarge, format!("The body is larger than {limit} bytes. Shorten it."))
        .details(json!({ "limit": limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn accepted(content_type: Option<&str>, encoding: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [(CONTENT_TYPE, content_type), (CONTENT_ENCODING, encoding)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        check_type(&headers).is_ok()
    }

    #[test]
    fn json_in_utf_8_is_accepted() {
        for content_type in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; v=1"]
        {
            assert!(accepted(Some(content_type), None), "{content_type}");
        }
        assert!(accepted(Some("application/json"), Some("identity")));
    }

    #[test]
    fn other_types_charsets_and_encodings_are_not() {
        for content_type in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "application/json; charset=latin1",
        ] {
            assert!(!accepted(Some(content_type), None), "{content_type}");
        }
        assert!(!accepted(None, None));
        assert!(!accepted(Some("application/json"), Some("gzip")));
    }
}
