//! Every operation of the OpenAPI document as anonymous, stranger, invited person, removed member, member
//! without the right, and owner.

use std::sync::Arc;

use manager_domain::memberships::{AccessLevel, ProductAccess, Rights, Role};
use manager_domain::permissions::decide;
use manager_domain::staff::StaffRole;
use manager_tests::{Person, TestApp, json};
use reqwest::Method;

use crate::books::agent;
use crate::operations::{Operation, operations};

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
            let garbled = app.send(operation.garbled(&app, &ada.organization)).await;
            assert_eq!(garbled.status, 401, "{} garbled and anonymously", operation.id);
        }
    }
}

#[actix_web::test]
async fn strangers_invited_and_removed_people_get_404_everywhere_in_an_organization() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let stranger = Person::register(&app, "eve").await;
    let removed = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    remove(&ada, &removed).await;
    let invited = Person::register(&app, "ivy").await;
    let invitation = json!({"email": invited.email, "role": "admin"});
    ada.post(&ada.org("/invitations"), invitation).await.expect(201);
    let outsiders = [&stranger, &invited, &removed];
    for operation in operations().iter().filter(|operation| operation.is_in_an_organization()) {
        for person in outsiders {
            let status = operation.status(&app, &ada.organization, Some(&person.token)).await;
            assert_eq!(status, 404, "{} by {}", operation.id, person.email);
            let garbled = operation.garbled(&app, &ada.organization).bearer_auth(&person.token);
            assert_eq!(app.send(garbled).await.status, 404, "{} garbled by {}", operation.id, person.email);
        }
    }
    for person in outsiders {
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
                if operation.is_in_an_organization() {
                    let garbled = operation.garbled(&app, &ada.organization).bearer_auth(&person.token);
                    assert_eq!(app.send(garbled).await.status, 403, "{} garbled as {name}", operation.id);
                }
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

/// The people above can't tell `view_billing` from `manage_billing`: the sources can.
#[test]
fn the_document_names_the_permission_that_the_extractor_checks() {
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../api/server/src/handlers")).unwrap();
    let sources = sources.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect::<String>();
    let between = |text: &str, from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(found, _)| found.to_owned())
    };
    for operation in operations().iter().filter(|operation| operation.is_in_an_organization()) {
        let (before, after) = sources.split_once(&format!("pub async fn {}(", operation.id)).expect(&operation.id);
        let attribute = before.rsplit("#[utoipa::path").next().unwrap();
        let said = between(attribute, "(\"x-required-permission\" = json!(", "::NAME").expect(&operation.id);
        let signature = after.split("{\n").next().unwrap();
        assert_eq!(between(signature, "Member<", ">").as_ref(), Some(&said), "{}", operation.id);
        let name = operation.needs.replace('_', "");
        assert!(name.eq_ignore_ascii_case(&said), "{} says {name} for {said}", operation.id);
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
