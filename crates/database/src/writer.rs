//! Everything that writes goes through here, and what waits together shares one commit: on SQLite all changes, because one
//! writes at a time and a sync is dear; on PostgreSQL the conversations to open, while other changes run side by side,
//! because each of their statements is a round trip. A member that fails gets its own answer and never spoils the others.

use crate::dialect::is_postgres;
use crate::error::{is_its_own, is_taken, is_worth_repeating, may_be_stored, statement_may_be_stored, store_error};
use crate::gathering::take_together;
use crate::open::{self, OpenMember};
use crate::sql::change;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use overture_domain::ports::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait, Value,
};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How many changes share one commit at most.
const LARGEST_BATCH: usize = 64;
/// How long a batch may go on that cannot be written together: what others hold delays those alone who need it.
const ALONE: Duration = Duration::from_secs(4);
/// How many changes may wait; beyond it callers are told to come back.
const WAITING_ROOM: usize = 1_024;

/// Hands changes to whoever writes them.
#[derive(Clone)]
pub(crate) struct Writer {
    waiting: mpsc::Sender<Member>,
    /// Where changes that need not wait for others run by themselves.
    side_by_side: Option<DatabaseConnection>,
}

/// Something that waits to be written.
pub(crate) enum Member {
    /// A conversation to open: all of a batch are written by the same statements.
    Open(Box<OpenMember>),
    /// Any other change.
    Change(Box<dyn Change>),
}

