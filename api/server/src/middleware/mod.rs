//! What surrounds every request: identity, limits, panics, problems, headers, metrics and one line in the log.

mod accept;
pub mod client;
mod cors;
mod headers;
pub mod limits;
mod panics;
pub mod request_id;

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};
use manager_domain::Code;
use tracing::Instrument;

use crate::language::{self, AccountLanguage, Language};
use crate::problems::{Context, Problem, finish};
use crate::state::AppState;
use client::ClientAddress;
use request_id::Tracing;

/// Media types of answers under `/v1`; problems come in their own where one of these is taken.
const ANSWERS: &[&str] = &["application/json", "image/png"];

/// What is known before routing and needed after the answer.
struct Before {
    state: web::Data<AppState>,
    tracing: Tracing,
    method: Method,
    language: Language,
    origin: Option<String>,
    is_docs: bool,
    standing: Option<limits::Standing>,
    started: Instant,
}

/// The one middleware of the API, in reading order.
pub async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return Err(Problem::internal("the application has no state").into());
    };
    let _in_flight = state.metrics.begin();
    let client = client::address(&request, &state.config.trusted_proxies, state.config.forwarded_header);
    let mut before = Before {
        tracing: Tracing::of(request.headers()),
        method: request.method().clone(),
        language: language::before(&request),
        origin: cors::listed_origin(&request, &state.config.cors_origins),
        is_docs: request.path().starts_with("/docs"),
        standing: None,
        started,
        state,
    };
    request.extensions_mut().insert(ClientAddress(client));
    if let Some(response) = early(&request, &mut before, client) {
        let (request, response) = (request.request().clone(), before.finish(response, None, ""));
        return Ok(ServiceResponse::new(request, response));
    }
    // Routes know GET; the protocol leaves the body out of answers to HEAD.
    if before.method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let span = tracing::info_span!("request", id = %before.tracing.request_id);
    match panics::caught(next.call(request).instrument(span)).await {
        Some(Ok(response)) => {
            let account = response.request().extensions().get::<AccountLanguage>().map(|language| language.0);
            let (request, response) = response.into_parts();
            let route = request.match_pattern().unwrap_or_default();
            Ok(ServiceResponse::new(request, before.finish(response, account, &route)))
        }
        Some(Err(error)) => {
            let response = before.finish(error.error_response(), None, "");
            Err(InternalError::from_response(error, response).into())
        }
        None => {
            let problem = Problem::internal("a handler panicked");
            let response = before.finish(problem.error_response(), None, "");
            Err(InternalError::from_response(problem, response).into())
        }
    }
}

/// Answers that need no routing: preflights and refusals of too many requests.
fn early(request: &ServiceRequest, before: &mut Before, client: std::net::IpAddr) -> Option<HttpResponse> {
    if let Some(limiter) = &before.state.limiter
        && !request.path().starts_with("/health/")
    {
        match limiter.check(client) {
            Ok(standing) => before.standing = Some(standing),
            Err(refused) => {
                before.standing = Some(refused.standing);
                return Some(refused.problem.error_response());
            }
        }
    }
    let preflight = cors::preflight(request, before.origin.is_some());
    if preflight.is_none() && request.path().starts_with("/v1/") && !accept::takes(request.headers(), ANSWERS) {
        return Some(Problem::new(Code::NotAcceptable).with("offered", ANSWERS.join(", ")).error_response());
    }
    preflight
}

impl Before {
    fn finish<B: MessageBody + 'static>(
        &self,
        response: HttpResponse<B>,
        account: Option<Language>,
        route: &str,
    ) -> HttpResponse {
        let context = Context {
            language: account.unwrap_or(self.language),
            request_id: &self.tracing.request_id,
            public_url: &self.state.public_url,
        };
        let mut response = finish(response, &context);
        let https = self.state.public_url.starts_with("https://");
        headers::write(response.headers_mut(), &self.tracing.request_id, self.is_docs, https);
        if !self.state.config.cors_origins.is_empty() {
            cors::write(response.headers_mut(), self.origin.as_deref());
        }
        if let (Some(limiter), Some(standing)) = (&self.state.limiter, &self.standing) {
            limiter.write(response.headers_mut(), standing);
        }
        self.record(response.status().as_u16(), route);
        response
    }

    /// Metrics, and the line in the log: no query, no headers, no bodies.
    fn record(&self, status: u16, route: &str) {
        let took = self.started.elapsed();
        let route = if route.is_empty() { "unmatched" } else { route };
        self.state.metrics.answered(self.method.as_str(), route, status, took);
        tracing::info!(
            target: "manager_server::access",
            method = %self.method,
            route,
            status,
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = %self.tracing.request_id,
            trace_id = %self.tracing.trace_id,
            "answered"
        );
    }
}
