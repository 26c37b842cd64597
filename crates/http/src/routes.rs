//! Every path of this server, public and administrative, and what other paths and methods are told.

use crate::Code;
use crate::endpoints::channel::{change_channel, channel};
use crate::endpoints::channel_actions::{pause_channel, resume_channel, templates, verify_channel};
use crate::endpoints::channels::{add_channel, channels};
use crate::endpoints::compose::compose;
use crate::endpoints::conversation::conversation;
use crate::endpoints::docs;
use crate::endpoints::healthz::healthz;
use crate::endpoints::messages::messages;
use crate::endpoints::metrics::metrics;
use crate::endpoints::openapi_json::openapi_json;
use crate::endpoints::preview::preview;
use crate::endpoints::readyz::{readyz, readyz_for_operators};
use crate::endpoints::webhooks;
use crate::failure::Failure;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard};

/// Which paths a listener has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The API, its documentation and plain readiness.
    Public,
    /// Metrics and readiness part by part.
    Admin,
    /// Both, on a loopback address.
    Both,
}

impl Listener {
    pub(crate) fn routes(self, config: &mut ServiceConfig) {
        match self {
            Self::Public => public(config, reading("/readyz", readyz)),
            Self::Both => {
                public(config, reading("/readyz", readyz_for_operators));
                config.service(reading("/metrics", metrics));
            }
            Self::Admin => {
                config
                    .service(reading("/healthz", healthz))
                    .service(reading("/readyz", readyz_for_operators))
                    .service(reading("/metrics", metrics));
            }
        }
    }
}

fn public(config: &mut ServiceConfig, ready: Resource) {
    config
        // Before the conversation: "compose" is no id.
        .service(only("/api/conversations/compose", web::post().to(compose), "POST"))
        .service(only("/api/conversations/compose/preview", web::post().to(preview), "POST"))
        .service(reading("/api/conversations/{id}", conversation))
        .service(reading("/api/conversations/{id}/messages", messages))
        .service(reading_and("/api/channels", channels, "GET, HEAD, POST").route(web::post().to(add_channel)))
        .service(reading_and("/api/channels/{id}", channel, "GET, HEAD, PATCH").route(web::patch().to(change_channel)))
        .service(only("/api/channels/{id}/verify", web::post().to(verify_channel), "POST"))
        .service(only("/api/channels/{id}/pause", web::post().to(pause_channel), "POST"))
        .service(only("/api/channels/{id}/resume", web::post().to(resume_channel), "POST"))
        .service(reading("/api/channels/{id}/templates", templates))
        .service(only("/webhooks/twilio/{id}/status", web::post().to(webhooks::twilio_status), "POST"))
        .service(only("/webhooks/twilio/{id}/inbound", web::post().to(webhooks::twilio_inbound), "POST"))
        .service(whatsapp())
        .service(reading("/healthz", healthz))
        .service(ready)
        .service(reading("/openapi.json", openapi_json))
        .service(reading("/docs", docs::page))
        .service(reading("/docs/", docs::page))
        .service(reading("/docs/{file}", docs::file));
}

/// Meta asks by GET whether the address is ours, and calls by POST.
fn whatsapp() -> Resource {
    only("/webhooks/whatsapp/{id}", web::post().to(webhooks::whatsapp), "GET, POST")
        .route(web::get().to(webhooks::whatsapp_handshake))
}

fn reading<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    reading_and(path, handler, "GET, HEAD")
}

/// A path that is read and to which other routes are added.
fn reading_and<F, Args>(path: &str, handler: F, methods: &'static str) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler);
    only(path, route, methods)
}

/// A path with one route; other methods learn which there are.
fn only(path: &str, route: Route, methods: &'static str) -> Resource {
    web::resource(path).route(route).default_service(web::to(move || async move {
        Err::<HttpResponse, _>(
            Failure::new(Code::MethodNotAllowed, format!("This path does not have that method. It has {methods}."))
                .allow(methods),
        )
    }))
}

/// What every other path is told. The document lists no webhooks: their addresses are shown with their channels.
pub(crate) async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let text = if request.path().starts_with("/webhooks") {
        "There is no such path. The webhook addresses of a channel are shown by GET /api/channels/{id}."
    } else {
        "There is no such path. The paths are listed in /openapi.json."
    };
    Err(Failure::new(Code::RouteNotFound, text))
}
