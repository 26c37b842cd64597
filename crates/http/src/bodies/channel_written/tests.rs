//! What is read of the bodies about channels.

use super::*;

fn refused(body: &str) -> (Code, Code) {
    let new = NewChannelBody::read(body.as_bytes()).err().map(|failure| failure.code());
    let patch = ChannelPatchBody::read(body.as_bytes()).err().map(|failure| failure.code());
    (new.unwrap(), patch.unwrap())
}

#[test]
fn settings_are_texts_and_numbers_and_nothing_of_the_environment() {
    for (value, read) in [
        (r#""x""#, SettingValue::Text("x".into())),
        ("25", SettingValue::Number(25)),
        (r#"{"fromEnv":"HOME"}"#, SettingValue::Other(NoSetting::Object)),
        ("true", SettingValue::Other(NoSetting::Boolean)),
        ("[]", SettingValue::Other(NoSetting::List)),
        ("1.5", SettingValue::Other(NoSetting::Fraction)),
    ] {
        let body = format!(r#"{{"config":{{"password":{value}}}}}"#);
        assert!(NewChannelBody::read(body.as_bytes()).unwrap().config["password"] == read, "{body}");
        assert!(
            ChannelPatchBody::read(body.as_bytes()).unwrap().config.unwrap()["password"].as_ref() == Some(&read),
            "{body}"
        );
    }
    assert_eq!(refused(r#"{"config":{"a":"1","a":"1"}}"#), (Code::DuplicateField, Code::DuplicateField));
    assert_eq!(refused(r#"{"config":7}"#), (Code::WrongType, Code::WrongType));
    assert_eq!(refused(r#"{"nabled":true}"#), (Code::UnknownField, Code::UnknownField));
}

#[test]
fn null_clears_what_can_be_cleared_and_absence_leaves_it() {
    let patch = ChannelPatchBody::read(br#"{"maxPerDay":null,"allowedCountries":["DE"],"config":{"replyTo":null}}"#);
    let patch = patch.unwrap();
    assert_eq!((patch.limits.max_per_day, patch.limits.max_per_contact_per_hour), (Some(None), None));
    assert_eq!(patch.limits.allowed_countries, Some(Some(vec!["DE".to_owned()])));
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
    let limits = ["allowedCountries", "maxPerContactPerHour", "maxPerDay", "maxPerSecond"];
    let with_limits = |others: &[&'static str]| {
        let mut names = [others, &limits].concat();
        names.sort_unstable();
        names
    };
    assert_eq!(
        documented::<NewChannelBody>(),
        with_limits(&["config", "displayName", "outsideWindow", "transport", "type", "workspaceId"])
    );
    assert_eq!(documented::<ChannelPatchBody>(), with_limits(&["config", "displayName", "enabled", "outsideWindow"]));
}

#[test]
fn the_documented_limits_are_those_that_are_kept() {
    use overture_domain::use_cases::{HIGHEST_LIMIT, MOST_PER_SECOND};
    use utoipa::PartialSchema;
    for schema in [NewChannelBody::schema(), ChannelPatchBody::schema()] {
        let schema = serde_json::to_value(schema).unwrap();
        for (field, most) in
            [("maxPerSecond", MOST_PER_SECOND), ("maxPerDay", HIGHEST_LIMIT), ("maxPerContactPerHour", HIGHEST_LIMIT)]
        {
            let field = &schema["properties"][field];
            assert_eq!((field["minimum"].as_i64(), field["maximum"].as_i64()), (Some(1), Some(most)), "{field}");
        }
    }
}

#[test]
fn a_new_channel_takes_the_limits_of_a_patch_and_null_is_none_that_was_written() {
    let new = NewChannelBody::read(
        br#"{"maxPerSecond":null,"maxPerDay":5,"maxPerContactPerHour":2,"allowedCountries":["DE"]}"#,
    );
    let limits = WrittenLimits {
        max_per_second: None,
        max_per_day: Some(Some(5)),
        max_per_contact_per_hour: Some(Some(2)),
        allowed_countries: Some(Some(vec!["DE".to_owned()])),
    };
    assert_eq!(new.unwrap().limits, limits);
}
