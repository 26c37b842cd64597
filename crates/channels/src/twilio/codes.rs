//! The few of Twilio's error codes that we know by name (<https://www.twilio.com/docs/api/errors>).
//!
//! Twilio splits and moves its codes: they only refine what the HTTP status or the status of a receipt already says, and
//! a code that is not here means no more than that.

/// What a refusal of a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The channel is at fault: our code, and a sentence for its owner.
    Channel(&'static str, &'static str),
    /// This message will never be taken: our code, and a sentence for whoever wrote it.
    Message(&'static str, &'static str),
    /// Not now: our code, and a sentence.
    Busy(&'static str, &'static str),
}

/// What a code in the answer to a message means.
pub(super) fn refusal(code: &str) -> Option<Refusal> {
    use Refusal::{Busy, Channel, Message};
    Some(match code {
        "20003" => Channel("authentication_failed", "Twilio refuses the account or its token."),
        "21212" | "21603" => Channel("sender_invalid", "Twilio does not know the channel's sender."),
        "21606" | "21659" | "21660" | "21661" | "63007" => Channel(
            "sender_invalid",
            "The channel's sender does not belong to this account, or sends no such messages.",
        ),
        "21267" | "21608" => Channel("trial_account", "A trial account of Twilio sends only to verified numbers."),
        "21609" => Channel("callback_refused", "Twilio does not take the public URL of this server for receipts."),
        "21701" | "21705" => Channel("sender_invalid", "Twilio does not know the channel's messaging service."),
        "20429" | "63018" => Busy("rate_limited", "Twilio takes no more messages for the moment."),
        "21611" => Busy("queue_full", "The queue of the channel's sender at Twilio is full."),
        "63017" => Busy("rate_limited", "The account sends more than Twilio takes for the moment."),
        "21201" | "21604" | "21211" | "21217" | "21265" | "21266" | "21268" => {
            Message("invalid_recipient", "Twilio does not send to this number.")
        }
        "21408" => {
            Message("country_not_allowed", "The account may not send to this country. Permit it in the Twilio Console.")
        }
        "21602" | "21619" => Message("content_missing", "Twilio found nothing to send in this message."),
        "21610" => Message("opted_out", "The contact has told Twilio not to want messages from this sender."),
        "21612" => Message("unroutable", "Twilio has no way from the channel's sender to this number."),
        "21614" | "21635" => Message("not_mobile", "This number is not a mobile number."),
        "21617" => Message("content_too_long", "The message is longer than Twilio takes."),
        "21655" => Message("template_unknown", "Twilio does not know this template."),
        "21656" => Message("template_mismatch", "What fills the template does not fit it."),
        "63003" | "63024" => Message("unknown_recipient", "This number is not on WhatsApp."),
        "63016" => {
            Message("outside_window", "The contact has not written for a day: only an approved template can be sent.")
        }
        _ => return None,
    })
}

/// Why a message will not arrive, by the code in its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    /// Our code.
    pub(super) code: &'static str,
    /// Whether sending it again later may help.
    pub(super) retryable: bool,
    /// A sentence for people.
    pub(super) sentence: &'static str,
}

/// What a code in a receipt means.
pub(super) fn failure(code: &str) -> Failure {
    let (code, retryable, sentence) = match code {
        "30001" => ("queue_full", true, "The queue of the sender at Twilio was full."),
        "30002" => ("account_suspended", true, "The account at Twilio is suspended."),
        "30003" => ("handset_unreachable", true, "The phone could not be reached; it may be switched off."),
        "30004" => ("blocked", false, "The contact or the carrier blocks messages from this sender."),
        "30005" => ("unknown_recipient", false, "The number is not in use."),
        "30006" => ("landline", false, "The number is a fixed line, or its carrier cannot be reached."),
        "30007" => ("filtered", false, "Twilio or the carrier took the message for unwanted and filtered it."),
        "30008" => ("undelivered", true, "The carrier did not say why the message was not delivered."),
        "30036" => ("expired_at_provider", true, "The message was not delivered in time and was given up."),
        "30500" => ("provider_failed", true, "Twilio failed to send the message."),
        "63018" => ("rate_limited", true, "The sender sent more than WhatsApp takes."),
        _ => match refusal(code) {
            Some(Refusal::Message(code, sentence)) => (code, false, sentence),
            Some(Refusal::Channel(code, sentence) | Refusal::Busy(code, sentence)) => (code, true, sentence),
            None => ("undelivered", false, "The message was not delivered."),
        },
    };
    Failure { code, retryable, sentence }
}

/// As much of what Twilio says as is kept.
const LONGEST_TEXT: usize = 500;

/// A sentence of ours, and what Twilio says in one line, if it says anything.
pub(super) fn told(sentence: &str, message: &str) -> String {
    let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_TEXT).collect();
    match line.trim() {
        "" => sentence.to_owned(),
        line => format!("{sentence} Twilio says: {line}"),
    }
}

/// The same for a channel's owner: words that may be a number are masked.
pub(super) fn told_without_numbers(sentence: &str, message: &str) -> String {
    let may_be_number = |word: &str| word.chars().filter(char::is_ascii_digit).count() >= 7;
    let masked = message.split(char::is_whitespace).map(|word| if may_be_number(word) { "***" } else { word });
    told(sentence, &masked.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_knows_what_a_refusal_knows() {
        let expected = |code, retryable| (code, retryable);
        for (code, means) in [
            ("21610", expected("opted_out", false)),
            ("63016", expected("outside_window", false)),
            ("63024", expected("unknown_recipient", false)),
            ("21606", expected("sender_invalid", true)),
            ("21611", expected("queue_full", true)),
            ("99999", expected("undelivered", false)),
            ("", expected("undelivered", false)),
        ] {
            let failure = failure(code);
            assert_eq!((failure.code, failure.retryable), means, "{code}");
        }
    }

    #[test]
    fn what_twilio_says_is_one_line_and_not_too_long() {
        assert_eq!(told("No.", " a\r\nb\u{0}c "), "No. Twilio says: a  b c");
        assert_eq!(told("No.", "\n"), "No.");
        assert_eq!(told("No.", &"ü".repeat(2_000)).chars().count(), "No. Twilio says: ".len() + LONGEST_TEXT);
    }

    #[test]
    fn an_owner_sees_no_numbers() {
        let message = "The number +4915112345678 is unverified ('whatsapp:+4915112345678'), see 21608";
        assert_eq!(told_without_numbers("No.", message), "No. Twilio says: The number *** is unverified *** see 21608");
    }
}
