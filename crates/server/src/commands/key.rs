//! `overture key create|list|revoke`.

use super::{Context, readable, the_tenant};
use crate::cli::{KeyArgs, KeyCommand};
use crate::failure::Failure;
use crate::hints::hint;
use crate::maker::{Maker, NewKey};
use crate::printer::Answer;
use crate::system::SystemClock;
use overture_database::Database;
use overture_domain::entities::{ApiKey, Scope};
use overture_domain::ids::{TenantId, WorkspaceId};
use overture_domain::ports::{ApiKeyRepo, Clock, TenantRepo};
use overture_domain::time::Timestamp;
use serde_json::{Value, json};

pub(super) async fn run(context: &Context, command: KeyCommand) -> Result<Answer, Failure> {
    let database = context.open().await?;
    match command {
        KeyCommand::Create(arguments) => create(&database, &arguments).await,
        KeyCommand::List { of } => {
            let tenant = the_tenant(&database, of).await?;
            let keys = ApiKeyRepo::list(&database, tenant.id).await?;
            let data: Vec<_> = keys.iter().map(item).collect();
            let rows: Vec<_> = keys
                .iter()
                .map(|key| [key.id.to_string(), key.name.clone(), standing(key).to_owned(), scopes(key).join(",")])
                .collect();
            let none =
                || format!("The tenant has no key yet. {} makes one.", hint("key create --name TEXT --scopes SCOPES"));
            Ok(Answer::list(&data, ["ID", "NAME", "STATE", "SCOPES"], &rows, none))
        }
        KeyCommand::Revoke { id, of } => {
            for tenant in readable(&database, of).await? {
                if database.revoke(tenant, id, SystemClock.now()).await? {
                    return Ok(Answer::new(
                        json!({ "id": id.to_string(), "revoked": true }),
                        format!("{id} works nowhere in five seconds."),
                    ));
                }
            }
            Err(Failure::new(format!("There is no key {id}"))
                .remedy(format!("{} shows those there are.", hint("key list"))))
        }
    }
}

async fn create(database: &Database, arguments: &KeyArgs) -> Result<Answer, Failure> {
    let tenant = the_tenant(database, arguments.of).await?;
    if let Some(workspace) = arguments.workspace {
        must_own(database, tenant.id, workspace).await?;
    }
    if arguments.expires.is_some_and(|end| end <= SystemClock.now()) {
        return Err(Failure::usage("--expires lies in the past").remedy("Give a time to come, or leave it out."));
    }
    let new = NewKey {
        tenant: tenant.id,
        name: &arguments.name,
        scopes: &arguments.scopes,
        workspace: arguments.workspace,
        expires_at: arguments.expires,
    };
    let (id, key) = Maker::on(database).key(new).await?;
    Ok(Answer::new(
        json!({ "apiKey": key.expose(), "id": id.to_string() }),
        format!("{}\nKeep it: it is not shown again. Its id is {id}.", key.expose()),
    ))
}

async fn must_own(tenants: &dyn TenantRepo, tenant: TenantId, workspace: WorkspaceId) -> Result<(), Failure> {
    if tenants.workspaces(tenant).await?.iter().any(|own| own.id == workspace) {
        return Ok(());
    }
    Err(Failure::new(format!("The tenant has no workspace {workspace}"))
        .remedy(format!("{} shows those it has.", hint("workspace list"))))
}

fn item(key: &ApiKey) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "scopes": scopes(key),
        "workspaceId": key.workspace_id.map(|workspace| workspace.to_string()),
        "createdAt": key.created_at.to_string(),
        "expiresAt": time(key.expires_at),
        "revokedAt": time(key.revoked_at),
    })
}

fn scopes(key: &ApiKey) -> Vec<&'static str> {
    key.scopes.iter().copied().map(Scope::as_str).collect()
}

fn standing(key: &ApiKey) -> &'static str {
    match (key.revoked_at, key.works_at(SystemClock.now())) {
        (Some(_), _) => "revoked",
        (None, true) => "works",
        (None, false) => "expired",
    }
}
