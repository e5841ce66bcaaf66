//! Ids of others: what belongs to another organization, or to another visitor, doesn't exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use manager_domain::staff::StaffRole;
use manager_tests::{Person, TestApp, Value, json};

use crate::books::agent;
use crate::operations::{Operation, absent, operations};
use crate::orders::{buyer, cart_with, cart_with_domain, check_out, quote};
use crate::prepaid_accounts::top_up;
use crate::refunds::{by_card, refund};

/// One of everything that an organization has, by the prefix of its ids.
async fn belongings(app: &Arc<TestApp>, ada: &Person) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bought = cart_with_domain(ada).await;
    let token = quote(ada, &bought).await["price_token"].clone();
    // Payable still, so that a payment and a cancellation would find something to do.
    let declined =
        check_out(ada, &bought, &token, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    let product = ada.get(&ada.org("/products")).await.expect(200)["data"][0]["id"].clone();
    let cart = cart_with(ada, "difference.ch").await;
    let item = ada.get(&ada.org(&format!("/carts/{cart}"))).await.expect(200)["items"][0]["id"].clone();
    let invited = json!({"email": "grace@example.com", "role": "member"});
    let invitation = ada.post(&ada.org("/invitations"), invited).await.expect(201)["id"].clone();
    let bob = Person::join(app, ada, "bob", json!({"role": "member", "billing": true})).await;
    let (membership, _) = ada.membership_of(&bob).await;
    bob.post("/v1/me/absorption", json!({"email": "bob-too@example.com"})).await.expect(201);
    let absorption = ada.get(&ada.org("/absorptions")).await.expect(200)["data"][0]["id"].clone();
    let top_up = top_up(ada, 5000).await.expect(201)["top_up"]["id"].clone();
    let paid = by_card(ada, "paid.ch").await;
    let finance = agent(app, "finance", StaffRole::Finance).await;
    let note = refund(&finance, ada, &paid, None).await.expect(201)["credit_note"].clone();
    let bought = [&declined["order"], &declined["invoice"], &declined["payment"], &product, &top_up, &note];
    let ids = bought.into_iter().chain([&item, &invitation, &absorption]);
    let ids = ids.map(text).chain([cart, membership]);
    ids.map(|id| (id.split_once('_').unwrap().0.to_owned(), id)).collect()
}

/// Asks with the operation's example as body; answers the problem without what differs from request to request.
async fn ask(person: &Person, operation: &Operation, path: &str) -> (u16, Value) {
    let request = operation.ask(&person.app, path).bearer_auth(&person.token);
    let request = match &operation.example {
        Some(example) => request.json(example),
        None => request,
    };
    let mut answer = person.send(request).await;
    if let Some(problem) = answer.body.as_object_mut() {
        problem.remove("request_id");
    }
    (answer.status, answer.body)
}

#[actix_web::test]
async fn what_another_organization_has_is_not_found_in_ones_own() {
    let (app, ada) = buyer().await;
    let theirs = belongings(&app, &ada).await;
    let eve = Person::register(&app, "eve").await;
    let own_cart = eve.post(&eve.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut asked = 0;
    let with_ids = |operation: &Operation| operation.is_in_an_organization() && operation.prefixes.len() > 1;
    for operation in operations().into_iter().filter(with_ids) {
        let foreign = |name: &str, prefix: &str| {
            if prefix == "xxx" {
                // Not an id: a promo code.
                return "WELCOME99".to_owned();
            }
            let known = theirs.get(prefix);
            known.unwrap_or_else(|| panic!("an example of {prefix} for {name} of {}", operation.id)).clone()
        };
        let nothing = ask(&eve, &operation, &operation.path_of(&eve.organization, absent)).await;
        assert_eq!((nothing.0, &nothing.1["code"]), (404, &json!("not_found")), "{}: {}", operation.id, nothing.1);
        let mut paths = vec![operation.path_of(&eve.organization, foreign)];
        if operation.prefixes.contains_key("item") {
            let in_ones_own = |name: &str, prefix: &str| match name {
                "id" => own_cart.clone(),
                _ => foreign(name, prefix),
            };
            paths.push(operation.path_of(&eve.organization, in_ones_own));
        }
        for path in paths {
            assert_eq!(ask(&eve, &operation, &path).await, nothing, "{} {path}", operation.id);
        }
        asked += 1;
    }
    assert!(asked > 20, "{asked}");
}

#[actix_web::test]
async fn a_visitors_cart_does_not_exist_without_its_secret() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let open = async || app.post("/v1/carts", json!({})).await.expect(201);
    let (one, other) = (open().await, open().await);
    let cart = one["cart"]["id"].as_str().unwrap();
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "engines.ch"}});
    let secret = |opened: &Value| opened["token"].as_str().unwrap().to_owned();
    let add = app.request(reqwest::Method::POST, &format!("/v1/carts/{cart}/items"));
    let filled = app.send(add.header("x-cart-token", secret(&one)).json(&item)).await.expect(201);
    let ids = |name: &str, _: &str| match name {
        "id" => cart.to_owned(),
        _ => filled["items"][0]["id"].as_str().unwrap().to_owned(),
    };
    let mut asked = 0;
    for operation in operations().iter().filter(|operation| operation.path.starts_with("/v1/carts/")) {
        for token in [None, Some(secret(&other)), Some("crt_invented".to_owned())] {
            let mut request = operation.ask(&app, &operation.path_of("", ids));
            if operation.secured {
                request = request.bearer_auth(&ada.token);
            }
            if let Some(token) = &token {
                request = request.header("x-cart-token", token);
            }
            let body = match operation.id.as_str() {
                "claim_cart" => Some(json!({"organization": ada.organization})),
                _ => operation.example.clone(),
            };
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let answer = app.send(request).await;
            assert_eq!(answer.status, 404, "{} with {token:?}: {}", operation.id, answer.body);
            asked += 1;
        }
    }
    assert!(asked >= 3 * 7, "{asked}");
    let still = app.request(reqwest::Method::GET, &format!("/v1/carts/{cart}")).header("x-cart-token", secret(&one));
    assert_eq!(app.send(still).await.expect(200)["items"].as_array().unwrap().len(), 1);
}
