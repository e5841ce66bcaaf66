//! Idempotency keys: the first answer again, never a second effect (ORD-6).

use std::sync::Arc;

use chrono::Duration;
use diesel::prelude::*;
use manager_repository::schema::idempotency_keys;
use manager_repository::{AnyConnection, Error};
use manager_services::idempotency::{self, Answer as Kept, Begun, Scope};
use manager_tests::people::PASSWORD;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::orders::{buyer, cart_with_domain, quote};

async fn post(person: &Person, path: &str, key: &str, body: &Value) -> Answer {
    person.send(person.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

async fn count(person: &Person, list: &str) -> usize {
    person.get(&person.org(list)).await.expect(200)["data"].as_array().unwrap().len()
}

/// A cart ready to be ordered: the checkout's path and body.
async fn ready(person: &Person, card: &str) -> (String, Value) {
    let cart = cart_with_domain(person).await;
    let token = quote(person, &cart).await["price_token"].clone();
    (person.org(&format!("/carts/{cart}/checkout")), json!({"price_token": token, "payment_method_token": card}))
}

#[actix_web::test]
async fn what_pays_needs_a_key_that_is_one() {
    let (_, ada) = buyer().await;
    let (path, body) = ready(&ada, "sandbox_succeeds").await;
    ada.post(&path, body.clone()).await.refused(400, "idempotency_key_required");
    post(&ada, &path, &"k".repeat(256), &body).await.refused(400, "malformed_request");
    post(&ada, &path, "   ", &body).await.refused(400, "malformed_request");
    let twice = ada.request(Method::POST, &path).header("idempotency-key", "a").header("idempotency-key", "b");
    ada.send(twice.json(&body)).await.refused(400, "malformed_request");
    let pay = ada.org("/orders/ord_01h2xcejqtf2nbrexx3vqjhp41/pay");
    ada.post(&pay, json!({"payment_method_token": "sandbox_succeeds"})).await.refused(400, "idempotency_key_required");
    assert_eq!(count(&ada, "/orders").await, 0);
    post(&ada, &path, &"k".repeat(255), &body).await.expect(201);
}

#[actix_web::test]
async fn a_repeated_checkout_gets_the_first_answer_and_orders_once() {
    let (app, ada) = buyer().await;
    let (path, body) = ready(&ada, "sandbox_succeeds").await;
    let first = post(&ada, &path, "order-1", &body).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = post(&ada, &path, "order-1", &body).await;
    assert_eq!((again.status, &again.bytes), (201, &first.bytes));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert!(first.header("location").contains("/orders/ord_"));
    let other = json!({"price_token": body["price_token"], "payment_method_token": "sandbox_processing"});
    post(&ada, &path, "order-1", &other).await.refused(422, "idempotency_key_reused");
    post(&ada, &path, "order-2", &body).await.refused(409, "quote_used");
    assert_eq!((count(&ada, "/orders").await, count(&ada, "/invoices").await), (1, 1));
    // A key is a name within its caller, method and path.
    let grace = Person::register(&app, "grace").await;
    post(&grace, "/v1/organizations", "order-1", &json!({"kind": "individual", "country": "CH"})).await.expect(201);
    // After two days it is forgotten.
    app.advance(Duration::hours(49));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    post(&ada, &path, "order-1", &body).await.refused(409, "quote_used");
}

#[actix_web::test]
async fn sixty_four_parallel_repetitions_give_one_order_and_one_answer() {
    let (_, ada) = buyer().await;
    let (path, body) = ready(&ada, "sandbox_succeeds").await;
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (ada, path, body) = (ada.clone(), path.clone(), body.clone());
        tasks.push(actix_web::rt::spawn(async move { post(&ada, &path, "the-one", &body).await }));
    }
    let mut orders = std::collections::BTreeSet::new();
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => drop(orders.insert(answer.body["order"]["id"].to_string())),
            503 => {}
            _ => {
                assert_eq!(answer.header("retry-after"), "1");
                drop(answer.refused(409, "idempotency_in_progress"));
            }
        }
    }
    assert_eq!(orders.len(), 1);
    let last = post(&ada, &path, "the-one", &body).await.expect(201);
    assert!(orders.contains(&last["order"]["id"].to_string()));
    assert_eq!((count(&ada, "/orders").await, count(&ada, "/products").await), (1, 1));
}

