//! Managing channels.

use crate::common::{Answer, Ask, Desk, Key};
use overture_domain::entities::{ApiKey, Channel, ChannelFault, ChannelKind, ChannelState, Scope, Transport};
use overture_domain::ids::{ChannelId, WorkspaceId};
use overture_domain::ports::{ApprovedTemplate, NewIds, VerifyError};
use overture_domain::values::TemplateName;
use overture_testkit::{BEGINNING, SequentialIds};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A desk and somebody who manages its channels.
struct Manager {
    desk: Desk,
    key: Key,
}

impl Manager {
    async fn open() -> Self {
        let desk = Desk::open().await;
        let key = desk.key_with(&[Scope::ChannelsRead, Scope::ChannelsWrite]).await;
        Self { desk, key }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.desk.ask(method, path).bearer_auth(&self.key).answer().await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.desk.ask(method, path).bearer_auth(&self.key).json(body).answer().await
    }

    async fn add(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/api/channels", body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    /// An SMTP channel as it is asked for.
    fn smtp(&self) -> Value {
        json!({
            "workspaceId": self.desk.workspace.to_string(),
            "type": "email",
            "transport": "smtp",
            "displayName": "Support",
            "config": { "host": "mail.acme.example", "port": 587, "from": "a@acme.example", "password": "hunter2" },
        })
    }

    /// The path of a fresh SMTP channel.
    async fn added(&self) -> String {
        let answer = self.add(&self.smtp()).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.header("location").unwrap().to_owned()
    }

    async fn state(&self, path: &str) -> Value {
        self.get(path).await.json()["state"].clone()
    }

    async fn compose_through(&self, path: &str) -> Answer {
        let id = path.rsplit('/').next().unwrap();
        self.desk.answer_of(&self.desk.body_with(&json!({ "channelId": id }))).await
    }
}

fn template(name: &str) -> ApprovedTemplate {
    ApprovedTemplate {
        template: TemplateName::Named { name: name.into(), language: "de".into() },
        title: name.into(),
        body: "Hallo {{1}}".into(),
        variables: vec!["1".into()],
    }
}

#[tokio::test]
async fn a_channel_is_made_and_shown_without_its_secrets() {
    let manager = Manager::open().await;
    let made = manager.add(&manager.smtp()).await;
    insta::assert_snapshot!(made);
    let path = made.header("location").unwrap();
    let read = manager.get(path).await;
    assert_eq!((read.status, &read.text), (200, &made.text));
    assert!(!made.text.contains("hunter2"));
}

#[tokio::test]
async fn a_channel_takes_messages_once_it_was_verified() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    assert_eq!(
        manager.compose_through(&path).await.gist(),
        (400, "channel_not_ready".into(), Some("channelId".into()))
    );
    let verified = manager.ask(Method::POST, &format!("{path}/verify")).await;
    assert_eq!((verified.status, verified.text.as_str()), (200, r#"{"ok":true}"#));
    assert_eq!(manager.state(&path).await, "active");
    assert_eq!(manager.compose_through(&path).await.status, 200);
}

#[tokio::test]
async fn a_channel_is_made_with_the_most_messages_in_a_second_that_its_owner_says() {
    let manager = Manager::open().await;
    for (written, shown) in [(json!(20), json!(20)), (Value::Null, Value::Null)] {
        let mut body = manager.smtp();
        body["maxPerSecond"] = written;
        let made = manager.add(&body).await;
        assert_eq!((made.status, &made.json()["maxPerSecond"]), (201, &shown));
        let path = made.header("location").unwrap();
        assert_eq!(manager.get(path).await.json()["maxPerSecond"], shown);
    }
}

#[tokio::test]
async fn a_sandbox_takes_messages_at_once() {
    let manager = Manager::open().await;
    let mut body = manager.smtp();
    body["transport"] = json!("sandbox");
    body["config"] = json!({});
    let made = manager.add(&body).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("active")));
    assert_eq!(manager.compose_through(made.header("location").unwrap()).await.status, 200);
}

