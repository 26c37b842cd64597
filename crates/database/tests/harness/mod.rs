//! Databases for the contract suites: each test has one of its own. `crates/server/tests/every_pair.rs` puts engines on them, too.
#![expect(clippy::expect_used, reason = "without a database there is nothing to test")]

use async_trait::async_trait;
use overture_database::{Database, DatabaseOptions};
use overture_testkit::store_contract::{StoreHarness, StorePorts};
use overture_tests::postgres::Postgres;
use tempfile::TempDir;

/// A database in a folder of its own.
pub(crate) struct SqliteFile {
    folder: TempDir,
    database: Database,
}

impl SqliteFile {
    async fn open(folder: &TempDir) -> Database {
        let url = format!("sqlite:{}", folder.path().join("overture.db").display());
        Database::open(DatabaseOptions { url, secrets_key: [7; 32], old_secrets_keys: Vec::new(), connections: 4 })
            .await
            .expect("a fresh file opens")
    }
}

#[async_trait]
impl StoreHarness for SqliteFile {
    async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let database = Self::open(&folder).await;
        database.migrate().await.expect("a fresh file can be migrated");
        Self { folder, database }
    }

    fn ports(&self) -> StorePorts {
        StorePorts::of(&self.database)
    }

    async fn reopened(&self) -> StorePorts {
        StorePorts::of(&Self::open(&self.folder).await)
    }
}

/// A database of its own on a server that all tests of this program share.
pub(crate) struct PostgresDatabase {
    url: String,
    database: Database,
}

impl PostgresDatabase {
    async fn open(url: &str) -> Database {
        let options =
            DatabaseOptions { url: url.to_owned(), secrets_key: [7; 32], old_secrets_keys: Vec::new(), connections: 4 };
        Database::open(options).await.expect("a fresh database opens")
    }
}

#[async_trait]
impl StoreHarness for PostgresDatabase {
    async fn empty() -> Self {
        let server = Postgres::shared().await.expect("PostgreSQL can be started");
        let url = server.database().await.expect("a database can be made");
        let database = Self::open(&url).await;
        database.migrate().await.expect("a fresh database can be migrated");
        Self { url, database }
    }

    fn ports(&self) -> StorePorts {
        StorePorts::of(&self.database)
    }

    async fn reopened(&self) -> StorePorts {
        StorePorts::of(&Self::open(&self.url).await)
    }
}