/// A change with its answer.
#[async_trait::async_trait]
pub(crate) trait Change: Send {
    async fn run(&mut self, tx: &DatabaseTransaction) -> Result<(), DbErr>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<F, T> {
    work: F,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait::async_trait]
impl<F, T> Change for Work<F, T>
where
    F: for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync,
    T: Send,
{
    async fn run(&mut self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        self.result = Some((self.work)(tx).await?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        let result = committed.and_then(|()| result.ok_or_else(|| StoreError::Failed("the change did not run".into())));
        // Whoever asked may be gone; the change is kept all the same.
        let _ = answer.send(result);
    }
}

impl Writer {
    /// Starts its task on the current runtime; it ends when the last handle is dropped.
    pub(crate) fn start(connection: &DatabaseConnection, readers: &DatabaseConnection) -> Self {
        let (waiting, line) = mpsc::channel(WAITING_ROOM);
        tokio::spawn(write_all(connection.clone(), readers.clone(), line));
        Self { waiting, side_by_side: is_postgres(connection).then(|| readers.clone()) }
    }

    /// Runs a change in a transaction, shared with whatever else waits where that helps; answers after the commit. The
    /// change may be run more than once, when its transaction met another.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, DbErr>> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let (answer, asked) = oneshot::channel();
        let change: Box<dyn Change> = Box::new(Work { work, result: None, answer });
        if let Some(connection) = &self.side_by_side {
            // In a task of its own: a caller that goes away must not cut a transaction.
            let connection = connection.clone();
            tokio::spawn(async move {
                let readers = connection.clone();
                alone(&connection, &readers, vec![], vec![change]).await;
            });
            return asked.await.map_err(|_| lost())?;
        }
        let change = Member::Change(change);
        // Internal changes wait for room: refusing them would help nobody.
        self.waiting.send(change).await.map_err(|_| stopped())?;
        asked.await.map_err(|_| lost())?
    }

    /// Runs one statement that is a whole change; says how many rows it changed. Where changes run side by side it is its own
    /// transaction, in one trip instead of three. It is repeated only where it certainly changed nothing; of what failed
    /// otherwise nobody knows whether it ran.
    pub(crate) async fn change(&self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let Some(connection) = self.side_by_side.clone() else {
            return self.write(move |tx| Box::pin(change(tx, sql, values.clone()))).await;
        };
        let changed = tokio::spawn(async move { surely(|| change(&connection, sql, values.clone())).await });
        changed.await.map_err(|_| lost())?.map_err(|error| match store_error(&error) {
            StoreError::Busy(text) if statement_may_be_stored(&error) => StoreError::OutcomeUnknown(text),
            told => told,
        })
    }

    /// Puts a conversation in line, if there is room.
    pub(crate) fn open(&self, member: OpenMember) -> Result<(), StoreError> {
        self.waiting.try_send(Member::Open(Box::new(member))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                StoreError::Busy(format!("{WAITING_ROOM} changes are waiting to be written"))
            }
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }
}

/// Runs a statement that is a whole change; again where it certainly changed nothing.
pub(crate) async fn surely<T, F: Future<Output = Result<T, DbErr>>>(statement: impl Fn() -> F) -> Result<T, DbErr> {
    for wait in RETRIES {
        match statement().await {
            Err(error) if is_worth_repeating(&error) && !statement_may_be_stored(&error) => {
                tokio::time::sleep(wait).await;
            }
            done => return done,
        }
    }
    statement().await
}

fn stopped() -> StoreError {
    StoreError::Busy("the writer has stopped".into())
}

/// The writer went away with the change in its hands.
pub(crate) fn lost() -> StoreError {
    StoreError::OutcomeUnknown("the writer stopped while it held the change".into())
}

async fn write_all(connection: DatabaseConnection, readers: DatabaseConnection, mut line: mpsc::Receiver<Member>) {
    loop {
        let mut members = Vec::with_capacity(LARGEST_BATCH);
        if take_together(&mut line, &mut members, LARGEST_BATCH).await == 0 {
            return;
        }
        // A panic in a change drops its transaction, which rolls back; whoever waited learns that the outcome is unknown.
        if AssertUnwindSafe(write_batch(&connection, &readers, members)).catch_unwind().await.is_err() {
            tracing::error!("a change panicked while it was written; its batch was rolled back");
        }
    }
}

/// Writes a batch; if it cannot be written together, each member alone.
async fn write_batch(connection: &DatabaseConnection, readers: &DatabaseConnection, members: Vec<Member>) {
    let started = Instant::now();
    let (mut opens, mut changes) = (Vec::new(), Vec::new());
    for member in members {
        match member {
            Member::Open(member) if member.is_taken_up() => opens.push(*member),
            Member::Open(_) => {}
            Member::Change(change) => changes.push(change),
        }
    }
    let count = opens.len() + changes.len();
    if count == 0 {
        return;
    }
    match commit_surely(connection, &mut opens, &mut changes).await {
        Ok(()) => answer_all(opens, changes, || Ok(())),
        // Where the store itself cannot, it cannot for each alone either.
        Err(Failed::BeforeCommit(error))
            if count > 1 && (is_its_own(&error) || !matches!(store_error(&error), StoreError::Busy(_))) =>
        {
            tracing::warn!(%error, count, "a batch of changes failed; each is written alone");
            let begun = Instant::now();
            for open in opens {
                if begun.elapsed() > ALONE {
                    // Nothing of the batch is stored, and those behind it wait as well.
                    open.answer(Err(StoreError::Busy("what others hold keeps the line waiting".into())));
                    continue;
                }
                alone(connection, readers, vec![open], vec![]).await;
            }
            for change in changes {
                alone(connection, readers, vec![], vec![change]).await;
            }
        }
        Err(failed) => settle_failure(readers, opens, changes, &failed).await,
    }
    metrics::histogram!("overture_commit_members").record(count as f64);
    metrics::histogram!("overture_commit_seconds").record(started.elapsed().as_secs_f64());
}

async fn alone(
    connection: &DatabaseConnection,
    readers: &DatabaseConnection,
    mut opens: Vec<OpenMember>,
    mut changes: Vec<Box<dyn Change>>,
) {
    match commit_surely(connection, &mut opens, &mut changes).await {
        Ok(()) => answer_all(opens, changes, || Ok(())),
        Err(failed) => settle_failure(readers, opens, changes, &failed).await,
    }
}

/// Where a transaction failed.
enum Failed {
    /// Nothing is stored.
    BeforeCommit(DbErr),
    /// The commit itself failed: it may be stored.
    AtCommit(DbErr),
    /// However it failed, an earlier try may be stored, and may be stored yet.
    AfterUnknown(DbErr),
}

impl Failed {
    /// What it means where an earlier try may have been stored.
    fn after(self, unknown: bool) -> Self {
        match self {
            Self::BeforeCommit(error) | Self::AtCommit(error) if unknown => Self::AfterUnknown(error),
            failed => failed,
        }
    }