#[tokio::test]
async fn settings_that_do_not_work_are_422_with_one_of_the_fixed_outcomes() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    for error in VerifyError::ALL {
        manager.desk.provider.refuses(*error);
        let answer = manager.ask(Method::POST, &format!("{path}/verify")).await;
        assert_eq!(answer.gist(), (422, "verification_failed".into(), None));
        assert_eq!(answer.json()["details"], json!({ "outcome": error.as_str() }));
    }
    manager.desk.provider.refuses(VerifyError::CredentialsRefused);
    insta::assert_snapshot!(manager.ask(Method::POST, &format!("{path}/verify")).await);
    assert_eq!(manager.state(&path).await, "unverified");
}

#[tokio::test]
async fn what_does_not_make_a_channel_is_400_that_names_the_field() {
    let manager = Manager::open().await;
    let elsewhere = SequentialIds::after(77_777).workspace_id().to_string();
    for (field, value, code, at) in [
        ("workspaceId", Value::Null, "invalid_workspace_id", "workspaceId"),
        ("workspaceId", json!("x"), "invalid_workspace_id", "workspaceId"),
        ("workspaceId", json!(elsewhere), "unknown_workspace", "workspaceId"),
        ("type", json!("fax"), "invalid_type", "type"),
        ("transport", json!("pigeon"), "invalid_transport", "transport"),
        ("displayName", json!("  "), "invalid_display_name", "displayName"),
        ("displayName", json!(7), "wrong_type", "displayName"),
        ("config", json!({ "hots": "x" }), "invalid_config", "config.hots"),
        ("config", json!({ "password": { "fromEnv": "HOME" } }), "wrong_type", "config.password"),
        ("config", json!([]), "wrong_type", "config"),
        ("nickname", json!("x"), "unknown_field", "nickname"),
        ("maxPerSecond", json!(0), "invalid_channel_limit", "maxPerSecond"),
        ("maxPerSecond", json!(10_001), "invalid_channel_limit", "maxPerSecond"),
        ("maxPerSecond", json!("20"), "wrong_type", "maxPerSecond"),
    ] {
        let mut body = manager.smtp();
        body[field] = value;
        assert_eq!(manager.add(&body).await.gist(), (400, code.into(), Some(at.into())), "{field}");
    }
    let listed = manager.get("/api/channels").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "nothing was made");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    let limits = json!({
        "displayName": "Sales", "enabled": false, "maxPerSecond": 20, "maxPerDay": 500, "maxPerContactPerHour": 3,
        "allowedCountries": ["de", "AT"], "config": { "from": "sales@acme.example", "port": null },
    });
    insta::assert_snapshot!(manager.patch(&path, &limits).await);
    let cleared = manager.patch(&path, &json!({ "maxPerDay": null, "allowedCountries": null })).await.json();
    assert_eq!((&cleared["maxPerDay"], &cleared["allowedCountries"]), (&Value::Null, &Value::Null));
    assert_eq!((&cleared["maxPerContactPerHour"], &cleared["displayName"]), (&json!(3), &json!("Sales")));
    assert_eq!(manager.compose_through(&path).await.code(), "channel_disabled");
}

