//! A PostgreSQL server: one connection that opens conversations, few that ask what every compose asks, and a pool for
//! everything else.

use super::{ACQUIRE_TIMEOUT, Connections, DatabaseOptions, OpenDatabaseError, take_steps, unusable};
use crate::Asking;
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, SqlxPostgresConnector, TransactionTrait as _};
use std::str::FromStr;
use std::time::Duration;

/// What every connection is told. A statement that hangs must not hold others for ever; what was committed must be on disk
/// even where the server is set to be faster than that. And every statement of ours finds its rows by keys: a plan made
/// while a table was small must still be good when it has grown, so that none reads whole tables, to join them or otherwise.
const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// What the connection is told that opens conversations: whoever waits for another's lock there makes the others wait.
const OPENING: &str = "SET lock_timeout = '2s'";

/// Migrations of all processes wait for each other under this name.
const MIGRATING: &str = "SELECT pg_advisory_xact_lock(hashtextextended('overture migrate', 0))";

/// How long a connection may lie idle; a server or a proxy between may end it after that.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How long a single connection may take that shall only tell why there is none.
const LAST_TRY: Duration = Duration::from_secs(1);

/// A connection that was used so recently is not asked whether it still lives.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// From so many connections on, some only ask what every compose asks: one for each so many, two or three in all.
const SHARE_THAT_ASKS: u32 = 8;

/// What opens conversations, what asks before it, and the pool for the rest. Who opens has a connection of its own, so that
/// no reader is in its way and each statement of its sizes is prepared and planned once, not once on every connection. What
/// is asked of one kind is one statement at a time, so the fewer connections take turns with it, the warmer they are.
pub(super) async fn open(options: &DatabaseOptions) -> Result<Connections, OpenDatabaseError> {
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(unusable)?
        .application_name("overture")
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let opening = match pool(1, connect.clone(), OPENING).await {
        // A pool tries again until its time is over and does not say what stood in the way; one connection does.
        Err(sqlx::Error::PoolTimedOut) => return Err(out_of_reach(&connect).await),
        pool => pool.map_err(unusable)?,
    };
    let asking = asking(options.connections);
    let others = pool(options.connections.saturating_sub(1 + asking), connect.clone(), "").await.map_err(unusable)?;
    // Where there are few, they are shared.
    let asking = if asking == 0 { others.clone() } else { pool(asking, connect, "").await.map_err(unusable)? };
    Ok(Connections {
        writing: SqlxPostgresConnector::from_sqlx_postgres_pool(opening),
        asking: SqlxPostgresConnector::from_sqlx_postgres_pool(asking),
        readers: SqlxPostgresConnector::from_sqlx_postgres_pool(others),
    })
}

/// How many of so many connections only ask. With one, all kinds of questions would take turns; more than kinds would idle.
fn asking(connections: u32) -> u32 {
    if connections < SHARE_THAT_ASKS { 0 } else { (connections / SHARE_THAT_ASKS).clamp(2, Asking::KINDS) }
}

/// Why no connection could be made.
async fn out_of_reach(connect: &PgConnectOptions) -> OpenDatabaseError {
    match tokio::time::timeout(LAST_TRY, connect.connect()).await {
        Ok(Err(error)) => unusable(error),
        Ok(Ok(_)) => unusable(format!("the server was out of reach for {} s", ACQUIRE_TIMEOUT.as_secs())),
        Err(_) => unusable(format!("the server did not answer within {} s", ACQUIRE_TIMEOUT.as_secs())),
    }
}

async fn pool(connections: u32, connect: PgConnectOptions, also: &'static str) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(connections.max(1))
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE)
        .test_before_acquire(false)
        // A connection that lay idle may be dead by now: the server was restarted, or a proxy ended it.
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                connection.execute(also).await.map(|_| ())
            })
        })
        .connect_with(connect)
        .await
}

/// Takes every step that is pending, one process after the other; says which it took.
pub(super) async fn migrate(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let tx = connection.begin().await?;
    // A step may take longer than a statement of a request, and so may waiting for another process.
    tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    tx.execute_unprepared(MIGRATING).await?;
    let taken = take_steps(&tx).await?;
    tx.commit().await?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use crate::sql::all;
    use crate::{Database, DatabaseOptions};
    use overture_tests::postgres::Postgres;

    #[test]
    fn few_connections_are_shared_and_of_many_up_to_three_ask() {
        let asking = [2, 7, 8, 16, 23, 24, 1_000].map(super::asking);
        assert_eq!(asking, [0, 0, 2, 2, 2, 3, 3]);
    }

    #[tokio::test]
    async fn a_plan_made_while_a_table_is_empty_reads_it_by_its_keys() {
        let url = Postgres::shared().await.unwrap().database().await.unwrap();
        let database =
            Database::open(DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 1 })
                .await
                .unwrap();
        database.migrate().await.unwrap();
        let tenant = "'00000000-0000-0000-0000-000000000001'::uuid";
        let wanted: Vec<String> = (0..64).map(|n| format!("({tenant}, 'email', '{n}@example.com')")).collect();
        let explain = format!(
            "EXPLAIN WITH r (c1, c2, c3) AS (VALUES {}) SELECT a.contact_id FROM r JOIN contact_addresses a \
             ON a.tenant_id = r.c1 AND a.kind = r.c2 AND a.canonical = r.c3",
            wanted.join(",")
        );
        let plan = all(&database.readers, &explain, []).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| line.try_get_by_index(0).unwrap()).collect();
        assert!(plan[0].starts_with("Nested Loop"), "{plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("Seq Scan on contact_addresses")), "{plan:#?}");
    }
}
