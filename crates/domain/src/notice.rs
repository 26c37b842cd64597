//! Notices: what was accepted but deserves a look.

use crate::entities::worded;

/// What was accepted but deserves a look. Stable codes, in the header `Overture-Notice` and in `notices[]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// The channel is in `error`: the message waits.
    ChannelInError,
    /// A person has paused the channel: the message waits, and its time stands still.
    ChannelPaused,
    /// The phone number is possible, but in a range the metadata does not know.
    PhoneUnverified,
    /// A known contact gained the address.
    ContactWidened,
    /// The address that does not decide matched somebody or nobody else, and was not used.
    ContactHintIgnored,
}
worded!(Notice {
    ChannelInError => "channel_in_error", ChannelPaused => "channel_paused", PhoneUnverified => "phone_unverified",
    ContactWidened => "contact_widened", ContactHintIgnored => "contact_hint_ignored",
});
