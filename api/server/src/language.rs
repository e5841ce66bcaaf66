//! The language of titles and details: the account's locale, else the `lang` cookie, else `Accept-Language`.

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

pub use manager_domain::languages::Language;

/// Put into the request's extensions by whoever authenticates the caller.
#[derive(Debug, Clone, Copy)]
pub struct AccountLanguage(pub Language);

/// For handlers: what counts for this request.
pub fn of(request: &HttpRequest) -> Language {
    if let Some(AccountLanguage(language)) = request.extensions().get() {
        return *language;
    }
    asked(request.cookie("lang").as_ref().map(|cookie| cookie.value()), request.headers())
}

/// Before routing: cookie and header alone.
pub(crate) fn before(request: &ServiceRequest) -> Language {
    let cookie = request.headers().contains_key("cookie").then(|| request.cookie("lang")).flatten();
    asked(cookie.as_ref().map(|cookie| cookie.value()), request.headers())
}

fn asked(cookie: Option<&str>, headers: &HeaderMap) -> Language {
    let header = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(Language::negotiate);
    cookie.and_then(Language::parse).or_else(header).unwrap_or_default()
}
