//! `overture message`: what people who look after an installation see of messages.

use crate::support::{Installation, text};
use serde_json::json;

#[test]
fn what_came_and_stands_in_no_conversation_is_listed_newest_first() {
    const KEEP: &str = "import sqlite3, sys, uuid\n\
        database = sqlite3.connect('data/overture.db', timeout=30)\n\
        for id, at in [('IN1', 1000), ('IN2', 3000), ('IN3', 2000)]:\n    \
        database.execute('INSERT INTO unplaced_messages VALUES (?,?,?,?,?,?,?,?,?)', (uuid.UUID(sys.argv[2]).bytes, id, \
        'US.1349', 'Jan', 'text', 'Good\\nmorning ' + id, None, 500, at))\n\
        database.commit()";
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["whatsapp"].as_str().unwrap().to_owned();
    let list = ["message", "list", "--unplaced"];
    assert_eq!(installation.json(&list), json!({ "items": [] }));
    let output = installation.python(KEEP, &[&channel]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let items = installation.json(&list)["items"].clone();
    let ids: Vec<_> = items.as_array().unwrap().iter().map(|item| item["providerMessageId"].clone()).collect();
    assert_eq!(ids, ["IN2", "IN3", "IN1"]);
    let newest = json!({
        "channelId": channel, "providerMessageId": "IN2", "from": "US.1349", "name": "Jan", "kind": "text",
        "content": "Good\nmorning IN2", "raw": null, "writtenAt": "1970-01-01T00:00:00.500Z",
        "receivedAt": "1970-01-01T00:00:03.000Z",
    });
    assert_eq!(items[0], newest);
    let one = installation.json(&[&list[..], &["--limit", "1"]].concat());
    assert_eq!(one, json!({ "items": [newest] }));
    let told = text(&installation.run(&list).stdout);
    let lines: Vec<_> = told.lines().collect();
    assert!(lines.len() == 4 && lines[1].contains("US.1349") && lines[1].ends_with("Good morning IN2"), "{told}");
    assert!(text(&installation.run(&["status"]).stdout).contains("message list --unplaced"));
    assert_eq!(installation.json(&["message", "list"]), json!({ "items": [] }));
}

#[test]
fn what_asks_for_a_person_is_listed_by_the_commands_that_status_names() {
    const FAIL: &str = "import sqlite3, sys, uuid\n\
        database = sqlite3.connect('data/overture.db', timeout=30)\n\
        database.execute(\"UPDATE messages SET status = 'failed', error_code = 'unreachable' WHERE id = ?\", (uuid.UUID(sys.argv[2]).bytes,))\n\
        database.execute(\"UPDATE conversations SET attention_reason = 'message_failed', attention_since = 1000, attention_message_id = ?1 \
        WHERE id = (SELECT conversation_id FROM messages WHERE id = ?1)\", (uuid.UUID(sys.argv[2]).bytes,))\n\
        database.commit()";
    let installation = Installation::new();
    let channel = installation.json(&["init"])["channels"]["sms"].as_str().unwrap().to_owned();
    let (failed, asking) = (["message", "list", "--status", "failed"], ["message", "list", "--attention"]);
    for (list, says) in [(&failed[..], "No message is failed"), (&asking[..], "asks for a person")] {
        assert_eq!(installation.json(list), json!({ "items": [] }));
        assert!(text(&installation.run(list).stdout).contains(says));
    }
    let send = || installation.json(&["channel", "test", &channel, "--to", "+4915112345678"])["messageId"].clone();
    let (message, _sent) = (send(), send());
    let output = installation.python(FAIL, &[message.as_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    let told = text(&installation.run(&["status"]).stdout);
    for list in [failed.join(" "), asking.join(" ")] {
        assert!(told.contains(&format!("{list}` shows them")), "{told}");
    }
    let data = installation.json(&failed)["items"].clone();
    assert_eq!((data.as_array().unwrap().len(), &data[0]["id"]), (1, &message));
    let data = installation.json(&asking)["items"].clone();
    assert_eq!((data.as_array().unwrap().len(), &data[0]["messageId"]), (1, &message));
    assert_eq!((&data[0]["reason"], &data[0]["since"]), (&json!("message_failed"), &json!("1970-01-01T00:00:01.000Z")));
    assert!(text(&installation.run(&asking).stdout).contains("+4915112345678"));
    let (code, told) = installation.refusal(&["message", "list", "--status", "lost"]);
    assert!(code == 2 && told.contains("unconfirmed"), "{told}");
}
