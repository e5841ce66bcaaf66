//! Requests to Stripe and what can go wrong with them. Whatever leaves it open whether Stripe did something is a
//! silence: it is never taken for a refusal (BIL-6, BIL-7).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;

use super::objects::{ErrorBody, ErrorObject, PaymentIntent};
use super::{API_VERSION, StripeSettings};

/// More than Stripe's longest object.
const MAX_ANSWER: usize = 1 << 20;

/// Settings that no client can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSettings {
    #[error("the secret key has characters that a header can't have")]
    SecretKey,
    #[error("the API base is not an https address (http is for loopback addresses only)")]
    ApiBase,
    #[error("no trusted certificates were found on this system")]
    NoCertificates,
    #[error("no TLS client could be made")]
    Tls,
}

/// Why a call to Stripe has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// Whether anything was done is unknown: ask again later.
    #[error("no answer from Stripe: {0}")]
    NoAnswer(Silence),
    /// Stripe answered that it did not do it.
    #[error("refused by Stripe: {0}")]
    Refused(Box<Refusal>),
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error("none in time")]
    Timeout,
    #[error("no connection, or one that broke")]
    Connection,
    #[error("status {0}")]
    ServerFault(u16),
    /// Too many requests, or the same one is still running.
    #[error("busy, status {0}")]
    Busy(u16),
    /// The secret key is wrong or lacks a permission: an operator's matter.
    #[error("the secret key was not accepted, status {0}")]
    NotAuthorized(u16),
    /// The idempotency key was used for something else, whose outcome isn't known here.
    #[error("an idempotency key used before for another request")]
    KeyUsedOtherwise,
    #[error("an answer of status {0} that can't be read")]
    Unreadable(u16),
}

/// What Stripe said no with. Its prose is not kept: it may quote what it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}, {kind}, {}", code.as_deref().unwrap_or("no code"))]
pub struct Refusal {
    pub status: u16,
    /// `card_error`, `invalid_request_error`, …
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    /// The parameter that is wrong.
    pub param: Option<String>,
    pub request_id: Option<String>,
    /// How the payment stands after it.
    pub(super) intent: Option<PaymentIntent>,
}

impl StripeError {
    /// A refusal that needs no question.
    pub(super) fn unasked(code: &str) -> Self {
        Self::Refused(Box::new(Refusal {
            status: 0,
            kind: "not_asked".to_owned(),
            code: Some(code.to_owned()),
            decline_code: None,
            param: None,
            request_id: None,
            intent: None,
        }))
    }

    /// Whether Stripe doesn't know what it was asked for.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404)
    }
}

/// Form fields, in Stripe's notation (`metadata[payment]`).
pub(super) type Form = Vec<(&'static str, String)>;

#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
    base: Url,
    timeout: Duration,
}

impl Transport {
    pub fn new(settings: &StripeSettings) -> Result<Self, UnusableSettings> {
        let base = Url::parse(&settings.api_base).map_err(|_| UnusableSettings::ApiBase)?;
        if !is_allowed(&base) {
            return Err(UnusableSettings::ApiBase);
        }
        let mut key = HeaderValue::from_str(&format!("Bearer {}", settings.secret_key.reveal()))
            .map_err(|_| UnusableSettings::SecretKey)?;
        key.set_sensitive(true);
        let version = (HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, key), version]);
        // Redirected or by a proxy of the environment, the key would go elsewhere.
        let builder = Client::builder().default_headers(headers).redirect(redirect::Policy::none()).no_proxy();
        let builder = builder.tls_backend_preconfigured(tls(base.scheme() == "https")?);
        let client = builder.build().map_err(|_| UnusableSettings::Tls)?;
        Ok(Self { client, base, timeout: settings.timeout })
    }

    /// Reads an object. `path` begins with `/v1/` and holds checked ids only.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, StripeError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.client.get(url)).await
    }

    /// Asks for a change; with a key, asking again changes nothing more.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        idempotency_key: Option<&str>,
    ) -> Result<T, StripeError> {
        let mut request = self.client.post(self.url(path)).form(form);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, StripeError> {
        // The whole exchange: reqwest's own limit would start anew with the body.
        let exchange = tokio::time::timeout(self.timeout, exchange(request)).await;
        let (status, request_id, body) = exchange.unwrap_or(Err(Silence::Timeout)).map_err(noted)?;
        if status.is_success() {
            let read = serde_json::from_slice(&body);
            return read.map_err(|_| noted(Silence::Unreadable(status.as_u16())));
        }
        Err(refused(status, request_id, &body))
    }
}

