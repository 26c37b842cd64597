//! Somebody who manages channels.

use super::{Answer, Ask, Desk, Key};
use overture_domain::entities::Scope;
use reqwest::Method;
use serde_json::{Value, json};

/// A desk and somebody who manages its channels.
pub(crate) struct Manager {
    pub(crate) desk: Desk,
    pub(crate) key: Key,
}

impl Manager {
    pub(crate) async fn open() -> Self {
        let desk = Desk::open().await;
        let key = desk.key_with(&[Scope::ChannelsRead, Scope::ChannelsWrite]).await;
        Self { desk, key }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        self.desk.ask(method, path).bearer_auth(&self.key).answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.desk.ask(method, path).bearer_auth(&self.key).json(body).answer().await
    }

    pub(crate) async fn add(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/api/channels", body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    /// An SMTP channel as it is asked for.
    pub(crate) fn smtp(&self) -> Value {
        json!({
            "workspaceId": self.desk.workspace.to_string(),
            "type": "email",
            "transport": "smtp",
            "displayName": "Support",
            "config": { "host": "mail.acme.example", "port": 587, "from": "a@acme.example", "password": "hunter2" },
        })
    }

    /// An SMS channel as it is asked for.
    pub(crate) fn sms(&self) -> Value {
        let mut body = self.smtp();
        (body["type"], body["transport"], body["config"]) = (json!("sms"), json!("sandbox"), json!({}));
        body
    }

    /// The path of a fresh SMTP channel.
    pub(crate) async fn added(&self) -> String {
        self.path_of(&self.smtp()).await
    }

    /// The path of a fresh channel that is asked for so.
    pub(crate) async fn path_of(&self, body: &Value) -> String {
        let answer = self.add(body).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn state(&self, path: &str) -> Value {
        self.get(path).await.json()["state"].clone()
    }

    pub(crate) async fn compose_through(&self, path: &str) -> Answer {
        let id = path.rsplit('/').next().unwrap();
        self.desk.answer_of(&self.desk.body_with(&json!({ "channelId": id }))).await
    }
}
