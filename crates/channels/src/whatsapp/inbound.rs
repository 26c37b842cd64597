//! What contacts write, as one of the messages of a webhook
//! (<https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/>).
//!
//! Owned here: the text that people read. Whatever else a message says is kept as it came: a kind that is not known here
//! is a message all the same.

use super::person;
use super::webhook::{list, text, time};
use overture_domain::ports::InboundMessage;
use serde_json::Value;

/// All that a plain text has; one with more, such as the advertisement that it came from, is kept whole too.
const PLAIN: [&str; 8] = ["from", "from_user_id", "from_parent_user_id", "id", "timestamp", "type", "text", "context"];
/// A word that Meta could use for a kind is not longer.
const LONGEST_KIND: usize = 64;

/// A message; `value` is what stands around it. `None` if it has no id, or comes from nobody.
pub(super) fn message(message: &Value, value: &Value) -> Option<InboundMessage> {
    let kind = kind(message);
    let words = words(&kind, message);
    let is_plain = kind == "text"
        && words.is_some()
        && message.as_object().is_some_and(|members| members.keys().all(|name| PLAIN.contains(&name.as_str())));
    Some(InboundMessage {
        provider_message_id: text(message.get("id"))?,
        from: sender(message, value)?,
        sender_name: name_of_sender(message, value),
        at: time(message.get("timestamp")),
        in_reply_to: member(message, "context", "id").or_else(|| member(message, "reaction", "message_id")),
        raw: (!is_plain).then(|| message.to_string()),
        text: words,
        kind,
    })
}

/// What the sender calls themselves, where it is certain whose name it is.
fn name_of_sender(message: &Value, value: &Value) -> Option<String> {
    let people = value.get("contacts")?.as_array()?;
    let from = message.get("from");
    let is_sender = |person: &&Value| from.is_some() && person.get("wa_id") == from;
    let person = people.iter().find(is_sender).or_else(|| people.first().filter(|_| people.len() == 1))?;
    Some(person.get("profile")?.get("name")?.as_str()?.to_owned())
}

