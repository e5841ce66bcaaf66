//! Every operation of the OpenAPI document as anonymous, stranger, removed member, member without the right, and owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use manager_server::openapi;
use manager_tests::{Person, TestApp, Value, json};
use reqwest::Method;

/// What the document says of one operation.
struct Operation {
    id: String,
    method: Method,
    path: String,
    secured: bool,
    permission: Option<String>,
    body: Option<Value>,
    if_match: bool,
    key: bool,
    /// What ids in the path begin with, by parameter.
    prefixes: BTreeMap<String, String>,
}

fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in openapi::document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            all.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                secured: operation["security"].as_array().is_some_and(|security| {
                    !security.is_empty()
                        && !security.iter().any(|scheme| {
                            scheme.as_object().is_some_and(|s| s.is_empty() || s.contains_key("cart_token"))
                        })
                }),
                permission: operation["x-required-permission"]
                    .as_str()
                    .map(str::to_owned)
                    .filter(|_| path.contains("{org}")),
                body: operation["requestBody"].as_object().map(|_| json!({})),
                if_match: parameters.clone().any(|parameter| parameter["name"] == "If-Match"),
                key: parameters.clone().any(|parameter| parameter["name"] == "Idempotency-Key"),
                prefixes: parameters.filter_map(prefix).collect(),
            });
        }
    }
    assert!(all.len() > 30, "the document has its operations");
    all
}

/// The prefix of the ids that a path parameter takes, from its pattern.
fn prefix(parameter: &Value) -> Option<(String, String)> {
    let schema = &parameter["schema"];
    let pattern = match schema["$ref"].as_str() {
        Some(reference) => openapi::document().pointer(reference.trim_start_matches('#'))?["pattern"].as_str()?,
        None => schema["pattern"].as_str()?,
    };
    let prefix = pattern.strip_prefix('^')?.split_once('_')?.0;
    Some((parameter["name"].as_str()?.to_owned(), prefix.to_owned()))
}

impl Operation {
    /// The operation on an organization, with ids that don't exist elsewhere in the path.
    fn request(&self, app: &TestApp, organization: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let mut path = self.path.replace("{org}", organization);
        while let Some((before, rest)) = path.split_once('{') {
            let after = rest.split_once('}').unwrap().1;
            let prefix = self.prefixes.get(rest.split_once('}').unwrap().0).map_or("xxx", String::as_str);
            path = format!("{before}{prefix}_01h2xcejqtf2nbrexx3vqjhp41{after}");
        }
        let mut request = app.request(self.method.clone(), &path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if self.if_match {
            request = request.header("if-match", "\"v1\"");
        }
        if self.key {
            request = request.header("idempotency-key", format!("{}-{organization}", self.id));
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    async fn status(&self, app: &TestApp, organization: &str, token: Option<&str>) -> u16 {
        app.send(self.request(app, organization, token)).await.status
    }
}

#[actix_web::test]
async fn every_operation_of_an_organization_has_a_permission_and_every_secured_one_refuses_anonymous_callers() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    for operation in operations() {
        if operation.path.starts_with("/v1/organizations/{org}") {
            assert!(operation.permission.is_some(), "{} says its permission", operation.id);
            assert!(operation.secured, "{} needs a signed-in person", operation.id);
        }
        if operation.secured {
            assert_eq!(operation.status(&app, &ada.organization, None).await, 401, "{} anonymously", operation.id);
            let bad = operation.status(&app, &ada.organization, Some("nonsense")).await;
            assert_eq!(bad, 401, "{} with a bad token", operation.id);
        }
    }
}

#[actix_web::test]
async fn strangers_and_removed_members_get_404_everywhere_in_an_organization() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let stranger = Person::register(&app, "eve").await;
    let removed = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    remove(&ada, &removed).await;
    for operation in operations().iter().filter(|operation| operation.path.contains("{org}")) {
        for person in [&stranger, &removed] {
            let status = operation.status(&app, &ada.organization, Some(&person.token)).await;
            assert_eq!(status, 404, "{} by {}", operation.id, person.email);
        }
    }
}

#[actix_web::test]
async fn the_role_decides_every_operation_of_an_organization_as_the_matrix_says() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let nobody = Person::join(&app, &ada, "nobody", json!({"role": "member"})).await;
    let billing = Person::join(&app, &ada, "billing", json!({"role": "member", "billing": true})).await;
    let manages = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    let manager = Person::join(&app, &ada, "manager", manages).await;
    let admin = Person::join(&app, &ada, "admin", json!({"role": "admin"})).await;
    for operation in operations() {
        let Some(permission) = operation.permission.as_deref() else { continue };
        let allowed = |person: &str| match (person, permission) {
            ("owner", _) => true,
            ("admin", permission) => !matches!(permission, "manage_owners" | "delete_organization"),
            (_, "view_organization" | "view_members") => true,
            ("billing", "view_billing" | "manage_billing") => true,
            ("manager", "view_products" | "manage_products") => true,
            _ => false,
        };
        for (name, person) in
            [("owner", &ada), ("admin", &admin), ("manager", &manager), ("billing", &billing), ("nobody", &nobody)]
        {
            let status = operation.status(&app, &ada.organization, Some(&person.token)).await;
            if allowed(name) {
                assert!(status != 401 && status != 403 && status < 500, "{} as {name}: {status}", operation.id);
            } else {
                assert_eq!(status, 403, "{} as {name}", operation.id);
            }
        }
    }
}

async fn remove(owner: &Person, person: &Person) {
    let (id, _) = owner.membership_of(person).await;
    owner.delete(&owner.org(&format!("/memberships/{id}"))).await.expect(204);
}
