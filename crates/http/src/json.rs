//! JSON as it was written: every key in its order, doubles included, so that nothing a client sent is dropped in silence.
//!
//! Read once, with texts borrowed from the body where they hold no escapes. Refuses to know any field: that is the bodies'.

use crate::Code;
use crate::failure::Failure;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, json};
use std::borrow::Cow;
use std::fmt;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// What it is, in words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a whole body: one JSON value in UTF-8. A byte order mark before it is skipped (RFC 8259, 8.1).
///
/// # Errors
/// `malformed_json` with line and column.
pub(crate) fn read(body: &[u8]) -> Result<Json<'_>, Failure> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Code::MalformedJson, "The body is empty. Send a JSON object."));
    }
    serde_json::from_slice(body).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let said = error.to_string();
    // The position stands at the end of what it said, and once in our sentence is enough.
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    Failure::new(Code::MalformedJson, format!("The body is no valid JSON at line {line}, column {column}: {what}."))
        .details(json!({ "line": line, "column": column }))
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        // What is no finite number is no JSON.
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::with_capacity(12);
        while let Some(Key(key)) = object.next_key()? {
            members.push((key, object.next_value()?));
        }
        Ok(Json::Object(members))
    }
}

/// A key, borrowed where it can be.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_escapes_are_borrowed_and_doubles_are_kept() {
        let Json::Object(members) = read(br#"{"a":"x","a":"\u0041","b":[1,{"c":2}],"d":null}"#).unwrap() else {
            panic!("no object")
        };
        assert!(matches!(&members[0].1, Json::Text(Cow::Borrowed("x"))));
        assert_eq!(members[1], ("a".into(), Json::Text("A".into())));
        let Json::List(elements) = &members[2].1 else { panic!("no list") };
        assert_eq!(elements[0], Json::Number(1.into()));
        assert_eq!(elements.len(), 2);
        assert_eq!(members[3].1, Json::Null);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(read(b"\xEF\xBB\xBF{}").unwrap(), Json::Object(vec![]));
    }

    #[test]
    fn what_does_not_parse_is_refused() {
        let deep = "[".repeat(100_000);
        let deep_object = "{\"a\":".repeat(100_000);
        for body in ["", " \n", "{", "{} {}", "{\"a\":\"\\ud800\"}", "{'a':1}", "{\"a\":1e999}", &deep, &deep_object] {
            assert_eq!(
                read(body.as_bytes()).unwrap_err().code(),
                Code::MalformedJson,
                "{}",
                &body[..body.len().min(20)]
            );
        }
        assert_eq!(read(b"{\"a\":\"\xFF\"}").unwrap_err().code(), Code::MalformedJson);
    }
}
