//! `GET /docs`: the document as a page to read and try out. Everything it needs comes from this process, and its
//! Content-Security-Policy forbids the browser to ask anybody else.

use crate::Code;
use crate::failure::Failure;
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

const PAGE: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

pub(crate) async fn page() -> HttpResponse {
    answer("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))
}

/// A file that the page names; nothing else is served.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Failure> {
    match request.match_info().query("file") {
        "start.js" => Ok(answer("text/javascript; charset=utf-8", Bytes::from_static(START.as_bytes()))),
        "swagger-ui.css" => vendored("swagger-ui.css", "text/css; charset=utf-8"),
        "swagger-ui-bundle.js" => vendored("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        "favicon-32x32.png" => vendored("favicon-32x32.png", "image/png"),
        _ => Err(Failure::new(Code::RouteNotFound, "There is no such page. The documentation begins at /docs.")),
    }
}

/// A file of the page as it is built in: compressed, which every browser takes, and no room is lost to it.
fn vendored(name: &str, content_type: &'static str) -> Result<HttpResponse, Failure> {
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).map_err(Failure::internal)?;
    let file = file.ok_or_else(|| Failure::internal(format!("{name} is not built in")))?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut answer = answer(content_type, bytes);
    if file.gzpipped {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(answer)
}

fn answer(content_type: &'static str, bytes: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes)
}
