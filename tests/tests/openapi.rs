//! The document that is served: valid by somebody else's validator, and the compose operation as on the seed page.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use overture_tests::installation::Installation;
use overture_tests::python::{python, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

async fn served() -> (Installation, Value) {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let server = installation.serve().await.unwrap();
    let answer = server.client(&demo).unwrap().get("/openapi.json").await.unwrap();
    assert_eq!(answer.status, 200);
    (installation, answer.body)
}

/// What a `$ref` points to; anything else is what it is.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn body_schema<'a>(document: &'a Value, holder: &'a Value) -> &'a Value {
    resolved(document, &resolved(document, holder)["content"]["application/json"]["schema"])
}

fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_served_document_is_valid_openapi_3_1_and_the_one_the_command_prints() {
    let (installation, document) = served().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let file = installation.folder().join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let validator = ["-m", "openapi_spec_validator", "--schema", "3.1"];
    run(Command::new(python().unwrap()).args(validator).arg(&file)).unwrap();
    assert_eq!(installation.ask(&["openapi"]).unwrap(), document);
}

#[tokio::test]
async fn the_compose_operation_has_the_fields_requirements_and_formats_of_the_seed_page() {
    let (_, document) = served().await;
    let operation = &document["paths"]["/api/conversations/compose"]["post"];
    let body = resolved(&document, &operation["requestBody"]);
    assert_eq!(body["required"], true);
    let schema = body_schema(&document, &operation["requestBody"]);
    assert_eq!(schema["type"], "object");
    // Field, format, shortest length: as the page has them.
    let fields = [
        ("workspaceId", Some("uuid"), None),
        ("channelId", Some("uuid"), None),
        ("contactId", Some("uuid"), None),
        ("contactEmail", Some("email"), None),
        ("contactPhone", None, Some(1)),
        ("contactName", None, None),
        ("subject", None, None),
        ("content", None, Some(1)),
    ];
    for (name, format, shortest) in fields {
        let field = resolved(&document, &schema["properties"][name]);
        assert_eq!(field["type"], "string", "{name}: {field}");
        assert_eq!(field["format"].as_str(), format, "{name}: {field}");
        assert_eq!(field["minLength"].as_u64(), shortest, "{name}: {field}");
        for further in ["maxLength", "pattern", "enum", "default"] {
            assert_eq!(field.get(further), None, "{name} has {further}, which the page has not");
        }
        assert!(field["description"].as_str().is_some_and(|text| text.len() > 10), "{name}: {field}");
        let example = field["example"].as_str().or(field["examples"][0].as_str());
        assert!(example.is_some(), "{name} has no example: {field}");
    }
    assert_eq!(words(&schema["required"]), BTreeSet::from(["workspaceId", "channelId", "content"]));
    let ours = BTreeSet::from(["deliverWithin", "template", "agent"]);
    let known: BTreeSet<&str> = fields.iter().map(|(name, ..)| *name).chain(ours).collect();
    assert_eq!(schema["properties"].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[tokio::test]
async fn the_compose_operation_answers_ok_always_true_and_failures_with_an_error_text() {
    let (_, document) = served().await;
    let answers = &document["paths"]["/api/conversations/compose"]["post"]["responses"];
    let success = body_schema(&document, &answers["200"]);
    assert_eq!(words(&success["required"]), BTreeSet::from(["ok"]));
    assert_eq!(success["properties"]["ok"]["type"], "boolean");
    let failure = body_schema(&document, &answers["400"]);
    assert!(words(&failure["required"]).contains("error"), "{failure}");
    assert_eq!(failure["properties"]["error"]["type"], "string");
    for (status, answer) in answers.as_object().unwrap() {
        let own = body_schema(&document, answer);
        assert!(status == "200" || own == failure, "{status} has another body than every failure: {own}");
    }
    for status in ["400", "401", "403", "409", "413", "415", "422", "503"] {
        assert!(answers.get(status).is_some(), "{status} is not told");
    }
}

#[tokio::test]
async fn the_seed_pages_example_with_real_ids_is_accepted_and_its_own_ids_are_refused_with_a_reason() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let server = installation.serve().await.unwrap();
    let client = server.client(&demo).unwrap();
    let mut example = json!({
        "workspaceId": demo.workspace,
        "channelId": demo.email,
        "contactEmail": "jan.mueller@acme-customer.de",
        "contactName": "Jan Mueller",
        "subject": "Follow-up: Your recent order inquiry",
        "content": "Dear Jan, I wanted to follow up on your recent inquiry about order #4521...",
    });
    let answer = client.compose(&example).await.unwrap().composed().unwrap();
    assert_eq!(answer.body, json!({ "ok": true }));
    example["workspaceId"] = json!("w1a2b3c4-5678-9abc-def0-1234567890ab");
    let answer = client.compose(&example).await.unwrap();
    assert_eq!(
        (answer.status, &answer.body["code"], &answer.body["field"]),
        (400, &json!("invalid_workspace_id"), &json!("workspaceId"))
    );
    assert!(answer.body["error"].as_str().unwrap().contains("UUID"), "{}", answer.body);
}
