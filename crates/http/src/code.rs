//! The stable codes of failures and the status of each: one exhaustive table, no wildcard arm, so that a new code must choose.

use actix_web::http::StatusCode;
use overture_domain::use_cases::{ChannelRule, ProblemCode};

/// The `code` of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// No such path.
    RouteNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is no JSON by its own account.
    UnsupportedMediaType,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body does not parse.
    MalformedJson,
    /// The body has a field that does not exist.
    UnknownField,
    /// The body has a field twice.
    DuplicateField,
    /// A field has another JSON type than it must.
    WrongType,
    /// The query has a parameter that does not exist, or one twice.
    UnknownParameter,
    /// `limit` is no number from 1 to 100.
    InvalidLimit,
    /// `cursor` is none of ours, or belongs to another list.
    InvalidCursor,
    /// `Idempotency-Key` cannot be used.
    InvalidIdempotencyKey,
    /// No valid API key.
    Unauthorized,
    /// The key lacks a right.
    MissingScope,
    /// The key is bound to another workspace.
    ForeignWorkspace,
    /// The caller has no such conversation.
    ConversationNotFound,
    /// The caller has no such channel.
    ChannelNotFound,
    /// Secrets must be entered again.
    SecretsRequired,
    /// A channel's settings were tried and do not work.
    VerificationFailed,
    /// A provider's call whose signature does not fit, or for a channel that does not exist.
    WebhookRefused,
    /// A provider's call that is signed and cannot be read.
    UnreadableWebhook,
    /// The idempotency key was used for another body.
    IdempotencyKeyReused,
    /// The first request with this idempotency key still runs.
    IdempotencyInProgress,
    /// Certainly nothing was written; come back.
    Busy,
    /// A commit may or may not have happened.
    OutcomeUnknown,
    /// A part of the process cannot work now.
    NotReady,
    /// Our fault.
    Internal,
    /// A channel breaks a rule.
    Channel(ChannelRule),
    /// The request itself is at fault, by a rule of the domain.
    Problem(ProblemCode),
}

impl Code {
    const OWN: [Self; 28] = [
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::MalformedJson,
        Self::UnknownField,
        Self::DuplicateField,
        Self::WrongType,
        Self::UnknownParameter,
        Self::InvalidLimit,
        Self::InvalidCursor,
        Self::InvalidIdempotencyKey,
        Self::Unauthorized,
        Self::MissingScope,
        Self::ForeignWorkspace,
        Self::ConversationNotFound,
        Self::ChannelNotFound,
        Self::SecretsRequired,
        Self::VerificationFailed,
        Self::WebhookRefused,
        Self::UnreadableWebhook,
        Self::IdempotencyKeyReused,
        Self::IdempotencyInProgress,
        Self::Busy,
        Self::OutcomeUnknown,
        Self::NotReady,
        Self::Internal,
    ];

    /// Every code there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let rules = ChannelRule::ALL.iter().copied().map(Self::Channel);
        Self::OWN.into_iter().chain(rules).chain(ProblemCode::ALL.iter().copied().map(Self::Problem))
    }

    /// The word that stands in bodies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::MalformedJson => "malformed_json",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::WrongType => "wrong_type",
            Self::UnknownParameter => "unknown_parameter",
            Self::InvalidLimit => "invalid_limit",
            Self::InvalidCursor => "invalid_cursor",
            Self::InvalidIdempotencyKey => "invalid_idempotency_key",
            Self::Unauthorized => "unauthorized",
            Self::MissingScope => "missing_scope",
            Self::ForeignWorkspace => "foreign_workspace",
            Self::ConversationNotFound => "conversation_not_found",
            Self::ChannelNotFound => "channel_not_found",
            Self::SecretsRequired => "secrets_required",
            Self::VerificationFailed => "verification_failed",
            Self::WebhookRefused => "webhook_refused",
            Self::UnreadableWebhook => "unreadable_webhook",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyInProgress => "idempotency_in_progress",
            Self::Busy => "busy",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::NotReady => "not_ready",
            Self::Internal => "internal",
            Self::Channel(rule) => rule.as_str(),
            Self::Problem(code) => code.as_str(),
        }
    }

    /// The HTTP status, as a number.
    pub fn status(self) -> u16 {
        self.status_code().as_u16()
    }

    pub(crate) const fn status_code(self) -> StatusCode {
        match self {
            Self::RouteNotFound | Self::ConversationNotFound | Self::ChannelNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MalformedJson
            | Self::UnknownField
            | Self::DuplicateField
            | Self::WrongType
            | Self::UnknownParameter
            | Self::InvalidLimit
            | Self::InvalidCursor
            | Self::InvalidIdempotencyKey
            | Self::UnreadableWebhook
            | Self::SecretsRequired
            | Self::Channel(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MissingScope | Self::ForeignWorkspace | Self::WebhookRefused => StatusCode::FORBIDDEN,
            Self::IdempotencyKeyReused | Self::VerificationFailed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::IdempotencyInProgress => StatusCode::CONFLICT,
            Self::Busy | Self::OutcomeUnknown | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Problem(code) => problem_status(code),
        }
    }
}

const fn problem_status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::ContactConflict => StatusCode::CONFLICT,
        ProblemCode::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::InvalidWorkspaceId
        | ProblemCode::UnknownWorkspace
        | ProblemCode::InvalidChannelId
        | ProblemCode::UnknownChannel
        | ProblemCode::ChannelDisabled
        | ProblemCode::ChannelNotReady
        | ProblemCode::InvalidContactId
        | ProblemCode::ContactAndAddress
        | ProblemCode::UnknownContact
        | ProblemCode::InvalidContactEmail
        | ProblemCode::InvalidContactPhone
        | ProblemCode::ContactMissing
        | ProblemCode::ContactUnreachable
        | ProblemCode::CountryNotAllowed
        | ProblemCode::InvalidContactName
        | ProblemCode::SubjectRequired
        | ProblemCode::InvalidSubject
        | ProblemCode::ContentRequired
        | ProblemCode::InvalidContent
        | ProblemCode::ContentTooLong
        | ProblemCode::InvalidTemplate
        | ProblemCode::TemplateRequired
        | ProblemCode::InvalidDeliverWithin
        | ProblemCode::InvalidAgent => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_codes_share_a_word_and_every_word_is_snake_case() {
        let words: Vec<_> = Code::all().map(Code::as_str).collect();
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
        for word in words {
            assert!(word.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{word}");
        }
    }

    #[test]
    fn every_code_is_a_failure() {
        for code in Code::all() {
            assert!(code.status() >= 400, "{code:?}");
        }
    }

    #[test]
    fn of_the_rules_of_compose_only_a_contact_conflict_is_409() {
        for code in ProblemCode::ALL {
            let expected = match code {
                ProblemCode::ContactConflict => 409,
                ProblemCode::QuotaExceeded => 429,
                _ => 400,
            };
            assert_eq!(Code::Problem(*code).status(), expected, "{code}");
        }
    }
}
