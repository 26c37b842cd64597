//! `overture migrate`.

use super::Context;
use crate::cli::MigrateArgs;
use crate::failure::Failure;
use crate::printer::Answer;
use crate::store;
use serde_json::json;

pub(super) async fn run(context: &Context, arguments: &MigrateArgs) -> Result<Answer, Failure> {
    if arguments.dry_run || arguments.status {
        store::must_exist(&context.settings)?;
        let database = store::open_as_it_is(&context.settings).await?.database;
        let status = store::status(&database).await?;
        if arguments.dry_run {
            return Ok(Answer::new(json!({ "wouldApply": status.pending }), lines("Would apply", &status.pending)));
        }
        let text = format!("{}\n{}", lines("Applied", &status.applied), lines("Pending", &status.pending));
        return Ok(Answer::new(json!({ "applied": status.applied, "pending": status.pending }), text));
    }
    let store = store::open_and_migrate(&context.settings).await?;
    let text = lines("Applied", &store.migrated);
    Ok(Answer::new(json!({ "applied": store.migrated, "pending": [] }), text))
}

fn lines(what: &str, names: &[String]) -> String {
    if names.is_empty() { format!("{what}: nothing.") } else { format!("{what}: {}.", names.join(", ")) }
}
