//! `overture status`: how the whole stands.

use super::Context;
use crate::failure::Failure;
use crate::hints::hint;
use crate::overdue::Overdue;
use crate::printer::Answer;
use overture_domain::entities::MessageStatus;
use overture_domain::ports::{Observatory, Overview};
use serde_json::{Map, Value, json};

pub(super) async fn run(context: &Context) -> Result<Answer, Failure> {
    let overview = context.open().await?.overview().await?;
    let warning = Overdue::of(&overview)
        .map(|overdue| format!("{overdue}. {}", overdue.remedy(context.settings.engine.in_serve)));
    Ok(Answer::new(json(context, &overview, warning.as_deref()), text(&overview, warning.as_deref())))
}

fn json(context: &Context, overview: &Overview, warning: Option<&str>) -> Value {
    let messages: Map<String, Value> =
        overview.messages.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "database": context.settings.database.name(),
        "messages": messages,
        "wakeups": overview.wakeups,
        "oldestDueForSeconds": overview.oldest_due_for.map(|late| late.as_secs_f64()),
        "channelsInError": overview.channels_in_error,
        "attention": overview.attention,
        "unplaced": overview.unplaced,
        "warnings": Vec::from_iter(warning),
    })
}

fn text(overview: &Overview, warning: Option<&str>) -> String {
    let mut lines = Vec::new();
    for (status, count) in overview.messages.iter().filter(|(_, count)| *count > 0) {
        let where_to_look = match status {
            MessageStatus::Failed | MessageStatus::Unconfirmed => shown_by(&format!("message list --status {status}")),
            _ => String::new(),
        };
        lines.push(format!("messages {:<12} {count}{where_to_look}", status.as_str()));
    }
    if lines.is_empty() {
        lines.push("no messages yet".into());
    }
    lines.push(format!("wakeups that wait     {}", overview.wakeups));
    if let Some(late) = overview.oldest_due_for {
        lines.push(format!("oldest due for        {:.1} s", late.as_secs_f64()));
    }
    let counted = |count: u64, command: &str| match count {
        0 => "0".to_owned(),
        count => format!("{count}{}", shown_by(command)),
    };
    lines.push(format!("channels in error     {}", counted(overview.channels_in_error, "channel list")));
    lines.push(format!("asking for a person   {}", counted(overview.attention, "message list --attention")));
    if overview.unplaced > 0 {
        let where_to_look = hint("message list --unplaced");
        lines.push(format!("in no conversation    {} (came; {where_to_look} shows them)", overview.unplaced));
    }
    lines.extend(warning.map(|warning| format!("warning               {warning}")));
    lines.join("\n")
}

fn shown_by(command: &str) -> String {
    format!(" ({} shows them)", hint(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_a_person_is_counted_with_the_command_that_lists_it() {
        let messages = vec![(MessageStatus::Sent, 5), (MessageStatus::Failed, 2), (MessageStatus::Unconfirmed, 0)];
        let told = text(&Overview { messages, attention: 2, ..Overview::default() }, None);
        let line = |beginning: &str| told.lines().find(|line| line.starts_with(beginning)).unwrap_or_default();
        assert!(line("messages failed").contains("message list --status failed` shows them"), "{told}");
        assert!(line("asking for a person").contains("2 (") && told.contains("message list --attention"), "{told}");
        assert!(line("messages sent").ends_with('5') && line("channels in error").ends_with('0'), "{told}");
        assert!(!told.contains("unconfirmed"), "{told}");
    }
}
