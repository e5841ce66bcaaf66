//! The language of titles and details: the account's locale, else the `lang` cookie, else `Accept-Language`.

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderValue;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    En,
    Fr,
    De,
    It,
    Es,
}

/// Put into the request's extensions by whoever authenticates the caller.
#[derive(Debug, Clone, Copy)]
pub struct AccountLanguage(pub Language);

impl Language {
    pub const ALL: [Self; 5] = [Self::En, Self::Fr, Self::De, Self::It, Self::Es];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
            Self::De => "de",
            Self::It => "it",
            Self::Es => "es",
        }
    }

    /// Reads a language tag by its first part: `de-CH` is German.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    /// For handlers: what counts for this request.
    pub fn of(request: &HttpRequest) -> Self {
        if let Some(AccountLanguage(language)) = request.extensions().get() {
            return *language;
        }
        Self::asked(request.cookie("lang").as_ref().map(|cookie| cookie.value()), request.headers())
    }

    /// Before routing: cookie and header alone.
    pub(crate) fn before(request: &ServiceRequest) -> Self {
        let cookie = request.headers().contains_key("cookie").then(|| request.cookie("lang")).flatten();
        Self::asked(cookie.as_ref().map(|cookie| cookie.value()), request.headers())
    }

    fn asked(cookie: Option<&str>, headers: &HeaderMap) -> Self {
        let header = || headers.get(ACCEPT_LANGUAGE).map(HeaderValue::as_bytes).and_then(preferred);
        cookie.and_then(Self::parse).or_else(header).unwrap_or_default()
    }
}

/// The known language with the highest weight; the first among equals.
fn preferred(header: &[u8]) -> Option<Language> {
    let header = std::str::from_utf8(header).ok()?;
    let mut best: Option<(Language, f32)> = None;
    for item in header.split(',').take(20) {
        let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(0.0);
        let Some(language) = Language::parse(tag.trim()) else { continue };
        if weight > best.map_or(0.0, |(_, weight)| weight) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_is_taken() {
        assert_eq!(preferred(b"pt, fr;q=0.5, de-CH;q=0.9"), Some(Language::De));
        assert_eq!(preferred(b"it, es"), Some(Language::It));
        assert_eq!(preferred(b"de;q=0, *"), None);
    }
}
