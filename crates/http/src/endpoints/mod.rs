//! One file per endpoint: its handler and its page in the document.

pub(crate) mod channel;
pub(crate) mod channel_actions;
pub(crate) mod channels;
pub(crate) mod compose;
pub(crate) mod conversation;
pub(crate) mod docs;
pub(crate) mod healthz;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod openapi_json;
pub(crate) mod preview;
pub(crate) mod readyz;
pub(crate) mod webhooks;
