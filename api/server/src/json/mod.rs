//! JSON bodies, read strictly: media type, size, syntax, shape, rules, in that order.

mod faults;
mod read;
pub(crate) mod strict;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use manager_domain::Code;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use validator::Validate;

pub(crate) use faults::{Place, validated};
pub(crate) use read::is_refused;

use crate::body;
use crate::problems::Problem;

/// Bytes a JSON body may have.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A JSON body whose shape and rules were checked; also an answer of status 200.
#[derive(Debug, Clone)]
pub struct Json<T, const LIMIT: usize = BODY_LIMIT>(pub T);

/// A JSON Merge Patch, under either JSON media type. Fields are [`crate::patch::Patch`].
#[derive(Debug, Clone)]
pub struct MergePatch<T>(pub T);

/// No body, or an empty object: what a request that says nothing may send.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NoMembers {}

impl FromRequest for Nothing {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body::read(&request, &mut payload, BODY_LIMIT).await?;
            if !bytes.is_empty() {
                check_media_type(&request, &["application/json"])?;
                let NoMembers {} = from_bytes(&bytes)?;
            }
            Ok(Self)
        })
    }
}

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + Validate + 'static, const LIMIT: usize> FromRequest for Json<T, LIMIT> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_media_type(&request, &["application/json"])?;
            from_bytes(&body::read(&request, &mut payload, LIMIT).await?).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Validate + 'static> FromRequest for MergePatch<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_media_type(&request, &["application/merge-patch+json", "application/json"])?;
            from_bytes(&body::read(&request, &mut payload, BODY_LIMIT).await?).map(Self)
        })
    }
}

impl<T: Serialize, const LIMIT: usize> Responder for Json<T, LIMIT> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

/// A value from the bytes of a JSON document, as strictly as a body is read.
pub fn from_bytes<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T, Problem> {
    let value = read::parse(bytes)?;
    let value = strict::from_json(value).map_err(|error| Problem::invalid(vec![error.fault(Place::Body)]))?;
    validated(value, Place::Body)
}

fn check_media_type(request: &HttpRequest, accepted: &[&str]) -> Result<(), Problem> {
    let refused = || Problem::new(Code::UnsupportedMediaType).with("accepted", accepted.join(", "));
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let mut parts = header.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = accepted.iter().any(|media| media.eq_ignore_ascii_case(essence));
    let utf8 = parts.filter(|part| !part.is_empty()).all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if known && utf8 { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Patch;
    use manager_domain::FaultCode;

    #[derive(Debug, Deserialize, Validate)]
    struct Person {
        #[validate(length(min = 2, max = 5))]
        name: String,
        #[validate(email)]
        email: Option<String>,
        #[serde(default)]
        #[validate(range(min = 1, max = 9))]
        count: Option<u8>,
        #[serde(default)]
        #[validate(nested)]
        homes: Vec<Home>,
        #[serde(default)]
        #[validate(length(max = 3))]
        nick: Patch<String>,
    }

    #[derive(Debug, Deserialize, Validate)]
    struct Home {
        #[validate(length(equal = 2))]
        country: String,
    }

    fn faults(text: &str) -> Vec<(String, FaultCode)> {
        let problem = from_bytes::<Person>(text.as_bytes()).unwrap_err();
        problem.refusal().faults.iter().map(|fault| (fault.pointer.clone(), fault.code)).collect()
    }

    #[test]
    fn broken_syntax_is_malformed() {
        for text in ["", "{", "{} {}", "{\"name\":\"a\nb\"}", "nul", "{\"name\":\"\\ud800\"}"] {
            assert_eq!(from_bytes::<Person>(text.as_bytes()).unwrap_err().code(), Code::MalformedJson, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        assert_eq!(from_bytes::<Person>(deep.as_bytes()).unwrap_err().code(), Code::MalformedJson);
    }

    #[test]
    fn a_wrong_shape_is_named_by_its_pointer() {
        for (text, pointer, code) in [
            ("[\"Ann\"]", "", FaultCode::WrongType),
            ("{}", "/name", FaultCode::Missing),
            ("{\"name\":3}", "/name", FaultCode::WrongType),
            ("{\"name\":\"Ann\",\"admin\":true}", "/admin", FaultCode::UnknownField),
            ("{\"name\":\"Ann\",\"name\":\"Bob\"}", "/name", FaultCode::DuplicateField),
            ("{\"name\":\"A\\u0000\"}", "/name", FaultCode::ControlCharacter),
            ("{\"name\":\"Ann\",\"count\":300}", "/count", FaultCode::OutOfRange),
            ("{\"name\":\"Ann\",\"homes\":[{\"country\":\"CH\"},[\"CH\"]]}", "/homes/1", FaultCode::WrongType),
            ("{\"name\":\"Ann\",\"homes\":[{\"a/b~\":1,\"a/b~\":1}]}", "/homes/0/a~1b~0", FaultCode::DuplicateField),
        ] {
            assert_eq!(faults(text), vec![(pointer.to_owned(), code)], "{text}");
        }
    }

    #[test]
    fn all_broken_rules_are_listed() {
        let text = r#"{"name":"A","email":"x","count":0,"nick":"abcd","homes":[{"country":"CH"},{"country":"CHE"}]}"#;
        let expected = [
            ("/count", FaultCode::OutOfRange),
            ("/email", FaultCode::InvalidEmail),
            ("/homes/1/country", FaultCode::TooLong),
            ("/name", FaultCode::TooShort),
            ("/nick", FaultCode::TooLong),
        ];
        assert_eq!(faults(text), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        let problem = from_bytes::<Person>(text.as_bytes()).unwrap_err();
        assert!(problem.refusal().faults.iter().all(|fault| !fault.params.contains_key("value")));
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let person = |text: &str| from_bytes::<Person>(text.as_bytes()).unwrap();
        assert_eq!(person(r#"{"name":"Ann"}"#).nick, Patch::Absent);
        assert_eq!(person(r#"{"name":"Ann","nick":null}"#).nick, Patch::Null);
        let full = person(r#"{"name":"Ann","nick":"an","email":"a@b.ch","count":1}"#);
        assert_eq!(full.nick, Patch::Value("an".to_owned()));
        assert_eq!((full.name.len(), full.email.is_some(), full.count, full.homes.len()), (3, true, Some(1), 0));
    }
}
