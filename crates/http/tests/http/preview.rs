//! `POST /api/conversations/compose/preview`: what would happen, and that nothing does.

use crate::common::{Answer, Ask, Desk};
use overture_domain::entities::{CarryTemplate, Channel, ChannelKind, OpenerTemplate, OutsideWindow, Scope, Transport};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{ApprovedTemplate, ChannelRegistry};
use overture_domain::values::TemplateName;
use reqwest::Method;
use serde_json::{Value, json};

async fn preview(desk: &Desk, key: &str, body: &Value) -> Answer {
    desk.ask(Method::POST, "/api/conversations/compose/preview").bearer_auth(key).json(body).answer().await
}

fn body(desk: &Desk, channel: ChannelId, changes: &Value) -> Value {
    let mut body = json!({
        "workspaceId": desk.workspace.to_string(), "channelId": channel.to_string(), "contactPhone": "+4915112345678",
        "content": "Dear Jan,\nyour order 4521 €",
    });
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

async fn reader(desk: &Desk) -> String {
    desk.key_with(&[Scope::ConversationsWrite, Scope::ContactsRead]).await
}

#[tokio::test]
async fn an_sms_is_shown_as_it_would_leave_with_its_segments_and_nothing_is_stored() {
    let desk = Desk::open().await;
    let answer = preview(&desk, &reader(&desk).await, &body(&desk, desk.sms, &json!({}))).await;
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(
        answer.json(),
        json!({
            "ok": true, "problems": [], "contact": {"created": true}, "to": "+4915112345678",
            "leaves": {"text": "Dear Jan,\nyour order 4521 €"}, "segments": {"count": 1, "encoding": "gsm-7", "units": 28},
            "deliverWithinMs": 86_400_000, "notices": [],
        })
    );
    assert_eq!(desk.opened_count().await, 0);
}

#[tokio::test]
async fn every_problem_is_told_in_order_with_its_code_field_and_remedy() {
    let desk = Desk::open().await;
    let changes =
        json!({"contactPhone": "12", "contactName": "a\u{0}b", "content": "x".repeat(1_700), "deliverWithin": "soon"});
    let answer = preview(&desk, &desk.key, &body(&desk, desk.sms, &changes)).await;
    assert_eq!(answer.status, 200, "{answer}");
    let told = answer.json();
    assert_eq!(told["ok"], false);
    let problems = told["problems"].as_array().unwrap();
    let codes: Vec<_> = problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["invalid_contact_phone", "invalid_contact_name", "content_too_long", "invalid_deliver_within"]);
    assert_eq!(problems[2]["details"]["limit"], 1_600);
    assert!(
        problems.iter().all(|problem| problem["error"].as_str().unwrap().len() > 20 && problem["field"].is_string())
    );
    let composed = desk.post(&body(&desk, desk.sms, &changes)).answer().await;
    assert_eq!(composed.json()["code"], codes[0], "compose answers the first");
}

#[tokio::test]
async fn what_can_be_told_is_told_beside_what_is_wrong() {
    let desk = Desk::open().await;
    let key = reader(&desk).await;
    let changes = json!({"content": "x".repeat(1_700), "deliverWithin": "PT1H"});
    let told = preview(&desk, &key, &body(&desk, desk.sms, &changes)).await.json();
    assert_eq!((&told["ok"], &told["problems"][0]["code"]), (&json!(false), &json!("content_too_long")), "{told}");
    assert_eq!((&told["contact"], &told["to"]), (&json!({"created": true}), &json!("+4915112345678")));
    assert_eq!((&told["segments"]["count"], &told["deliverWithinMs"]), (&json!(12), &json!(3_600_000)));
    assert_eq!(told.get("leaves"), None, "nothing of that length would leave");

    let told = preview(&desk, &key, &body(&desk, desk.sms, &json!({"contactPhone": "12"}))).await.json();
    assert_eq!((told.get("contact"), told.get("to")), (None, None), "nobody was named: {told}");
    assert_eq!(told["segments"]["count"], 1);
    assert_eq!(told["leaves"]["text"], "Dear Jan,\nyour order 4521 €");

    let whatsapp = Channel { transport: Transport::WhatsAppCloud, ..desk.channel(ChannelKind::WhatsApp) };
    let whatsapp = desk.add_channel(whatsapp).await;
    let told = preview(&desk, &key, &body(&desk, whatsapp, &json!({}))).await.json();
    assert_eq!(
        (&told["problems"][0]["code"], &told["windowOpen"]),
        (&json!("template_required"), &json!(false)),
        "{told}"
    );
    let told = preview(&desk, &key, &body(&desk, whatsapp, &json!({"contactPhone": "12"}))).await.json();
    assert_eq!(told.get("windowOpen"), None, "whose window it would be is not known: {told}");
    let told = preview(&desk, &desk.key, &body(&desk, whatsapp, &json!({}))).await.json();
    assert_eq!((told.get("contact"), &told["to"]), (None, &json!("+4915112345678")), "this key may not read contacts");
}

