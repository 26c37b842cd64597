//! What is read of the bodies about channels.

use super::*;

fn refused(body: &str) -> (Code, Code) {
    let new = NewChannelBody::read(body.as_bytes()).err().map(|failure| failure.code());
    let patch = ChannelPatchBody::read(body.as_bytes()).err().map(|failure| failure.code());
    (new.unwrap(), patch.unwrap())
}

#[test]
fn settings_are_texts_and_numbers_and_nothing_of_the_environment() {
    for value in [r#"{"fromEnv":"HOME"}"#, "true", "[]", "1.5"] {
        let body = format!(r#"{{"config":{{"password":{value}}}}}"#);
        assert_eq!(refused(&body), (Code::WrongType, Code::WrongType), "{body}");
    }
    assert_eq!(refused(r#"{"config":{"a":"1","a":"1"}}"#), (Code::DuplicateField, Code::DuplicateField));
    assert_eq!(refused(r#"{"config":7}"#), (Code::WrongType, Code::WrongType));
    assert_eq!(refused(r#"{"nabled":true}"#), (Code::UnknownField, Code::UnknownField));
}

#[test]
fn null_clears_what_can_be_cleared_and_absence_leaves_it() {
    let patch = ChannelPatchBody::read(br#"{"maxPerDay":null,"allowedCountries":["DE"],"config":{"replyTo":null}}"#);
    let patch = patch.unwrap();
    assert_eq!((patch.max_per_day, patch.max_per_contact_per_hour), (Some(None), None));
    assert_eq!(patch.allowed_countries, Some(Some(vec!["DE".to_owned()])));
    assert_eq!(patch.config.unwrap()["replyTo"], None);
    assert_eq!(ChannelPatchBody::read(br#"{"enabled":null}"#).unwrap_err().code(), Code::WrongType);
}

#[test]
fn the_documented_fields_are_the_fields_that_are_read() {
    use utoipa::PartialSchema;
    fn documented<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }
    assert_eq!(
        documented::<NewChannelBody>(),
        ["config", "displayName", "maxPerSecond", "outsideWindow", "transport", "type", "workspaceId"]
    );
    let patch = [
        "allowedCountries",
        "config",
        "displayName",
        "enabled",
        "maxPerContactPerHour",
        "maxPerDay",
        "maxPerSecond",
        "outsideWindow",
    ];
    assert_eq!(documented::<ChannelPatchBody>(), patch);
}
