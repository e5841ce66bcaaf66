//! Names a request: `X-Request-Id` in and out, W3C `traceparent` honoured.

use std::fmt::Write;

use actix_web::http::header::HeaderMap;

/// The names of a request, its own and that of the trace it is part of.
#[derive(Debug, Clone)]
pub struct Tracing {
    pub request_id: String,
    /// 32 hexadecimal digits, the caller's or fresh.
    pub trace_id: String,
}

impl Tracing {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut random = [0u8; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "no randomness for a request id");
        }
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let fresh = hex(&random);
        let request_id = header("x-request-id").filter(|id| is_sane(id)).map(str::to_owned);
        let trace_id = header("traceparent").and_then(parent).unwrap_or(&fresh);
        Self { trace_id: trace_id.to_owned(), request_id: request_id.unwrap_or_else(|| fresh.clone()) }
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

/// The trace id of a valid header.
fn parent(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let ends = version != "00" || parts.next().is_none();
    let valid = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (valid && ends && is_set(trace) && is_set(span)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_parents_count() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parent(valid), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for text in
            ["", "00-0-0-0", &valid.replace("4bf9", "4BF9"), &format!("{valid}-x"), &valid.replace("00-", "ff-")]
        {
            assert_eq!(parent(text), None, "{text}");
        }
        assert!(is_sane("a-b_c.d:1") && !is_sane("") && !is_sane("a b") && !is_sane(&"x".repeat(65)));
    }
}
