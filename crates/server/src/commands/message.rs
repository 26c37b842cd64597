//! `overture message list|show`: for people who look after an installation, so addresses are shown.

use super::{Context, attention, readable, the_tenant};
use crate::cli::MessageCommand;
use crate::failure::Failure;
use crate::hints::hint;
use crate::printer::Answer;
use overture_domain::entities::{Attempt, AttemptOutcome, Direction, MessageError, MessageStatus};
use overture_domain::ports::{ConversationRepo, InboundRepo, MessageDetails, UnplacedMessage};
use overture_domain::time::Timestamp;
use overture_domain::values::DisplayName;
use serde_json::{Value, json};

/// How many characters of a text stand in a table.
const GLANCE: usize = 60;

pub(super) async fn run(context: &Context, command: MessageCommand) -> Result<Answer, Failure> {
    let database = context.open().await?;
    match command {
        MessageCommand::List { status, attention, unplaced, limit, of } => {
            let tenant = the_tenant(&database, of).await?.id;
            if unplaced {
                return Ok(strays(&database.unplaced(tenant, limit).await?));
            }
            if attention {
                return Ok(attention::answer(&database.with_attention(tenant, limit).await?));
            }
            Ok(match status {
                Some(status) => listed(&database.messages_by_status(tenant, status, limit).await?, Some(status)),
                None => listed(&database.newest_messages(tenant, limit).await?, None),
            })
        }
        MessageCommand::Show { id, of } => {
            for tenant in readable(&database, of).await? {
                if let Some(found) = database.message(tenant, id).await? {
                    return Ok(Answer::new(whole(&found), text(&found)));
                }
            }
            Err(Failure::new(format!("There is no message {id}"))
                .remedy(format!("{} shows the newest.", hint("message list"))))
        }
    }
}

fn listed(messages: &[MessageDetails], status: Option<MessageStatus>) -> Answer {
    let data: Vec<_> = messages.iter().map(item).collect();
    let rows: Vec<_> = messages.iter().map(row).collect();
    Answer::list(&data, ["ID", "CREATED", "TYPE", "STATUS", "TO OR FROM", "ERROR"], &rows, || match status {
        Some(status) => format!("No message is {status}. {} shows the newest.", hint("message list")),
        None => format!("There is no message yet. {} sends one.", hint("channel test ID --to ADDRESS")),
    })
}

/// What stands in no conversation.
fn strays(messages: &[UnplacedMessage]) -> Answer {
    let data: Vec<_> = messages.iter().map(stray).collect();
    let rows: Vec<_> = messages.iter().map(stray_row).collect();
    let headings = ["RECEIVED", "CHANNEL", "FROM", "NAME", "KIND", "CONTENT"];
    Answer::list(&data, headings, &rows, || "Everything that came stands in a conversation.".into())
}

fn stray(message: &UnplacedMessage) -> Value {
    json!({
        "channelId": message.channel_id.to_string(),
        "providerMessageId": message.provider_message_id,
        "from": message.sender,
        "name": message.sender_name.as_ref().map(DisplayName::as_str),
        "kind": message.kind,
        "content": message.content.as_str(),
        "raw": message.raw,
        "writtenAt": message.written_at.map(|time| time.to_string()),
        "receivedAt": message.at.to_string(),
    })
}

fn stray_row(message: &UnplacedMessage) -> [String; 6] {
    [
        message.at.to_string(),
        message.channel_id.to_string(),
        glance(&message.sender),
        glance(message.sender_name.as_ref().map_or("", DisplayName::as_str)),
        glance(&message.kind),
        glance(message.content.as_str()),
    ]
}

/// The beginning of a text that strangers wrote, as one line that steers no terminal.
fn glance(text: &str) -> String {
    // Embeddings, overrides and isolates (UAX #9, section 2) turn round what stands behind them.
    let text = text.replace(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'), "");
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(GLANCE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn item(details: &MessageDetails) -> Value {
    let MessageDetails { message, kind, recipient, .. } = details;
    json!({
        "id": message.id.to_string(),
        "conversationId": message.conversation_id.to_string(),
        "type": kind.as_str(),
        "status": message.status.as_str(),
        "direction": message.direction.as_str(),
        whom(message.direction): recipient.address.display(),
        "attempts": message.attempts,
        "error": message.error.as_ref().map(error),
        "providerMessageId": message.provider_message_id,
        "createdAt": message.created_at.to_string(),
        "sentAt": message.sent_at.map(|time| time.to_string()),
    })
}

/// What the contact's address is to a message.
const fn whom(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "from",
        Direction::Outbound => "to",
    }
}

fn whole(details: &MessageDetails) -> Value {
    let mut whole = item(details);
    whole["content"] = json!(details.message.content.as_str());
    whole["deliverBy"] = json!(details.message.deliver_by.to_string());
    whole["attempts"] = details.attempts.iter().map(attempt).collect();
    whole
}

fn error(error: &MessageError) -> Value {
    json!({ "code": error.code, "text": error.text, "providerCode": error.provider_code, "retryable": error.retryable })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "startedAt": attempt.started_at.to_string(),
        "endedAt": attempt.ended_at.map(|time| time.to_string()),
        "outcome": attempt.outcome.map(AttemptOutcome::as_str),
        "code": attempt.code,
        "providerCode": attempt.provider_code,
        "text": attempt.text,
    })
}

fn row(details: &MessageDetails) -> [String; 6] {
    let MessageDetails { message, kind, recipient, .. } = details;
    let error = message.error.as_ref().map(|error| error.code.clone()).unwrap_or_default();
    [
        message.id.to_string(),
        message.created_at.to_string(),
        kind.to_string(),
        message.status.to_string(),
        format!("{} {}", whom(message.direction), recipient.address.display()),
        error,
    ]
}

fn text(details: &MessageDetails) -> String {
    let MessageDetails { message, kind, recipient, attempts } = details;
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let mut lines = vec![
        format!("message       {}", message.id),
        format!("conversation  {}", message.conversation_id),
        format!("{:<13} {} ({kind})", whom(message.direction), recipient.address.display()),
        format!("status        {}", message.status),
        format!("created       {}", message.created_at),
        format!("deliver by    {}", message.deliver_by),
        format!("sent          {}", time(message.sent_at)),
        format!("provider id   {}", message.provider_message_id.as_deref().unwrap_or("-")),
    ];
    if let Some(MessageError { code, text, .. }) = &message.error {
        lines.push(format!("error         {code}: {text}"));
    }
    for attempt in attempts {
        let outcome = attempt.outcome.map_or("under way", AttemptOutcome::as_str);
        let text = attempt.text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        lines.push(format!("attempt {:<5} {} {outcome}{text}", attempt.number, attempt.started_at));
    }
    lines.push(String::new());
    lines.push(message.content.as_str().to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_is_one_line_of_a_strangers_text_without_what_steers_a_terminal() {
        assert_eq!(glance("Good\n\n morning,\u{1b}[2J Jan\u{7}"), "Good morning, [2J Jan");
        assert_eq!(glance(&"é".repeat(GLANCE)), "é".repeat(GLANCE));
        assert_eq!(glance(&"é".repeat(GLANCE + 1)), format!("{}…", "é".repeat(GLANCE)));
    }
}
