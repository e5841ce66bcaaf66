//! The errors of operations: what their form implies is added, what handlers declare gets the problem's schema.

use manager_domain::{Code, FaultCode};
use serde_json::map::Entry;
use serde_json::{Map, Value, json};

use crate::idempotency;
use crate::language::Language;
use crate::problems::{fault_text, fill, status, text};

/// Shared responses: component, example code, description.
const SHARED: &[(&str, Code, &str)] = &[
    ("BadRequest", Code::MalformedJson, "The request could not be read"),
    ("Unauthorized", Code::Unauthenticated, "Not authenticated, or wrongly"),
    ("Forbidden", Code::Forbidden, "Authenticated, but not allowed"),
    ("NotFound", Code::NotFound, "Absent, or not yours"),
    ("NotAcceptable", Code::NotAcceptable, "The answer comes in no media type that `Accept` names"),
    ("RequestTimeout", Code::RequestTimeout, "The body took too long"),
    ("PreconditionFailed", Code::PreconditionFailed, "Somebody changed it since you read it"),
    ("PayloadTooLarge", Code::PayloadTooLarge, "The body is too large"),
    ("UnsupportedMediaType", Code::UnsupportedMediaType, "The body's media type is not accepted"),
    ("ValidationFailed", Code::ValidationFailed, "The wrong shape, or broken rules; `errors` lists the faults"),
    ("RequestInProgress", Code::IdempotencyInProgress, "The first request with this `Idempotency-Key` still runs"),
    (
        "InvalidOrKeyReused",
        Code::ValidationFailed,
        "The wrong shape, or broken rules; or `idempotency_key_reused`: the key was used for another request",
    ),
    ("PreconditionRequired", Code::PreconditionRequired, "`If-Match` is required here"),
    ("TooManyRequests", Code::TooManyRequests, "Too many requests"),
    ("InternalError", Code::InternalError, "A fault of the service"),
    ("ServiceUnavailable", Code::ServiceUnavailable, "Something the service depends on is away; try again"),
];

/// Adds to one operation the errors it can answer with.
pub fn finish(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let implied = implied(path, method, operation);
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(responses) = responses.as_object_mut() else { return };
    for (code, response) in responses.iter_mut() {
        complete(code, response);
    }
    for name in implied {
        let Some((_, code, _)) = SHARED.iter().find(|(shared, ..)| *shared == name) else { continue };
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        match responses.entry(status(*code).as_str()) {
            Entry::Vacant(free) => drop(free.insert(reference)),
            Entry::Occupied(mut declared) => mention(declared.get_mut(), name),
        }
    }
    responses.sort_keys();
}

/// A refusal for the request's key stands beside those that the handler declares with the same status.
fn mention(declared: &mut Value, implied: &str) {
    let code = match implied {
        "RequestInProgress" => Code::IdempotencyInProgress,
        "InvalidOrKeyReused" => Code::IdempotencyKeyReused,
        _ => return,
    };
    if let Some(Value::String(description)) = declared.get_mut("description") {
        description.push_str(&format!("; `{code}`"));
    }
}

fn implied(path: &str, method: &str, operation: &Map<String, Value>) -> Vec<&'static str> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has = |place: &str| parameters.into_iter().flatten().any(|parameter| parameter["in"] == place);
    let key = parameters.into_iter().flatten().find(|parameter| parameter["name"] == idempotency::HEADER);
    let if_match = parameters.into_iter().flatten().find(|parameter| parameter["name"] == "If-Match");
    let secured = operation.get("security").and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty());
    let invalid = if key.is_some() { "InvalidOrKeyReused" } else { "ValidationFailed" };
    let mut names = Vec::new();
    let mut add = |condition: bool, implied: &[&'static str]| {
        if condition {
            names.extend_from_slice(implied);
        }
    };
    // A POST that says nothing may send an empty object.
    let body = operation.contains_key("requestBody") || method == "post";
    add(body, &["BadRequest", "RequestTimeout", "PayloadTooLarge", "UnsupportedMediaType", invalid]);
    add(has("query"), &[invalid]);
    add(has("path"), &["NotFound"]);
    add(secured, &["Unauthorized", "Forbidden"]);
    add(if_match.is_some(), &["BadRequest", "PreconditionFailed"]);
    add(if_match.is_some_and(|parameter| parameter["required"] == true), &["PreconditionRequired"]);
    add(key.is_some(), &["BadRequest", "RequestInProgress"]);
    add(path.starts_with("/v1/"), &["NotAcceptable"]);
    add(!path.starts_with("/health/"), &["TooManyRequests"]);
    add(true, &["InternalError", "ServiceUnavailable"]);
    names
}

/// A declared error without content is a problem.
fn complete(code: &str, response: &mut Value) {
    let failed = code.starts_with('4') || code.starts_with('5');
    let Some(response) = response.as_object_mut() else { return };
    if failed && !response.contains_key("content") && !response.contains_key("$ref") {
        response.insert("content".to_owned(), content(None));
    }
}

fn content(example: Option<Code>) -> Value {
    let mut media = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    if let Some(code) = example {
        media["example"] = self::example(code);
    }
    json!({"application/problem+json": media})
}

pub fn responses() -> Value {
    let mut responses = Map::new();
    for (name, code, description) in SHARED {
        let mut response = json!({"description": description, "content": content(Some(*code))});
        match status(*code).as_u16() {
            401 => response["headers"] = json!({"WWW-Authenticate": {"schema": {"type": "string"}}}),
            429 | 503 => {
                let seconds = json!({"type": "integer", "minimum": 0});
                response["headers"] = json!({"Retry-After": {"description": "Seconds", "schema": seconds}});
            }
            _ => {}
        }
        responses.insert((*name).to_owned(), response);
    }
    Value::Object(responses)
}

fn example(code: Code) -> Value {
    let words = text(Language::En, code);
    let samples = Map::from_iter([("retry_after".to_owned(), json!(30))]);
    let mut example = json!({
        "type": format!("https://panel.example.com/problems/{code}"),
        "title": words.title,
        "status": status(code).as_u16(),
        "detail": fill(&words.detail, &samples),
        "code": code.as_str(),
        "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    if code == Code::ValidationFailed {
        let detail = fault_text(Language::En, FaultCode::InvalidEmail);
        let fault = json!({"pointer": "/email", "code": "invalid_email", "detail": detail, "params": {}});
        example["errors"] = json!([fault]);
    }
    example
}

pub fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "A problem by RFC 9457; some have more members, named on their page",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "The page that explains it"},
            "title": {"type": "string"},
            "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For people, in their language"},
            "code": {
                "type": "string",
                "description": "For programs; a code never changes its meaning, and there may be new ones",
                "enum": Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
            },
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemFault"}},
        },
        "additionalProperties": true,
    })
}

pub fn fault_schema() -> Value {
    json!({
        "type": "object",
        "description": "One faulty field",
        "required": ["pointer", "code", "detail", "params"],
        "properties": {
            "pointer": {"type": "string", "description": "A JSON pointer into the body, or `query:<name>`"},
            "code": {"type": "string", "enum": FaultCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()},
            "detail": {"type": "string"},
            "params": {"type": "object", "additionalProperties": true},
        },
    })
}
