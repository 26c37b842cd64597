//! `overture message list|show`: for people who look after an installation, so addresses are shown.

use super::{Context, readable, the_tenant};
use crate::cli::MessageCommand;
use crate::failure::Failure;
use crate::hints::hint;
use crate::printer::{Answer, table};
use overture_domain::entities::{Attempt, AttemptOutcome, MessageError};
use overture_domain::ports::{ConversationRepo, MessageDetails};
use overture_domain::time::Timestamp;
use serde_json::{Value, json};

pub(super) async fn run(context: &Context, command: MessageCommand) -> Result<Answer, Failure> {
    let database = context.open().await?;
    match command {
        MessageCommand::List { limit, of } => {
            let tenant = the_tenant(&database, of).await?;
            let messages = database.newest_messages(tenant.id, limit).await?;
            let items: Vec<_> = messages.iter().map(item).collect();
            let rows: Vec<_> = messages.iter().map(row).collect();
            Ok(Answer::new(json!({ "items": items }), table(["ID", "CREATED", "TYPE", "STATUS", "TO", "ERROR"], &rows)))
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

fn item(details: &MessageDetails) -> Value {
    let MessageDetails { message, kind, recipient, .. } = details;
    json!({
        "id": message.id.to_string(),
        "conversationId": message.conversation_id.to_string(),
        "type": kind.as_str(),
        "status": message.status.as_str(),
        "to": recipient.address.display(),
        "attempts": message.attempts,
        "error": message.error.as_ref().map(error),
        "providerMessageId": message.provider_message_id,
        "createdAt": message.created_at.to_string(),
        "sentAt": message.sent_at.map(|time| time.to_string()),
    })
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
        recipient.address.display().to_owned(),
        error,
    ]
}

fn text(details: &MessageDetails) -> String {
    let MessageDetails { message, kind, recipient, attempts } = details;
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let mut lines = vec![
        format!("message       {}", message.id),
        format!("conversation  {}", message.conversation_id),
        format!("to            {} ({kind})", recipient.address.display()),
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
