//! Many calls at once, begun together: what leaves at the same time shares its trips through the network's layers.

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// How many are under way at once.
pub const AT_ONCE: usize = 64;
/// Once all places are taken, the next begin when so many are left under way.
const UNTIL: usize = AT_ONCE / 2;

/// Runs each piece of work that comes, at most [`AT_ONCE`] at the same time, and says of each how it ended. What comes while
/// there is a place begins at once. Where more wait than have a place, they do not begin one by one as each place becomes
/// free, but half of all together. Comes back when nothing more comes and all has ended.
pub async fn in_bursts<W: Future>(work: impl Stream<Item = W>, mut ended: impl FnMut(W::Output)) {
    let mut work = pin!(work.fuse());
    let mut running = FuturesUnordered::new();
    let mut is_full = false;
    poll_fn(|context| {
        loop {
            is_full = running.len() > if is_full { UNTIL } else { AT_ONCE - 1 };
            if !is_full && let Poll::Ready(Some(next)) = work.as_mut().poll_next(context) {
                running.push(next);
                continue;
            }
            match running.poll_next_unpin(context) {
                Poll::Ready(Some(output)) => ended(output),
                Poll::Ready(None) if work.is_done() => return Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::cell::RefCell;
    use std::ops::Range;
    use std::task::{Context, Waker};
    use tokio::sync::{mpsc, oneshot};

    #[test]
    fn what_comes_begins_at_once_while_there_is_a_place_and_half_of_all_together_where_none_was() {
        let (comes, mut line) = mpsc::unbounded_channel();
        let (begun, ended) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let work = stream::poll_fn(move |context| line.poll_recv(context)).map(|n: usize| {
            let (end, told) = oneshot::channel();
            begun.borrow_mut().push(end);
            async move {
                told.await.unwrap();
                n
            }
        });
        let mut running = pin!(in_bursts(work, |n| ended.borrow_mut().push(n)));
        let mut is_over = || running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let come = |work: Range<usize>| work.for_each(|n| comes.send(n).unwrap());
        let end = |count| begun.borrow_mut().drain(..count).for_each(|end: oneshot::Sender<()>| end.send(()).unwrap());
        let under_way = || begun.borrow().len();

        come(0..UNTIL + 1);
        assert!(!is_over());
        assert_eq!(under_way(), UNTIL + 1);
        come(UNTIL + 1..UNTIL + 2);
        assert!(!is_over());
        assert_eq!(under_way(), UNTIL + 2, "a place was free");

        come(UNTIL + 2..2 * AT_ONCE);
        assert!(!is_over());
        assert_eq!(under_way(), AT_ONCE, "all places are taken");
        end(AT_ONCE - UNTIL - 1);
        assert!(!is_over());
        assert_eq!(under_way(), UNTIL + 1, "too few are free");
        end(1);
        assert!(!is_over());
        assert_eq!(under_way(), AT_ONCE, "half were free");

        end(AT_ONCE);
        assert!(!is_over());
        end(under_way());
        assert!(!is_over(), "more may come");
        drop(comes);
        assert!(is_over());
        let mut ended = ended.take();
        ended.sort_unstable();
        assert_eq!(ended, Vec::from_iter(0..2 * AT_ONCE));
    }
}
