//! Every operation of the OpenAPI document as anonymous, stranger, removed member, member without the right, and owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use manager_domain::memberships::{AccessLevel, ProductAccess, Rights, Role};
use manager_domain::permissions::{Permission, decide};
use manager_domain::staff::{StaffPermission, StaffRole};
use manager_server::openapi;
use manager_tests::{Person, TestApp, Value, json};
use reqwest::Method;

use crate::books::agent;

/// What the document says of one operation.
struct Operation {
    id: String,
    method: Method,
    path: String,
    secured: bool,
    /// `x-required-permission`.
    needs: String,
    /// Of the seller's staff.
    staff: Option<StaffPermission>,
    /// That, where it is a right in an organization.
    permission: Option<Permission>,
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
            let needs = operation["x-required-permission"].as_str().unwrap();
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
                permission: match needs {
                    "none" | "signed_in" | "cart_token" => None,
                    name if StaffPermission::parse(name).is_some() => None,
                    name => Some(Permission::parse(name).unwrap_or_else(|| panic!("a permission called {name}"))),
                },
                staff: StaffPermission::parse(needs),
                needs: needs.to_owned(),
                body: operation["requestBody"].as_object().map(|_| json!({})),
                if_match: parameters.clone().any(|parameter| parameter["name"] == "If-Match"),
                key: parameters.clone().any(|parameter| parameter["name"] == "Idempotency-Key"),
                prefixes: parameters.filter_map(prefix).collect(),
            });
        }
    }
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

    /// Whether the path names the organization; the claim of a cart names it in the body.
    fn is_in_an_organization(&self) -> bool {
        self.path.contains("{org}")
    }

    async fn status(&self, app: &TestApp, organization: &str, token: Option<&str>) -> u16 {
        app.send(self.request(app, organization, token)).await.status
    }
}

#[test]
fn the_operations_are_the_reviewed_ones() {
    let line = |operation: &Operation| {
        format!("{} {} {}: {}\n", operation.method, operation.path, operation.id, operation.needs)
    };
    insta::assert_snapshot!(operations().iter().map(line).collect::<String>());
}

#[actix_web::test]
async fn every_operation_of_an_organization_has_a_permission_and_every_secured_one_refuses_anonymous_callers() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    for operation in operations() {
        if operation.is_in_an_organization() {
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
    for operation in operations().iter().filter(|operation| operation.is_in_an_organization()) {
        for person in [&stranger, &removed] {
            let status = operation.status(&app, &ada.organization, Some(&person.token)).await;
            assert_eq!(status, 404, "{} by {}", operation.id, person.email);
        }
    }
    for person in [&stranger, &removed] {
        assert_eq!(claim_cart(&app, &ada.organization, person).await, 404, "a cart claimed by {}", person.email);
    }
}

#[actix_web::test]
async fn the_role_decides_every_operation_of_an_organization_as_the_matrix_says() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let member = |products, billing| Rights { role: Role::Member, products, billing };
    let (none, all) = (ProductAccess::NONE, ProductAccess::all);
    let others = [
        ("admin", Rights { role: Role::Admin, ..Rights::OWNER }),
        ("nobody", member(none.clone(), false)),
        ("billing", member(none, true)),
        ("viewer", member(all(AccessLevel::View), true)),
        ("manager", member(all(AccessLevel::Manage), false)),
        ("buyer", member(all(AccessLevel::Manage), true)),
    ];
    let mut people = vec![("owner", Rights::OWNER, ada.clone())];
    for (name, rights) in others {
        let said = match rights.role {
            Role::Member => json!({"role": "member", "products": rights.products, "billing": rights.billing}),
            role => json!({"role": role}),
        };
        let person = Person::join(&app, &ada, name, said).await;
        people.push((name, rights, person));
    }
    for operation in operations() {
        let Some(permission) = operation.permission else { continue };
        for (name, rights, person) in &people {
            let status = match operation.id.as_str() {
                "claim_cart" => claim_cart(&app, &ada.organization, person).await,
                _ => operation.status(&app, &ada.organization, Some(&person.token)).await,
            };
            if decide(rights, permission, None).allowed {
                assert!(status != 401 && status != 403 && status < 500, "{} as {name}: {status}", operation.id);
                assert!(operation.id != "claim_cart" || status == 200, "a cart claimed as {name}: {status}");
            } else {
                assert_eq!(status, 403, "{} as {name}", operation.id);
            }
        }
    }
}

#[actix_web::test]
async fn the_staff_role_decides_every_operation_of_staff() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let mut people = vec![(None, ada.clone())];
    for role in StaffRole::ALL {
        people.push((Some(*role), agent(&app, role.as_str(), *role).await));
    }
    for operation in operations() {
        let Some(permission) = operation.staff else { continue };
        assert!(operation.path.starts_with("/v1/admin/") && operation.secured, "{}", operation.id);
        for (role, person) in &people {
            let status = operation.status(&app, &ada.organization, Some(&person.token)).await;
            let who = role.map_or("nobody", StaffRole::as_str);
            if role.is_some_and(|role| role.may(permission)) {
                assert!(status != 401 && status != 403 && status < 500, "{} as {who}: {status}", operation.id);
            } else {
                assert_eq!(status, 403, "{} as {who}", operation.id);
            }
        }
    }
}

/// How the claim of a visitor's cart into the organization, which the body names, is answered.
async fn claim_cart(app: &TestApp, organization: &str, person: &Person) -> u16 {
    let opened = app.post("/v1/carts", json!({})).await.expect(201);
    let (cart, token) = (opened["cart"]["id"].as_str().unwrap(), opened["token"].as_str().unwrap());
    let claim = person.request(Method::POST, &format!("/v1/carts/{cart}/claim")).header("x-cart-token", token);
    person.send(claim.json(&json!({"organization": organization}))).await.status
}

async fn remove(owner: &Person, person: &Person) {
    let (id, _) = owner.membership_of(person).await;
    owner.delete(&owner.org(&format!("/memberships/{id}"))).await.expect(204);
}
