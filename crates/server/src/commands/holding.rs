//! What keeps a message from leaving, from what is stored of it and of its channel, and what a person can do about that.

use crate::hints::hint;
use overture_domain::entities::{Channel, ChannelFault, ChannelState, MessageError, MessageStatus};
use overture_domain::ids::{ChannelId, MessageId};
use overture_domain::process::PendingMessage;
use overture_domain::time::Timestamp;
use std::time::Duration;

/// Why a message does not leave now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// A person has paused its channel.
    Paused { since: Timestamp },
    /// A person has switched its channel off.
    SwitchedOff,
    /// Its channel was never verified.
    Unverified,
    /// Its channel is in error.
    Fault(Option<ChannelFault>),
    /// Its contact was asked to write first.
    Answer { until: Timestamp },
    /// It was tried, and is tried again.
    Retry { attempt: u32, at: Timestamp, error: MessageError },
    /// Others go before it, or so many have just gone.
    Turn { at: Timestamp },
}

impl Hold {
    /// What holds a message at that time of the database; `None` where nothing does.
    pub(super) fn of(
        channel: &Channel,
        pending: &PendingMessage,
        error: Option<&MessageError>,
        now: Timestamp,
    ) -> Option<Self> {
        let at = pending.next_attempt_at;
        match (channel.paused_at, channel.state) {
            _ if pending.status == MessageStatus::Sending => None,
            (Some(since), _) => Some(Self::Paused { since }),
            _ if !channel.enabled => Some(Self::SwitchedOff),
            (None, ChannelState::Unverified) => Some(Self::Unverified),
            (None, ChannelState::Error) => Some(Self::Fault(channel.fault.clone())),
            _ if pending.status == MessageStatus::Held => Some(Self::Answer { until: pending.deliver_by }),
            _ if at <= now => None,
            _ => Some(match error {
                Some(error) => Self::Retry { attempt: pending.attempts + 1, at, error: error.clone() },
                None => Self::Turn { at },
            }),
        }
    }

    /// For how long to watch whether it ends by itself; `None` where it does.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Self::Paused { .. } | Self::SwitchedOff | Self::Unverified | Self::Answer { .. } => Some(Duration::ZERO),
            // It may be due to probe the channel.
            Self::Fault(_) => Some(Duration::from_secs(3)),
            Self::Retry { .. } | Self::Turn { .. } => None,
        }
    }

    /// A stable word for programs.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "channel_paused",
            Self::SwitchedOff => "channel_disabled",
            Self::Unverified => "channel_not_ready",
            Self::Fault(_) => "channel_in_error",
            Self::Answer { .. } => "window_closed",
            Self::Retry { .. } => "retry",
            Self::Turn { .. } => "turn",
        }
    }

    /// What holds it, as the rest of a sentence.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Paused { since } => format!("the channel is paused since {since}"),
            Self::SwitchedOff => "the channel is switched off".into(),
            Self::Unverified => "the channel was not verified".into(),
            Self::Fault(None) => "the channel is in error".into(),
            Self::Fault(Some(ChannelFault { code, text, since })) => {
                format!("the channel is in error since {since}: {} ({code})", clause(text))
            }
            Self::Answer { until } => {
                format!(
                    "the contact has not written for a day and was asked to; the text is held for that until {until}"
                )
            }
            Self::Retry { attempt, at, error: MessageError { code, text, .. } } => {
                format!("attempt {attempt} is due at {at}; the one before it ended so: {} ({code})", clause(text))
            }
            Self::Turn { at } => {
                format!("its turn is at {at}: no more may leave before, through the channel or to this contact")
            }
        }
    }

    /// What to do about it.
    pub(super) fn remedy(&self, channel: ChannelId, message: MessageId) -> String {
        let command = |words: &str| hint(&format!("channel {words} {channel}"));
        let look = hint(&format!("message show {message}"));
        match self {
            Self::Paused { .. } => format!("{} lets it go; until then its time stands still.", command("resume")),
            Self::SwitchedOff => format!("{} lets it go.", command("enable")),
            Self::Unverified => format!("{} tries the settings; if they work, it leaves.", command("verify")),
            Self::Fault(_) => remedy_of_fault(channel),
            Self::Answer { .. } => format!("It leaves when they write; {look} shows what became of it."),
            Self::Retry { .. } | Self::Turn { .. } => {
                format!("A server that runs goes on with it; {look} shows what became of it.")
            }
        }
    }
}

