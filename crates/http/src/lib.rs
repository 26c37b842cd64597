//! The HTTP adapter: routes, authentication, bodies, the error table, the OpenAPI document.
