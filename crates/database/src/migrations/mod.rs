//! The schema's history: forward only, no step by halves. A step that has been released never changes.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Step {
                name: "m0001_first",
                sqlite: include_str!("m0001_first.sqlite.sql"),
                postgres: include_str!("m0001_first.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0002_providers",
                sqlite: include_str!("m0002_providers.sqlite.sql"),
                postgres: include_str!("m0002_providers.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0003_channel_management",
                sqlite: include_str!("m0003_channel_management.sqlite.sql"),
                postgres: include_str!("m0003_channel_management.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0004_paces",
                sqlite: include_str!("m0004_paces.sqlite.sql"),
                postgres: include_str!("m0004_paces.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0005_quotas",
                sqlite: include_str!("m0005_quotas.sqlite.sql"),
                postgres: include_str!("m0005_quotas.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0006_unplaced",
                sqlite: include_str!("m0006_unplaced.sqlite.sql"),
                postgres: include_str!("m0006_unplaced.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0007_retention",
                sqlite: include_str!("m0007_retention.sqlite.sql"),
                postgres: include_str!("m0007_retention.postgres.sql"),
            }),
            Box::new(Step {
                name: "m0008_templates_known",
                sqlite: include_str!("m0008_templates_known.sqlite.sql"),
                postgres: include_str!("m0008_templates_known.postgres.sql"),
            }),
        ]
    }
}

/// One step: plain SQL, so that what runs is what is read.
struct Step {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = if manager.get_database_backend() == DbBackend::Postgres { self.postgres } else { self.sqlite };
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests;
