//! How each error of a use case is told: exhaustive, without a wildcard arm, so that a new variant must choose.

use crate::Code;
use crate::failure::Failure;
use overture_domain::entities::Scope;
use overture_domain::ports::StoreError;
use overture_domain::use_cases::{AuthenticateError, ComposeError, Details, ManageChannelError, Problem};
use overture_domain::values::Country;
use serde_json::{Value, json};

const LOOK_WITH_KEY: &str = "Whether the conversation was opened is not known yet. Send the same request again with the same \
                             Idempotency-Key: it finds the conversation or opens it, never both.";
const LOOK_WITHOUT_KEY: &str = "Whether the conversation was opened is not known yet. Look for it before you send this again, for example \
                                with `overture message list`. With an Idempotency-Key a request can be repeated safely.";
const LOOK_AT_CHANNELS: &str =
    "Whether this was stored is not known yet. Look with GET /api/channels before you send it again.";

impl Failure {
    /// How a refused or failed compose is told; `keyed` if it came with an `Idempotency-Key`.
    pub(crate) fn of_compose(error: ComposeError, keyed: bool) -> Self {
        match error {
            ComposeError::MissingScope(scope) => Self::missing_scope(scope),
            ComposeError::ForeignWorkspace => Self::foreign_workspace(),
            ComposeError::Refused(problem) => problem.into(),
            ComposeError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used for another body within the last 24 hours. Use a new key for a new request.",
            ),
            ComposeError::Contended => Self::busy(ComposeError::Contended),
            ComposeError::Store(StoreError::OutcomeUnknown(cause)) if keyed => {
                Self::new(Code::OutcomeUnknown, LOOK_WITH_KEY).because(cause).retry_soon()
            }
            ComposeError::Store(StoreError::OutcomeUnknown(cause)) => {
                Self::new(Code::OutcomeUnknown, LOOK_WITHOUT_KEY).because(cause)
            }
            ComposeError::Store(error @ (StoreError::Busy(_) | StoreError::Corrupt { .. } | StoreError::Failed(_))) => {
                error.into()
            }
        }
    }

    /// The key is bound to another workspace.
    pub(crate) fn foreign_workspace() -> Self {
        Self::new(
            Code::ForeignWorkspace,
            "workspaceId is not the workspace that this key is bound to. Use that one, or another key.",
        )
        .at("workspaceId")
    }

    /// The key lacks a right.
    pub(crate) fn missing_scope(scope: Scope) -> Self {
        Self::new(Code::MissingScope, format!("This key lacks the scope {scope}. Use a key that has it."))
            .details(json!({ "scope": scope.as_str() }))
    }
}

/// How a failed read is told.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::busy(error),
            StoreError::OutcomeUnknown(_) | StoreError::Corrupt { .. } | StoreError::Failed(_) => Self::internal(error),
        }
    }
}

/// How a channel that was not made, changed, verified or found is told.
impl From<ManageChannelError> for Failure {
    fn from(error: ManageChannelError) -> Self {
        match error {
            ManageChannelError::ForeignWorkspace => Self::foreign_workspace(),
            ManageChannelError::NotFound => Self::new(Code::ChannelNotFound, "Channel not found"),
            ManageChannelError::Place(problem) => problem.into(),
            ManageChannelError::Refused { rule, field, text } => Self::new(Code::Channel(rule), text).at(field),
            ManageChannelError::SecretsRequired(fields) => Self::new(
                Code::SecretsRequired,
                format!(
                    "config changes where secrets go or whose they are. Send every secret with it: {}.",
                    fields.join(", ")
                ),
            )
            .at("config")
            .details(json!({ "fields": fields })),
            ManageChannelError::Verification(error) => {
                Self::new(Code::VerificationFailed, format!("The settings were tried, and {error}. {}", error.remedy()))
                    .details(json!({ "outcome": error.as_str() }))
            }
            ManageChannelError::Contended => Self::busy(ManageChannelError::Contended),
            ManageChannelError::Store(StoreError::OutcomeUnknown(cause)) => {
                Self::new(Code::OutcomeUnknown, LOOK_AT_CHANNELS).because(cause)
            }
            ManageChannelError::Store(
                error @ (StoreError::Busy(_) | StoreError::Corrupt { .. } | StoreError::Failed(_)),
            ) => error.into(),
        }
    }
}

