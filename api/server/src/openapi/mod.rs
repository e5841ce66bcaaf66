//! The OpenAPI document: collected from the routes, then finished with what every operation shares.

mod errors;
mod headers;

use std::sync::LazyLock;

use actix_web::App;
use manager_domain::permissions::Permission;
use manager_domain::staff::StaffPermission;
use serde_json::{Map, Value, json};
use utoipa_actix_web::AppExt;

use crate::routes;

/// Where the document is checked in, from the working directory.
pub const FILE: &str = "openapi/openapi.json";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Tags in the order they are shown; those without operations are left out.
const TAGS: &[(&str, &str)] = &[
    ("accounts", "Registration and the person's own account"),
    ("authentication", "Logging in and out, tokens, passwords"),
    ("organizations", "Organizations and their audit logs"),
    ("memberships", "Who belongs to an organization, with which rights"),
    ("invitations", "Invitations into organizations"),
    ("absorptions", "A new account takes over the memberships of an old one"),
    ("catalogue", "What is sold, and its prices"),
    ("carts", "Carts, anonymous and of organizations"),
    ("orders", "Orders and their payment"),
    ("products", "Products in use"),
    ("billing", "Invoices, credit notes, payment methods and payments"),
    ("prepaid", "The prepaid account"),
    ("offers", "Promo codes and free offers"),
    ("staff", "For the seller's staff"),
    ("system", "About the service itself"),
];

static DOCUMENT: LazyLock<Value> = LazyLock::new(assemble);
static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", *DOCUMENT));

pub fn document() -> &'static Value {
    &DOCUMENT
}

/// As it is checked in: indented, with a final newline.
pub fn text() -> &'static str {
    &TEXT
}

fn assemble() -> Value {
    let (_, collected) = App::new().into_utoipa_app().configure(|routes| routes::configure(routes)).split_for_parts();
    let collected = serde_json::to_value(&collected).unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be written");
        json!({})
    });
    let mut document = Map::new();
    document.insert("openapi".to_owned(), json!("3.1.0"));
    document.insert("info".to_owned(), info());
    document.insert("servers".to_owned(), json!([{"url": "/"}]));
    let mut paths = sorted(collected.get("paths"));
    for (path, item) in &mut paths {
        for (method, operation) in operations(item) {
            require(operation);
            errors::finish(path, method, operation);
            describe(operation);
        }
    }
    headers::finish(&mut paths);
    document.insert("tags".to_owned(), tags(&paths));
    document.insert("paths".to_owned(), Value::Object(paths));
    document.insert("components".to_owned(), components(collected.get("components")));
    Value::Object(document)
}

/// Operations outside an organization say what else they need.
fn require(operation: &mut Map<String, Value>) {
    let schemes: Vec<&str> = operation
        .get("security")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(|scheme| scheme.keys().map(String::as_str))
        .collect();
    let needed = match schemes.first() {
        None => "none",
        Some(&"cart_token") => "cart_token",
        Some(_) => "signed_in",
    };
    operation.entry("x-required-permission").or_insert_with(|| json!(needed));
}

/// Every operation has a description; it names the permission that its extractor checks.
fn describe(operation: &mut Map<String, Value>) {
    let text = |name: &str| operation.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = text("description").or_else(|| text("summary").map(|summary| format!("{summary}.")));
    let needs = text("x-required-permission").and_then(|permission| match Permission::parse(&permission) {
        Some(_) => Some(format!("Needs the permission `{permission}`.")),
        None => StaffPermission::parse(&permission)
            .map(|_| format!("Needs a staff role with the permission `{permission}`.")),
    });
    let is_visitors = operation.get("x-required-permission").is_some_and(|needed| needed == "cart_token");
    let cookie =
        "The cookie `__Host-cart` of a browser does instead of `X-Cart-Token`; without either there is no cart.";
    let cookie = is_visitors.then(|| cookie.to_owned());
    let description: Vec<String> = [said, needs, cookie].into_iter().flatten().collect();
    operation.insert("description".to_owned(), Value::String(description.join("\n\n")));
}

