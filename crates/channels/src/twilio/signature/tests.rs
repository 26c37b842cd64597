//! Signatures against vectors: of Twilio's Python library, and made with it.

use super::*;
use overture_domain::ports::Hook;

const URL: &str = "https://mycompany.com";
const PATH: &str = "/myapp.php?foo=1&bar=2";
const CALL: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
];

fn token(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn call(path: &str, params: &[(&str, &str)], signature: &str) -> WebhookCall {
    let headers =
        [("content-type", "application/x-www-form-urlencoded; charset=UTF-8"), ("x-twilio-signature", signature)];
    WebhookCall {
        hook: Hook::TwilioStatus,
        path_and_query: path.to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish().into_bytes(),
    }
}

fn with_header(mut call: WebhookCall, name: &str, value: &str) -> WebhookCall {
    call.headers.insert(name.to_owned(), value.to_owned());
    call
}

fn holds(call: &WebhookCall, public_url: &str) -> bool {
    verified(call, public_url, &[&token("12345")]).is_some()
}

#[test]
fn every_vector_holds() {
    let relay = "https://relay.example.test";
    let status = "/webhooks/twilio/status?m=01J";
    let sid = format!("SM{:0>32}", 1);
    let account = format!("AC{}", "a".repeat(32));
    let receipt = [
        ("SmsSid", sid.as_str()),
        ("MessageSid", &sid),
        ("SmsStatus", "delivered"),
        ("MessageStatus", "delivered"),
        ("To", "+4915112345678"),
        ("AccountSid", &account),
        ("From", "+14155552345"),
        ("ApiVersion", "2010-04-01"),
        ("RawDlrDoneDate", "2406041230"),
    ];
    let letter =
        [("Body", ""), ("From", "+4915112345678"), ("To", "+14155552345"), ("Empty", ""), ("Ümlaut", "Grüße 👍")];
    let repeated = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")];
    for (url, path, params, signature) in [
        (URL, PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com/", PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:443", PATH, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com:1234", PATH, CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("http://mycompany.com:80", PATH, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        // With and without the port that goes without saying.
        (URL, PATH, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("https://mycompany.com:443", PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com", PATH, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (URL, PATH, &repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        (relay, status, &receipt, "BpWyTclji3ARockXFWIbMI605UA="),
        (relay, status, &letter, "Alx1NLjCiSY/kiRcP0KSxChVzpE="),
    ] {
        assert!(holds(&call(path, params, signature), url), "{url}{path} {signature}");
    }
}

#[test]
fn values_that_repeat_count_once_whatever_their_order() {
    let repeated =
        [("Digits", "1234"), ("Sid", "CA123"), ("Digits", "5678"), ("Digits", "1234"), ("SidAccount", "AC123")];
    assert!(holds(&call(PATH, &repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="), URL));
}

#[test]
fn the_newer_signature_is_told_by_its_header() {
    let signature = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
    let name = "x-twilio-webhooks-signature-settings";
    for settings in
        ["key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", "algorithm=hmac_sha256", " key=1 , algorithm = HMAC_SHA256 "]
    {
        assert!(holds(&with_header(call(PATH, CALL, signature), name, settings), URL), "{settings}");
    }
    assert!(!holds(&call(PATH, CALL, signature), URL), "the older one has another length");
    let older = call(PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert!(holds(&with_header(older.clone(), name, "key=1"), URL));
    assert!(!holds(&with_header(older.clone(), name, "key=1,algorithm=HMAC_SHA256"), URL));
    assert!(!holds(&with_header(older, name, "algorithm=HMAC_MD5"), URL));
}

#[test]
fn a_body_that_is_no_form_is_signed_by_its_hash() {
    let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let json = |body: &str, path: &str| {
        let mut call = with_header(call(path, &[], "a9nBmqA0ju/hNViExpshrM61xv4="), "content-type", "application/json");
        call.body = body.as_bytes().to_vec();
        call
    };
    let body = r#"{"property": "value", "boolean": true}"#;
    let path = format!("{PATH}&bodySHA256={hash}");
    let told = verified(&json(body, &path), URL, &[&token("12345")]);
    assert_eq!(told, Some(Params::new()));
    assert!(!holds(&json(r#"{"property": "value", "boolean": false}"#, &path), URL), "another body");
    assert!(!holds(&json(body, PATH), URL), "a body without a hash");
    // As a form, the body would be part of what is signed.
    let form = with_header(json(body, &path), "content-type", "application/x-www-form-urlencoded");
    assert!(!holds(&form, URL));
}

#[test]
fn either_token_holds_and_no_other() {
    let call = call(PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    let (right, wrong) = (token("12345"), token("12346"));
    assert!(verified(&call, URL, &[&wrong, &right]).is_some());
    assert!(verified(&call, URL, &[&right, &wrong]).is_some());
    assert!(verified(&call, URL, &[&wrong]).is_none());
    assert!(verified(&call, URL, &[]).is_none());
}

#[test]
fn whatever_is_changed_breaks_it() {
    let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    assert!(!holds(&call(PATH, &CALL[1..], signature), URL), "a parameter is missing");
    assert!(!holds(&call(PATH, &[CALL, &[("More", "")]].concat(), signature), URL), "a parameter is more");
    assert!(!holds(&call("/myapp.php?foo=1&bar=3", CALL, signature), URL), "another query");
    assert!(!holds(&call(PATH, CALL, signature), "https://mycompany.org"), "another host");
    assert!(!holds(&call(PATH, CALL, signature), "http://mycompany.com"), "another scheme");
    for other in ["", "=", "RSOY", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", "not base64!", "RSOYDt4T1cUTdK1PDd93/VVr8B8"] {
        assert!(!holds(&call(PATH, CALL, other), URL), "{other:?}");
    }
    let mut unsigned = call(PATH, CALL, signature);
    unsigned.headers.remove("x-twilio-signature");
    assert!(!holds(&unsigned, URL));
}

#[test]
fn the_host_header_has_no_say() {
    let call = with_header(call(PATH, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="), "host", "mycompany.com");
    assert!(!holds(&call, "https://elsewhere.example"));
    assert!(holds(&with_header(call, "host", "elsewhere.example"), URL));
}

#[test]
fn ports_are_put_in_and_taken_out_without_touching_anything_else() {
    for (without, with) in [
        ("https://a.example/x?y=b:1", "https://a.example:443/x?y=b:1"),
        ("http://a.example", "http://a.example:80"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("https://a.example?x=%C3%BC", "https://a.example:443?x=%C3%BC"),
    ] {
        assert_eq!((with_port(without).as_str(), without_port(with).as_str()), (with, without));
        assert_eq!((with_port(with).as_str(), without_port(without).as_str()), (with, without));
    }
    assert_eq!(without_port("https://a.example:8443/x"), "https://a.example/x");
}
