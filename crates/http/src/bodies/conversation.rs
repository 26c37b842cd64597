//! A conversation as clients read it.

use super::{Supplied, words};
use overture_domain::entities::{Attention, Conversation};
use serde::Serialize;
use utoipa::ToSchema;

/// A conversation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Conversation)]
pub(crate) struct ConversationBody {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// The workspace that owns it.
    #[schema(format = "uuid")]
    workspace_id: String,
    /// The channel it runs on.
    #[schema(format = "uuid")]
    channel_id: String,
    /// The contact at the other end.
    #[schema(format = "uuid")]
    contact_id: String,
    #[schema(schema_with = words::conversation_status)]
    status: &'static str,
    /// Whether a person of yours leads it.
    human_managed: bool,
    /// Whether and why it asks for a person.
    #[schema(required = true)]
    attention: Option<AttentionBody>,
    /// What it is about.
    #[schema(required = true)]
    subject: Option<String>,
    /// The beginning of its newest message, on one line.
    last_message_preview: String,
    /// When its newest message was made.
    #[schema(format = "date-time")]
    last_message_at: String,
    /// What the contact is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    contact_name: Option<Option<String>>,
    /// The contact's primary email address now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    contact_email: Option<Option<String>>,
    /// The contact's primary phone number now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    contact_phone: Option<Option<String>>,
    /// When it was opened.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it last changed.
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A conversation asks for a person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attention)]
pub(crate) struct AttentionBody {
    #[schema(schema_with = words::attention_reason)]
    reason: &'static str,
    /// Since when.
    #[schema(format = "date-time")]
    since: String,
    /// Because of which message.
    #[schema(format = "uuid", required = true)]
    message_id: Option<String>,
}

impl ConversationBody {
    /// The same, with nothing of the contact but what a request itself said.
    pub(crate) fn with_contact_as(mut self, Supplied { name, email, phone }: Supplied) -> Self {
        self.contact_name = name.map(Some);
        self.contact_email = email.map(Some);
        self.contact_phone = phone.map(Some);
        self
    }
}

impl From<&Conversation> for ConversationBody {
    fn from(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.to_string(),
            workspace_id: conversation.workspace_id.to_string(),
            channel_id: conversation.channel_id.to_string(),
            contact_id: conversation.contact_id.to_string(),
            status: conversation.status.as_str(),
            human_managed: conversation.human_managed,
            attention: conversation.attention.map(AttentionBody::from),
            subject: conversation.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            last_message_preview: conversation.last_message_preview.clone(),
            last_message_at: conversation.last_message_at.to_string(),
            contact_name: Some(conversation.contact_name.as_ref().map(|name| name.as_str().to_owned())),
            contact_email: Some(conversation.contact_email.as_ref().map(|email| email.as_str().to_owned())),
            contact_phone: Some(conversation.contact_phone.as_ref().map(|phone| phone.as_str().to_owned())),
            created_at: conversation.created_at.to_string(),
            updated_at: conversation.updated_at.to_string(),
        }
    }
}

impl From<Attention> for AttentionBody {
    fn from(attention: Attention) -> Self {
        Self {
            reason: attention.reason.as_str(),
            since: attention.since.to_string(),
            message_id: attention.message_id.map(|id| id.to_string()),
        }
    }
}
