//! The signatures of Twilio's webhooks: that a call was made by somebody who knows the account's token.
//!
//! Owned here: what is signed (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>, and Twilio's own Python
//! library where that page is silent) and comparing it in constant time. Refused here: the `Host` header, which whoever
//! calls chooses; and telling old calls from new ones, for a signature carries no time: a repetition is found by its
//! content.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use overture_domain::ports::WebhookCall;
use overture_domain::values::Secret;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use url::form_urlencoded;

/// The parameters of a form by name, with all values that a name has, in their order.
pub(super) type Params = BTreeMap<String, Vec<String>>;

/// How the signature was made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

impl Algorithm {
    /// What the header `X-Twilio-Webhooks-Signature-Settings` (`key=…,algorithm=…`) names; `None` for one that is not
    /// known. Without it, the signature is the older one.
    fn of(call: &WebhookCall) -> Option<Self> {
        let settings = call.headers.get("x-twilio-webhooks-signature-settings").map_or("", String::as_str);
        let members = settings.split(',').filter_map(|member| member.split_once('='));
        let named = members.map(|(name, value)| (name.trim(), value.trim()));
        match named.filter(|(name, value)| *name == "algorithm" && !value.is_empty()).map(|(_, value)| value).next() {
            None => Some(Self::Sha1),
            Some(name) if name.eq_ignore_ascii_case("HMAC_SHA1") => Some(Self::Sha1),
            Some(name) if name.eq_ignore_ascii_case("HMAC_SHA256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    /// Whether this is the signature of that text; in constant time.
    fn fits(self, token: &Secret, text: &str, signature: &[u8]) -> bool {
        match self {
            Self::Sha1 => fits::<Hmac<Sha1>>(token, text, signature),
            Self::Sha256 => fits::<Hmac<Sha256>>(token, text, signature),
        }
    }
}

fn fits<M: Mac + KeyInit>(token: &Secret, text: &str, signature: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(token.expose().as_bytes())
        .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
}

/// Whether somebody who knows one of these tokens called us at `public_url`; then the parameters of the call, which are
/// none if its body is no form.
pub(super) fn verified(call: &WebhookCall, public_url: &str, tokens: &[&Secret]) -> Option<Params> {
    let signature = STANDARD.decode(call.headers.get("x-twilio-signature")?.trim()).ok()?;
    let algorithm = Algorithm::of(call)?;
    let url = format!("{}{}", public_url.trim_end_matches('/'), call.path_and_query);
    let params = match call.headers.get("content-type") {
        Some(kind) if !is_form(kind) && !call.body.is_empty() => {
            signed_body(call)?;
            Params::new()
        }
        _ => form(&call.body),
    };
    let tail = signed_params(&params);
    let texts = [with_port(&url), without_port(&url)].map(|url| format!("{url}{tail}"));
    let signed = tokens.iter().any(|token| texts.iter().any(|text| algorithm.fits(token, text, &signature)));
    signed.then_some(params)
}

fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A body that is no form is signed by its hash, which stands in the query (and so in the signed URL).
fn signed_body(call: &WebhookCall) -> Option<()> {
    let (_, hash) = query(&call.path_and_query).find(|(name, _)| name == "bodySHA256")?;
    let computed: String = Sha256::digest(&call.body).iter().map(|byte| format!("{byte:02x}")).collect();
    (hash == computed).then_some(())
}

/// The parameters of a query, decoded.
pub(super) fn query(path_and_query: &str) -> impl Iterator<Item = (String, String)> {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned()
}

fn form(body: &[u8]) -> Params {
    let mut params = Params::new();
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        params.entry(name).or_default().push(value);
    }
    params
}

/// Names in order of their code points, each followed by its value; a name with several values once for each that is
/// different, in order.
fn signed_params(params: &Params) -> String {
    let mut text = String::new();
    for (name, values) in params {
        for value in values.iter().collect::<BTreeSet<_>>() {
            text.push_str(name);
            text.push_str(value);
        }
    }
    text
}

/// Scheme, authority and the rest of a URL. Nothing is normalised: what was signed are these characters.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    Some((scheme, authority, tail))
}

/// Host and port of an authority.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

fn with_port(url: &str) -> String {
    match parts(url) {
        Some((scheme, authority, tail)) if host_and_port(authority).1.is_none() => {
            let port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            format!("{scheme}://{authority}:{port}{tail}")
        }
        _ => url.to_owned(),
    }
}

fn without_port(url: &str) -> String {
    match parts(url) {
        Some((scheme, authority, tail)) => format!("{scheme}://{}{tail}", host_and_port(authority).0),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
