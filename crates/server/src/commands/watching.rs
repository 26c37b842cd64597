//! Watches one message until it has ended or nothing but a person helps it on, and tells its life line by line.

use super::holding::{Hold, remedy_of_fault};
use super::life::{Event, Life, Told};
use crate::failure::Failure;
use crate::wiring::Ports;
use overture_domain::entities::{Attempt, AttemptOutcome, Direction, EXPIRED, MessageStatus, OPENER_FAILED};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, TenantId};
use overture_domain::ports::MessageDetails;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the message may be tried: long enough for a slow server, short enough for a person who watches.
pub(super) const DELIVER_WITHIN: &str = "PT1M";
const DELIVER_WITHIN_WORDS: &str = "a minute";
/// What is waited for beyond that: the message is then `expired`, or nothing works.
const DEADLINE: Duration = Duration::from_secs(90);
/// How often the message is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which message is watched.
pub(super) struct Watch<'p> {
    pub(super) ports: &'p Ports,
    pub(super) tenant: TenantId,
    pub(super) channel: ChannelId,
    pub(super) message: MessageId,
}

/// What became of the message.
pub(super) struct Outcome {
    pub(super) channel: ChannelId,
    pub(super) found: MessageDetails,
    /// What was sent first, to ask the contact to write.
    pub(super) opener: Option<MessageDetails>,
    /// What held it last.
    pub(super) hold: Option<Hold>,
    pub(super) events: Vec<Event>,
}

/// What holds the message, and since when it was seen to without a break.
#[derive(Default)]
struct Holding {
    told: Option<Hold>,
    since: Option<Duration>,
}

