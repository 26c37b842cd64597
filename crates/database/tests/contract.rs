//! The contract of stores, on SQLite and PostgreSQL.

mod harness;

use harness::{PostgresDatabase, SqliteFile};
use overture_testkit::store_contract;

store_contract!(sqlite, SqliteFile);
store_contract!(postgres, PostgresDatabase);
