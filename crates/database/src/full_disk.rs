//! A disk that is full for a while: what is refused is not there, what is accepted later is, and nothing needs a restart.

use crate::sql::{all, change};
use crate::{Database, DatabaseOptions};
use overture_domain::ids::TenantId;
use overture_domain::ports::{StoreError, Tenant, TenantRepo};
use overture_domain::time::Timestamp;
use std::collections::BTreeSet;
use uuid::Uuid;

fn tenant(number: u128) -> Tenant {
    // Large enough that every one needs pages of its own.
    Tenant {
        id: TenantId::from_uuid(Uuid::from_u128(number)),
        name: "x".repeat(20_000),
        created_at: Timestamp::from_millis(0),
    }
}

#[tokio::test]
async fn what_is_accepted_after_a_full_disk_is_stored_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("overture.db").display());
    let options = DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 1 };
    let database = Database::open(options.clone()).await.unwrap();
    database.migrate().await.unwrap();
    // The writing connection believes that the file may not grow.
    change(&database.writing, "PRAGMA max_page_count = 1", []).await.unwrap();

    let mut refused = 0;
    let mut accepted = BTreeSet::new();
    for number in 1..=20 {
        match database.add_tenant(&tenant(number)).await {
            Ok(()) => _ = accepted.insert(tenant(number).id),
            Err(StoreError::Busy(_) | StoreError::OutcomeUnknown(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        if refused == 3 {
            // A connection that was dropped meanwhile has no such limit; one that was not is freed of it here.
            change(&database.writing, "PRAGMA max_page_count = 1000000", []).await.unwrap();
        }
    }
    assert!(refused >= 1, "the limit was never met");
    assert!(accepted.len() >= 17, "{} were accepted", accepted.len());
    let stored = async |database: &Database| {
        database.tenants().await.unwrap().into_iter().map(|tenant| tenant.id).collect::<BTreeSet<_>>()
    };
    assert_eq!(stored(&database).await, accepted);
    let another = Database::open(options).await.unwrap();
    assert_eq!(stored(&another).await, accepted);
    let open = all(&another.writing, "PRAGMA quick_check", []).await.unwrap();
    assert_eq!(open[0].try_get_by_index::<String>(0).unwrap(), "ok");
}