    /// What it means that a conversation is not to be seen.
    fn absent(&self) -> StoreError {
        match self {
            Self::AtCommit(error) if may_be_stored(error) => StoreError::OutcomeUnknown(error.to_string()),
            Self::AfterUnknown(error) => StoreError::OutcomeUnknown(error.to_string()),
            Self::BeforeCommit(error) | Self::AtCommit(error) => store_error(error),
        }
    }
}

/// Commits; where the transaction met another or lost its connection, again as a whole, a bounded number of times. Opening
/// again with the same ids finds what an earlier try may have stored, so an unknown commit is settled the same way.
async fn commit_surely(
    connection: &DatabaseConnection,
    opens: &mut [OpenMember],
    changes: &mut [Box<dyn Change>],
) -> Result<(), Failed> {
    let mut unknown = false;
    for (tries, wait) in RETRIES.into_iter().enumerate() {
        match commit(connection, opens, changes).await {
            Err(Failed::BeforeCommit(error))
                if is_worth_repeating(&error) || (tries < 2 && is_overtaken(connection, &error)) =>
            {
                tracing::debug!(%error, "a transaction is tried again");
            }
            Err(Failed::AtCommit(error)) if is_worth_repeating(&error) && changes.is_empty() => {
                tracing::warn!(%error, "a commit was cut off; it is applied again");
                unknown = true;
                opens.iter_mut().for_each(OpenMember::may_be_written);
            }
            done => return done.map_err(|failed| failed.after(unknown)),
        }
        tokio::time::sleep(wait).await;
    }
    commit(connection, opens, changes).await.map_err(|failed| failed.after(unknown))
}

/// Whether another wrote the same after this one had looked: whoever writes without looking waits for no name. On SQLite
/// nobody writes meanwhile.
fn is_overtaken(connection: &DatabaseConnection, error: &DbErr) -> bool {
    is_postgres(connection) && is_taken(error)
}

/// How long to wait before each repetition: a collision is over at once, a restart takes seconds.
const RETRIES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

async fn commit(
    connection: &DatabaseConnection,
    opens: &mut [OpenMember],
    changes: &mut [Box<dyn Change>],
) -> Result<(), Failed> {
    if changes.is_empty()
        && let Some(written) = open::write_unlooked(connection, opens).await
    {
        match written {
            // Something is there after all: it is looked at.
            Err(error) if is_taken(&error) => {}
            Err(error) if statement_may_be_stored(&error) => return Err(Failed::AtCommit(error)),
            written => return written.map_err(Failed::BeforeCommit),
        }
    }
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    let tx = connection.begin_with_options(options).await.map_err(Failed::BeforeCommit)?;
    if let Err(error) = run(&tx, opens, changes).await {
        if let Err(error) = tx.rollback().await {
            tracing::warn!(%error, "a transaction was not rolled back by us; the database does it");
        }
        return Err(Failed::BeforeCommit(error));
    }
    let asked = Instant::now();
    let committed = tx.commit().await.map_err(Failed::AtCommit);
    metrics::histogram!("overture_commit_sync_seconds").record(asked.elapsed().as_secs_f64());
    committed
}

async fn run(tx: &DatabaseTransaction, opens: &mut [OpenMember], changes: &mut [Box<dyn Change>]) -> Result<(), DbErr> {
    open::write(tx, opens).await?;
    for change in changes {
        change.run(tx).await?;
    }
    Ok(())
}

fn answer_all(opens: Vec<OpenMember>, changes: Vec<Box<dyn Change>>, committed: impl Fn() -> Result<(), StoreError>) {
    for member in opens {
        member.answer(committed());
    }
    for change in changes {
        change.answer(committed());
    }
}

/// Tells everybody what is certain: before the commit, that nothing is stored; at the commit, what a fresh look shows.
async fn settle_failure(
    readers: &DatabaseConnection,
    opens: Vec<OpenMember>,
    changes: Vec<Box<dyn Change>>,
    failed: &Failed,
) {
    match failed {
        Failed::BeforeCommit(error) => {
            tracing::warn!(%error, "a change was not written");
            // A row that is there already may be there because an earlier try with the same ids wrote it.
            if is_taken(error) {
                look_up_all(readers, opens, || failed.absent()).await;
            } else {
                answer_all(opens, Vec::new(), || Err(store_error(error)));
            }
            answer_all(Vec::new(), changes, || Err(store_error(error)));
        }
        Failed::AtCommit(error) | Failed::AfterUnknown(error) => {
            tracing::warn!(%error, "a commit failed; what is stored is looked up");
            look_up_all(readers, opens, || failed.absent()).await;
            answer_all(Vec::new(), changes, || Err(StoreError::OutcomeUnknown(error.to_string())));
        }
    }
}

/// Tells each whether it is stored; `absent` is what it means that it is not to be seen.
async fn look_up_all(readers: &DatabaseConnection, opens: Vec<OpenMember>, absent: impl Fn() -> StoreError) {
    for member in opens {
        let looked = member.look_up(readers).await;
        member.answer(match looked {
            Ok(true) => Ok(()),
            Ok(false) => Err(absent()),
            Err(look) => Err(StoreError::OutcomeUnknown(look.to_string())),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::ConnAcquireErr;

    fn without_connection() -> DbErr {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
    }

    #[test]
    fn what_is_not_to_be_seen_is_unknown_as_long_as_an_earlier_try_may_be_stored() {
        let absent = |failed: Failed, unknown| failed.after(unknown).absent();
        for failed in [Failed::BeforeCommit, Failed::AtCommit] {
            assert!(matches!(absent(failed(without_connection()), true), StoreError::OutcomeUnknown(_)));
        }
        assert!(matches!(absent(Failed::BeforeCommit(without_connection()), false), StoreError::Busy(_)));
    }

    #[test]
    fn without_a_connection_a_statement_is_certainly_not_stored() {
        assert!(!statement_may_be_stored(&without_connection()));
    }
}
