//! Asking and what came back.

use reqwest::header::HeaderMap;
use serde_json::Value;
use std::fmt;

/// Headers that say something about Overture; the rest is the protocol's.
const TELLING: [&str; 11] = [
    "allow",
    "content-type",
    "idempotency-replayed",
    "location",
    "overture-notice",
    "preference-applied",
    "retry-after",
    "www-authenticate",
    "cache-control",
    "content-security-policy",
    "x-request-id",
];

/// A whole answer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status, code and field: what most tests ask.
    pub(crate) fn gist(&self) -> (u16, String, Option<String>) {
        (self.status, self.code(), self.json()["field"].as_str().map(ToOwned::to_owned))
    }
}

/// As it stands in a snapshot.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in TELLING {
            if let Some(value) = self.header(name) {
                writeln!(f, "{name}: {value}")?;
            }
        }
        write!(f, "\n{}", self.text)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A request that is sent and read whole.
pub(crate) trait Ask {
    async fn answer(self) -> Answer;
}

impl Ask for reqwest::RequestBuilder {
    async fn answer(self) -> Answer {
        let response = self.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}
