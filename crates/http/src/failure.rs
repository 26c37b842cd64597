//! A failure on its way to the client: what it says, and the one body in which every failure is told.
//!
//! Refuses to tell a cause: what went wrong inside goes to the log, with the request's id, and nowhere else.

use crate::Code;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use utoipa::ToSchema;

/// After how many seconds a request that was not taken may come again.
const SOON: u32 = 1;

/// A failure that is not told yet. Small, since every handler may return one.
pub(crate) struct Failure(Box<Facts>);

struct Facts {
    code: Code,
    text: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    details: Option<Value>,
    retry_after: Option<u32>,
    allow: Option<&'static str>,
    cause: Option<String>,
}

/// The body of every failure.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Failure)]
pub(crate) struct FailureBody<'a> {
    /// For people: which field, what is wrong with it, and what to do.
    #[schema(example = "Conversation not found")]
    error: &'a str,
    /// For programs: a stable word for the kind of failure.
    #[schema(example = "conversation_not_found", required = false)]
    code: &'static str,
    /// The field at fault, where one field is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "contactEmail", nullable = false)]
    field: Option<&'a str>,
    /// Facts for programs: limits, lengths, ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    details: Option<&'a Value>,
    /// The id of this request, as in the header `X-Request-Id` and in our log.
    #[schema(required = false)]
    request_id: &'a str,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Facts {
            code,
            text: text.into(),
            field: None,
            details: None,
            retry_after: None,
            allow: None,
            cause: None,
        }))
    }

    /// Certainly nothing was written.
    pub(crate) fn busy(cause: impl fmt::Display) -> Self {
        Self::new(Code::Busy, "The server is busy. Nothing was stored; send the same request again.")
            .because(cause)
            .retry_soon()
    }

    /// Our fault. The cause is for the log.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "Something went wrong on our side. The request id leads us to the cause.")
            .because(cause)
    }

    pub(crate) fn at(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    pub(crate) fn details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    pub(crate) fn retry_soon(self) -> Self {
        self.retry_after(SOON)
    }

    /// In so many seconds the same request may be taken.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.0.allow = Some(methods);
        self
    }

    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What went wrong inside, for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The whole answer.
    pub(crate) fn answer(&self, request_id: &str) -> HttpResponse {
        let Facts { code, text, field, details, retry_after, allow, cause: _ } = &*self.0;
        let mut response = HttpResponse::build(code.status_code());
        if *code == Code::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = retry_after {
            response.insert_header((header::RETRY_AFTER, *seconds));
        }
        if let Some(methods) = allow {
            response.insert_header((header::ALLOW, *methods));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store")).json(FailureBody {
            error: text,
            code: code.as_str(),
            field: field.as_deref(),
            details: details.as_ref(),
            request_id,
        })
    }
}

/// Shows the code and nothing that a request said.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failure").field(&self.0.code).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

/// The body is written by the middleware, which knows the request's id.
impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.0.code.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