#[actix_web::test]
async fn a_decline_is_told_again_and_another_key_pays_the_same_order() {
    let (_, ada) = buyer().await;
    let (path, body) = ready(&ada, "sandbox_declined_insufficient_funds").await;
    let first = post(&ada, &path, "k", &body).await.refused(402, "payment_failed");
    let again = post(&ada, &path, "k", &body).await.refused(402, "payment_failed");
    for member in ["order", "invoice", "payment", "failure_code"] {
        assert_eq!(first[member], again[member], "{member}");
    }
    let pay = ada.org(&format!("/orders/{}/pay", first["order"].as_str().unwrap()));
    let card = json!({"payment_method_token": "sandbox_succeeds"});
    let paid = post(&ada, &pay, "k", &card).await;
    let repeated = post(&ada, &pay, "k", &card).await;
    assert_eq!((paid.status, repeated.status, &paid.bytes), (201, 201, &repeated.bytes));
    let payments = paid.body["payments"].as_array().unwrap();
    assert_eq!(payments.iter().filter(|payment| payment["state"] == "succeeded").count(), 1);
}

#[actix_web::test]
async fn a_stale_quote_answers_the_same_preview_again() {
    let (_, ada) = buyer().await;
    let (path, body) = ready(&ada, "sandbox_succeeds").await;
    let items = path.replace("/checkout", "/items");
    let item = json!({"offer": "domain_com", "frequency": "yearly", "options": {"domain": "engines.com"}});
    ada.post(&items, item).await.expect(201);
    let first = post(&ada, &path, "k", &body).await.refused(409, "quote_stale");
    let again = post(&ada, &path, "k", &body).await.refused(409, "quote_stale");
    assert_eq!(first["preview"], again["preview"]);
    let confirmed = json!({"price_token": first["preview"]["price_token"], "payment_method_token": "sandbox_succeeds"});
    post(&ada, &path, "l", &confirmed).await.expect(201);
}

#[actix_web::test]
async fn other_posts_accept_a_key() {
    let (app, ada) = buyer().await;
    let company = json!({"kind": "company", "country": "CH", "name": "Engines SA"});
    let first = post(&ada, "/v1/organizations", "k", &company).await;
    let again = post(&ada, "/v1/organizations", "k", &company).await;
    assert_eq!((first.status, again.status, &first.bytes), (201, 201, &again.bytes));
    assert_eq!((first.header("etag"), first.header("location")), (again.header("etag"), again.header("location")));
    let all = ada.get("/v1/organizations").await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let invited = json!({"email": "bob@example.com", "role": "admin"});
    let sent = post(&ada, &ada.org("/invitations"), "k", &invited).await.expect(201);
    let same = post(&ada, &ada.org("/invitations"), "k", &invited).await.expect(201);
    assert_eq!((sent["id"].clone(), app.mails_to("bob@example.com").await), (same["id"].clone(), 1));
    post(&ada, &ada.org("/invitations"), "l", &invited).await.refused(409, "invitation_pending");
    let carts = ada.org("/carts");
    let cart = post(&ada, &carts, "k", &json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(post(&ada, &carts, "k", &json!({})).await.expect(201)["id"], cart.as_str());
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "a.ch"}});
    for _ in 0..2 {
        post(&ada, &format!("{carts}/{cart}/items"), "k", &item).await.expect(201);
    }
    let shown = ada.get(&format!("{carts}/{cart}")).await.expect(200);
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_visitor_is_known_by_the_secret_of_the_cart() {
    let app = TestApp::start().await;
    let mut carts = Vec::new();
    for _ in 0..2 {
        let opened = app.post("/v1/carts", json!({})).await.expect(201);
        let id = opened["cart"]["id"].as_str().unwrap().to_owned();
        carts.push((format!("/v1/carts/{id}"), opened["token"].as_str().unwrap().to_owned()));
    }
    for _ in 0..2 {
        for (path, token) in &carts {
            let request = app.request(Method::POST, &format!("{path}/items")).header("x-cart-token", token);
            let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "a.ch"}});
            app.send(request.header("idempotency-key", "k").json(&item)).await.expect(201);
        }
    }
    for (path, token) in &carts {
        let cart = app.send(app.request(Method::GET, path).header("x-cart-token", token)).await.expect(200);
        assert_eq!(cart["items"].as_array().unwrap().len(), 1);
    }
}

