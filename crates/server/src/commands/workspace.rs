//! `overture workspace add|list`.

use super::{Context, the_tenant};
use crate::cli::WorkspaceCommand;
use crate::failure::Failure;
use crate::hints::hint;
use crate::maker::Maker;
use crate::printer::Answer;
use overture_domain::ports::TenantRepo;
use serde_json::json;

pub(super) async fn run(context: &Context, command: WorkspaceCommand) -> Result<Answer, Failure> {
    let database = context.open().await?;
    match command {
        WorkspaceCommand::Add { name, of } => {
            let tenant = the_tenant(&database, of).await?;
            let id = Maker::on(&database).workspace(tenant.id, &name).await?;
            Ok(Answer::new(json!({ "workspaceId": id.to_string() }), id.to_string()))
        }
        WorkspaceCommand::List { of } => {
            let tenant = the_tenant(&database, of).await?;
            let workspaces = database.workspaces(tenant.id).await?;
            let data: Vec<_> = workspaces
                .iter()
                .map(|workspace| json!({ "id": workspace.id.to_string(), "name": workspace.name, "createdAt": workspace.created_at.to_string() }))
                .collect();
            let rows: Vec<_> =
                workspaces.into_iter().map(|workspace| [workspace.id.to_string(), workspace.name]).collect();
            let none = || format!("The tenant has no workspace yet. {} makes one.", hint("workspace add --name TEXT"));
            Ok(Answer::list(&data, ["ID", "NAME"], &rows, none))
        }
    }
}
