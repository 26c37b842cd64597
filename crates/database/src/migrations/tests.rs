//! The schema as it is, against the page that says what it holds.

use crate::sql::all;
use crate::{Database, DatabaseOptions};
use std::collections::BTreeSet;

async fn fresh() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("overture.db").display());
    let database =
        Database::open(DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 2 })
            .await
            .unwrap();
    (folder, database)
}

#[tokio::test]
async fn every_column_is_named_in_the_page_about_data_and_every_table_there_exists() {
    let (_folder, database) = fresh().await;
    database.migrate().await.unwrap();
    let page = include_str!("../../../../docs/data.md");
    let rows = all(
        &database.readers,
        "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
        [],
    );
    let mut tables = BTreeSet::new();
    for row in rows.await.unwrap() {
        let (table, column): (String, String) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        let section = page.split("\n## ").find(|section| section.lines().next() == Some(table.as_str()));
        let section = section.unwrap_or_else(|| panic!("docs/data.md has no section on the table {table}"));
        assert!(section.contains(&format!("`{column}`")), "docs/data.md does not name {table}.{column}");
        tables.insert(table);
    }
    let described: BTreeSet<String> =
        page.split("\n## ").skip(1).filter_map(|section| section.lines().next()).map(str::to_owned).collect();
    assert_eq!(described, tables);
}

#[tokio::test]
async fn two_that_migrate_at_once_leave_nothing_pending_and_each_tells_what_it_took_itself() {
    let (folder, database) = fresh().await;
    let pending = database.migration_status().await.unwrap().pending;
    assert!(!pending.is_empty());
    // As another process has it: with connections of its own.
    let url = format!("sqlite:{}", folder.path().join("overture.db").display());
    let second =
        Database::open(DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 2 })
            .await
            .unwrap();
    let (first, second) = tokio::join!(database.migrate(), second.migrate());
    assert_eq!([first.unwrap(), second.unwrap()].concat(), pending);
    let status = database.migration_status().await.unwrap();
    assert!(status.pending.is_empty() && status.unknown.is_empty(), "{status:?}");
}

#[tokio::test]
async fn every_connection_syncs_fully_and_keeps_foreign_keys() {
    let (_folder, database) = fresh().await;
    for connection in [&database.readers, &database.writing] {
        for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
            let rows = all(connection, &format!("PRAGMA {pragma}"), []).await.unwrap();
            assert_eq!(rows[0].try_get_by_index::<i64>(0).unwrap(), expected, "{pragma}");
        }
    }
}
