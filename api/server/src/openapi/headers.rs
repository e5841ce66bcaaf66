//! The headers of answers, from what the form of an operation implies.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::operations;
use crate::idempotency;

/// Operations that create what has no address of its own.
const WITHOUT_ADDRESS: &[&str] = &[
    "quote_cart",
    "apply_cart_promo_code",
    "apply_organization_cart_promo_code",
    "create_promo_codes",
    "grant_free_offer",
    "create_refund",
    "create_credit_note",
    "create_promotional_credit",
];

/// Shared headers: component, name, schema, description, whether every such answer has it.
const SHARED: &[(&str, &str, &str, &str, bool)] = &[
    ("ETag", "ETag", "string", "The version, to be named in `If-Match` by whoever changes it", true),
    ("Location", "Location", "string", "Where the new resource is, relative to this service", true),
    ("Link", "Link", "string", "`rel=\"next\"`, the address of the next page; none on the last one", false),
    (
        "IdempotentReplayed",
        "Idempotent-Replayed",
        "boolean",
        "`true`: the answer of an earlier request with this key",
        false,
    ),
    (
        "RateLimit",
        "RateLimit",
        "string",
        "What is left of the address's requests, and the seconds until all are back",
        false,
    ),
    ("RateLimitPolicy", "RateLimit-Policy", "string", "How many requests an address has in how many seconds", false),
    ("RequestId", "X-Request-Id", "string", "Names this request, as the caller did or anew", true),
];

pub fn components() -> Value {
    let header = |(component, _, kind, description, required): &(&str, &str, &str, &str, bool)| {
        let header = json!({"description": description, "required": required, "schema": {"type": kind}});
        ((*component).to_owned(), header)
    };
    Value::Object(SHARED.iter().map(header).collect())
}

/// Adds to every answer the headers it has.
pub fn finish(paths: &mut Map<String, Value>) {
    let tagged = tagged(paths);
    for (_, operation) in paths.values_mut().flat_map(operations) {
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let repeatable = parameters.into_iter().any(|parameter| parameter["name"] == idempotency::HEADER);
        let addressed = !WITHOUT_ADDRESS.iter().any(|id| operation["operationId"] == *id);
        let cached = operation["responses"].get("304").is_some();
        let limited = operation["responses"].get("429").is_some();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['2', '3'])) {
            let schema = schema(response).unwrap_or_default();
            let has_tag = cached || (matches!(status.as_str(), "200" | "201") && tagged.contains(schema));
            let implied = [
                ("ETag", has_tag),
                ("Location", status == "201" && addressed),
                ("Link", schema.contains("/Page_")),
                ("IdempotentReplayed", repeatable),
                ("RateLimit", limited),
                ("RateLimitPolicy", limited),
                ("RequestId", true),
            ];
            add(response, implied.into_iter().filter(|(_, implied)| *implied).map(|(component, _)| component));
        }
    }
}

/// What some operation shows with a tag: it has one wherever it is answered whole.
fn tagged(paths: &mut Map<String, Value>) -> BTreeSet<String> {
    let all = paths.values_mut().flat_map(operations);
    let cached = all.filter(|(_, operation)| operation["responses"].get("304").is_some());
    cached.filter_map(|(_, operation)| schema(operation["responses"].get("200")?).map(str::to_owned)).collect()
}

fn schema(response: &Value) -> Option<&str> {
    response.pointer("/content/application~1json/schema/$ref")?.as_str()
}

/// A header that the handler describes itself stays as it is.
fn add<'a>(response: &mut Value, components: impl Iterator<Item = &'a str>) {
    let Some(response) = response.as_object_mut() else { return };
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    let Some(headers) = headers.as_object_mut() else { return };
    for component in components {
        let Some((_, name, ..)) = SHARED.iter().find(|(shared, ..)| *shared == component) else { continue };
        let reference = json!({"$ref": format!("#/components/headers/{component}")});
        headers.entry(*name).or_insert(reference);
    }
}
