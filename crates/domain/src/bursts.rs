//! Many calls at once, begun together: what leaves at the same time shares its trips through the network's layers.

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// How many are under way at once.
pub const AT_ONCE: usize = 64;
/// Once all places are taken, the next begin when so many are left under way.
const UNTIL: usize = AT_ONCE / 2;

/// Runs each piece of work that comes, at most [`AT_ONCE`] at the same time, and says of each how it ended. What comes begins
/// at once until all places are taken; from then on nothing begins until half of them are free, and then as many together as
/// there are places. The price: more than half that are slow hold up the rest, so callers bound how long a piece may take.
/// Comes back when nothing more comes and all has ended.
pub async fn in_bursts<W: Future>(work: impl Stream<Item = W>, mut ended: impl FnMut(W::Output)) {
    let mut work = pin!(work.fuse());
    let mut running = FuturesUnordered::new();
    let mut is_full = false;
    poll_fn(|context| {
        loop {
            while let Poll::Ready(Some(output)) = running.poll_next_unpin(context) {
                ended(output);
            }
            is_full &= running.len() > UNTIL;
            let before = running.len();
            while !is_full && let Poll::Ready(Some(next)) = work.as_mut().poll_next(context) {
                running.push(next);
                is_full = running.len() == AT_ONCE;
            }
            // What has just begun is polled before anybody waits for it.
            if running.len() == before {
                return if before == 0 && work.is_done() { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::ops::Range;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Wake, Waker};
    use tokio::sync::{mpsc, oneshot};

    /// Whether somebody is to be polled again.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_comes_begins_at_once_until_all_places_are_taken_and_then_once_half_are_free() {
        let (comes, mut line) = mpsc::unbounded_channel();
        let (begun, ended) = (&Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let work = stream::poll_fn(move |context| line.poll_recv(context)).map(|n: usize| async move {
            let (end, told) = oneshot::channel();
            begun.lock().unwrap().push(end);
            told.await.unwrap();
            n
        });
        let mut running = pin!(in_bursts(work, |n| ended.lock().unwrap().push(n)));
        let woken = Arc::<Woken>::default();
        woken.0.store(true, Ordering::Relaxed);
        // As a runtime does it: who is not woken is not polled.
        let mut is_over = || {
            let mut is_over = false;
            while woken.0.swap(false, Ordering::Relaxed) {
                is_over = running.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&woken)))).is_ready();
            }
            is_over
        };
        let come = |work: Range<usize>| work.for_each(|n| comes.send(n).unwrap());
        let end =
            |count| begun.lock().unwrap().drain(..count).for_each(|end: oneshot::Sender<()>| end.send(()).unwrap());
        let under_way = || begun.lock().unwrap().len();

        come(0..40);
        assert!(!is_over());
        assert_eq!(under_way(), 40);
        come(40..41);
        assert!(!is_over());
        assert_eq!(under_way(), 41, "a place was free");
        come(41..64);
        assert!(!is_over());
        assert_eq!(under_way(), 64, "all places are taken");

        end(24);
        come(64..65);
        assert!(!is_over());
        assert_eq!(under_way(), 40, "too few are free");
        end(12);
        come(65..110);
        assert!(!is_over());
        assert_eq!(under_way(), 64, "more than half were free, and all of them are taken");

        end(64);
        assert!(!is_over());
        assert_eq!(under_way(), 110 - 24 - 12 - 64);
        end(under_way());
        assert!(!is_over(), "more may come");
        come(110..111);
        drop(comes);
        assert!(!is_over(), "one is under way");
        end(1);
        assert!(is_over());
        let mut ended = ended.lock().unwrap().split_off(0);
        ended.sort_unstable();
        assert_eq!(ended, Vec::from_iter(0..111));
    }
}