#[tokio::test]
async fn whatsapp_shows_the_window_and_the_template_that_would_carry_the_text() {
    let desk = Desk::open().await;
    let template = |name: &str| TemplateName::Named { name: name.into(), language: "de".into() };
    let carry = CarryTemplate::new(template("agent_message"), "Acme: {{1}}").unwrap();
    let carrying = desk.add_channel(Channel {
        outside_window: Some(OutsideWindow::Carry(carry)),
        ..desk.channel(ChannelKind::WhatsApp)
    });
    let told = preview(&desk, &desk.key, &body(&desk, carrying.await, &json!({}))).await.json();
    assert_eq!((&told["ok"], &told["windowOpen"]), (&json!(true), &json!(false)), "{told}");
    assert_eq!(told["leaves"]["text"], "Acme: Dear Jan, your order 4521 €");
    assert_eq!(told["leaves"]["template"]["name"], "agent_message");
    assert_eq!(told.get("contact"), None, "this key may not read contacts");

    let opener = OpenerTemplate::new(template("may_we_write"), "May we write?", OpenerTemplate::USUAL_HOLD).unwrap();
    let opening = desk.add_channel(Channel {
        outside_window: Some(OutsideWindow::Opener(opener)),
        ..desk.channel(ChannelKind::WhatsApp)
    });
    let told = preview(&desk, &desk.key, &body(&desk, opening.await, &json!({}))).await.json();
    assert_eq!(told["opener"]["text"], "May we write?", "{told}");
    assert_eq!(told["leaves"], json!({"text": "Dear Jan,\nyour order 4521 €"}));
}

#[tokio::test]
async fn a_template_is_looked_for_among_the_approved_ones_before_anything_is_stored() {
    let desk = Desk::open().await;
    let added = Channel { transport: Transport::WhatsAppCloud, ..desk.channel(ChannelKind::WhatsApp) };
    let channel = desk.add_channel(added.clone()).await;
    let template = TemplateName::Named { name: "order_update".into(), language: "de".into() };
    let (body_text, variables) = ("Bestellung {{1}}".to_owned(), vec!["1".to_owned()]);
    let approved = ApprovedTemplate { template, title: "order_update".into(), body: body_text, variables };
    assert!(desk.store.keep_verified(desk.tenant, channel, added.version, Some(&[approved])).await.unwrap());

    let asked = |template: Value| body(&desk, channel, &json!({ "template": template }));
    let misfit = asked(json!({ "name": "order_update", "language": "en", "variables": ["4521"] }));
    let told = desk.post(&misfit).answer().await;
    assert_eq!(told.gist(), (400, "invalid_template".into(), Some("template".into())));
    assert_eq!(told.json()["details"], json!({ "languages": ["de"] }));
    let previewed = preview(&desk, &desk.key, &misfit).await.json();
    assert_eq!(previewed["problems"][0]["error"], told.json()["error"], "{previewed}");
    assert_eq!(previewed["problems"][0]["details"], told.json()["details"]);
    assert_eq!(desk.opened_count().await, 0);

    let fits = asked(json!({ "name": "order_update", "language": "de", "variables": { "1": "4521" } }));
    let previewed = preview(&desk, &desk.key, &fits).await.json();
    assert_eq!((&previewed["ok"], &previewed["leaves"]["text"]), (&json!(true), &json!("Bestellung 4521")));
    assert_eq!(desk.post(&fits).answer().await.status, 200);
}

#[tokio::test]
async fn a_known_contact_is_named_by_its_id() {
    let desk = Desk::open().await;
    let body = body(&desk, desk.sms, &json!({}));
    assert_eq!(desk.post(&body).answer().await.status, 200);
    let told = preview(&desk, &reader(&desk).await, &body).await.json();
    assert_eq!(told["contact"]["created"], false, "{told}");
    assert!(told["contact"]["id"].is_string());
}

#[tokio::test]
async fn what_a_compose_may_not_a_preview_may_not() {
    let desk = Desk::open().await;
    let reads = desk.key_with(&[Scope::ConversationsRead]).await;
    let answer = preview(&desk, &reads, &body(&desk, desk.sms, &json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "missing_scope"));
    let misspelt = preview(&desk, &desk.key, &body(&desk, desk.sms, &json!({"contactphone": "x"}))).await;
    assert_eq!((misspelt.status, misspelt.code().as_str()), (400, "unknown_field"));
}
