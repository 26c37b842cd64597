//! What commands log of what they change, where somebody wants to know.

use crate::support::{Installation, text};
use serde_json::json;

#[test]
fn what_is_done_to_a_channel_is_logged_by_its_id_and_the_names_of_its_fields() {
    let installation = Installation::new().with("OVERTURE__LOG__LEVEL", "info");
    let workspace = installation.json(&["init"])["workspaceId"].as_str().unwrap().to_owned();
    let config = json!({ "accountSid": format!("AC{}", "a".repeat(32)), "authToken": "hunter2-hunter2", "from": "+15005550006" });
    let config = config.to_string();
    let kind = ["--type", "sms", "--transport", "twilio", "--name", "SMS", "--config", &config];
    let made = installation.json(&[&["channel", "add", "--workspace", &workspace][..], &kind].concat());
    let channel = made["channelId"].as_str().unwrap();
    let limit = ["--config", r#"{"authToken":"hunter3"}"#, "--max-per-day", "5"];
    for (command, says) in [
        ([&["channel", "set", channel][..], &limit].concat(), ["a channel was changed", "config.authToken,maxPerDay"]),
        (vec!["channel", "pause", channel], ["a channel was paused or resumed", "true"]),
        (vec!["channel", "disable", channel], ["a channel was switched on or off", "false"]),
    ] {
        let log = text(&installation.run(&command).stderr);
        let line = log.lines().find(|line| line.contains(says[0])).unwrap_or_else(|| panic!("{command:?}: {log}"));
        assert!(line.contains(says[1]) && line.contains(channel) && !log.contains("hunter"), "{line}");
    }
}