/// What to do about a channel at fault.
pub(super) fn remedy_of_fault(channel: ChannelId) -> String {
    format!(
        "{} tries its settings without sending, {} changes them. The message waits, and leaves once they work.",
        hint(&format!("channel verify {channel}")),
        hint(&format!("channel set {channel} --config JSON"))
    )
}

fn clause(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use overture_domain::entities::{ChannelKind, ChannelLimits, OnUnclear, Transport};
    use overture_domain::ids::{TenantId, Version, WorkspaceId};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const LATER: Timestamp = Timestamp::from_millis(1_767_225_660_000);
    const ID: Uuid = Uuid::from_u128(1);

    fn channel() -> Channel {
        Channel {
            id: ChannelId::from_uuid(ID),
            tenant_id: TenantId::from_uuid(ID),
            workspace_id: WorkspaceId::from_uuid(ID),
            name: "SMS".into(),
            kind: ChannelKind::Sms,
            transport: Transport::Twilio,
            state: ChannelState::Active,
            enabled: true,
            paused_at: None,
            limits: ChannelLimits::default(),
            on_unclear: OnUnclear::AskPerson,
            fault: None,
            message_id_domain: None,
            outside_window: None,
            version: Version::FIRST,
            created_at: NOW,
        }
    }

    fn pending(status: MessageStatus, next_attempt_at: Timestamp) -> PendingMessage {
        PendingMessage {
            id: MessageId::from_uuid(ID),
            status,
            attempts: 1,
            unclear: 0,
            unclear_since: None,
            next_attempt_at,
            deliver_by: LATER,
            in_vain: false,
        }
    }

    /// What holds a message that is due later.
    fn held_by(channel: &Channel, status: MessageStatus, error: Option<&MessageError>) -> Option<Hold> {
        Hold::of(channel, &pending(status, LATER), error, NOW)
    }

    #[test]
    fn the_channel_counts_more_than_what_the_message_waits_for_itself() {
        let fault = ChannelFault { code: "authentication_failed".into(), text: "Who are you?".into(), since: NOW };
        let faulty = Channel { state: ChannelState::Error, fault: Some(fault.clone()), ..channel() };
        for (channel, expected) in [
            (Channel { paused_at: Some(NOW), ..faulty.clone() }, Hold::Paused { since: NOW }),
            (Channel { enabled: false, ..faulty.clone() }, Hold::SwitchedOff),
            (Channel { state: ChannelState::Unverified, ..channel() }, Hold::Unverified),
            (faulty, Hold::Fault(Some(fault))),
        ] {
            for status in [MessageStatus::Queued, MessageStatus::Held] {
                assert_eq!(held_by(&channel, status, None).as_ref(), Some(&expected));
            }
            assert_eq!(held_by(&channel, MessageStatus::Sending, None), None, "it is on its way");
            assert!(expected.patience().is_some(), "{expected:?} does not end by itself");
        }
    }

    #[test]
    fn on_a_channel_that_works_it_waits_for_an_answer_a_retry_or_its_turn() {
        let error = MessageError {
            code: "timed_out".into(),
            text: "h said nothing.".into(),
            provider_code: None,
            retryable: true,
        };
        assert_eq!(held_by(&channel(), MessageStatus::Held, None), Some(Hold::Answer { until: LATER }));
        assert_eq!(held_by(&channel(), MessageStatus::Queued, None), Some(Hold::Turn { at: LATER }));
        let retry = held_by(&channel(), MessageStatus::Queued, Some(&error)).unwrap();
        let told =
            "attempt 2 is due at 2026-01-01T00:01:00.000Z; the one before it ended so: h said nothing (timed_out)";
        assert_eq!((retry.text().as_str(), retry.patience()), (told, None));
        assert_eq!(Hold::of(&channel(), &pending(MessageStatus::Queued, NOW), Some(&error), NOW), None, "it is due");
    }

    #[test]
    fn each_is_told_with_a_command() {
        let (channel, message) = (ChannelId::from_uuid(ID), MessageId::from_uuid(ID));
        for (hold, command) in [
            (Hold::Paused { since: NOW }, "channel resume"),
            (Hold::SwitchedOff, "channel enable"),
            (Hold::Unverified, "channel verify"),
            (Hold::Fault(None), "channel set"),
            (Hold::Answer { until: NOW }, "message show"),
            (Hold::Turn { at: NOW }, "message show"),
        ] {
            assert!(hold.remedy(channel, message).contains(&format!("{command} {ID}")), "{hold:?}");
        }
    }
}
