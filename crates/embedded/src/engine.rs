//! The engine: tasks on a semaphore, each of which runs one conversation, keeps its claim alive and settles it.

use crate::roster::{Entered, Roster};
use async_trait::async_trait;
use overture_domain::ports::{StartError, StartOrder, Started, WakeupQueue, WorkflowStarter};
use overture_domain::use_cases::{CLAIM_LEASE, Next, RunConversation, RunError, wait_after};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How the engine runs.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedOptions {
    /// How many conversations run at once.
    pub concurrency: usize,
    /// How many conversations may run or wait in this process; more are left to the rows until there is room.
    pub capacity: usize,
    /// The longest one run may take; then it is given up and tried again.
    pub time_limit: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { concurrency: 64, capacity: 2_048, time_limit: Duration::from_secs(15 * 60) }
    }
}

/// Runs conversations in this process.
pub struct EmbeddedEngine {
    run: Arc<RunConversation>,
    queue: Arc<dyn WakeupQueue>,
    options: EmbeddedOptions,
    roster: Roster,
    permits: Arc<Semaphore>,
    tasks: Mutex<JoinSet<()>>,
    stopping: AtomicBool,
    this: Weak<Self>,
}

/// Why a run did not say when to come back.
enum Stumbled {
    Failed(RunError),
    TookTooLong,
    Panicked,
}

impl EmbeddedEngine {
    /// An engine that runs conversations and settles their wakeups in `queue`.
    pub fn new(run: Arc<RunConversation>, queue: Arc<dyn WakeupQueue>, options: EmbeddedOptions) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            run,
            queue,
            roster: Roster::default(),
            permits: Arc::new(Semaphore::new(options.concurrency.max(1))),
            tasks: Mutex::new(JoinSet::new()),
            stopping: AtomicBool::new(false),
            this: this.clone(),
            options,
        })
    }

    /// How many more conversations it would take now.
    pub fn room(&self) -> u32 {
        u32::try_from(self.options.capacity.saturating_sub(self.roster.len())).unwrap_or(u32::MAX)
    }

    /// Takes nothing new, lets what runs come to its end for at most `grace`, then gives it up: its claims end by
    /// themselves, and whoever claims next goes on.
    pub async fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::Release);
        // Whoever waits for a permit ends now; the claims it holds end by themselves.
        self.permits.close();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::time::timeout(grace, async { while tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(
                running = tasks.len(),
                "conversations still ran when the engine stopped; they go on when their claims end"
            );
        }
        tasks.shutdown().await;
    }

    /// Runs a conversation until no wake is left for it.
    async fn attend(self: Arc<Self>, first: StartOrder) {
        let mut order = Some(first);
        while let Some(current) = order {
            let outcome = {
                let Ok(_permit) = self.permits.acquire().await else { break };
                self.supervised(&current).await
            };
            // Settling may wait for others to share its commit: that costs nobody a place.
            self.settle(&current, outcome).await;
            order = self.roster.next(current.conversation_id);
        }
    }

    async fn settle(&self, order: &StartOrder, outcome: Result<Next, Stumbled>) {
        let settled = match outcome {
            Ok(Next::Done) => self.queue.settle(order).await,
            Ok(Next::Rest(wait)) => self.queue.rest(order, wait).await,
            Err(stumbled) => {
                report(order, &stumbled);
                self.queue.retry(order, wait_after(order.tries)).await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(conversation_id = %order.conversation_id, %error, "a wakeup keeps its claim and comes again when that ends");
        }
    }

    /// Runs in a task of its own, so that a panic ends only that, and keeps the claim alive meanwhile.
    async fn supervised(&self, order: &StartOrder) -> Result<Next, Stumbled> {
        let (run, id) = (Arc::clone(&self.run), order.conversation_id);
        let mut task = AbortOnDrop(tokio::spawn(async move { run.execute(id).await }));
        let deadline = tokio::time::Instant::now() + self.options.time_limit;
        let mut renewal = tokio::time::interval_at(tokio::time::Instant::now() + CLAIM_LEASE / 3, CLAIM_LEASE / 3);
        loop {
            tokio::select! {
                ended = &mut task.0 => return match ended {
                    Ok(Ok(next)) => Ok(next),
                    Ok(Err(error)) => Err(Stumbled::Failed(error)),
                    Err(_) => Err(Stumbled::Panicked),
                },
                () = tokio::time::sleep_until(deadline) => return Err(Stumbled::TookTooLong),
                _ = renewal.tick() => {
                    if let Err(error) = self.queue.keep(order, CLAIM_LEASE).await {
                        tracing::warn!(conversation_id = %id, %error, "a claim was not renewed; the fence of the attempt still holds");
                    }
                }
            }
        }
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn report(order: &StartOrder, stumbled: &Stumbled) {
    let id = order.conversation_id;
    match stumbled {
        Stumbled::Failed(error) => {
            tracing::warn!(conversation_id = %id, tries = order.tries, %error, "a conversation could not be run; it comes again");
        }
        Stumbled::TookTooLong => {
            tracing::error!(conversation_id = %id, "a conversation took too long and was given up; it comes again");
        }
        Stumbled::Panicked => tracing::error!(conversation_id = %id, "a conversation panicked; it comes again"),
    }
}

#[async_trait]
impl WorkflowStarter for EmbeddedEngine {
    /// Never waits: takes the order into this process's memory, or says that there is no room.
    async fn start(&self, order: &StartOrder) -> Result<Started, StartError> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(StartError::Unavailable("the engine is stopping".into()));
        }
        match self.roster.enter(*order, self.options.capacity) {
            Entered::Joined => Ok(Started::InMemory),
            Entered::Full => {
                Err(StartError::Unavailable(format!("{} conversations run or wait already", self.options.capacity)))
            }
            Entered::New => {
                let this =
                    self.this.upgrade().ok_or_else(|| StartError::Unavailable("the engine has stopped".into()))?;
                let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
                while tasks.try_join_next().is_some() {}
                tasks.spawn(this.attend(*order));
                Ok(Started::InMemory)
            }
        }
    }
}