impl Watch<'_> {
    /// Tells what happens to it until nothing more will: it has ended, or something holds it that no waiting mends, such as
    /// a channel at fault.
    pub(super) async fn until_its_end(&self, mut life: Life) -> Result<Outcome, Failure> {
        let (mut told, mut told_of_opener) = (Told::default(), Told::default());
        let mut holding = Holding::default();
        loop {
            let found = self.details(self.message).await?;
            for (at, text) in told.news(&found.attempts) {
                life.tell_of(at, text);
            }
            let opener = self.opener(&found).await?;
            for (at, text) in told_of_opener.news(opener.as_ref().map_or(&[], |opener| &opener.attempts)) {
                life.tell_of(at, format!("what asks the contact to write: {text}"));
            }
            if found.message.status.is_settled() {
                life.tell(ended(&found));
            }
            let at_fault = fault(&found).or_else(|| opener.as_ref().and_then(fault)).is_some();
            if found.message.status.is_settled()
                || at_fault
                || holding.lasts(self.hold(&found, opener.as_ref()).await?, &mut life)
                || life.elapsed() >= DEADLINE
            {
                return Ok(Outcome { channel: self.channel, found, opener, hold: holding.told, events: life.events });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn details(&self, id: MessageId) -> Result<MessageDetails, Failure> {
        let found = self.ports.conversations.message(self.tenant, id).await?;
        found.ok_or_else(|| Failure::new("The message is gone"))
    }

    /// What was to ask the contact to write, where the message waits for that or did so in vain; `None` also where it was
    /// asked in another conversation.
    async fn opener(&self, found: &MessageDetails) -> Result<Option<MessageDetails>, Failure> {
        let in_vain = found.message.error.as_ref().is_some_and(|error| error.code == OPENER_FAILED);
        if found.message.status != MessageStatus::Held && !in_vain {
            return Ok(None);
        }
        let conversation = found.message.conversation_id;
        match self.other_in(conversation).await? {
            Some(opener) => self.details(opener).await.map(Some),
            None => Ok(None),
        }
    }

    async fn other_in(&self, conversation: ConversationId) -> Result<Option<MessageId>, Failure> {
        let messages = self.ports.conversations.messages(self.tenant, conversation, None, 10).await?;
        let ours = messages.iter().filter(|message| message.direction == Direction::Outbound);
        Ok(ours.map(|message| message.id).find(|id| *id != self.message))
    }

    /// What holds whatever leaves next.
    async fn hold(&self, found: &MessageDetails, opener: Option<&MessageDetails>) -> Result<Option<Hold>, Failure> {
        let next = opener.filter(|opener| !opener.message.status.is_settled()).unwrap_or(found);
        let next = &next.message;
        let Some(loaded) = self.ports.deliveries.load(next.conversation_id).await? else { return Ok(None) };
        let Some(channel) = self.ports.registry.details(self.tenant, self.channel).await? else { return Ok(None) };
        // What has moved since it was read is looked at again.
        let same =
            loaded.process.pending.iter().find(|pending| {
                (pending.id, pending.status, pending.attempts) == (next.id, next.status, next.attempts)
            });
        Ok(same.and_then(|pending| Hold::of(&channel.channel, pending, next.error.as_ref(), loaded.now)))
    }
}

impl Holding {
    /// Tells what holds the message if that is news. Whether it has for so long that nothing but a person helps.
    fn lasts(&mut self, hold: Option<Hold>, life: &mut Life) -> bool {
        let Some(hold) = hold else {
            self.since = None;
            return false;
        };
        if self.told.as_ref() != Some(&hold) {
            life.tell(format!("it waits: {}", hold.text()));
            self.since = None;
        }
        let since = *self.since.get_or_insert_with(|| life.elapsed());
        let lasts = hold.patience().is_some_and(|patience| life.elapsed().saturating_sub(since) >= patience);
        self.told = Some(hold);
        lasts
    }
}

fn ended(found: &MessageDetails) -> String {
    let attempts =
        if found.attempts.len() > 1 { format!(" after {} attempts", found.attempts.len()) } else { String::new() };
    format!("the message is {}{attempts}", found.message.status)
}

/// The attempt that found the channel at fault, if the newest one did.
fn fault(found: &MessageDetails) -> Option<&Attempt> {
    found.attempts.last().filter(|attempt| attempt.outcome == Some(AttemptOutcome::ChannelFault))
}

impl Outcome {
    /// Whether its provider has it.
    pub(super) fn is_sent(&self) -> bool {
        self.found.message.status.has_left()
    }

    /// What asks the contact to write, where that has left and the message is held for the answer.
    pub(super) fn asked(&self) -> Option<(&MessageDetails, &Hold)> {
        let hold = self.hold.as_ref().filter(|hold| matches!(hold, Hold::Answer { .. }))?;
        let opener = self.opener.as_ref().filter(|opener| opener.message.status.has_left())?;
        Some((opener, hold))
    }

    /// The cause first, then what to do about it; `known` has remedies of its own for a fault of the channel.
    pub(super) fn not_sent(&self, known: impl FnOnce(&str) -> Option<String>, mut json: Value) -> Failure {
        let (cause, remedy) = self.cause(known, &mut json);
        json["remedy"] = json!(remedy);
        let failure = Failure::new(format!("The message was not sent: {cause}")).told_as(json);
        match remedy {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }

    fn cause(&self, known: impl FnOnce(&str) -> Option<String>, json: &mut Value) -> (String, Option<String>) {
        let message = &self.found.message;
        if let Some(Attempt { code, text, .. }) = fault(&self.found).or_else(|| self.opener.as_ref().and_then(fault)) {
            let code = code.as_deref().unwrap_or_default();
            let cause = text.as_deref().unwrap_or(code);
            json["error"] = json!({ "code": code, "text": cause });
            return (cause.to_owned(), known(code));
        }
        let holds = self.hold.as_ref().map(|hold| (hold.text(), Some(hold.remedy(self.channel, message.id))));
        let last = self.found.attempts.iter().rev().find_map(|attempt| attempt.text.as_deref());
        match (&message.error, holds) {
            (_, Some(holds)) if !message.status.is_settled() => holds,
            // That time is up is no cause: the cause is what kept it from leaving.
            (Some(error), holds) if error.code == EXPIRED => match (last, holds) {
                (None, Some(holds)) => holds,
                (last, _) => {
                    let times = match message.attempts {
                        1 => format!("It was tried once in {DELIVER_WITHIN_WORDS}."),
                        times => format!("It was tried {times} times in {DELIVER_WITHIN_WORDS}."),
                    };
                    (last.unwrap_or(error.text.as_str()).to_owned(), Some(times))
                }
            },
            (Some(error), _) if error.code == OPENER_FAILED => {
                let why = self.opener.as_ref().and_then(|opener| opener.message.error.as_ref());
                (error.text.clone(), why.map(|why| format!("The one that was to ask ended so: {}", why.text)))
            }
            (Some(error), _) => {
                let last = last.filter(|last| *last != error.text);
                (error.text.clone(), last.map(|last| format!("The last attempt ended so: {last}")))
            }
            (None, _) => {
                let remedy = "Run it again with OVERTURE__LOG__LEVEL=debug and look at what is logged.";
                (format!("after {} s it is still {}", DEADLINE.as_secs(), message.status), Some(remedy.into()))
            }
        }
    }
}

/// What is known of a fault of a channel that stays.
pub(super) fn remedy_on(channel: ChannelId) -> impl FnOnce(&str) -> Option<String> {
    move |_| Some(remedy_of_fault(channel))
}
