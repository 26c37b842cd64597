//! The OpenAPI document: the compose operation is the seed page's, field by field.

use overture_http::{Code, openapi};
use serde_json::{Value, json};

fn document() -> Value {
    serde_json::from_str(&openapi()).unwrap()
}

/// What a `$ref` names, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(path) => {
            document.pointer(path.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{path} leads nowhere"))
        }
        None => value,
    }
}

fn compose(document: &Value) -> &Value {
    &document["paths"]["/api/conversations/compose"]["post"]
}

fn schema_of<'a>(document: &'a Value, content: &'a Value) -> &'a Value {
    resolved(document, &content["content"]["application/json"]["schema"])
}

#[test]
fn it_is_openapi_3_1() {
    assert_eq!(document()["openapi"], "3.1.0");
}

#[test]
fn the_body_of_compose_has_the_seed_pages_fields_requirements_and_formats() {
    let document = document();
    let operation = compose(&document);
    assert_eq!(operation["requestBody"]["required"], true);
    let body = schema_of(&document, &operation["requestBody"]);
    assert_eq!(body["type"], "object");
    let mut required: Vec<_> = body["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(required, ["channelId", "content", "workspaceId"]);
    for (field, format, min_length) in [
        ("workspaceId", Some("uuid"), None),
        ("channelId", Some("uuid"), None),
        ("contactId", Some("uuid"), None),
        ("contactEmail", Some("email"), None),
        ("contactPhone", None, Some(1)),
        ("contactName", None, None),
        ("subject", None, None),
        ("content", None, Some(1)),
    ] {
        let schema = &body["properties"][field];
        assert_eq!(schema["type"], "string", "{field}");
        assert_eq!(schema["format"].as_str(), format, "{field}");
        assert_eq!(schema["minLength"].as_u64(), min_length, "{field}");
        assert!(schema["description"].as_str().is_some_and(|text| text.len() > 20), "{field}");
        assert!(schema["example"].is_string(), "{field}");
    }
    assert_eq!(body["additionalProperties"], false);
    // The seed page's eight, and deliverWithin, template and agent.
    assert_eq!(body["properties"].as_object().unwrap().len(), 11);
}

#[test]
fn a_body_that_refuses_unknown_fields_says_so_and_one_of_nothing_may_be_left_out() {
    let document = document();
    for (path, method, required) in [
        ("/api/channels", "post", true),
        ("/api/channels/{id}", "patch", true),
        ("/api/channels/{id}/verify", "post", false),
        ("/api/channels/{id}/pause", "post", false),
        ("/api/channels/{id}/resume", "post", false),
    ] {
        let body = &document["paths"][path][method]["requestBody"];
        assert_eq!(body["required"], required, "{path}");
        assert_eq!(schema_of(&document, body)["additionalProperties"], false, "{path}");
    }
    for name in ["OutsideWindow", "WindowTemplate"] {
        assert_eq!(document["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}

#[test]
fn the_answers_of_compose_are_the_seed_pages() {
    let document = document();
    let responses = &compose(&document)["responses"];
    let ok = schema_of(&document, &responses["200"]);
    assert_eq!(
        (&ok["type"], &ok["required"], &ok["properties"]["ok"]["type"]),
        (&json!("object"), &json!(["ok"]), &json!("boolean"))
    );
    for status in ["400", "401", "403", "408", "409", "413", "415", "422", "500", "503"] {
        let failure = schema_of(&document, &responses[status]);
        assert_eq!((&failure["type"], &failure["required"]), (&json!("object"), &json!(["error"])), "{status}");
        assert_eq!(failure["properties"]["error"]["type"], "string");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value) {
        resolved(document, value);
        match value {
            Value::Object(members) => members.values().for_each(|member| walk(document, member)),
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

#[test]
fn every_operation_of_the_api_needs_a_key_and_has_a_name() {
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            assert!(operation["operationId"].is_string(), "{path}");
            assert_eq!(operation["security"].is_array(), path.starts_with("/api/"), "{path}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["apiKey"]["scheme"], "bearer");
}

#[test]
fn the_whole_document_changes_only_on_purpose() {
    insta::assert_snapshot!(openapi());
}

#[test]
fn the_table_of_codes_changes_only_on_purpose() {
    let table: Vec<String> = Code::all().map(|code| format!("{} {}", code.status(), code.as_str())).collect();
    insta::assert_snapshot!(table.join("\n"));
}
