//! The limits of channels, as they are written and refused.

use crate::common::{Answer, Manager};
use serde_json::{Value, json};

#[tokio::test]
async fn a_channel_is_made_with_its_limits_in_one_request() {
    let manager = Manager::open().await;
    let mut body = manager.sms();
    let limits = json!({ "maxPerDay": 500, "maxPerContactPerHour": 3, "allowedCountries": ["de", "AT"] });
    body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let made = manager.add(&body).await;
    assert_eq!(made.status, 201, "{made}");
    let read = manager.get(made.header("location").unwrap()).await.json();
    for shown in [made.json(), read] {
        assert_eq!((&shown["maxPerDay"], &shown["maxPerContactPerHour"]), (&json!(500), &json!(3)));
        assert_eq!(shown["allowedCountries"], json!(["AT", "DE"]));
    }
}

#[tokio::test]
async fn countries_are_known_ones_and_only_of_channels_to_phone_numbers() {
    let manager = Manager::open().await;
    let (email, sms) = (manager.added().await, manager.path_of(&manager.sms()).await);
    let refused = |answer: Answer, text: &str| {
        let gist = (400, "invalid_allowed_countries".into(), Some("allowedCountries".into()));
        assert_eq!(answer.gist(), gist, "{answer}");
        assert!(answer.json()["error"].as_str().unwrap().contains(text), "{answer}");
    };
    let (unknown, some) = (json!({ "allowedCountries": ["DE", "XX"] }), json!({ "allowedCountries": ["DE"] }));
    let with = |mut body: Value, more: &Value| {
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    refused(manager.add(&with(manager.sms(), &unknown)).await, r#"has "XX", which is the code of no country"#);
    refused(manager.patch(&sms, &unknown).await, r#"has "XX", which is the code of no country"#);
    refused(manager.add(&with(manager.smtp(), &some)).await, "is not for channels of type email");
    refused(manager.patch(&email, &some).await, "is not for channels of type email");
    assert_eq!(manager.patch(&email, &json!({ "allowedCountries": null })).await.status, 200);
}
