//! How fast messages follow one another: on a channel, and on WhatsApp to one person. A pure function from where a pace
//! stands to whether a message may go now or when. It reads no clock: every adapter asks it in the transaction that begins
//! an attempt, and keeps what it says.
//!
//! A message that may not go now takes a *turn*: the waiting come back one after the other, and nobody who comes later goes
//! before them. Where the whole line is late, it moves as a whole: order and distances stay, and nobody is asked in vain
//! more than once for it.
//!
//! Numbers here are microseconds: eighty messages in a second are no whole number of milliseconds apart.

use crate::entities::{ChannelKind, Transport};
use crate::time::Timestamp;
use std::time::Duration;

/// WhatsApp takes one message from one number to one person in six seconds, and answers others with 131056
/// (<https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>).
pub const PAIR_INTERVAL: Duration = Duration::from_secs(6);
/// How many messages in a second a number of the WhatsApp Cloud API may send unless it was upgraded
/// (<https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput>).
pub const CLOUD_THROUGHPUT: u32 = 80;

/// How much longer than another a request may be under way, so that two of one person still arrive far enough apart.
const PAIR_MARGIN: Duration = Duration::from_millis(50);
/// How long an attempt may take before those behind it to the same person are held up by it.
const USUAL_ATTEMPT: Duration = Duration::from_millis(200);
/// What is late by no more than this is made up for: a channel loses nothing by it.
const LAG: Duration = Duration::from_millis(50);
/// So much longer than a second is the time in which a channel sends what a second allows: the lag above, and as much for
/// requests that are under way for different times.
const SECOND: Duration = Duration::from_millis(1_100);
/// Where nothing but the provider's own "not now" limits a channel, those who waited for it come back so far apart.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// How often one pace lets a message go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one to the next.
    every: i64,
    /// How much lateness is made up for.
    lag: i64,
    /// From one turn to the next.
    apart: i64,
}

impl Rate {
    /// One message to one person on WhatsApp.
    fn pair() -> Self {
        let every = micros(PAIR_INTERVAL + USUAL_ATTEMPT);
        Self { every, lag: 0, apart: every }
    }

    /// So many messages in a second.
    fn per_second(most: u32) -> Self {
        let every = micros(SECOND / most.max(1)) + 1;
        Self { every, lag: micros(LAG), apart: every }
    }

    /// As many as there are, until the provider says otherwise.
    fn unlimited() -> Self {
        Self { every: 0, lag: 0, apart: micros(AFTER_REFUSAL) }
    }

    /// Whether only the provider's own "not now" limits it: a message that goes leaves the pace as it was.
    pub const fn is_unlimited(self) -> bool {
        self.every == 0
    }
}

/// What limits a channel's messages; `None`: nothing ever does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// To one recipient.
    pub recipient: Option<Rate>,
    /// On the whole channel.
    pub channel: Option<Rate>,
}

impl Rates {
    /// Of a channel whose owner says that.
    pub fn of(kind: ChannelKind, transport: Transport, max_per_second: Option<u32>) -> Self {
        let channel = match (max_per_second, transport) {
            (Some(most), _) => Some(Rate::per_second(most)),
            (None, Transport::Twilio | Transport::WhatsAppCloud) => Some(Rate::unlimited()),
            // Neither a mail server nor a folder says "too many" to all.
            (None, Transport::Smtp | Transport::Sandbox) => None,
        };
        Self { recipient: hold_after_attempt(kind, transport).map(|_| Rate::pair()), channel }
    }

    /// Whether nothing ever limits it.
    pub const fn are_none(&self) -> bool {
        self.recipient.is_none() && self.channel.is_none()
    }
}

/// How long after the end of an attempt the next message to the same person waits: when exactly the provider counted it is
/// known only then. `None` where that does not matter.
pub fn hold_after_attempt(kind: ChannelKind, transport: Transport) -> Option<Duration> {
    (kind == ChannelKind::WhatsApp && transport != Transport::Sandbox).then_some(PAIR_INTERVAL + PAIR_MARGIN)
}