fn info() -> Value {
    json!({
        "title": "Manager API",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "The backend of a hosting company's customer panel. Errors are RFC 9457 problems; their \
            `type` leads to a page that explains them.",
        "contact": {"name": "Manager API support", "email": "api@manager.example"},
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    })
}

fn operations(item: &mut Value) -> impl Iterator<Item = (&str, &mut Map<String, Value>)> {
    let members = item.as_object_mut().into_iter().flatten();
    let operations = members.filter(|(name, _)| METHODS.contains(&name.as_str()));
    operations.filter_map(|(name, operation)| Some((name.as_str(), operation.as_object_mut()?)))
}

fn tags(paths: &Map<String, Value>) -> Value {
    let operations = paths.values().filter_map(Value::as_object).flat_map(|item| item.values());
    let used: Vec<&Value> = operations.filter_map(|operation| operation["tags"].as_array()).flatten().collect();
    let shown = TAGS.iter().filter(|(name, _)| used.iter().any(|tag| *tag == name));
    shown.map(|(name, description)| json!({"name": name, "description": description})).collect()
}

/// A page's example has the one of its items.
fn exemplify_pages(schemas: &mut Map<String, Value>) {
    let item = |page: &Value| {
        let reference = page.pointer("/properties/data/items/$ref")?.as_str()?.rsplit('/').next()?;
        schemas.get(reference)?.pointer("/examples/0").cloned()
    };
    let pages = schemas.iter().filter(|(name, _)| name.starts_with("Page_"));
    let examples: Vec<_> = pages.filter_map(|(name, page)| Some((name.clone(), item(page)?))).collect();
    for (name, item) in examples {
        schemas[&name]["examples"] = json!([{"data": [item], "next_cursor": null}]);
    }
}

fn components(collected: Option<&Value>) -> Value {
    let schemas = collected.and_then(|components| components.get("schemas"));
    let mut schemas = sorted(schemas);
    exemplify_pages(&mut schemas);
    schemas.insert("Problem".to_owned(), errors::problem_schema());
    schemas.insert("ProblemFault".to_owned(), errors::fault_schema());
    schemas.sort_keys();
    json!({
        "schemas": schemas,
        "responses": errors::responses(),
        "headers": headers::components(),
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The access token of a login",
            },
            "cookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": "__Host-session",
                "description": "A browser's session; unsafe methods need X-CSRF-Token too",
            },
            "cart_token": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Cart-Token",
                "description": "The secret of an anonymous cart. Browsers have it in the cookie `__Host-cart`, which \
                    does instead of the header; unsafe methods then need an `Origin` of ours",
            },
        },
    })
}

/// An object with its members in alphabetical order, so that the file changes only where something changed.
fn sorted(value: Option<&Value>) -> Map<String, Value> {
    let mut map = value.and_then(Value::as_object).cloned().unwrap_or_default();
    map.sort_keys();
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_what_it_does_and_how_it_fails() {
        let mut paths = sorted(document().get("paths"));
        assert!(!paths.is_empty());
        for (_, operation) in paths.values_mut().flat_map(operations) {
            let id = operation["operationId"].clone();
            let text = |name: &str| operation[name].as_str().unwrap_or_default();
            let (summary, description) = (text("summary"), text("description"));
            assert!(!summary.is_empty(), "{id}");
            let said = description.split("\n\n").next().unwrap_or_default();
            assert!(said.len() > 40 && !said.starts_with(&format!("{summary}.")), "{id} is described by its summary");
            assert!(operation.get("tags").is_some_and(Value::is_array), "{id}");
            assert!(operation["x-required-permission"].is_string(), "{id}");
            for status in ["500", "503"] {
                assert!(operation["responses"].get(status).is_some(), "{id} {status}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value) {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                assert!(document().pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            match value {
                Value::Array(items) => items.iter().for_each(check),
                Value::Object(map) => map.values().for_each(check),
                _ => {}
            }
        }
        check(document());
    }
}
