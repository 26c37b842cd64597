//! The repository ports on a relational database, by sea-orm: SQLite or PostgreSQL. Owns tables, migrations and every statement;
//! no type of sea-orm leaves this crate. Reads run on several connections. What is written is gathered,
//! so that many share a commit: on SQLite by one writer, on PostgreSQL by one that opens, with other changes side by side.

mod api_keys;
mod asking;
mod begin_attempt;
mod channel_registry;
mod channel_secrets;
mod channels;
mod connect;
mod contacts;
mod conversations;
mod deliveries;
mod dialect;
mod error;
#[cfg(test)]
mod full_disk;
mod gathering;
mod inbound;
mod messages;
mod migrations;
mod observatory;
mod open;
mod openers;
mod paces;
mod quotas;
#[cfg(test)]
mod reading_cost;
mod receipts;
mod retention;
mod rows;
mod save_change;
mod seal;
mod sql;
mod templates;
mod tenants;
#[cfg(test)]
mod test_place;
mod wakeups;
mod writer;

pub use channel_secrets::Resealed;
pub use connect::{DatabaseOptions, MigrationStatus, OpenDatabaseError};

use api_keys::KeyCache;
use asking::Asking;
use gathering::Gathering;
use overture_domain::ports::StartOrder;
use sea_orm::DatabaseConnection;
use seal::Seal;
use std::sync::Arc;
use writer::Writer;

/// The repositories on one database. Clones share connections. Implements every repository port of the domain.
#[derive(Clone)]
pub struct Database {
    readers: DatabaseConnection,
    writing: DatabaseConnection,
    writer: Writer,
    seal: Seal,
    keys: Arc<KeyCache>,
    asking: Asking,
    /// Where a commit is not shared by whoever writes, those who settle share one.
    settling: Option<Gathering<StartOrder, ()>>,
}