#[actix_web::test]
async fn nothing_is_kept_for_invented_secrets_and_nothing_told_to_dead_ones() {
    let app = TestApp::start().await;
    let opened = app.post("/v1/carts", json!({})).await.expect(201);
    let (path, token) = (format!("/v1/carts/{}", opened["cart"]["id"].as_str().unwrap()), &opened["token"]);
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "a.ch"}});
    let add = |path: &str, token: &str| {
        let request = app.request(Method::POST, &format!("{path}/items")).header("x-cart-token", token);
        app.send(request.header("idempotency-key", "k").json(&item))
    };
    let token = token.as_str().unwrap();
    add(&path, "crt_invented").await.refused(404, "not_found");
    add("/v1/carts/crt_01h2xcejqtf2nbrexx3vqjhp41", token).await.refused(404, "not_found");
    assert_eq!(keys(&app).await, 0);
    add(&path, token).await.expect(201);
    assert_eq!(add(&path, token).await.header("idempotent-replayed"), "true");
    assert_eq!(keys(&app).await, 1);
    app.send(app.request(Method::DELETE, &path).header("x-cart-token", token)).await.expect(204);
    add(&path, token).await.refused(404, "not_found");
}

/// How many keys the server keeps.
async fn keys(app: &TestApp) -> i64 {
    let count = |conn: &mut AnyConnection| Ok::<_, Error>(idempotency_keys::table.count().get_result(conn)?);
    app.services.db.read(count).await.unwrap()
}

#[actix_web::test]
async fn authorization_comes_before_the_kept_answer_and_refusals_of_it_are_not_kept() {
    let (app, ada) = buyer().await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    let carts = ada.org("/carts");
    post(&bob, &carts, "k", &json!({})).await.expect(201);
    let (id, _) = ada.membership_of(&bob).await;
    ada.delete(&ada.org(&format!("/memberships/{id}"))).await.expect(204);
    post(&bob, &carts, "k", &json!({})).await.refused(404, "not_found");
    // An owner is invited by who gave the password lately; the same request goes through afterwards.
    app.advance(Duration::minutes(11));
    let refreshed = app.post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.expect(200);
    let token = refreshed["access_token"].as_str().unwrap().to_owned();
    let ada = Person { token, ..ada.clone() };
    let owner = json!({"email": "carol@example.com", "role": "owner"});
    post(&ada, &ada.org("/invitations"), "o", &owner).await.refused(403, "step_up_required");
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await;
    post(&ada, &ada.org("/invitations"), "o", &owner).await.expect(201);
}

#[actix_web::test]
async fn a_claim_whose_holder_died_is_taken_over_when_its_lease_is_over() {
    let (app, ada) = buyer().await;
    let path = ada.org("/carts");
    let scope = Scope { caller: &ada.account, method: "POST", path: &path, key: "k", body: b"" };
    let now = app.services.clock.now();
    let render = |_: &()| Kept::Done { status: 204, headers: Vec::new(), body: None };
    let begun = idempotency::begin(&app.services, now, scope, render).await.unwrap();
    assert!(matches!(begun, Begun::Claimed(_)));
    let again = || ada.send(ada.request(Method::POST, &path).header("idempotency-key", "k"));
    again().await.refused(409, "idempotency_in_progress");
    app.advance(Duration::seconds(59));
    again().await.refused(409, "idempotency_in_progress");
    app.advance(Duration::seconds(2));
    let cart = again().await.expect(201);
    assert_eq!(again().await.expect(201)["id"], cart["id"]);
    // The slow first holder has nothing to say any more.
    let Begun::Claimed(claim) = begun else { unreachable!() };
    let late = Kept::Done { status: 204, headers: Vec::new(), body: None };
    idempotency::finish(&app.services, &claim, late).await.unwrap_err();
    let _: Arc<_> = claim;
    assert_eq!(count(&ada, "/carts").await, 1);
}
