//! Receipts that come together: each is judged on what those before it leave, and what they change of one conversation is
//! one change, kept whole or not at all.

use super::{ErrorNews, ReceiptChange, Standing, Verdict, judge};
use crate::entities::{AttemptOutcome, Attention, ConversationStatus, MessageStatus};
use crate::ids::{ConversationId, MessageId, Version};
use crate::ports::{Receipt, ReceiptStatus};
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashSet};

/// What receipts mean. None of them stands in it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// When they came, as people see it.
    pub at: Timestamp,
    /// Those whose message is known, by conversation.
    pub conversations: Vec<JudgedConversation>,
    /// Those of which no message is known; one may be, as soon as its attempt has ended.
    pub unknown: Vec<Receipt>,
}

/// What receipts mean for one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedConversation {
    /// Which.
    pub id: ConversationId,
    /// The version it was decided on.
    pub expected: Version,
    /// The receipts.
    pub receipts: Vec<JudgedReceipt>,
    /// What they change; `None` if they say nothing new.
    pub change: Option<ConversationChange>,
}

/// A receipt whose message is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedReceipt {
    /// What came.
    pub receipt: Receipt,
    /// The message it belongs to.
    pub message_id: MessageId,
    /// Whether it cannot be judged before the attempt under way has ended; else it has had its effect, if it has one.
    pub waits: bool,
}

/// What receipts change of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationChange {
    /// Where it stands now.
    pub status: ConversationStatus,
    /// Whether and why it asks for a person now.
    pub attention: Option<Attention>,
    /// Its messages that move, each once.
    pub messages: Vec<MessageNews>,
}

/// What receipts change of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageNews {
    /// Which.
    pub id: MessageId,
    /// How far it has come now.
    pub status: MessageStatus,
    /// What becomes of its error.
    pub error: ErrorNews,
    /// The provider's id of what was sent.
    pub provider_message_id: String,
    /// When the provider took it, if nobody knew before.
    pub sent_at: Option<Timestamp>,
    /// When it reached the contact, if nobody knew before.
    pub delivered_at: Option<Timestamp>,
    /// When the contact saw it, if nobody knew before.
    pub read_at: Option<Timestamp>,
    /// Its attempts that move, each once.
    pub attempts: Vec<AttemptNews>,
}

/// What receipts change of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptNews {
    /// Which.
    pub number: u32,
    /// How far it has come now.
    pub reached: ReceiptStatus,
    /// How it ended, where a receipt tells what nobody knew.
    pub outcome: Option<AttemptOutcome>,
    /// The provider's id of what it sent.
    pub provider_message_id: String,
}

/// Judges receipts with where the message of each stands, if there is one, in their order. `at` is when they came, as people
/// see it.
#[must_use]
pub fn judge_all(found: impl IntoIterator<Item = (Receipt, Option<Standing>)>, at: Timestamp) -> Judged {
    let mut judging = BTreeMap::<ConversationId, Judging>::new();
    let (mut seen, mut unknown) = (HashSet::new(), Vec::new());
    for (receipt, standing) in found {
        if !seen.insert((receipt.provider_message_id.clone(), receipt.status)) {
            continue;
        }
        match standing {
            None => unknown.push(receipt),
            Some(standing) => {
                let begun = || Judging::of(&standing);
                judging.entry(standing.conversation_id).or_insert_with(begun).take(receipt, standing, at);
            }
        }
    }
    Judged { at, conversations: judging.into_values().map(Judging::ended).collect(), unknown }
}

/// A conversation while its receipts are judged.
struct Judging {
    judged: JudgedConversation,
    status: ConversationStatus,
    attention: Option<Attention>,
    /// Its messages as the receipts so far leave them.
    standings: BTreeMap<MessageId, Standing>,
    news: Vec<MessageNews>,
}

impl Judging {
    fn of(standing: &Standing) -> Self {
        let (id, expected) = (standing.conversation_id, standing.version);
        Self {
            judged: JudgedConversation { id, expected, receipts: Vec::new(), change: None },
            status: standing.conversation,
            attention: standing.attention,
            standings: BTreeMap::new(),
            news: Vec::new(),
        }
    }

    fn take(&mut self, receipt: Receipt, read: Standing, at: Timestamp) {
        // What was read of one conversation at two moments holds if the earlier of them does.
        self.judged.expected = self.judged.expected.min(read.version);
        let message_id = read.message_id;
        let standing = self.standings.entry(message_id).or_insert(read);
        (standing.conversation, standing.attention) = (self.status, self.attention);
        let verdict = judge(standing, &receipt, at);
        self.judged.receipts.push(JudgedReceipt { receipt, message_id, waits: verdict == Verdict::Waits });
        if let Verdict::News(change) = verdict {
            standing.note(&change);
            (self.status, self.attention) = (change.conversation, change.attention);
            match self.news.iter_mut().find(|news| news.id == message_id) {
                Some(news) => news.goes_on(*change),
                None => self.news.push(MessageNews::of(*change)),
            }
        }
    }

    fn ended(self) -> JudgedConversation {
        let Self { judged, status, attention, news: messages, .. } = self;
        let change = (!messages.is_empty()).then_some(ConversationChange { status, attention, messages });
        JudgedConversation { change, ..judged }
    }
}

impl JudgedConversation {
    /// Whether what the receipts mean holds only while the conversation has the version it was decided on.
    #[must_use]
    pub fn needs_version(&self) -> bool {
        self.change.is_some() || self.receipts.iter().any(|judged| judged.waits)
    }
}

impl MessageNews {
    fn of(change: ReceiptChange) -> Self {
        Self {
            id: change.message_id,
            status: change.status,
            error: change.error,
            sent_at: change.sent_at,
            delivered_at: change.delivered_at,
            read_at: change.read_at,
            attempts: vec![AttemptNews {
                number: change.attempt,
                reached: change.reached,
                outcome: change.outcome,
                provider_message_id: change.provider_message_id.clone(),
            }],
            provider_message_id: change.provider_message_id,
        }
    }

    /// A change that was decided on this one: what it says last counts, but the first time and what an attempt came to stay.
    fn goes_on(&mut self, change: ReceiptChange) {
        let later = Self::of(change);
        for attempt in later.attempts {
            match self.attempts.iter_mut().find(|known| known.number == attempt.number) {
                Some(known) => *known = AttemptNews { outcome: known.outcome.or(attempt.outcome), ..attempt },
                None => self.attempts.push(attempt),
            }
        }
        self.status = later.status;
        if later.error != ErrorNews::Stays {
            self.error = later.error;
        }
        self.provider_message_id = later.provider_message_id;
        self.sent_at = self.sent_at.or(later.sent_at);
        self.delivered_at = self.delivered_at.or(later.delivered_at);
        self.read_at = self.read_at.or(later.read_at);
    }
}

#[cfg(test)]
mod tests;
