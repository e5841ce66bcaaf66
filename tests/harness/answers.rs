//! Answers, read whole, with checks that say what they expected.

use serde_json::Value;

/// An answer of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.expect("a body")
    }

    /// None where the connection broke before the end of the body.
    pub async fn try_read(response: reqwest::Response) -> Option<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.ok()?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Some(Self { status, headers, bytes, body })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.body
    }

    /// Checks for a problem with this status and code, in the form of RFC 9457.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["code"], code, "{}", self.body);
        for member in ["type", "title", "detail", "request_id"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {}", self.body);
        }
        assert_eq!(self.body["status"], status);
        self.body
    }

    /// Checks for a validation problem with a fault of this code at the pointer.
    #[track_caller]
    pub fn faulty(self, pointer: &str, code: &str) -> Value {
        let body = self.refused(422, "validation_failed");
        let faults = body["errors"].as_array().expect("errors");
        assert!(faults.iter().any(|f| f["pointer"] == pointer && f["code"] == code), "{pointer} {code} in {body}");
        body
    }
}
