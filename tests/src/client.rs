//! A client of the HTTP API, as somebody else would write it.

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// Where to send, and with which key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// A header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The same, if it is a success of a compose: 200 and `{"ok":true}` with a `Location`.
    ///
    /// # Errors
    /// It is none.
    pub fn composed(self) -> Result<Self> {
        ensure!(self.status == 200 && self.body["ok"] == true, "{} {}", self.status, self.body);
        self.header("location").context("a compose without Location")?;
        Ok(self)
    }

    /// The conversation that a compose opened.
    ///
    /// # Errors
    /// There is no `Location` of a conversation.
    pub fn conversation(&self) -> Result<&str> {
        let location = self.header("location").context("no Location")?;
        location.strip_prefix("/api/conversations/").with_context(|| format!("Location is {location}"))
    }

    /// The notices of its header.
    pub fn notices(&self) -> Vec<&str> {
        self.header("overture-notice").map(|list| list.split(',').map(str::trim).collect()).unwrap_or_default()
    }
}

impl Client {
    /// A client of the API at `url`.
    ///
    /// # Errors
    /// There can be no client.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        // Only the first of several clients can.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { http, url: url.to_owned(), key: key.to_owned() })
    }

    /// Where the API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Composes.
    ///
    /// # Errors
    /// No answer.
    pub async fn compose(&self, body: &Value) -> Result<Answer> {
        self.compose_with(body, &[]).await
    }

    /// Composes with an `Idempotency-Key`.
    ///
    /// # Errors
    /// No answer.
    pub async fn compose_once(&self, body: &Value, key: &str) -> Result<Answer> {
        self.compose_with(body, &[("Idempotency-Key", key)]).await
    }

    /// Composes with further headers.
    ///
    /// # Errors
    /// No answer.
    pub async fn compose_with(&self, body: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.http.post(format!("{}/api/conversations/compose", self.url)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Asks what a compose would do.
    ///
    /// # Errors
    /// No answer.
    pub async fn preview(&self, body: &Value) -> Result<Answer> {
        self.send(self.http.post(format!("{}/api/conversations/compose/preview", self.url)).json(body)).await
    }

    /// Changes a channel, and says how it is then.
    ///
    /// # Errors
    /// It is refused.
    pub async fn change_channel(&self, channel: &str, changes: &Value) -> Result<Value> {
        let answer = self.send(self.http.patch(format!("{}/api/channels/{channel}", self.url)).json(changes)).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Reads.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Changes.
    ///
    /// # Errors
    /// No answer.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.http.patch(format!("{}{path}", self.url)).json(body)).await
    }

    /// The only message of a conversation that was just composed.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub async fn only_message(&self, conversation: &str) -> Result<Value> {
        let answer = self.get(&format!("/api/conversations/{conversation}/messages")).await?;
        let messages = answer.body["data"].as_array().with_context(|| format!("{} {}", answer.status, answer.body))?;
        ensure!(messages.len() == 1, "{} messages", messages.len());
        Ok(messages[0].clone())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.bearer_auth(&self.key).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
    }
}