#[tokio::test]
async fn what_does_not_change_a_channel_is_400_that_names_the_field() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    for (body, code, at) in [
        (json!({ "maxPerSecond": 0 }), "invalid_channel_limit", "maxPerSecond"),
        (json!({ "maxPerSecond": 10_001 }), "invalid_channel_limit", "maxPerSecond"),
        (json!({ "maxPerSecond": "20" }), "wrong_type", "maxPerSecond"),
        (json!({ "maxPerDay": 0 }), "invalid_channel_limit", "maxPerDay"),
        (json!({ "maxPerContactPerHour": "3" }), "wrong_type", "maxPerContactPerHour"),
        (json!({ "maxPerDay": 1.5 }), "wrong_type", "maxPerDay"),
        (json!({ "allowedCountries": ["Germany"] }), "invalid_allowed_countries", "allowedCountries"),
        (json!({ "allowedCountries": [1] }), "wrong_type", "allowedCountries[]"),
        (json!({ "enabled": null }), "wrong_type", "enabled"),
        (json!({ "displayName": null }), "invalid_display_name", "displayName"),
        (json!({ "state": "active" }), "unknown_field", "state"),
        (json!({ "workspaceId": "x" }), "unknown_field", "workspaceId"),
    ] {
        assert_eq!(manager.patch(&path, &body).await.gist(), (400, code.into(), Some(at.into())), "{body}");
    }
}

#[tokio::test]
async fn what_leaves_outside_the_window_is_written_as_it_is_shown_and_null_clears_it() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    let carry = json!({ "mode": "carry", "template": { "name": "a", "language": "de" }, "body": "{{1}}" });
    let opener =
        json!({ "mode": "opener", "template": { "name": "a", "language": "de" }, "body": "Hi", "holdFor": "PT60S" });
    for written in [carry, opener, Value::Null] {
        let answer = manager.patch(&path, &json!({ "outsideWindow": written })).await.json();
        assert_eq!(answer["outsideWindow"], written);
    }
    for (written, code, at) in [
        (
            json!({ "template": { "name": "a", "language": "de" }, "body": "x" }),
            "invalid_outside_window",
            "outsideWindow.body",
        ),
        (json!({ "mood": "carry" }), "unknown_field", "outsideWindow.mood"),
        (json!({ "template": { "nmae": "a" } }), "unknown_field", "outsideWindow.template.nmae"),
        (json!({ "body": 1 }), "wrong_type", "outsideWindow.body"),
        (json!("carry"), "wrong_type", "outsideWindow"),
    ] {
        let answer = manager.patch(&path, &json!({ "outsideWindow": written })).await;
        assert_eq!(answer.gist(), (400, code.into(), Some(at.into())));
    }
}

#[tokio::test]
async fn a_new_host_needs_every_secret_again() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    insta::assert_snapshot!(manager.patch(&path, &json!({ "config": { "host": "evil.example" } })).await);
    assert_eq!(manager.get(&path).await.json()["config"]["host"], "mail.acme.example");
    let whole = json!({ "config": { "host": "mail2.acme.example", "password": "hunter3" } });
    assert_eq!(manager.patch(&path, &whole).await.json()["config"]["host"], "mail2.acme.example");
}

