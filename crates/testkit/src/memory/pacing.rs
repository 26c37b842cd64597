//! The paces of channels and recipients, as the fence asks them and ends of attempts move them.

use super::tables::{Tables, Turns};
use overture_domain::entities::MessageStatus;
use overture_domain::ids::{ChannelId, ConversationId, MessageId};
use overture_domain::pacing::{Lane, Lanes, Pace, Pass, Rate, Rates};
use overture_domain::ports::{Hold, LimitScope, Outgoing};
use overture_domain::time::Timestamp;
use std::time::Duration;

/// The pace of a channel, or of a recipient on it.
type PaceKey = (ChannelId, String);

impl Tables {
    /// Whether a message may go now; if not, its turn is kept, and it is due then.
    pub(super) fn pass(&mut self, id: MessageId, outgoing: &Outgoing, now: Timestamp, ends_at: Timestamp) -> Pass {
        let Some(row) = self.channels.get(&outgoing.channel_id) else { return Pass::Goes };
        let rates = Rates::of(row.channel.kind, row.channel.transport, row.channel.limits.max_per_second);
        let turns = self.messages.get(&id).map(|row| row.turns).unwrap_or_default();
        let whole: PaceKey = (outgoing.channel_id, String::new());
        let recipient: PaceKey = (outgoing.channel_id, outgoing.recipient.address.canonical().to_owned());
        let lane = |rate: Option<Rate>, key: &PaceKey, turn| {
            rate.map(|rate| Lane { rate, pace: self.paces.get(key).copied().unwrap_or_default(), turn })
        };
        let before = Lanes {
            recipient: lane(rates.recipient, &recipient, turns.recipient),
            channel: lane(rates.channel, &whole, turns.channel),
        };
        let (after, pass) = before.pass(now, ends_at);
        for (key, was, is) in [(whole, before.channel, after.channel), (recipient, before.recipient, after.recipient)] {
            if let Some(lane) = is.filter(|is| was.is_some_and(|was| was.pace != is.pace)) {
                self.paces.insert(key, lane.pace);
            }
        }
        if let (Pass::Waits(until), Some(row)) = (pass, self.messages.get_mut(&id)) {
            row.next_attempt_at = until;
            row.turns = Turns {
                recipient: after.recipient.and_then(|lane| lane.turn),
                channel: after.channel.and_then(|lane| lane.turn),
            };
        }
        pass
    }

    /// What others wait for because of how an attempt ended.
    pub(super) fn hold(&mut self, conversation: ConversationId, message: MessageId, hold: Hold, now: Timestamp) {
        let Some(row) = self.conversations.get(&conversation) else { return };
        let channel = row.conversation.channel_id;
        let (whole, recipient) = ((channel, String::new()), (channel, row.recipient.address.canonical().to_owned()));
        let held = if hold.scope == LimitScope::Channel { &whole } else { &recipient };
        let pace = self.paces.entry(held.clone()).or_default();
        pace.free_at = pace.free_at.max(now.plus(hold.wait).as_millis() * 1_000);
        if let Some(row) = self.messages.get_mut(&message).filter(|_| hold.goes_first) {
            let first = |key: &PaceKey| self.paces.get(key).map(|pace| pace.free_at - pace.moved);
            row.turns = Turns { recipient: first(&recipient), channel: first(&whole) };
        }
    }

    /// Another limit is kept from now on, or from when the channel goes on.
    pub(super) fn begin_paces_anew(&mut self, channel: ChannelId, now: Timestamp) {
        if self.channels.get(&channel).is_none_or(|row| row.channel.paused_at.is_some()) {
            return;
        }
        for (_, pace) in self.paces.iter_mut().filter(|((id, _), _)| *id == channel) {
            *pace = Pace { free_at: pace.free_at, ..Pace::default() };
        }
        for row in self.messages.values_mut().filter(|row| row.message.status == MessageStatus::Queued) {
            let conversation = self.conversations.get(&row.message.conversation_id);
            let here = conversation.is_some_and(|row| row.conversation.channel_id == channel);
            let has_turn = row.turns.recipient.or(row.turns.channel).is_some();
            if here && (has_turn || row.next_attempt_at >= row.message.deliver_by) {
                row.turns = Turns::default();
                row.next_attempt_at = now;
            }
        }
    }

    /// Forgets paces that have kept nobody waiting for so long; says how many there were.
    pub(super) fn forget_paces(&mut self, idle: Duration, batch: u32, now: Timestamp) -> u32 {
        let mut forgotten = 0;
        self.paces.retain(|_, pace| {
            let busy_until = Timestamp::from_millis(pace.free_at.max(pace.next_turn) / 1_000);
            let past = busy_until.plus(idle) <= now && forgotten < batch;
            forgotten += u32::from(past);
            !past
        });
        forgotten
    }
}
