//! The operations of the OpenAPI document, and how a test asks for each of them.

use std::collections::BTreeMap;

use manager_domain::permissions::Permission;
use manager_domain::staff::StaffPermission;
use manager_server::openapi;
use manager_tests::{TestApp, Value, json};
use reqwest::{Method, RequestBuilder};

/// What the document says of one operation.
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    pub secured: bool,
    /// `x-required-permission`.
    pub needs: String,
    /// Of the seller's staff.
    pub staff: Option<StaffPermission>,
    /// That, where it is a right in an organization.
    pub permission: Option<Permission>,
    /// The example of its body.
    pub example: Option<Value>,
    if_match: bool,
    key: bool,
    /// What ids in the path begin with, by parameter.
    pub prefixes: BTreeMap<String, String>,
}

pub fn operations() -> Vec<Operation> {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let items = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(m, o)| (path, m, o)));
    items.map(|(path, method, operation)| Operation::of(path, method, operation)).collect()
}

/// The prefix of the ids that a path parameter takes, from its pattern.
fn prefix(parameter: &Value) -> Option<(String, String)> {
    if parameter["in"] != "path" {
        return None;
    }
    let pattern = resolved(&parameter["schema"])["pattern"].as_str()?;
    let prefix = pattern.strip_prefix('^')?.split_once('_')?.0;
    Some((parameter["name"].as_str()?.to_owned(), prefix.to_owned()))
}

fn resolved(schema: &Value) -> &Value {
    let target = schema["$ref"].as_str().and_then(|to| openapi::document().pointer(to.trim_start_matches('#')));
    target.unwrap_or(schema)
}

impl Operation {
    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let needs = operation["x-required-permission"].as_str().unwrap();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let schemes = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
        let mut schemes = schemes.flat_map(|scheme| scheme.keys());
        let content = operation["requestBody"]["content"].as_object();
        Self {
            id: operation["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            secured: schemes.any(|scheme| scheme == "bearer"),
            permission: match needs {
                "none" | "signed_in" | "cart_token" => None,
                name if StaffPermission::parse(name).is_some() => None,
                name => Some(Permission::parse(name).unwrap_or_else(|| panic!("a permission called {name}"))),
            },
            staff: StaffPermission::parse(needs),
            needs: needs.to_owned(),
            example: content.map(|content| {
                let media = content.values().next().unwrap();
                resolved(&media["schema"]).pointer("/examples/0").cloned().unwrap_or_else(|| json!({}))
            }),
            if_match: parameters.clone().any(|parameter| parameter["name"] == "If-Match"),
            key: parameters.clone().any(|parameter| parameter["name"] == "Idempotency-Key"),
            prefixes: parameters.filter_map(prefix).collect(),
        }
    }

    /// Whether the path names the organization; the claim of a cart names it in the body.
    pub fn is_in_an_organization(&self) -> bool {
        self.path.contains("{org}")
    }

    pub fn is_unsafe(&self) -> bool {
        self.method != Method::GET
    }

    /// The path in an organization, with other ids by their parameter's name and prefix.
    pub fn path_of(&self, organization: &str, id: impl Fn(&str, &str) -> String) -> String {
        let mut path = self.path.replace("{org}", organization);
        while let Some((before, rest)) = path.split_once('{') {
            let (name, after) = rest.split_once('}').unwrap();
            path = format!("{before}{}{after}", id(name, self.prefixes.get(name).map_or("xxx", String::as_str)));
        }
        path
    }

    /// The operation with its headers; nobody's yet, and without a body.
    pub fn ask(&self, app: &TestApp, path: &str) -> RequestBuilder {
        let mut request = app.request(self.method.clone(), path);
        if self.if_match {
            request = request.header("if-match", "\"v1\"");
        }
        if self.key {
            request = request.header("idempotency-key", format!("{}-{path}", self.id));
        }
        request
    }

    /// The operation on an organization, with ids that don't exist elsewhere in the path and an empty body.
    pub fn request(&self, app: &TestApp, organization: &str, token: Option<&str>) -> RequestBuilder {
        let mut request = self.ask(app, &self.path_of(organization, absent));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if self.example.is_some() { request.json(&json!({})) } else { request }
    }

    /// The same, wrong in everything but who asks: another kind of id, a bad `If-Match` and a query that isn't known.
    pub fn garbled(&self, app: &TestApp, organization: &str) -> RequestBuilder {
        let path = self.path_of(organization, |_, _| "nonsense".to_owned());
        let request = app.request(self.method.clone(), &format!("{path}?nonsense=1")).header("if-match", "nonsense");
        if self.is_unsafe() { request.body("{") } else { request }
    }

    pub async fn status(&self, app: &TestApp, organization: &str, token: Option<&str>) -> u16 {
        app.send(self.request(app, organization, token)).await.status
    }
}

/// An id that nothing has.
pub fn absent(_: &str, prefix: &str) -> String {
    format!("{prefix}_01h2xcejqtf2nbrexx3vqjhp41")
}
