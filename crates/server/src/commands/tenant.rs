//! `overture tenant add|list`.

use super::{Context, how_to_make_one};
use crate::cli::TenantCommand;
use crate::failure::Failure;
use crate::maker::Maker;
use crate::printer::Answer;
use overture_domain::ports::TenantRepo;
use serde_json::json;

pub(super) async fn run(context: &Context, command: TenantCommand) -> Result<Answer, Failure> {
    match command {
        TenantCommand::Add { name } => {
            let database = context.open_or_make().await?;
            let id = Maker::on(&database).tenant(&name).await?;
            Ok(Answer::new(json!({ "tenantId": id.to_string() }), id.to_string()))
        }
        TenantCommand::List => {
            let tenants = context.open().await?.tenants().await?;
            let data: Vec<_> = tenants
                .iter()
                .map(|tenant| json!({ "id": tenant.id.to_string(), "name": tenant.name, "createdAt": tenant.created_at.to_string() }))
                .collect();
            let rows: Vec<_> = tenants.into_iter().map(|tenant| [tenant.id.to_string(), tenant.name]).collect();
            Ok(Answer::list(&data, ["ID", "NAME"], &rows, || format!("There is no tenant yet. {}", how_to_make_one())))
        }
    }
}
