//! The process, event by event, and the properties that hold whatever happens.

mod attempts;
mod expiry_and_rest;
mod properties;

use super::*;
use uuid::Uuid;

/// The database's time in these tests.
const NOW: Timestamp = Timestamp::from_millis(1_000_000);
/// The time that people see; another clock than the database's.
const AT: Timestamp = Timestamp::from_millis(7_000_000);
/// When attempts began, by the database's clock.
const BEGAN: Timestamp = Timestamp::from_millis(999_000);
const MINUTE: Duration = Duration::from_secs(60);

fn message(n: u128) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(n))
}

fn channel() -> ChannelId {
    ChannelId::from_uuid(Uuid::from_u128(900))
}

fn pending(n: u128) -> PendingMessage {
    PendingMessage {
        id: message(n),
        status: MessageStatus::Queued,
        attempts: 0,
        unclear: 0,
        unclear_since: None,
        next_attempt_at: NOW,
        deliver_by: NOW.plus(10 * MINUTE),
        in_vain: false,
    }
}

/// A conversation on an email channel.
fn process(pending: Vec<PendingMessage>) -> ConversationProcess {
    ConversationProcess {
        id: ConversationId::from_uuid(Uuid::from_u128(800)),
        version: Version(4),
        channel_id: channel(),
        kind: ChannelKind::Email,
        transport: Transport::Smtp,
        on_unclear: OnUnclear::Resend,
        status: ConversationStatus::InProgress,
        attention: None,
        contact_wrote_at: None,
        pending,
    }
}

fn cause(code: &'static str) -> Cause {
    Cause { code, provider_code: Some("5.1.1".into()), text: "what it said".into() }
}

fn accepted() -> Result<Accepted, SendError> {
    Ok(Accepted { provider_message_id: Some("provider-7".into()), recipient_alias: None })
}

fn ended(n: u128, number: u32, result: Result<Accepted, SendError>) -> Event {
    Event::AttemptEnded { message: message(n), number, probed: false, began_at: BEGAN, result, at: AT }
}

fn probed(event: Event) -> Event {
    match event {
        Event::AttemptEnded { message, number, began_at, result, at, .. } => {
            Event::AttemptEnded { message, number, probed: true, began_at, result, at }
        }
        other => other,
    }
}

/// Steps, and demands that there is something to write.
fn kept(process: ConversationProcess, event: Event) -> (ConversationProcess, ProcessChange) {
    match process.step(event, NOW) {
        (process, Effect::Keep(change)) => (process, *change),
        (_, effect) => panic!("expected a change, got {effect:?}"),
    }
}

/// An answer of each kind that leaves the message to be tried again on a channel that resends.
fn answers_that_try_again() -> Vec<(SendError, AttemptOutcome)> {
    vec![
        (SendError::Config(cause("authentication_failed")), AttemptOutcome::ChannelFault),
        (
            SendError::RateLimited { after: None, scope: LimitScope::Channel, cause: cause("too_many") },
            AttemptOutcome::RateLimited,
        ),
        (SendError::Unavailable(cause("connection_refused")), AttemptOutcome::Unavailable),
        (SendError::Unclear(cause("connection_lost")), AttemptOutcome::Unclear),
    ]
}
