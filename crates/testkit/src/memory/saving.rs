//! Keeping a change of a conversation's process: all of it, by compare-and-set, or nothing.

use super::tables::{LateOutcome, MessageRow, Tables};
use overture_domain::entities::{AttemptOutcome, ChannelFault, ChannelState, MessageStatus};
use overture_domain::ids::{ChannelId, ConversationId};
use overture_domain::ports::{AttemptChange, ChannelChange, MessageChange, ProcessChange, SaveError, Saved};
use overture_domain::time::Timestamp;
use std::time::Duration;

impl Tables {
    pub(super) fn save(&mut self, change: ProcessChange, now: Timestamp) -> Result<Saved, SaveError> {
        let stands = self.conversations.get(&change.conversation_id).map(|row| row.conversation.version);
        if stands != Some(change.expected) {
            return Err(SaveError::Moved);
        }
        let ProcessChange { message, attempt, channel, hold, at, .. } = change;
        let (message_id, mut told, mut unclear) = (message.id, None, false);
        if let Some(attempt) = attempt {
            let current = self.messages.get(&message.id).and_then(MessageRow::under_way);
            if current != Some(attempt.number) && !self.clears_up(&message, &attempt) {
                self.late.push(LateOutcome { message_id: message.id, attempt, at });
                return Ok(Saved::Late);
            }
            told = attempt.provider_message_id.clone();
            unclear = attempt.outcome == AttemptOutcome::Unclear;
            self.end_attempt(&message, attempt, at);
        }
        if let Some(row) = self.conversations.get_mut(&change.conversation_id) {
            let conversation = &mut row.conversation;
            conversation.status = change.status;
            conversation.attention = change.attention;
            conversation.updated_at = at;
            conversation.version = conversation.version.next();
        }
        if let (Some(alias), Some(row)) = (&message.recipient_alias, self.conversations.get(&change.conversation_id)) {
            let canonical = row.recipient.address.canonical().to_owned();
            self.aliases.insert((row.conversation.channel_id, alias.clone()), canonical);
        }
        let failed = message.status == MessageStatus::Failed;
        self.change_message(message, now);
        if failed {
            self.end_opener(message_id, now);
        }
        if let Some(hold) = hold {
            self.hold(change.conversation_id, message_id, hold, now);
        }
        match channel {
            Some(ChannelChange::Faulty { id, fault, probe_in }) => self.channel_fails(id, fault, probe_in, now),
            Some(ChannelChange::Works { id }) => self.channel_works(id, change.conversation_id, now),
            None => {}
        }
        let news = (told.is_some() || unclear) && self.any_receipt_waits(message_id);
        Ok(if news { Saved::AppliedWithNews } else { Saved::Applied })
    }

    /// Whether a late success clears up an unclear attempt of a message that nobody is sending now.
    fn clears_up(&self, message: &MessageChange, attempt: &AttemptChange) -> bool {
        let Some(row) = self.messages.get(&message.id) else { return false };
        let unclear =
            row.attempts.iter().any(|it| it.number == attempt.number && it.outcome == Some(AttemptOutcome::Unclear));
        let waits = matches!(row.message.status, MessageStatus::Queued | MessageStatus::Unconfirmed);
        attempt.outcome == AttemptOutcome::Sent && unclear && waits
    }

    fn end_attempt(&mut self, message: &MessageChange, change: AttemptChange, at: Timestamp) {
        let Some(row) = self.messages.get_mut(&message.id) else { return };
        let Some(attempt) = row.attempts.iter_mut().find(|it| it.number == change.number) else { return };
        if let Some(id) = &change.provider_message_id {
            row.traces.entry(change.number).or_default().provider_message_id = Some(id.clone());
        }
        attempt.ended_at = Some(at);
        attempt.outcome = Some(change.outcome);
        attempt.code = change.code;
        attempt.provider_code = change.provider_code;
        attempt.text = change.text;
    }

    fn change_message(&mut self, change: MessageChange, now: Timestamp) {
        let Some(row) = self.messages.get_mut(&change.id) else { return };
        row.message.status = change.status;
        row.message.error = change.error;
        row.next_attempt_at = now.plus(change.next_attempt_in.unwrap_or_default());
        // What is known stays known.
        row.message.provider_message_id = change.provider_message_id.or(row.message.provider_message_id.take());
        row.message.sent_at = change.sent_at.or(row.message.sent_at);
    }

    fn channel_fails(&mut self, id: ChannelId, fault: ChannelFault, probe_in: Duration, now: Timestamp) {
        let Some(row) = self.channels.get_mut(&id) else { return };
        let before = row.channel.fault.take().filter(|_| row.channel.state == ChannelState::Error);
        let since = before.map_or(fault.since, |before| before.since);
        row.channel.state = ChannelState::Error;
        row.channel.fault = Some(ChannelFault { since, ..fault });
        row.probe_at = now.plus(probe_in);
    }

    /// The channel is active again; whoever waited for it is due. The conversation that found it out needs no wake.
    fn channel_works(&mut self, id: ChannelId, finder: ConversationId, now: Timestamp) {
        let Some(row) = self.channels.get_mut(&id).filter(|row| row.channel.state == ChannelState::Error) else {
            return;
        };
        row.channel.state = ChannelState::Active;
        row.channel.fault = None;
        self.wake_channel(id, Some(finder), now);
    }

    /// Wakes the conversations of a channel that have something to send, and makes due what waited for the channel.
    pub(super) fn wake_channel(&mut self, id: ChannelId, but: Option<ConversationId>, now: Timestamp) {
        let mut waiting = Vec::new();
        for row in self.messages.values_mut().filter(|row| row.is_pending()) {
            let Some(conversation) = self.conversations.get(&row.message.conversation_id) else { continue };
            let conversation = &conversation.conversation;
            if conversation.channel_id != id || Some(conversation.id) == but {
                continue;
            }
            // A message that waits for a reason of its own (a provider that asked for time) goes on waiting.
            let newest = row.attempts.last().and_then(|attempt| attempt.outcome);
            if row.message.status == MessageStatus::Queued && newest == Some(AttemptOutcome::ChannelFault) {
                row.next_attempt_at = row.next_attempt_at.min(now);
            }
            waiting.push((conversation.id, conversation.workspace_id));
        }
        for (conversation, workspace) in waiting {
            self.wake(conversation, workspace, now);
        }
    }
}
