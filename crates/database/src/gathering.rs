//! What comes at the same time goes together. Questions of one kind that are asked at the same time share one statement: while
//! one answer is being read, the next questions gather. Who asks alone waits for nobody, unless the kind has a pace.

use crate::error::store_error;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use overture_domain::ports::StoreError;
use sea_orm::DbErr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// How many questions share one statement at most.
const MOST: usize = 64;
/// How many may wait; beyond it whoever asks waits for room.
const WAITING_ROOM: usize = 1_024;

/// The answers to questions, in their order.
pub(crate) type Answers<A> = BoxFuture<'static, Result<Vec<Result<A, StoreError>>, DbErr>>;

/// Where one kind of question is asked.
pub(crate) struct Gathering<Q, A> {
    line: mpsc::Sender<Asked<Q, A>>,
}

impl<Q, A> Clone for Gathering<Q, A> {
    fn clone(&self) -> Self {
        Self { line: self.line.clone() }
    }
}

struct Asked<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<Q: Send + 'static, A: Send + 'static> Gathering<Q, A> {
    /// Starts its task on the current runtime; it ends when the last handle is dropped.
    pub(crate) fn start(look: impl Fn(Vec<Q>) -> Answers<A> + Send + 'static) -> Self {
        Self::start_paced(Duration::ZERO, look)
    }

    /// The same for questions that nobody hurries with: after an answer the next statement waits for so long, so that more share
    /// it. Enough for a whole statement wait for nothing.
    pub(crate) fn start_paced(pace: Duration, look: impl Fn(Vec<Q>) -> Answers<A> + Send + 'static) -> Self {
        let (line, waiting) = mpsc::channel(WAITING_ROOM);
        tokio::spawn(answer_all(look, waiting, pace));
        Self { line }
    }

