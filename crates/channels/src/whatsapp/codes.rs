//! What Meta's error codes mean for a message, whether they come as answer or in a receipt. Meta asks to build on the code
//! and nothing else (<https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>);
//! the titles and the HTTP status of one code change.

use overture_domain::pacing::PAIR_INTERVAL;
use std::time::Duration;

/// What to do about a message, and our code for the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The channel is at fault.
    Config(&'static str),
    /// Not taken: the channel sends too much.
    Limited(&'static str),
    /// Not taken: this recipient gets too much; to be tried again no sooner than after that.
    PairLimited(&'static str, Duration),
    /// Never, as it is.
    Rejected(&'static str),
    /// Meta stumbled over itself: it does not say whether it took the message.
    Unclear(&'static str),
}

/// What a code means; `None` for those that are not known here.
pub(super) fn meaning(code: i64) -> Option<Meaning> {
    use Meaning::{Config, Limited, PairLimited, Rejected, Unclear};
    Some(match code {
        0 | 102 | 190 => Config("authentication_failed"),
        3 | 10 | 200..=299 | 131_005 => Config("permission_missing"),
        // 33: the number was deleted. 133010: it is not registered. 131045: it has no valid certificate.
        33 | 131_045 | 133_010 => Config("sender_unknown"),
        131_042 => Config("payment_missing"),
        368 | 131_031 => Config("account_locked"),
        131_030 => Config("recipient_not_allowed"),

        // 4, 17, 32, 613: limits of Graph itself. 80007, 80008: limits of the WhatsApp Business account.
        4 | 17 | 32 | 613 | 80_007 | 80_008 => Limited("rate_limited"),
        130_429 => Limited("throughput_limited"),
        131_056 => PairLimited("pair_limited", PAIR_INTERVAL),

        // People have complained about this number. Whoever goes on trying makes it worse: a person decides.
        131_048 => Rejected("spam_limited"),
        // This person gets no more of this kind now. Meta delivers it hours later at the earliest, if at all.
        131_049 => Rejected("engagement_limited"),
        131_050 => Rejected("opted_out"),
        131_047 => Rejected("outside_window"),
        131_026 => Rejected("unknown_recipient"),
        131_021 => Rejected("recipient_is_sender"),
        130_472 => Rejected("recipient_in_experiment"),
        // Of the people of one country: the channel can still reach all others.
        130_497 => Rejected("country_restricted"),
        132_000..=132_099 => Rejected("template_unusable"),
        100 | 131_008 | 131_009 | 131_051 => Rejected("message_refused"),

        1 | 2 | 131_000 | 131_016 | 131_057 | 133_004 => Unclear("provider_trouble"),
        _ => return None,
    })
}

impl Meaning {
    /// Our code.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Config(code)
            | Self::Limited(code)
            | Self::PairLimited(code, _)
            | Self::Rejected(code)
            | Self::Unclear(code) => code,
        }
    }

    /// Whether sending a message again later may help, once a receipt has said that it failed.
    pub(super) const fn is_retryable(self) -> bool {
        match self {
            Self::Config(_) | Self::Limited(_) | Self::PairLimited(..) | Self::Unclear(_) => true,
            Self::Rejected(_) => false,
        }
    }
}
