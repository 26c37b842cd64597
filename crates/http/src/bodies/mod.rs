//! Bodies: what is read from requests and shown in answers. Each has its own type; domain types know no JSON.

mod channel;
mod channel_window;
mod channel_written;
mod compose;
mod contact;
mod conversation;
mod message;
mod preview;
mod words;

pub(crate) use channel::{ApprovedTemplateBody, ChannelBody, ChannelPage, FaultBody, TemplateList, WebhooksBody};
pub(crate) use channel_window::{OutsideWindowBody, WindowTemplateBody};
pub(crate) use channel_written::{ChannelPatchBody, NewChannelBody};
pub(crate) use compose::{AgentBody, ComposeAnswer, ComposeBody, TemplateBody};
pub(crate) use contact::{ContactBody, Supplied};
pub(crate) use conversation::{AttentionBody, ConversationBody};
pub(crate) use message::{MessageBody, MessageErrorBody, MessagePage};
pub(crate) use preview::{LeavesBody, PreviewBody, ProblemBody, SegmentsBody};