    /// Asks together with whoever else asks now.
    pub(crate) async fn ask(&self, question: Q) -> Result<A, StoreError> {
        let (answer, asked) = oneshot::channel();
        self.line.send(Asked { question, answer }).await.map_err(|_| stopped())?;
        asked.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    StoreError::Busy("the batcher has stopped".into())
}

/// How often whoever is about to stand in line gets a turn to do so, since somebody last came. After more, batches grow no more
/// and only wait.
const TURNS: usize = 3;

/// Takes what stands in the line, at least one and at most so many, and what comes while every task that can run now has had
/// its turns; 0 when the line has ended. Nobody waits for time to pass: a trip to the database shared by more is worth some
/// microseconds, where nothing else runs the turns are over at once, and a full batch ends them.
pub(crate) async fn take_together<T>(line: &mut mpsc::Receiver<T>, batch: &mut Vec<T>, most: usize) -> usize {
    if line.recv_many(batch, most).await == 0 {
        return 0;
    }
    let mut turns = 0;
    while batch.len() < most && turns < TURNS {
        tokio::task::yield_now().await;
        turns = if fill(line, batch, most) { 0 } else { turns + 1 };
    }
    batch.len()
}

/// Takes what stands in the line by now, up to so many; whether there was something.
fn fill<T>(line: &mut mpsc::Receiver<T>, batch: &mut Vec<T>, most: usize) -> bool {
    let had = batch.len();
    while batch.len() < most
        && let Ok(next) = line.try_recv()
    {
        batch.push(next);
    }
    batch.len() > had
}

async fn answer_all<Q, A>(
    look: impl Fn(Vec<Q>) -> Answers<A>,
    mut waiting: mpsc::Receiver<Asked<Q, A>>,
    pace: Duration,
) {
    let mut batch = Vec::with_capacity(MOST);
    let mut not_before = Instant::now();
    while take_together(&mut waiting, &mut batch, MOST).await > 0 {
        while batch.len() < MOST
            && Instant::now() < not_before
            && let Ok(Some(next)) = timeout_at(not_before, waiting.recv()).await
        {
            batch.push(next);
        }
        let (questions, asked): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Asked { question, answer }| (question, answer)).unzip();
        // A panic costs its own questions their answer and nobody else.
        match AssertUnwindSafe(look(questions)).catch_unwind().await {
            Ok(Ok(answers)) => {
                for (asked, answer) in asked.into_iter().zip(answers) {
                    // Whoever asked may be gone.
                    let _ = asked.send(answer);
                }
            }
            Ok(Err(error)) => {
                for asked in asked {
                    let _ = asked.send(Err(store_error(&error)));
                }
            }
            Err(_) => tracing::error!("a batched statement panicked"),
        }
        not_before = Instant::now() + pace;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;

    /// Doubles numbers; odd ones are corrupt, and thirteen fails the statement.
    fn doubling(sizes: Arc<Mutex<Vec<usize>>>, turn: Arc<Semaphore>) -> Gathering<u32, u32> {
        doubling_at(Duration::ZERO, sizes, turn)
    }

    fn doubling_at(pace: Duration, sizes: Arc<Mutex<Vec<usize>>>, turn: Arc<Semaphore>) -> Gathering<u32, u32> {
        Gathering::start_paced(pace, move |questions: Vec<u32>| {
            let (sizes, turn) = (Arc::clone(&sizes), Arc::clone(&turn));
            Box::pin(async move {
                turn.acquire().await.unwrap().forget();
                sizes.lock().unwrap().push(questions.len());
                assert!(!questions.contains(&1_000), "a thousand is too much");
                if questions.contains(&13) {
                    return Err(DbErr::Custom("thirteen".into()));
                }
                let answer = |n: u32| {
                    if n.is_multiple_of(2) { Ok(n * 2) } else { Err(StoreError::Failed(format!("{n} is odd"))) }
                };
                Ok(questions.into_iter().map(answer).collect())
            })
        })
    }

    #[tokio::test]
    async fn what_is_asked_while_an_answer_is_read_shares_the_next_statement_and_each_gets_its_own_answer() {
        let (sizes, turn) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let gathering = doubling(Arc::clone(&sizes), Arc::clone(&turn));
        let asked: Vec<_> = (0..4)
            .map(|n| {
                let gathering = gathering.clone();
                tokio::spawn(async move { gathering.ask(n).await.map_err(|error| error.to_string()) })
            })
            .collect();
        while gathering.line.capacity() < WAITING_ROOM {
            tokio::task::yield_now().await;
        }
        turn.add_permits(2);
        let mut answers = Vec::new();
        for asked in asked {
            answers.push(asked.await.unwrap().ok());
        }
        assert_eq!(answers, [Some(0), None, Some(4), None]);
        assert!(sizes.lock().unwrap().len() <= 2, "{sizes:?}");
    }

    #[tokio::test]
    async fn what_is_asked_at_a_pace_waits_after_an_answer_until_there_is_enough_for_a_statement() {
        let (sizes, turn) = (Arc::default(), Arc::new(Semaphore::new(3)));
        let gathering = doubling_at(Duration::from_secs(3_600), Arc::clone(&sizes), turn);
        assert_eq!(gathering.ask(2).await.unwrap(), 4);
        let asking: Arc<AtomicUsize> = Arc::default();
        let ask = |n: u32| {
            let (gathering, asking) = (gathering.clone(), Arc::clone(&asking));
            tokio::spawn(async move {
                asking.fetch_add(1, Ordering::Relaxed);
                gathering.ask(2 * n).await.unwrap()
            })
        };
        let mut asked: Vec<_> = (1..MOST as u32).map(ask).collect();
        // Until the last of them is out of the line and waits for one more.
        while asking.load(Ordering::Relaxed) < MOST - 1 || gathering.line.capacity() < WAITING_ROOM {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 * TURNS {
            tokio::task::yield_now().await;
        }
        asked.push(ask(0));
        for asked in asked {
            asked.await.unwrap();
        }
        assert_eq!(*sizes.lock().unwrap(), [1, MOST]);
    }

    #[tokio::test]
    async fn what_is_asked_at_a_pace_is_answered_once_that_has_passed() {
        let pace = Duration::from_millis(50);
        let gathering = doubling_at(pace, Arc::default(), Arc::new(Semaphore::new(2)));
        let begun = Instant::now();
        gathering.ask(2).await.unwrap();
        assert_eq!(gathering.ask(4).await.unwrap(), 8);
        assert!(begun.elapsed() >= pace);
    }

    #[tokio::test]
    async fn a_statement_that_fails_or_panics_costs_its_own_questions_only() {
        let gathering = doubling(Arc::default(), Arc::new(Semaphore::new(3)));
        assert!(matches!(gathering.ask(13).await, Err(StoreError::Failed(text)) if text.contains("thirteen")));
        assert!(matches!(gathering.ask(1_000).await, Err(StoreError::Busy(_))));
        assert_eq!(gathering.ask(4).await.unwrap(), 8);
    }
}