/// A silence, written into the log without anything of the request.
fn noted(silence: Silence) -> StripeError {
    match silence {
        Silence::NotAuthorized(_) => tracing::error!(%silence, "Stripe gave no answer"),
        _ => tracing::warn!(%silence, "Stripe gave no answer"),
    }
    StripeError::NoAnswer(silence)
}

type Exchanged = (StatusCode, Option<String>, Vec<u8>);

async fn exchange(request: RequestBuilder) -> Result<Exchanged, Silence> {
    let broken = |error: reqwest::Error| if error.is_timeout() { Silence::Timeout } else { Silence::Connection };
    let mut response = request.send().await.map_err(broken)?;
    let status = response.status();
    let request_id = request_id(&response);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Silence::Unreadable(status.as_u16()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, request_id, body))
}

fn request_id(response: &Response) -> Option<String> {
    let id = response.headers().get("request-id")?.to_str().ok()?;
    Some(id.chars().take(64).collect())
}

/// What an answer that isn't a success means.
fn refused(status: StatusCode, request_id: Option<String>, body: &[u8]) -> StripeError {
    let number = status.as_u16();
    match number {
        401 | 403 => return noted(Silence::NotAuthorized(number)),
        // 408: it gave up waiting; 424: something behind it failed.
        409 | 429 => return noted(Silence::Busy(number)),
        408 | 424 | 500.. => return noted(Silence::ServerFault(number)),
        400.. => {}
        // A redirect, or an answer that is none.
        _ => return noted(Silence::Unreadable(number)),
    }
    let Ok(ErrorBody { error }) = serde_json::from_slice(body) else { return noted(Silence::Unreadable(number)) };
    let ErrorObject { kind, code, decline_code, param, payment_intent } = error;
    if kind == "idempotency_error" {
        return noted(Silence::KeyUsedOtherwise);
    }
    // Its own faults and limits come with other statuses too.
    if kind == "api_error" || kind == "rate_limit_error" || code.as_deref() == Some("lock_timeout") {
        return noted(Silence::Busy(number));
    }
    let refusal = Refusal { status: number, kind, code, decline_code, param, request_id, intent: payment_intent };
    tracing::info!(%refusal, request_id = refusal.request_id.as_deref(), param = refusal.param.as_deref(), "Stripe refused");
    StripeError::Refused(Box::new(refusal))
}

/// HTTPS, or HTTP to this machine, without credentials or query.
fn is_allowed(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let scheme = base.scheme() == "https" || (base.scheme() == "http" && is_here);
    scheme && base.username().is_empty() && base.password().is_none() && base.query().is_none() && !host.is_empty()
}

/// TLS with ring and the certificates that the system trusts. A base on this machine needs none.
fn tls(is_needed: bool) -> Result<rustls::ClientConfig, UnusableSettings> {
    let mut roots = rustls::RootCertStore::empty();
    if is_needed {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(UnusableSettings::NoCertificates);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|_| UnusableSettings::Tls)?.with_root_certificates(roots).with_no_client_auth())
}

/// An id of Stripe's as part of a path, where it has the form of one.
pub(super) fn checked_id(id: &str) -> Result<&str, StripeError> {
    let fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits && (1..=255).contains(&id.len()) { Ok(id) } else { Err(StripeError::unasked("malformed_id")) }
}
