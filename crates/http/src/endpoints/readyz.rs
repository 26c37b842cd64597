//! `GET /readyz`: whether the process can do its work. Which part cannot is told on the administration address only.

use crate::failure::{Failure, FailureBody};
use crate::state::State;
use crate::{Code, Part};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long the parts may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ready or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Whether every part is ready.
    ready: bool,
    /// The parts; only on the administration address, with `?verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    parts: Option<Vec<PartBody>>,
    /// What deserves a look although it is ready; shown with the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    warnings: Option<Vec<String>>,
}

/// What only operators see.
struct Shown {
    parts: Vec<PartBody>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct PartBody {
    name: &'static str,
    ready: bool,
    detail: String,
}

/// Whether the process can do its work
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operations",
    responses(
        (status = 200, body = Ready, description = "It can."),
        (status = 503, body = FailureBody, description = "It cannot now."),
    ))]
pub(crate) async fn readyz(state: web::Data<State>) -> Result<HttpResponse, Failure> {
    told(&parts(&state).await, None)
}

/// The same on the administration address, where `?verbose` shows the parts.
pub(crate) async fn readyz_for_operators(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let verbose = request.query_string().split('&').any(|parameter| parameter.split('=').next() == Some("verbose"));
    let parts = parts(&state).await;
    let shown = match verbose {
        true => {
            Some(Shown { parts: parts.iter().cloned().map(PartBody::from).collect(), warnings: warnings(&state).await })
        }
        false => None,
    };
    told(&parts, shown)
}

fn told(parts: &[Part], shown: Option<Shown>) -> Result<HttpResponse, Failure> {
    let ready = parts.iter().all(|part| part.ready);
    let mut response = match (ready, &shown) {
        (true, _) => HttpResponse::Ok(),
        (false, Some(_)) => HttpResponse::ServiceUnavailable(),
        (false, None) => {
            return Err(Failure::new(
                Code::NotReady,
                "Not ready. On the administration address /readyz?verbose says why.",
            ));
        }
    };
    let (parts, warnings) = shown.map(|Shown { parts, warnings }| (parts, warnings)).unzip();
    Ok(response.insert_header((CACHE_CONTROL, "no-store")).json(Ready { ready, parts, warnings }))
}

async fn parts(state: &State) -> Vec<Part> {
    let readiness = Arc::clone(&state.application.readiness);
    let asked = state.application.runtime.spawn(async move { tokio::time::timeout(PATIENCE, readiness.parts()).await });
    let silent = |detail: &str| vec![Part { name: "process", ready: false, detail: detail.to_owned() }];
    match asked.await {
        Ok(Ok(parts)) => parts,
        Ok(Err(_)) => silent("its parts did not answer within two seconds"),
        Err(_) => silent("asking its parts failed"),
    }
}

/// What deserves a look; that it cannot be found out is one of these things and no reason to be not ready.
async fn warnings(state: &State) -> Vec<String> {
    let readiness = Arc::clone(&state.application.readiness);
    let asked =
        state.application.runtime.spawn(async move { tokio::time::timeout(PATIENCE, readiness.warnings()).await });
    match asked.await {
        Ok(Ok(warnings)) => warnings,
        Ok(Err(_)) | Err(_) => vec!["What waits could not be counted in time.".to_owned()],
    }
}

impl From<Part> for PartBody {
    fn from(Part { name, ready, detail }: Part) -> Self {
        Self { name, ready, detail }
    }
}