/// Where a pace stands, in microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// When the next message may go.
    pub free_at: i64,
    /// The turn of whoever comes next and must wait.
    pub next_turn: i64,
    /// By how much every turn that was given has moved since.
    pub moved: i64,
    /// The latest turn that was used.
    pub used: i64,
}

/// A pace, and one message before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// How often it lets a message go.
    pub rate: Rate,
    /// Where it stands.
    pub pace: Pace,
    /// The turn that this message was given, as it stood before anything moved.
    pub turn: Option<i64>,
}

impl Lane {
    /// Until when the message waits; `None`: it may go. Whoever must wait has a turn afterwards.
    fn wait(&mut self, now: i64) -> Option<i64> {
        let Self { rate, pace, .. } = *self;
        let Some(turn) = self.turn else {
            let others_wait = !rate.is_unlimited() && pace.next_turn > now;
            if pace.free_at <= now && !others_wait {
                return None;
            }
            return Some(self.postpone(pace.free_at.max(pace.next_turn)));
        };
        let due = turn + pace.moved;
        if due > now {
            return Some(due);
        }
        if pace.free_at <= now {
            return None;
        }
        if turn < pace.used {
            // It missed its turn and comes after the last that did not.
            self.turn = Some(pace.used + rate.apart);
        }
        Some(self.postpone(pace.free_at))
    }

    /// The message goes then at the earliest. Where it has a turn before, all turns move with it.
    fn postpone(&mut self, until: i64) -> i64 {
        let due = self.turn.map_or(until, |turn| turn + self.pace.moved);
        let late = (until - due).max(0);
        self.pace.moved += late;
        self.pace.next_turn += late;
        let until = due + late;
        self.turn = Some(until - self.pace.moved);
        self.pace.next_turn = self.pace.next_turn.max(until + self.rate.apart);
        until
    }

    /// The message goes.
    fn go(&mut self, now: i64) {
        let turn = self.turn.take().unwrap_or(now - self.pace.moved);
        if self.rate.is_unlimited() {
            return;
        }
        self.pace.used = self.pace.used.max(turn);
        self.pace.free_at = self.pace.free_at.max(now - self.rate.lag) + self.rate.every;
    }
}

/// The paces that a message must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lanes {
    /// To its recipient.
    pub recipient: Option<Lane>,
    /// On its channel. It is asked only once the recipient's lets the message go, so that nobody who waits for one person
    /// keeps the others waiting.
    pub channel: Option<Lane>,
}

/// Whether a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Now.
    Goes,
    /// Not before then.
    Waits(Timestamp),
}

impl Lanes {
    /// Whether a message goes now, and what its lanes are afterwards. A message whose turn would come after its time takes
    /// none: it keeps nobody waiting.
    #[must_use]
    pub fn pass(self, now: Timestamp, ends_at: Timestamp) -> (Self, Pass) {
        let now = now.as_millis().saturating_mul(1_000);
        let mut after = self;
        if let Some(until) = after.wait(now) {
            // A time in whole milliseconds that is not before it.
            let until = Timestamp::from_millis(until.saturating_add(999) / 1_000);
            return if until < ends_at { (after, Pass::Waits(until)) } else { (self, Pass::Waits(ends_at)) };
        }
        for lane in [&mut after.recipient, &mut after.channel].into_iter().flatten() {
            lane.go(now);
        }
        (after, Pass::Goes)
    }

    fn wait(&mut self, now: i64) -> Option<i64> {
        if let Some(until) = self.recipient.as_mut().and_then(|lane| lane.wait(now)) {
            return Some(until);
        }
        let until = self.channel.as_mut()?.wait(now)?;
        // Whoever waits behind it for the same person need not ask the channel before.
        Some(self.recipient.as_mut().map_or(until, |lane| lane.postpone(until)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
