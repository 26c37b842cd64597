//! Channels as the command line makes them.

use crate::support::Installation;
use serde_json::json;

#[test]
fn a_channel_is_made_with_the_limits_that_it_can_be_given_later() {
    let installation = Installation::new();
    let workspace = installation.json(&["init"])["workspaceId"].as_str().unwrap().to_owned();
    let add = ["channel", "add", "--workspace", &workspace, "--transport", "sandbox", "--name", "Limited", "--type"];
    let limits = ["--max-per-second", "7", "--max-per-day", "500", "--max-per-contact-per-hour", "none"];
    let countries = ["--allowed-countries", "de,AT"];
    let made = installation.json(&[&add[..], &["sms"], &limits, &countries].concat());
    let items = installation.json(&["channel", "list"])["items"].as_array().unwrap().clone();
    let shown = items.iter().find(|item| item["id"] == made["channelId"]).unwrap();
    assert_eq!((&shown["maxPerSecond"], &shown["maxPerDay"]), (&json!(7), &json!(500)));
    assert_eq!((&shown["maxPerContactPerHour"], &shown["allowedCountries"]), (&json!(null), &json!(["AT", "DE"])));
    for (kind, limits, expected) in [
        ("email", ["--allowed-countries", "DE"], "not for channels of type email"),
        ("sms", ["--allowed-countries", "DE,XX"], "\"XX\", which is the code of no country"),
        ("sms", ["--max-per-second", "10001"], "from 1 to 10000"),
    ] {
        let (code, told) = installation.refusal(&[&add[..], &[kind], &limits].concat());
        assert!(code == 2 && told.contains(expected), "{told}");
    }
}