impl From<AuthenticateError> for Failure {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unauthorized => Self::new(
                Code::Unauthorized,
                "A valid API key is needed. Send it as the header Authorization: Bearer ov_…",
            ),
            AuthenticateError::Store(error) => error.into(),
        }
    }
}

impl From<Problem> for Failure {
    fn from(Problem { code, field, text, details }: Problem) -> Self {
        let mut failure = Self::new(Code::Problem(code), text);
        if let Some(field) = field {
            failure = failure.at(field);
        }
        if let Some(Details::Quota { retry_after, .. }) = details {
            failure = failure.retry_after(retry_after);
        }
        match details {
            Some(details) => failure.details(facts(details)),
            None => failure,
        }
    }
}

pub(crate) fn facts(details: Details) -> Value {
    match details {
        Details::TooLong { limit, length, unit } => json!({ "limit": limit, "length": length, "unit": unit }),
        Details::Country { country, allowed } => {
            let allowed: Vec<_> = allowed.iter().map(Country::as_str).collect();
            json!({ "country": country.as_ref().map(Country::as_str), "allowed": allowed })
        }
        Details::Quota { quota, limit, retry_after } => {
            json!({ "quota": quota.as_str(), "limit": limit, "retryAfter": retry_after })
        }
        Details::Fitting { what, values } => json!({ what: values }),
        Details::Contacts(contacts) => {
            let contacts: Vec<_> = contacts
                .into_iter()
                .map(|(id, kind)| json!({ "contactId": id.to_string(), "matched": kind.as_str() }))
                .collect();
            json!({ "contacts": contacts })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::http::header::RETRY_AFTER;
    use overture_domain::entities::AddressKind;
    use overture_domain::ids::ContactId;
    use overture_domain::use_cases::ProblemCode;
    use uuid::Uuid;

    fn secret_cause() -> String {
        "disk /dev/sda1 is full".into()
    }

    async fn told(failure: Failure) -> (u16, Option<String>, Value) {
        let response = failure.answer("r-1");
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn a_busy_store_is_503_that_may_be_repeated_and_hides_its_cause() {
        for error in [ComposeError::Contended, ComposeError::Store(StoreError::Busy(secret_cause()))] {
            let failure = Failure::of_compose(error, false);
            assert!(failure.cause().is_some());
            let (status, retry, body) = told(failure).await;
            assert_eq!((status, retry.as_deref()), (503, Some("1")));
            assert_eq!(body["code"], "busy");
            assert!(!body.to_string().contains("sda1"));
        }
    }

    #[actix_web::test]
    async fn an_unknown_outcome_may_be_repeated_only_with_a_key() {
        for (keyed, retry) in [(true, Some("1")), (false, None)] {
            let failure = Failure::of_compose(ComposeError::Store(StoreError::OutcomeUnknown(secret_cause())), keyed);
            let (status, retry_after, body) = told(failure).await;
            assert_eq!((status, retry_after.as_deref()), (503, retry));
            assert_eq!(body["code"], "outcome_unknown");
        }
    }

    #[actix_web::test]
    async fn a_corrupt_row_and_a_failed_statement_have_the_same_constant_text() {
        let corrupt = StoreError::Corrupt { table: "contacts", column: "kind", id: "17".into() };
        let (status, _, one) = told(Failure::of_compose(ComposeError::Store(corrupt), true)).await;
        let (_, _, other) =
            told(Failure::of_compose(ComposeError::Store(StoreError::Failed(secret_cause())), true)).await;
        assert_eq!(status, 500);
        assert_eq!(one, other);
    }

    #[actix_web::test]
    async fn a_contact_conflict_names_the_contacts_and_what_matched() {
        let contact = ContactId::from_uuid(Uuid::from_u128(7));
        let problem = Problem {
            code: ProblemCode::ContactConflict,
            field: None,
            text: "Two contacts.".into(),
            details: Some(Details::Contacts(vec![(contact, AddressKind::Phone)])),
        };
        let (status, _, body) = told(Failure::of_compose(ComposeError::Refused(problem), false)).await;
        assert_eq!(status, 409);
        assert_eq!(body["details"], json!({ "contacts": [{ "contactId": contact.to_string(), "matched": "phone" }] }));
        assert_eq!(body.get("field"), None);
    }
}
