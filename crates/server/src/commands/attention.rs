//! `overture message list --attention`: the conversations that ask for a person, and because of what.

use crate::hints::hint;
use crate::printer::Answer;
use overture_domain::entities::Conversation;
use serde_json::{Value, json};

/// What of them is shown: enough to find the message and the contact.
pub(super) fn answer(asking: &[Conversation]) -> Answer {
    let data: Vec<_> = asking.iter().map(item).collect();
    let rows: Vec<_> = asking.iter().map(row).collect();
    let headings = ["CONVERSATION", "SINCE", "REASON", "MESSAGE", "CONTACT"];
    let mut answer =
        Answer::list(&data, headings, &rows, || "No conversation of the tenant asks for a person.".to_owned());
    if !rows.is_empty() {
        answer.text.push_str(&format!("\n{} says what became of a message.", hint("message show MESSAGE")));
    }
    answer
}

fn item(conversation: &Conversation) -> Value {
    let attention = conversation.attention;
    json!({
        "conversationId": conversation.id.to_string(),
        "channelId": conversation.channel_id.to_string(),
        "reason": attention.map(|attention| attention.reason.as_str()),
        "since": attention.map(|attention| attention.since.to_string()),
        "messageId": message(conversation),
        "contactId": conversation.contact_id.to_string(),
        "contactEmail": conversation.contact_email.as_ref().map(|email| email.as_str().to_owned()),
        "contactPhone": conversation.contact_phone.as_ref().map(|phone| phone.as_str().to_owned()),
    })
}

fn row(conversation: &Conversation) -> [String; 5] {
    let attention = conversation.attention;
    let email = conversation.contact_email.as_ref().map(|email| email.as_str().to_owned());
    let phone = conversation.contact_phone.as_ref().map(|phone| phone.as_str().to_owned());
    [
        conversation.id.to_string(),
        attention.map(|attention| attention.since.to_string()).unwrap_or_default(),
        attention.map(|attention| attention.reason.to_string()).unwrap_or_default(),
        message(conversation).unwrap_or_else(|| "-".to_owned()),
        Vec::from_iter(email.into_iter().chain(phone)).join(" "),
    ]
}

fn message(conversation: &Conversation) -> Option<String> {
    conversation.attention?.message_id.map(|id| id.to_string())
}
