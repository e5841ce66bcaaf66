//! Browsers: the session cookie, and what keeps other sites from using it.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::Method;
use actix_web::http::header::ORIGIN;
use actix_web::{HttpRequest, HttpResponseBuilder};
use manager_domain::Code;
use manager_domain::ids::SessionId;
use manager_services::sessions::{self, Grant, Session};
use subtle::ConstantTimeEq;

use crate::language::Language;
use crate::problems::Problem;
use crate::state::AppState;

/// Holds the session's secret; no script can read it.
pub const SESSION: &str = "__Host-session";
/// Holds the token that unsafe requests must repeat in `X-CSRF-Token`; scripts of our origin can read it.
const CSRF: &str = "__Host-csrf";
/// Recognises the device at a later login.
const DEVICE: &str = "__Host-device";
/// Holds the language of whoever logged in last, so that they find it again as a visitor; scripts may change it.
const LANGUAGE: &str = "lang";
/// The longest that browsers keep a cookie.
const LONGEST: Duration = Duration::days(400);
const CSRF_HEADER: &str = "X-CSRF-Token";

/// Gives a browser its session.
pub fn set(response: &mut HttpResponseBuilder, grant: &Grant) {
    // Every use gives the session a new end; when it is over, is the server's to say.
    response.cookie(cookie(SESSION, grant.secret.clone(), true, LONGEST));
    response.cookie(cookie(CSRF, grant.csrf_token.clone(), false, LONGEST));
    set_device(response, grant.device_token.clone());
    response.cookie(language(grant.locale));
}

/// Remembers a language.
pub fn language(language: Language) -> Cookie<'static> {
    cookie(LANGUAGE, language.as_str().to_owned(), false, LONGEST)
}

/// Makes the browser known.
pub fn set_device(response: &mut HttpResponseBuilder, token: String) {
    response.cookie(cookie(DEVICE, token, true, LONGEST));
}

/// What makes the browser known, where it is.
pub fn device(request: &HttpRequest) -> Option<String> {
    request.cookie(DEVICE).map(|cookie| cookie.value().to_owned())
}

/// Takes a browser's session away, where it is the one that ended: one that was proved by a token has no cookies, and
/// those that came along are of another.
pub fn clear(response: &mut HttpResponseBuilder, ended: &Session) {
    if !ended.is_cookie() {
        return;
    }
    response.cookie(cookie(SESSION, String::new(), true, Duration::ZERO));
    response.cookie(cookie(CSRF, String::new(), false, Duration::ZERO));
}

/// A cookie of this service: sent to it alone, and not with requests that other sites make.
pub fn cookie(name: &'static str, value: String, http_only: bool, lifetime: Duration) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .secure(true)
        .http_only(http_only)
        .same_site(SameSite::Lax)
        .max_age(lifetime)
        .finish()
}

/// The secret in the session cookie.
pub fn secret(request: &HttpRequest) -> Option<String> {
    request.cookie(SESSION).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// An unsafe request by cookie must come from one of our origins and repeat the session's CSRF token.
///
/// # Errors
/// `csrf_refused`.
pub fn check_unsafe(request: &HttpRequest, state: &AppState, session: SessionId) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    check_origin(request, state)?;
    let expected = sessions::csrf_token(&state.services, session);
    let sent = request.headers().get(CSRF_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
    if expected.as_bytes().ct_eq(sent).into() { Ok(()) } else { Err(Problem::new(Code::CsrfRefused)) }
}

/// Whether the page that sends this is one of ours, or listed.
///
/// # Errors
/// `csrf_refused`.
pub fn check_origin(request: &HttpRequest, state: &AppState) -> Result<(), Problem> {
    let origin = request.headers().get(ORIGIN).and_then(|value| value.to_str().ok());
    let origin = origin.ok_or_else(|| Problem::new(Code::CsrfRefused))?;
    let own = [state.public_url.as_ref(), &state.services.settings.frontend_url];
    let ours =
        own.iter().any(|url| *url == origin || url.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/')));
    let listed = state.config.cors_origins.iter().any(|listed| listed == origin);
    if ours || listed { Ok(()) } else { Err(Problem::new(Code::CsrfRefused)) }
}
