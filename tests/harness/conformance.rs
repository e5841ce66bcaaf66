//! Every answer that a test gets is held against the document: its status is declared, and so are its headers.

use manager_server::openapi;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::answers::Answer;

/// Headers that an answer has only where the document says so.
const SAID: [&str; 4] = ["etag", "location", "link", "idempotent-replayed"];

/// Fails the test where an operation of the document answers otherwise than it says.
#[track_caller]
pub fn check(method: &Method, url: &Url, answer: &Answer) {
    let Some(operation) = operation(method, url.path()) else { return };
    let id = &operation["operationId"];
    let status = answer.status.to_string();
    let declared = operation["responses"].get(&status).unwrap_or_else(|| {
        panic!("{id} says nothing of {status}: {}", answer.body);
    });
    let declared = resolved(declared);
    let headers = declared["headers"].as_object();
    let said = |wanted: &str| headers.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if answer.status < 400 {
        for name in SAID {
            assert!(said(name).is_some() || answer.header(name).is_empty(), "{id} {status} has an undeclared {name}");
        }
    }
    for (name, header) in headers.into_iter().flatten() {
        let missing = resolved(header)["required"] == true && answer.header(name).is_empty();
        assert!(!missing, "{id} {status} has no {name}: {:?}", answer.headers);
    }
}

/// The operation that a path belongs to, rather one without parameters.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, text)| part.starts_with('{') || part == text)
    };
    let paths = openapi::document()["paths"].as_object()?;
    let found =
        paths.iter().filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.matches('{').count());
    found?.1.get(method.as_str().to_lowercase())
}

fn resolved(value: &'static Value) -> &'static Value {
    let target = value["$ref"].as_str().and_then(|to| openapi::document().pointer(to.trim_start_matches('#')));
    target.unwrap_or(value)
}
