//! `overture status`: how the whole stands.

use super::Context;
use crate::failure::Failure;
use crate::hints::hint;
use crate::overdue::Overdue;
use crate::printer::Answer;
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
        lines.push(format!("messages {:<12} {count}", status.as_str()));
    }
    if lines.is_empty() {
        lines.push("no messages yet".into());
    }
    lines.push(format!("wakeups that wait     {}", overview.wakeups));
    if let Some(late) = overview.oldest_due_for {
        lines.push(format!("oldest due for        {:.1} s", late.as_secs_f64()));
    }
    let where_to_look = match overview.channels_in_error {
        0 => String::new(),
        _ => format!(" ({} shows them)", hint("channel list")),
    };
    lines.push(format!("channels in error     {}{where_to_look}", overview.channels_in_error));
    lines.push(format!("asking for a person   {}", overview.attention));
    if overview.unplaced > 0 {
        let where_to_look = hint("message list --unplaced");
        lines.push(format!("in no conversation    {} (came; {where_to_look} shows them)", overview.unplaced));
    }
    lines.extend(warning.map(|warning| format!("warning               {warning}")));
    lines.join("\n")
}
