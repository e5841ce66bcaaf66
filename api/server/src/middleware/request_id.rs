//! Names a request: `X-Request-Id` in and out, W3C `traceparent` honoured.

use std::fmt::Write;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::problems::Problem;

/// An extractor too, for calls that go on to other services.
#[derive(Debug, Clone)]
pub struct Tracing {
    pub request_id: String,
    /// 32 hexadecimal digits, the caller's or fresh.
    pub trace_id: String,
    flags: String,
    span: [u8; 8],
}

impl Tracing {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut random = [0u8; 24];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "no randomness for a request id");
        }
        let (name, span) = random.split_at(16);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let fresh = hex(name);
        let request_id = header("x-request-id").filter(|id| is_sane(id)).map(str::to_owned);
        let (trace_id, flags) = header("traceparent").and_then(parent).unwrap_or((&fresh, "00"));
        Self {
            trace_id: trace_id.to_owned(),
            flags: flags.to_owned(),
            request_id: request_id.unwrap_or_else(|| fresh.clone()),
            span: span.try_into().unwrap_or([1; 8]),
        }
    }

    /// The `traceparent` for a call made on behalf of this request.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{}", self.trace_id, hex(&self.span), self.flags)
    }
}

impl FromRequest for Tracing {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Self>().cloned();
        ready(Ok(known.unwrap_or_else(|| Self::of(request.headers()))))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn is_sane(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Trace id and flags of a valid header.
fn parent(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let ends = version != "00" || parts.next().is_none();
    let valid = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (valid && ends && is_set(trace) && is_set(span)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_parents_count() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parent(valid), Some(("4bf92f3577b34da6a3ce929d0e0e4736", "01")));
        for text in
            ["", "00-0-0-0", &valid.replace("4bf9", "4BF9"), &format!("{valid}-x"), &valid.replace("00-", "ff-")]
        {
            assert_eq!(parent(text), None, "{text}");
        }
        assert!(is_sane("a-b_c.d:1") && !is_sane("") && !is_sane("a b") && !is_sane(&"x".repeat(65)));
    }
}
