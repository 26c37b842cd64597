//! `GET /healthz`: the process is up. Asks nothing and nobody.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

/// All is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Healthy {
    /// Always true.
    ok: bool,
}

/// Whether the process is up
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "operations",
    responses((status = 200, body = Healthy, description = "It is.")))]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Healthy { ok: true })
}
