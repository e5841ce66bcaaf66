//! Cross-origin calls: listed origins only, with credentials.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, \
    If-None-Match, Traceparent, X-Cart-Token, X-CSRF-Token, X-Request-Id";
const EXPOSED: &str = "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";

/// The request's origin, if it is listed.
pub fn listed_origin(request: &ServiceRequest, allowed: &[String]) -> Option<String> {
    let origin = request.headers().get(ORIGIN)?.to_str().ok()?;
    allowed.iter().any(|listed| listed == origin).then(|| origin.to_owned())
}

/// The answer to a browser that asks first. Unlisted origins get the usual answer to OPTIONS.
pub fn preflight(request: &ServiceRequest, listed: bool) -> Option<HttpResponse> {
    let asks = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    (asks && listed).then(|| {
        HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
            .finish()
    })
}

/// Written on every answer, refusals included.
pub fn write(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}
