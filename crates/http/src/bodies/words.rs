//! Schemas of the plain words in bodies, made from the enums of the domain so that the two never differ.

use overture_domain::Notice;
use overture_domain::entities::{
    AttentionReason, ChannelKind, ChannelState, ConversationStatus, Direction, MessageStatus, Transport,
};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

pub(super) fn conversation_status() -> Object {
    one_of(ConversationStatus::ALL.iter().map(|status| status.as_str())).description(Some("Where it stands.")).build()
}

pub(super) fn attention_reason() -> Object {
    one_of(AttentionReason::ALL.iter().map(|reason| reason.as_str()))
        .description(Some("Why a person is needed."))
        .build()
}

pub(super) fn direction() -> Object {
    one_of(Direction::ALL.iter().map(|direction| direction.as_str())).description(Some("Who speaks.")).build()
}

pub(super) fn message_status() -> Object {
    one_of(MessageStatus::ALL.iter().map(|status| status.as_str())).description(Some("How far it has come.")).build()
}

pub(super) fn channel_kind() -> Object {
    one_of(ChannelKind::ALL.iter().map(|kind| kind.as_str()))
        .description(Some("How the person at the other end is reached."))
        .build()
}

pub(super) fn transport() -> Object {
    one_of(Transport::ALL.iter().map(|transport| transport.as_str()))
        .description(Some("Who carries the messages."))
        .build()
}

pub(super) fn channel_state() -> Object {
    one_of(ChannelState::ALL.iter().map(|state| state.as_str()))
        .description(Some(
            "`unverified`: takes no messages before it was verified. `error`: messages wait, and one after the other tries.",
        ))
        .build()
}

pub(super) fn notice() -> Object {
    one_of(Notice::ALL.iter().map(|notice| notice.as_str())).build()
}
