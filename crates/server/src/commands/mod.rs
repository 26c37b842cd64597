//! The commands: one file for each thing they are about. Each opens what it needs, asks the ports, and answers once.

mod attention;
mod channel;
mod channel_care;
mod channel_example;
mod channel_set;
mod channel_test;
mod dev;
mod doctor;
mod holding;
mod init;
mod key;
mod life;
mod message;
mod migrate;
mod serve;
mod status;
mod tenant;
mod try_out;
mod watching;
mod workspace;

use crate::cli::{ChannelCommand, Command, OfTenant};
use crate::config::{Refused, Settings};
use crate::failure::Failure;
use crate::hints::hint;
use crate::maker::Maker;
use crate::printer::{Answer, Printer};
use crate::store;
use crate::system::{RandomIds, SystemClock};
use crate::telemetry;
use anyhow::Context as _;
use overture_database::Database;
use overture_domain::ids::TenantId;
use overture_domain::ports::{Tenant, TenantRepo};
use std::sync::Arc;

/// What every command has.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) printer: Printer,
}

/// Runs a command to its end.
///
/// # Errors
/// What a person is to be told.
pub(crate) async fn run(command: Command, loaded: Result<Settings, Refused>, printer: Printer) -> Result<(), Failure> {
    let settings = match (&command, loaded) {
        (Command::Doctor, loaded) => return doctor::run(loaded, printer).await,
        (_, loaded) => loaded?,
    };
    telemetry::log(&settings, quiet(&command).filter(|_| !settings.log.is_set));
    let context = Context { settings, printer };
    let answer = match command {
        Command::Dev => return dev::run(&context).await,
        Command::Serve => return serve::run(&context).await,
        Command::Worker => return serve::work(&context).await,
        Command::Try(arguments) => return try_out::run(&context, &arguments).await,
        Command::Doctor => return Ok(()),
        Command::Migrate(arguments) => migrate::run(&context, &arguments).await?,
        Command::Init(arguments) => init::run(&context, &arguments).await?,
        Command::Tenant(command) => tenant::run(&context, command).await?,
        Command::Workspace(command) => workspace::run(&context, command).await?,
        Command::Channel(command) => channel::run(&context, command).await?,
        Command::Key(command) => key::run(&context, command).await?,
        Command::Message(command) => message::run(&context, command).await?,
        Command::Status => status::run(&context).await?,
        Command::Openapi => openapi()?,
    };
    printer.answer(&answer);
    Ok(())
}

/// Commands that answer and end log only what is wrong, unless somebody asks for more: what they do, they say.
fn quiet(command: &Command) -> Option<&'static str> {
    match command {
        Command::Dev | Command::Serve | Command::Worker => None,
        // What a warning says of its one message, it tells itself.
        Command::Try(_) | Command::Channel(ChannelCommand::Test(_)) => Some("error"),
        _ => Some("warn"),
    }
}

fn openapi() -> anyhow::Result<Answer> {
    let text = overture_http::openapi();
    let json = serde_json::from_str(&text).context("the OpenAPI document is broken")?;
    Ok(Answer::new(json, text))
}

impl Context {
    /// The database, which must be there.
    async fn open(&self) -> Result<Database, Failure> {
        store::open(&self.settings).await.map(|store| store.database)
    }

    /// The database, made if it is not there.
    async fn open_or_make(&self) -> Result<Database, Failure> {
        store::open_or_make(&self.settings).await.map(|store| store.database)
    }
}

impl Maker {
    fn on(database: &Database) -> Self {
        Self {
            tenants: Arc::new(database.clone()),
            channels: Arc::new(database.clone()),
            keys: Arc::new(database.clone()),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

/// The tenant that is meant: the one that is named, or the only one.
async fn the_tenant(tenants: &dyn TenantRepo, of: OfTenant) -> Result<Tenant, Failure> {
    let mut all = tenants.tenants().await?;
    let position = match (of.tenant, all.as_slice()) {
        (Some(id), all) => all.iter().position(|tenant| tenant.id == id).ok_or_else(|| {
            Failure::new(format!("There is no tenant {id}"))
                .remedy(format!("{} shows those there are.", hint("tenant list")))
        })?,
        (None, [_]) => 0,
        (None, []) => {
            return Err(Failure::new("There is no tenant yet").remedy(how_to_make_one()));
        }
        (None, _) => {
            return Err(Failure::usage("There are several tenants")
                .remedy(format!("Say which with --tenant ID; {} shows them.", hint("tenant list"))));
        }
    };
    Ok(all.swap_remove(position))
}

/// How a first tenant is made.
fn how_to_make_one() -> String {
    format!("{} makes a demo tenant, {} an empty one.", hint("init"), hint("tenant add --name TEXT"))
}

/// Whose things a reader may look at: those of the named tenant, or of all.
async fn readable(tenants: &dyn TenantRepo, of: OfTenant) -> Result<Vec<TenantId>, Failure> {
    match of.tenant {
        Some(_) => Ok(vec![the_tenant(tenants, of).await?.id]),
        None => Ok(tenants.tenants().await?.into_iter().map(|tenant| tenant.id).collect()),
    }
}
