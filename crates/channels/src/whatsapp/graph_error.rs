//! The errors of Graph: `{"error":{"message","type","code","error_data":{"details"},…}}` in answers, and the same members
//! with a `title` in receipts. Read leniently: of a member that has another type, only that member is lost.

use overture_domain::values::Secret;
use serde_json::Value;

/// As much of what Meta said as is kept.
const LONGEST_TEXT: usize = 500;
/// Fewer digits in a row are no number to call: codes and years stay readable.
const SHORTEST_NUMBER: usize = 7;

/// An error as Meta tells it.
pub(super) struct GraphError {
    /// Its code.
    pub(super) code: Option<i64>,
    /// Whether it is not the message that is wrong but the node that was asked: an id that does not exist, or that the
    /// token may not see. Its code is 100 then, as that of a wrong parameter.
    pub(super) is_about_node: bool,
    /// In words, as one line; it may hold an address.
    pub(super) text: String,
}

impl GraphError {
    /// The error of an answer, if it is one.
    pub(super) fn of_answer(answer: &Value) -> Option<Self> {
        answer.get("error").filter(|error| error.is_object()).map(Self::read)
    }

    /// The error itself.
    pub(super) fn read(error: &Value) -> Self {
        let message = text(error.get("message")).or_else(|| text(error.get("title")));
        let details = text(error.get("error_data").and_then(|data| data.get("details")));
        let words = match (message, details) {
            (Some(message), Some(details)) if message.contains(details) => message.to_owned(),
            (Some(message), Some(details)) => format!("{message}: {details}"),
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        };
        let is_unknown_node = error.get("type").and_then(Value::as_str) == Some("GraphMethodException")
            || integer(error.get("error_subcode")) == Some(33);
        let code = integer(error.get("code"));
        Self { code, is_about_node: code == Some(100) && is_unknown_node, text: one_line(&words) }
    }
}

/// A text that is not empty, without what surrounds it.
fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A whole number, or its digits as text.
fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

/// A text without line breaks and other control characters, not too long.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TEXT).collect()
}

/// A text without secrets, also where Meta repeats the token that it refuses.
pub(super) fn without_secrets<'s>(text: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    secrets.into_iter().fold(text.to_owned(), |text, secret| match secret.expose() {
        "" => text,
        secret => text.replace(secret, "***"),
    })
}

/// A text without numbers to call, for those who look after a channel and not after its contacts.
pub(super) fn without_numbers(text: &str) -> String {
    let personal = |word: &str| word.chars().filter(char::is_ascii_digit).count() >= SHORTEST_NUMBER;
    text.split(' ').map(|word| if personal(word) { "***" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn message_and_details_are_one_line() {
        let error = json!({
            "message": "(#131047) Re-engagement message", "type": "OAuthException", "code": 131_047,
            "error_data": {"messaging_product": "whatsapp", "details": "More than\n24 hours have passed"},
        });
        let error = GraphError::read(&error);
        assert_eq!(error.code, Some(131_047));
        assert_eq!(error.text, "(#131047) Re-engagement message: More than 24 hours have passed");
        let repeated = json!({"title": "No", "message": "No such thing", "error_data": {"details": "such thing"}});
        assert_eq!(GraphError::read(&repeated).text, "No such thing");
        assert_eq!(GraphError::read(&json!({"title": "Too many"})).text, "Too many");
    }

    #[test]
    fn of_odd_types_only_the_odd_is_lost() {
        let error = GraphError::read(&json!({"message": 5, "code": "131026", "error_data": "x", "type": []}));
        assert_eq!((error.code, error.text.as_str()), (Some(131_026), ""));
        for none in [json!({"error": "no"}), json!({"error": null}), json!([]), json!("error")] {
            assert!(GraphError::of_answer(&none).is_none(), "{none}");
        }
        assert_eq!(GraphError::read(&json!({"code": 1.5})).code, None);
    }

    #[test]
    fn an_unknown_node_is_told_from_a_wrong_parameter() {
        let is_about_node = |error: Value| GraphError::read(&error).is_about_node;
        assert!(is_about_node(json!({"code": 100, "error_subcode": 33})));
        assert!(is_about_node(json!({"code": 100, "type": "GraphMethodException"})));
        assert!(!is_about_node(json!({"code": 100, "type": "OAuthException"})));
        assert!(!is_about_node(json!({"code": 190, "error_subcode": 33})));
    }

    #[test]
    fn a_text_is_never_longer_than_what_people_read() {
        let text = GraphError::read(&json!({"message": "ü".repeat(100_000)})).text;
        assert_eq!(text.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn secrets_and_numbers_are_struck_out() {
        let secrets = ["EAAJB".to_owned(), String::new()].map(Secret::from);
        assert_eq!(without_secrets("Malformed access token EAAJB.", &secrets), "Malformed access token ***.");
        assert_eq!(without_numbers("(#131030) +4915112345678 is not listed"), "(#131030) *** is not listed");
    }
}
