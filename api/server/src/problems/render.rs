//! The last step of a refused request: headers and the JSON body in the caller's language.

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use manager_domain::{Code, Refusal};
use serde_json::{Map, Value, json};

use super::texts::{fault_text, fill, text};
use super::{Problem, code_of, status};
use crate::language::Language;

/// Faults listed at most: an answer is never much longer than what it answers.
const FAULTS: usize = 100;

/// What the middleware knows about the request.
pub(crate) struct Context<'a> {
    pub language: Language,
    pub request_id: &'a str,
    pub public_url: &'a str,
}

/// Turns whatever failed into `application/problem+json`; other responses pass.
pub(crate) fn finish<B: MessageBody + 'static>(mut response: HttpResponse<B>, context: &Context<'_>) -> HttpResponse {
    let problem = response.extensions_mut().remove::<Problem>();
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let problem = match problem {
        Some(problem) => problem,
        None if failed && !is_problem(response.headers()) => Problem::new(code_of(response.status())),
        None => return response.map_into_boxed_body(),
    };
    let body = body(problem.refusal(), context).to_string();
    let mut response = response.set_body(BoxBody::new(body));
    *response.status_mut() = status(problem.code());
    write_headers(response.headers_mut(), &problem, context.language);
    response
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"))
}

fn body(refusal: &Refusal, context: &Context<'_>) -> Value {
    let words = text(context.language, refusal.code);
    let mut params = refusal.params.clone();
    if let Some(seconds) = retry_after(refusal) {
        params.insert("retry_after".to_owned(), json!(seconds));
    }
    let mut body = Map::new();
    body.insert("type".to_owned(), json!(format!("{}/problems/{}", context.public_url, refusal.code)));
    body.insert("title".to_owned(), json!(words.title));
    body.insert("status".to_owned(), json!(status(refusal.code).as_u16()));
    body.insert("detail".to_owned(), json!(fill(&words.detail, &params)));
    body.insert("code".to_owned(), json!(refusal.code.as_str()));
    body.insert("request_id".to_owned(), json!(context.request_id));
    if !refusal.faults.is_empty() {
        body.insert("errors".to_owned(), errors(refusal, context.language));
    }
    for (name, value) in &refusal.params {
        body.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(body)
}

fn errors(refusal: &Refusal, language: Language) -> Value {
    let one = |fault: &manager_domain::Fault| {
        json!({
            "pointer": fault.pointer,
            "code": fault.code.as_str(),
            "detail": fill(fault_text(language, fault.code), &fault.params),
            "params": fault.params,
        })
    };
    refusal.faults.iter().take(FAULTS).map(one).collect()
}

fn write_headers(headers: &mut HeaderMap, problem: &Problem, language: Language) {
    let mut set = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
    set(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    set(CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in &problem.0.headers {
        set(name.clone(), value.clone());
    }
    if let Some(seconds) = retry_after(problem.refusal()) {
        set(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(challenge) = challenge(problem.code()) {
        set(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if problem.code() == Code::MethodNotAllowed && !headers.contains_key(ALLOW) {
        headers.insert(ALLOW, HeaderValue::from_static(""));
    }
}

fn retry_after(refusal: &Refusal) -> Option<u32> {
    let usual = match status(refusal.code).as_u16() {
        429 => Some(30),
        503 => Some(1),
        _ => None,
    };
    refusal.retry_after.or(usual)
}

fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::Unauthenticated | Code::InvalidCredentials => Some("Bearer"),
        Code::InvalidToken | Code::SessionEnded => Some("Bearer error=\"invalid_token\""),
        _ => None,
    }
}