#[tokio::test]
async fn a_paused_channel_accepts_and_shows_it_until_it_is_resumed() {
    let manager = Manager::open().await;
    let path = format!("/api/channels/{}", manager.desk.email);
    for (word, paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
        let answer = manager.ask(Method::POST, &format!("{path}/{word}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"ok":true}"#));
        assert_eq!(manager.get(&path).await.json()["paused"], paused);
        assert_eq!(manager.compose_through(&path).await.status, 200);
    }
}

#[tokio::test]
async fn templates_are_those_found_when_the_channel_was_verified_and_again_an_hour_later() {
    let manager = Manager::open().await;
    let path = manager.added().await;
    let listed = async || manager.get(&format!("{path}/templates")).await;
    assert_eq!(listed().await.json(), json!({ "data": [] }));
    manager.desk.provider.approves(vec![template("greeting")]);
    assert_eq!(listed().await.json(), json!({ "data": [] }), "it was never verified");
    manager.ask(Method::POST, &format!("{path}/verify")).await;
    insta::assert_snapshot!(listed().await);
    manager.desk.provider.approves(vec![template("farewell")]);
    assert_eq!(listed().await.json()["data"][0]["name"], "greeting");
    manager.desk.store.clock().advance(Duration::from_secs(3_600));
    assert_eq!(listed().await.json()["data"][0]["name"], "farewell");
}

#[tokio::test]
async fn verifying_tells_that_the_template_outside_the_window_cannot_leave() {
    let manager = Manager::open().await;
    let template_of = |name: &str| json!({ "name": name, "language": "de" });
    let mut body = manager.smtp();
    (body["type"], body["transport"]) = (json!("whatsapp"), json!("whatsapp-cloud"));
    body["outsideWindow"] = json!({ "mode": "carry", "template": template_of("greting"), "body": "{{1}}" });
    let made = manager.add(&body).await;
    let path = made.header("location").unwrap();
    manager.desk.provider.approves(vec![template("greeting")]);
    let told = manager.ask(Method::POST, &format!("{path}/verify")).await;
    assert_eq!((told.status, &told.json()["ok"]), (200, &json!(true)));
    insta::assert_snapshot!(told);
    assert_eq!(manager.state(path).await, "active");
    let patch = json!({ "outsideWindow": body["outsideWindow"] });
    let refused = manager.patch(path, &patch).await;
    let at = Some("outsideWindow.template".to_owned());
    assert_eq!(refused.gist(), (400, "invalid_outside_window".into(), at));
}

#[tokio::test]
async fn the_addresses_to_enter_at_the_provider_are_shown_and_a_fault_without_what_the_provider_said() {
    let manager = Manager::open().await;
    let show = async |kind, transport| {
        let fault =
            ChannelFault { code: "authentication_failed".into(), text: "ann@example.com".into(), since: BEGINNING };
        let channel =
            Channel { transport, state: ChannelState::Error, fault: Some(fault), ..manager.desk.channel(kind) };
        let id = manager.desk.add_channel(channel).await;
        (id, manager.get(&format!("/api/channels/{id}")).await.json())
    };
    let (id, twilio) = show(ChannelKind::Sms, Transport::Twilio).await;
    let below = format!("https://overture.example/webhooks/twilio/{id}");
    assert_eq!(
        twilio["webhooks"],
        json!({ "status": format!("{below}/status"), "inbound": format!("{below}/inbound") })
    );
    let (id, meta) = show(ChannelKind::WhatsApp, Transport::WhatsAppCloud).await;
    assert_eq!(meta["webhooks"], json!({ "webhook": format!("https://overture.example/webhooks/whatsapp/{id}") }));
    assert_eq!(meta["fault"]["code"], "authentication_failed");
    assert!(!meta.to_string().contains("ann@example.com"));
}

#[tokio::test]
async fn following_next_cursor_reads_every_channel_once() {
    let manager = Manager::open().await;
    for _ in 0..5 {
        manager.added().await;
    }
    let workspace = manager.desk.workspace;
    let (mut seen, mut cursor): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        let page = manager.get(&format!("/api/channels?workspaceId={workspace}&limit=3&cursor={cursor}")).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        match page.get("nextCursor") {
            Some(next) => next.as_str().unwrap().clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    let other = manager.get(&format!("/api/channels?limit=3&cursor={cursor}")).await;
    assert_eq!(other.gist(), (400, "invalid_cursor".into(), Some("cursor".into())));
    for (query, code) in
        [("workspaceId=x", "invalid_workspace_id"), ("limit=0", "invalid_limit"), ("q=1", "unknown_parameter")]
    {
        assert_eq!(manager.get(&format!("/api/channels?{query}")).await.code(), code);
    }
}

/// Every path of a channel, with its method and the right it needs.
fn paths(id: ChannelId) -> [(Method, String, Scope); 6] {
    let path = |below: &str| format!("/api/channels/{id}{below}");
    [
        (Method::GET, path(""), Scope::ChannelsRead),
        (Method::PATCH, path(""), Scope::ChannelsWrite),
        (Method::POST, path("/verify"), Scope::ChannelsWrite),
        (Method::POST, path("/pause"), Scope::ChannelsWrite),
        (Method::POST, path("/resume"), Scope::ChannelsWrite),
        (Method::GET, path("/templates"), Scope::ChannelsRead),
    ]
}

#[tokio::test]
async fn a_channel_of_another_tenant_or_workspace_is_404_like_a_random_id() {
    let manager = Manager::open().await;
    let (_, foreign, _) = manager.desk.another_tenant().await;
    let elsewhere = manager.desk.another_workspace().await;
    let scopes = [Scope::ChannelsRead, Scope::ChannelsWrite];
    let bound = ApiKey { workspace_id: Some(elsewhere), ..manager.desk.api_key(&scopes) };
    let bound = manager.desk.keep(bound).await;
    let random = SequentialIds::after(77_777).channel_id();
    for ((method, path, _), nobody) in paths(foreign).into_iter().zip(paths(random)) {
        let body = json!({ "enabled": false });
        let nothing = manager.send(method.clone(), &nobody.1, &body).await;
        assert_eq!(nothing.gist(), (404, "channel_not_found".into(), None), "{path}");
        assert_eq!(manager.send(method.clone(), &path, &body).await.text, nothing.text, "{path}");
        let own = path.replace(&foreign.to_string(), &manager.desk.email.to_string());
        let answer = manager.desk.ask(method, &own).bearer_auth(&bound).json(&body).answer().await;
        assert_eq!(answer.text, nothing.text, "{own}");
    }
    assert_eq!(manager.get("/api/channels/x").await.code(), "channel_not_found");
}

#[tokio::test]
async fn a_bound_key_lists_its_workspace_and_is_403_for_any_other_existing_or_not() {
    let manager = Manager::open().await;
    let elsewhere = manager.desk.another_workspace().await;
    let scopes = [Scope::ChannelsRead, Scope::ChannelsWrite];
    let bound = ApiKey { workspace_id: Some(manager.desk.workspace), ..manager.desk.api_key(&scopes) };
    let bound = Manager { key: manager.desk.keep(bound).await, desk: manager.desk };
    assert_eq!(bound.get("/api/channels").await.json()["data"].as_array().unwrap().len(), 2);
    let foreign = (403, "foreign_workspace".to_owned(), Some("workspaceId".to_owned()));
    let missing: WorkspaceId = SequentialIds::after(77_777).workspace_id();
    for workspace in [elsewhere, missing] {
        assert_eq!(bound.get(&format!("/api/channels?workspaceId={workspace}")).await.gist(), foreign);
        let mut body = bound.smtp();
        body["workspaceId"] = json!(workspace.to_string());
        assert_eq!(bound.add(&body).await.gist(), foreign);
    }
}

#[tokio::test]
async fn each_path_needs_its_right() {
    let desk = Desk::open().await;
    let list = [
        (Method::GET, "/api/channels".to_owned(), Scope::ChannelsRead),
        (Method::POST, "/api/channels".to_owned(), Scope::ChannelsWrite),
    ];
    for (method, path, scope) in paths(desk.email).into_iter().chain(list) {
        let others: Vec<_> = Scope::ALL.iter().copied().filter(|other| *other != scope).collect();
        let key = desk.key_with(&others).await;
        let answer = desk.ask(method, &path).bearer_auth(&key).answer().await;
        assert_eq!(
            (answer.code().as_str(), &answer.json()["details"]["scope"]),
            ("missing_scope", &json!(scope.as_str()))
        );
    }
}

#[tokio::test]
async fn other_methods_are_405_that_say_which_there_are() {
    let manager = Manager::open().await;
    let id = manager.desk.email;
    for (path, allow) in [
        ("/api/channels".to_owned(), "GET, HEAD, POST"),
        (format!("/api/channels/{id}"), "GET, HEAD, PATCH"),
        (format!("/api/channels/{id}/pause"), "POST"),
        (format!("/api/channels/{id}/templates"), "GET, HEAD"),
    ] {
        let answer = manager.ask(Method::DELETE, &path).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{path}");
    }
}