fn kind(message: &Value) -> String {
    let is_word = |kind: &&str| {
        (1..=LONGEST_KIND).contains(&kind.len())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    message.get("type").and_then(Value::as_str).filter(is_word).unwrap_or("unknown").to_owned()
}

/// Who wrote: their number, or, where they show none, Meta's id of them. What is missing beside the message may stand in
/// the list of contacts, if that has one person only.
fn sender(message: &Value, value: &Value) -> Option<String> {
    let contact = match list(value, "contacts") {
        [one] => Some(one),
        _ => None,
    };
    let contact = |name: &str| contact.and_then(|contact| text(contact.get(name)));
    text(message.get("from"))
        .or_else(|| contact("wa_id"))
        .or_else(|| text(message.get("from_user_id")))
        .or_else(|| contact("user_id"))
        .map(|id| person(&id))
}

/// What people read of it: the text, the label of the button they pressed, the caption of a picture.
fn words(kind: &str, message: &Value) -> Option<String> {
    match kind {
        "text" => member(message, "text", "body"),
        "button" => member(message, "button", "text"),
        "interactive" => {
            let interactive = message.get("interactive")?;
            member(interactive, "button_reply", "title")
                .or_else(|| member(interactive, "list_reply", "title"))
                .or_else(|| member(interactive, "nfm_reply", "body"))
        }
        "reaction" => member(message, "reaction", "emoji"),
        "system" => member(message, "system", "body"),
        media => member(message, media, "caption"),
    }
}

fn member(value: &Value, outer: &str, inner: &str) -> Option<String> {
    value.get(outer)?.get(inner)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A message of this kind with these members.
    fn of(kind: &str, members: &Value) -> InboundMessage {
        let mut whole = json!({"from": "4915112345678", "id": "wamid.1", "timestamp": "1700000000", "type": kind});
        whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        message(&whole, &json!({})).unwrap()
    }

    #[test]
    fn a_text_says_everything() {
        let message = of("text", &json!({"text": {"body": " Hallo\n👍 "}, "context": {"id": "wamid.0", "from": "49"}}));
        assert_eq!((message.provider_message_id.as_str(), message.from.as_str()), ("wamid.1", "+4915112345678"));
        assert_eq!((message.kind.as_str(), message.text.as_deref()), ("text", Some(" Hallo\n👍 ")));
        assert_eq!(message.at.unwrap().as_millis(), 1_700_000_000_000);
        assert_eq!((message.in_reply_to.as_deref(), message.raw), (Some("wamid.0"), None));
    }

    #[test]
    fn a_text_with_more_than_text_is_kept_whole_too() {
        let message = of("text", &json!({"text": {"body": "Hallo"}, "referral": {"source_id": "ad-7"}}));
        assert_eq!(message.text.as_deref(), Some("Hallo"));
        assert!(message.raw.unwrap().contains("ad-7"));
        let without_body = of("text", &json!({"text": ["Hallo"]}));
        assert!(without_body.text.is_none() && without_body.raw.unwrap().contains("Hallo"));
    }

    #[test]
    fn what_people_read_of_other_kinds_is_their_text() {
        for (kind, members, text) in [
            ("image", json!({"image": {"id": "1", "caption": "The damage"}}), Some("The damage")),
            ("document", json!({"document": {"id": "1", "filename": "a.pdf"}}), None),
            ("button", json!({"button": {"text": "Yes", "payload": "y"}}), Some("Yes")),
            ("interactive", json!({"interactive": {"button_reply": {"id": "1", "title": "No"}}}), Some("No")),
            ("interactive", json!({"interactive": {"list_reply": {"id": "1", "title": "Two"}}}), Some("Two")),
            ("interactive", json!({"interactive": {"nfm_reply": {"body": "Sent"}}}), Some("Sent")),
            ("reaction", json!({"reaction": {"message_id": "wamid.0", "emoji": "👍"}}), Some("👍")),
            ("system", json!({"system": {"body": "A changed", "wa_id": "49"}}), Some("A changed")),
            ("location", json!({"location": {"latitude": 50.9}}), None),
            ("unsupported", json!({"errors": [{"code": 131_051}]}), None),
            ("hologram", json!({"hologram": 7}), None),
        ] {
            let message = of(kind, &members);
            assert_eq!((message.kind.as_str(), message.text.as_deref()), (kind, text));
            let raw: Value = serde_json::from_str(&message.raw.unwrap()).unwrap();
            assert_eq!((&raw["id"], &raw["type"]), (&json!("wamid.1"), &json!(kind)));
        }
        let reaction = of("reaction", &json!({"reaction": {"message_id": "wamid.0", "emoji": "👍"}}));
        assert_eq!(reaction.in_reply_to.as_deref(), Some("wamid.0"));
    }

    #[test]
    fn a_kind_that_is_no_word_is_unknown_and_kept() {
        for kind in [json!(null), json!(5), json!(""), json!("a b"), json!("x".repeat(65))] {
            let whole = json!({"from": "49", "id": "wamid.1", "type": kind});
            let message = message(&whole, &json!({})).unwrap();
            assert_eq!(message.kind, "unknown");
            assert!(message.raw.is_some() && message.at.is_none());
        }
    }

    #[test]
    fn somebody_without_a_number_is_known_by_their_id() {
        let from = |message_members: Value, value: Value| message(&message_members, &value).map(|message| message.from);
        let shown = json!({"id": "1", "type": "text", "from": "4915", "from_user_id": "DE.1"});
        assert_eq!(from(shown, json!({})).as_deref(), Some("+4915"));
        let hidden = json!({"id": "1", "type": "text", "from_user_id": "DE.1"});
        assert_eq!(from(hidden.clone(), json!({})).as_deref(), Some("DE.1"));
        assert_eq!(from(hidden, json!({"contacts": [{"wa_id": "4915"}]})).as_deref(), Some("+4915"));
        let bare = json!({"id": "1", "type": "text"});
        assert_eq!(from(bare.clone(), json!({"contacts": [{"user_id": "DE.1"}]})).as_deref(), Some("DE.1"));
        assert_eq!(from(bare.clone(), json!({"contacts": [{"wa_id": "1"}, {"wa_id": "2"}]})), None);
        assert_eq!(from(bare, json!({})), None);
        assert_eq!(from(json!({"from": "4915", "type": "text"}), json!({})), None);
        assert_eq!(from(json!("odd"), json!({})), None);
    }
}
