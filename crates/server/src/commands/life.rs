//! The life of one message as `overture try` tells it: each line once, with its time, and only what is new.

use crate::printer::Printer;
use crate::system::SystemClock;
use overture_domain::entities::{Attempt, AttemptOutcome};
use overture_domain::ports::Clock;
use overture_domain::time::Timestamp;
use std::time::Duration;

/// Something that happened.
pub(super) struct Event {
    /// Since the beginning.
    pub(super) seconds: f64,
    pub(super) text: String,
}

/// The life of a message, told as it happens, by the times that were recorded.
pub(super) struct Life {
    begun: Timestamp,
    printer: Printer,
    pub(super) events: Vec<Event>,
}

impl Life {
    /// It begins now.
    pub(super) fn begin(printer: Printer) -> Self {
        Self { begun: SystemClock.now(), printer, events: Vec::new() }
    }

    /// How long it has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        SystemClock.now().since(self.begun)
    }

    /// Tells something that happens now.
    pub(super) fn tell(&mut self, text: String) {
        self.tell_of(SystemClock.now(), text);
    }

    /// Tells something that happened at that time.
    pub(super) fn tell_of(&mut self, at: Timestamp, text: String) {
        // An attempt may begin before its compose's answer is read: a life is told in the order it is seen.
        let last = self.events.last().map_or(0.0, |event| event.seconds);
        let seconds = at.since(self.begun).as_secs_f64().max(last);
        self.printer.line(&format!("{seconds:>8.3} s  {text}"));
        self.events.push(Event { seconds, text });
    }
}

/// What was told already.
#[derive(Default)]
pub(super) struct Told {
    begun: bool,
    ended: u32,
    /// How the last attempt that was told ended.
    how: Option<String>,
}

impl Told {
    /// That the first attempt began, and how attempts ended since the last time; one that ended as the one before it is
    /// no news.
    pub(super) fn news(&mut self, attempts: &[Attempt]) -> Vec<(Timestamp, String)> {
        let mut news = Vec::new();
        if let Some(first) = attempts.first().filter(|_| !self.begun) {
            self.begun = true;
            news.push((first.started_at, format!("attempt {} begins", first.number)));
        }
        let ended = self.ended;
        for attempt in attempts.iter().filter(|attempt| attempt.number > ended) {
            let Some(outcome) = attempt.outcome else { continue };
            self.ended = attempt.number;
            let how = how_it_ended(outcome, attempt);
            if self.how.as_ref() != Some(&how) {
                let ended_at = attempt.ended_at.unwrap_or(attempt.started_at);
                news.push((ended_at, format!("attempt {}: {how}", attempt.number)));
                self.how = Some(how);
            }
        }
        news
    }
}

/// Such as `channel_fault: No connection to mail.example.com: refused (connection_failed)`.
fn how_it_ended(outcome: AttemptOutcome, attempt: &Attempt) -> String {
    let text = attempt.text.as_deref().unwrap_or_default().trim().trim_end_matches('.');
    // What the provider said often begins with its code.
    let provider_code = attempt.provider_code.as_deref().filter(|code| !text.contains(*code));
    let codes: Vec<_> = [attempt.code.as_deref(), provider_code].into_iter().flatten().collect();
    let mut how = outcome.to_string();
    if !text.is_empty() {
        how = format!("{how}: {text}");
    }
    if !codes.is_empty() {
        how = format!("{how} ({})", codes.join(", "));
    }
    match outcome {
        AttemptOutcome::Unavailable | AttemptOutcome::RateLimited => format!("{how}; it is tried again"),
        _ => how,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn attempt(number: u32, outcome: AttemptOutcome, code: Option<&str>, text: Option<&str>) -> Attempt {
        Attempt {
            number,
            started_at: AT,
            ended_at: Some(AT),
            outcome: Some(outcome),
            code: code.map(str::to_owned),
            provider_code: None,
            text: text.map(str::to_owned),
        }
    }

    fn lines(told: &mut Told, attempts: &[Attempt]) -> Vec<String> {
        told.news(attempts).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn attempts_that_end_as_the_one_before_are_no_news() {
        let busy = |number| attempt(number, AttemptOutcome::Unavailable, Some("timed_out"), Some("h said nothing."));
        let mut told = Told::default();
        let first = "attempt 1: unavailable: h said nothing (timed_out); it is tried again";
        assert_eq!(lines(&mut told, &[busy(1)]), ["attempt 1 begins", first]);
        assert!(lines(&mut told, &[busy(1), busy(2), busy(3)]).is_empty());
        let sent = attempt(4, AttemptOutcome::Sent, None, None);
        assert_eq!(lines(&mut told, &[busy(1), busy(2), busy(3), sent]), ["attempt 4: sent"]);
    }

    #[test]
    fn what_the_provider_said_comes_first_and_its_code_is_not_repeated() {
        let mut refused = attempt(1, AttemptOutcome::Rejected, Some("mailbox_full"), Some("552 5.2.2 Full"));
        refused.provider_code = Some("552 5.2.2".into());
        assert_eq!(how_it_ended(AttemptOutcome::Rejected, &refused), "rejected: 552 5.2.2 Full (mailbox_full)");
        refused.text = None;
        assert_eq!(how_it_ended(AttemptOutcome::Rejected, &refused), "rejected (mailbox_full, 552 5.2.2)");
    }
}
