//! Whether calls are worth trying: a server that is away must cost the composes beside it nothing.

use std::fmt;
use temporalio_client::tonic::{Code, Status};
use tokio::sync::watch;

/// Why calls are not worth trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Whether somebody answered and will not have us: waiting mends that only where somebody else does.
    pub refused: bool,
    /// In the words of Temporal or of the network. Nothing personal.
    pub error: String,
}

impl Trouble {
    /// Nobody answers.
    pub(crate) fn silence(error: impl Into<String>) -> Self {
        Self { refused: false, error: error.into() }
    }

    /// What a call came back with.
    pub(crate) fn of(status: &Status) -> Self {
        let refused = matches!(
            status.code(),
            Code::Unauthenticated
                | Code::PermissionDenied
                | Code::NotFound
                | Code::FailedPrecondition
                | Code::InvalidArgument
                | Code::Unimplemented
        );
        Self { refused, error: format!("{}: {}", status.code(), status.message()) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Temporal {}: {}", if self.refused { "refuses us" } else { "does not answer" }, self.error)
    }
}

/// Opens at the first call that finds nobody or is refused, closes at the first that is answered. Tells the log of each.
#[derive(Debug)]
pub(crate) struct Breaker(watch::Sender<Option<Trouble>>);

impl Default for Breaker {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Breaker {
    /// What the last call ran into; `None` if it was answered.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.0.borrow().clone()
    }

    /// Notes what a call found. Whether that is news: many calls that fail together say it once.
    pub(crate) fn note(&self, found: Option<Trouble>) -> bool {
        let kind = |trouble: &Option<Trouble>| trouble.as_ref().map(|trouble| trouble.refused);
        let mut news = false;
        self.0.send_if_modified(|last| {
            news = kind(last) != kind(&found);
            match &found {
                _ if !news => {}
                Some(trouble) => tracing::warn!("{trouble}; conversations are kept until that is over"),
                None => tracing::info!("Temporal answers again"),
            }
            let changed = *last != found;
            *last = found;
            changed
        });
        news
    }

    /// Comes back while calls are not worth trying.
    pub(crate) async fn opened(&self) {
        // The sender is here, so it is not gone.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_finds_nobody_opens_it_and_an_answer_closes_it_and_each_is_news_once() {
        let breaker = Breaker::default();
        assert_eq!((breaker.trouble(), breaker.note(None)), (None, false));
        let away = Trouble::silence("nobody listens");
        assert!(breaker.note(Some(away.clone())));
        assert!(!breaker.note(Some(Trouble::silence("took too long"))), "that nobody answers was said");
        assert_eq!(breaker.trouble(), Some(Trouble::silence("took too long")), "the last word counts");
        assert!(breaker.note(None) && breaker.trouble().is_none());
    }

    #[test]
    fn who_answers_and_refuses_is_told_from_who_does_not_answer() {
        for (status, refused) in [
            (Status::unavailable("connection refused"), false),
            (Status::deadline_exceeded("too late"), false),
            (Status::resource_exhausted("slowly"), false),
            (Status::unauthenticated("no such key"), true),
            (Status::permission_denied("not yours"), true),
            (Status::not_found("no such namespace"), true),
        ] {
            let trouble = Trouble::of(&status);
            assert_eq!(trouble.refused, refused, "{status:?}");
            assert!(trouble.to_string().contains(if refused { "refuses us" } else { "does not answer" }));
        }
        let breaker = Breaker::default();
        breaker.note(Some(Trouble::silence("away")));
        assert!(breaker.note(Some(Trouble::of(&Status::unauthenticated("no such key")))), "another trouble is news");
    }
}
