//! `overture init`: a demo tenant on an empty database; the ids of the first workspace on any other.

use super::Context;
use crate::cli::InitArgs;
use crate::failure::Failure;
use crate::hints::hint;
use crate::maker::{Demo, Maker};
use crate::printer::Answer;
use overture_domain::entities::ChannelKind;
use overture_domain::values::Secret;
use serde_json::{Value, json};

pub(super) async fn run(context: &Context, arguments: &InitArgs) -> Result<Answer, Failure> {
    let database = context.open_or_make().await?;
    let demo = Maker::on(&database).demo(arguments.new_key).await?;
    Ok(Answer::new(json(&demo), text(&demo)))
}

/// What a program needs to compose. Where no key was made, `apiKey` is null; where there is no channel of a kind, that is.
pub(super) fn json(demo: &Demo) -> Value {
    let channel = |kind| demo.channel(kind).map(|id| id.to_string());
    json!({
        "apiKey": demo.api_key.as_ref().map(Secret::expose),
        "workspaceId": demo.workspace.to_string(),
        "channels": { "email": channel(ChannelKind::Email), "sms": channel(ChannelKind::Sms), "whatsapp": channel(ChannelKind::WhatsApp) },
    })
}

fn text(demo: &Demo) -> String {
    let key = match &demo.api_key {
        Some(key) => format!("{}  (keep it: it is not shown again)", key.expose()),
        None => format!("none made; {} makes one", hint("init --new-key")),
    };
    let mut lines = vec![format!("API key    {key}"), format!("workspace  {}", demo.workspace)];
    lines.extend(demo.channels.iter().map(|(kind, id)| format!("{:<9}  {id}", kind.as_str())));
    lines.join("\n")
}
