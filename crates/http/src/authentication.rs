//! Who calls, and whether they may: the first two questions of every request to the API.

use crate::failure::Failure;
use crate::state::State;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use overture_domain::entities::{Caller, Scope};
use overture_domain::values::Secret;
use std::sync::Arc;

/// The caller behind a request, if the key has the scope.
///
/// # Errors
/// 401 with one text for every key that does not work, 403 for a missing scope.
pub(crate) async fn authenticate(headers: &HeaderMap, state: &State, scope: Scope) -> Result<Caller, Failure> {
    let raw = bearer(headers);
    let authenticate = Arc::clone(&state.application.authenticate);
    let caller = state.run(async move { Ok(authenticate.execute(raw.as_ref()).await?) }).await?;
    if caller.may(scope) { Ok(caller) } else { Err(Failure::missing_scope(scope)) }
}

/// The token of `Authorization: Bearer …` (RFC 6750, 2.1), if there is exactly one such header.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::from(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_scheme_has_no_case() {
        assert_eq!(token(&["Bearer ov_x"]).as_deref(), Some("ov_x"));
        assert_eq!(token(&["bearer  ov_x"]).as_deref(), Some("ov_x"));
    }

    #[test]
    fn anything_but_one_bearer_token_is_none() {
        for values in [&[][..], &["ov_x"], &["Basic b3Y6eA=="], &["Bearer"], &["Bearer "], &["Bearer a", "Bearer a"]] {
            assert_eq!(token(values), None, "{values:?}");
        }
    }
}
