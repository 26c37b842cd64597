//! `overture status`: how the whole stands.

use super::Context;
use crate::failure::Failure;
use crate::printer::Answer;
use overture_domain::ports::{Observatory, Overview};
use serde_json::{Map, Value, json};

pub(super) async fn run(context: &Context) -> Result<Answer, Failure> {
    let overview = context.open().await?.overview().await?;
    Ok(Answer::new(json(context, &overview), text(&overview)))
}

fn json(context: &Context, overview: &Overview) -> Value {
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
    })
}

fn text(overview: &Overview) -> String {
    let mut lines = Vec::new();
    for (status, count) in overview.messages.iter().filter(|(_, count)| *count > 0) {
        lines.push(format!("messages {:<12} {count}", status.as_str()));
    }
    if lines.is_empty() {
        lines.push("no messages yet".into());
    }
    lines.push(format!("wakeups that wait     {}", overview.wakeups));
    if let Some(late) = overview.oldest_due_for {
        lines.push(format!(
            "oldest due for        {:.1} s{}",
            late.as_secs_f64(),
            if late.as_secs() > 60 { " (is `overture serve` running?)" } else { "" }
        ));
    }
    lines.push(format!(
        "channels in error     {}{}",
        overview.channels_in_error,
        if overview.channels_in_error > 0 { " (overture channel list)" } else { "" }
    ));
    lines.push(format!("asking for a person   {}", overview.attention));
    lines.join("\n")
}
