//! What happens around every request: its id, its span, its numbers, and the one place where failures are told and logged.
//!
//! Refuses to log what a request said: method, route, status and code are all a log line holds.

use crate::Code;
use crate::failure::Failure;
use crate::headers::{REQUEST_ID, request_id};
use crate::state::State;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::time::Instant;
use tracing::Instrument;

/// The label of requests for which there is no route: a client cannot make new ones.
const NO_ROUTE: &str = "none";

pub(crate) async fn observe(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = request_id(request.headers(), &*state.application.ids);
    let method = method_label(request.method());
    let span = tracing::info_span!("request", request_id = %id, method);
    let response = next.call(request).instrument(span.clone()).await?;
    let _in_span = span.entered();
    let mut response = tell_failure(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    count(&response, method, began);
    Ok(response)
}

/// Gives a failed answer its body.
fn tell_failure(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let Some(answer) = response.response().error().and_then(|error| error.as_error::<Failure>()).map(|failure| {
        log(failure);
        failure.answer(id)
    }) else {
        return response;
    };
    response.into_response(answer)
}

fn log(failure: &Failure) {
    let (code, cause) = (failure.code().as_str(), failure.cause());
    match failure.code() {
        Code::Internal | Code::OutcomeUnknown => tracing::error!(code, cause, "a request failed"),
        Code::Busy => tracing::warn!(code, cause, "a request was turned away"),
        _ => tracing::debug!(code, "a request was refused"),
    }
}

fn count(response: &ServiceResponse<BoxBody>, method: &'static str, began: Instant) {
    let route = response.request().match_pattern().unwrap_or_else(|| NO_ROUTE.to_owned());
    let took = began.elapsed();
    tracing::debug!(route, status = response.status().as_u16(), micros = took.as_micros(), "answered");
    let status = response.status().as_str().to_owned();
    let labels = [("method", method.into()), ("route", metrics::SharedString::from(route)), ("status", status.into())];
    metrics::counter!("overture_http_requests_total", &labels).increment(1);
    metrics::histogram!("overture_http_request_seconds", &labels).record(took.as_secs_f64());
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
