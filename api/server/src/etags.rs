//! Entity tags: who changes something says which version they saw.

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use manager_domain::Code;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problems::Problem;

/// Characters of a representation's digest in its tag.
const DIGEST: usize = 16;

/// A strong tag, without its quotes: a row's version, and where it stands for a representation, that one's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// Of a row's version number.
    pub fn version(version: i64) -> Self {
        Self(format!("v{version}"))
    }

    /// Of what a row's version looks like: changes also with what is shown beside the row.
    pub fn representation(version: i64, body: &impl Serialize) -> Self {
        let text = serde_json::to_vec(body).unwrap_or_default();
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("v{version}-{}", &digest[..DIGEST]))
    }

    /// Of a text that changes with the content, such as a digest in hexadecimal.
    pub fn opaque(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it stands in the header.
    pub fn header(&self) -> String {
        format!("\"{}\"", self.0)
    }

    fn as_version(&self) -> Option<i64> {
        let version = self.0.strip_prefix('v')?;
        version.split_once('-').map_or(version, |(version, _)| version).parse().ok()
    }
}

/// The `If-Match` header. Weak tags match nothing and are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    Absent,
    Any,
    Tags(Vec<Etag>),
}

impl IfMatch {
    /// 428 when the caller didn't say what they saw.
    pub fn require(&self) -> Result<&Self, Problem> {
        match self {
            Self::Absent => Err(Problem::new(Code::PreconditionRequired)),
            _ => Ok(self),
        }
    }

    /// The version a guarded update must find: of several only the highest can still be current. `None`: any.
    pub fn expected_version(&self) -> Result<Option<i64>, Problem> {
        match self {
            Self::Absent | Self::Any => Ok(None),
            Self::Tags(tags) => {
                let highest = tags.iter().filter_map(Etag::as_version).max();
                highest.map(Some).ok_or_else(|| Problem::new(Code::PreconditionFailed))
            }
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match tags(request.headers(), &IF_MATCH) {
            Some(None) => Ok(Self::Absent),
            Some(Some(tags)) if tags.iter().any(|(_, tag)| tag.0 == "*") => Ok(Self::Any),
            Some(Some(tags)) => {
                Ok(Self::Tags(tags.into_iter().filter(|(weak, _)| !weak).map(|(_, tag)| tag).collect()))
            }
            None => Err(Problem::new(Code::MalformedRequest).with("header", "If-Match")),
        })
    }
}

/// Whether the caller of a GET already has this; a malformed header doesn't count.
pub fn is_known(request: &HttpRequest, current: &Etag) -> bool {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = tags(request.headers(), &IF_NONE_MATCH).flatten().unwrap_or_default();
    reading && known.iter().any(|(_, tag)| tag.0 == "*" || tag == current)
}

/// A JSON answer with its tag; 304 for a GET by someone who has it.
#[derive(Debug, Clone)]
pub struct Tagged<T> {
    pub etag: Etag,
    pub body: T,
    /// `Cache-Control`; without it the answer isn't stored.
    pub cache: Option<&'static str>,
}

impl<T: Serialize> Tagged<T> {
    /// Personal: revalidated by tag, stored nowhere. Whoever changes the row says by the tag which version they saw;
    /// what else the representation shows may have changed since.
    pub fn version(version: i64, body: T) -> Self {
        Self { etag: Etag::representation(version, &body), body, cache: None }
    }
}

impl<T: Serialize> Responder for Tagged<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let known = is_known(request, &self.etag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((ETAG, self.etag.header()));
        if let Some(cache) = self.cache {
            response.insert_header((CACHE_CONTROL, cache));
        }
        if known { response.finish() } else { response.json(self.body) }
    }
}

/// `Some(None)`: no such header; `None`: malformed. A bare `*` is the tag `*`, which can't be quoted by us.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Option<Vec<(bool, Etag)>>> {
    let mut found = Vec::new();
    let mut present = false;
    for value in headers.get_all(name) {
        present = true;
        let mut rest = value.to_str().ok()?.trim();
        if rest == "*" {
            found.push((false, Etag("*".to_owned())));
            continue;
        }
        while !rest.is_empty() {
            let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if tag == "*" {
                return None;
            }
            found.push((weak, Etag(tag.to_owned())));
            let after = after.trim_start();
            rest = if after.is_empty() { after } else { after.strip_prefix(',')?.trim_start() };
        }
    }
    Some(present.then_some(found))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn if_match(value: &str) -> Result<IfMatch, Problem> {
        let request = TestRequest::get().insert_header((IF_MATCH, value)).to_http_request();
        IfMatch::extract(&request).into_inner()
    }

    #[test]
    fn a_representation_has_the_version_that_may_be_changed_in_its_tag() {
        let (one, other) = (Etag::representation(3, &"one"), Etag::representation(3, &"other"));
        assert_ne!(one, other);
        for tag in [one, other, Etag::version(3)] {
            assert_eq!(if_match(&tag.header()).unwrap().expected_version().unwrap(), Some(3));
        }
    }

    #[test]
    fn only_what_was_seen_may_be_changed() {
        let seen = if_match("\"v3\", W/\"v4\", \"v2\"").unwrap();
        assert_eq!(seen.expected_version().unwrap(), Some(3));
        assert_eq!(if_match("*").unwrap(), IfMatch::Any);
        assert_eq!(if_match("v3").unwrap_err().code(), Code::MalformedRequest);
        assert_eq!(if_match("\"other\"").unwrap().expected_version().unwrap_err().code(), Code::PreconditionFailed);
        assert_eq!(IfMatch::Absent.require().unwrap_err().code(), Code::PreconditionRequired);
    }
}
