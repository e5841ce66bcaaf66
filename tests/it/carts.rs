//! ORD-1, ACC-3, CAT-1, CAT-3: the catalogue and carts.

use std::sync::Arc;

use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::orders::{buyer, cart_with_domain, check_out, quote};

async fn with_token(app: &TestApp, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
    let request = app.request(method, path).header("x-cart-token", token);
    app.send(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn open(app: &TestApp) -> (String, String) {
    let opened = app.post("/v1/carts", json!({"country": "CH"})).await.expect(201);
    (opened["cart"]["id"].as_str().unwrap().to_owned(), opened["token"].as_str().unwrap().to_owned())
}

fn domain() -> Value {
    json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "example.ch"}})
}

#[actix_web::test]
async fn the_catalogue_shows_prices_with_and_without_tax_in_five_languages() {
    let app = TestApp::start().await;
    let swiss = app.get("/v1/catalogue").await;
    let etag = swiss.header("etag").to_owned();
    let swiss = swiss.expect(200);
    assert_eq!(swiss["currency"], "CHF");
    let of_type = app.get("/v1/catalogue/product-types/domain_name?country=FR").await.expect(200);
    let price = &of_type["offers"][0]["prices"][0];
    assert_eq!((&price["net"]["amount"], &price["gross"]["amount"]), (&json!(930), &json!(1116)));
    let again = app.request(Method::GET, "/v1/catalogue").header("if-none-match", &etag);
    assert_eq!(app.send(again).await.status, 304);
    let french = app.request(Method::GET, "/v1/catalogue").header("accept-language", "fr");
    assert_eq!(app.send(french).await.expect(200)["categories"][1]["name"], "Collaboration & Mail");
    let italian = app.request(Method::GET, "/v1/catalogue").header("accept-language", "fr").header("cookie", "lang=it");
    assert_eq!(app.send(italian).await.header("content-language"), "it");
    app.get("/v1/catalogue/product-types/nothing").await.refused(404, "not_found");
    app.get("/v1/catalogue?country=XX").await.faulty("query:country", "invalid_country");
}

#[actix_web::test]
async fn who_is_signed_in_sees_the_catalogue_in_the_accounts_language_and_nobody_else_gets_that_copy() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    ada.patch("/v1/me", json!({"locale": "fr"})).await.expect(200);
    let ask = |path| ada.request(Method::GET, path).header("accept-language", "de").header("cookie", "lang=it");
    for path in ["/v1/catalogue", "/v1/catalogue/product-types/domain_name"] {
        let answer = app.send(ask(path)).await;
        assert_eq!((answer.status, answer.header("content-language")), (200, "fr"));
        assert_eq!(answer.header("cache-control"), "private, max-age=300");
        let public = app.get(path).await;
        assert_eq!((public.header("content-language"), public.header("cache-control")), ("en", "public, max-age=300"));
        assert!(public.header("vary").contains("Authorization"), "{}", public.header("vary"));
        let over = app.request(Method::GET, path).bearer_auth("nonsense");
        assert_eq!(app.send(over).await.header("cache-control"), "public, max-age=300", "a visitor again");
    }
}

#[actix_web::test]
async fn a_visitor_fills_a_cart_with_its_secret_and_nobody_else_sees_it() {
    let app = TestApp::start().await;
    let (cart, token) = open(&app).await;
    let path = format!("/v1/carts/{cart}");
    let added = with_token(&app, Method::POST, &format!("{path}/items"), &token, Some(domain())).await.expect(201);
    assert_eq!(added["totals"]["total"]["amount"], 973);
    let item = added["items"][0]["id"].as_str().unwrap();
    let item = format!("{path}/items/{item}");
    let changed =
        with_token(&app, Method::PATCH, &item, &token, Some(json!({"frequency": "two_years"}))).await.expect(200);
    assert_eq!(changed["items"][0]["net"]["amount"], 1750);
    with_token(&app, Method::PATCH, &item, &token, Some(json!({"quantity": 2})))
        .await
        .faulty("/quantity", "out_of_range");
    let bad = Some(json!({"options": {"domain": "example.com"}}));
    with_token(&app, Method::PATCH, &item, &token, bad).await.faulty("/options/domain", "invalid_domain_name");
    app.get(&path).await.refused(404, "not_found");
    with_token(&app, Method::GET, &path, "crt_wrong", None).await.refused(404, "not_found");
    let empty = with_token(&app, Method::DELETE, &item, &token, None).await.expect(200);
    assert_eq!(empty["items"], json!([]));
    with_token(&app, Method::DELETE, &path, &token, None).await.expect(204);
    with_token(&app, Method::GET, &path, &token, None).await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_stale_version_of_a_cart_is_not_changed() {
    let app = TestApp::start().await;
    let (cart, token) = open(&app).await;
    let path = format!("/v1/carts/{cart}/items");
    with_token(&app, Method::POST, &path, &token, Some(domain())).await.expect(201);
    let stale = app.request(Method::POST, &path).header("x-cart-token", &token).header("if-match", "\"v1\"");
    app.send(stale.json(&domain())).await.refused(412, "precondition_failed");
}

#[actix_web::test]
async fn registering_with_a_cart_moves_it_into_the_new_organization_and_kills_its_secret() {
    let app = Arc::new(TestApp::start().await);
    let (cart, token) = open(&app).await;
    with_token(&app, Method::POST, &format!("/v1/carts/{cart}/items"), &token, Some(domain())).await.expect(201);
    let more = json!({"organization": {"kind": "individual", "country": "CH"}, "cart": {"id": cart, "token": token}});
    let ada = Person::register_with(&app, "ada", more).await;
    let claimed = ada.get(&ada.org(&format!("/carts/{cart}"))).await.expect(200);
    assert_eq!(claimed["items"].as_array().unwrap().len(), 1);
    with_token(&app, Method::GET, &format!("/v1/carts/{cart}"), &token, None).await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_cart_is_claimed_once_under_a_race() {
    let app = Arc::new(TestApp::start().await);
    let (ada, eve) = (Person::register(&app, "ada").await, Person::register(&app, "eve").await);
    let (cart, token) = open(&app).await;
    let mut tasks = Vec::new();
    for n in 0..32 {
        let person = if n % 2 == 0 { ada.clone() } else { eve.clone() };
        let (cart, token) = (cart.clone(), token.clone());
        tasks.push(actix_web::rt::spawn(async move {
            let request = person.request(Method::POST, &format!("/v1/carts/{cart}/claim"));
            let body = json!({"organization": person.organization});
            person.send(request.header("x-cart-token", token).json(&body)).await.status
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            200 => won += 1,
            404 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
    let elsewhere = app.request(Method::POST, &format!("/v1/carts/{cart}/claim")).bearer_auth(&eve.token);
    let body = json!({"organization": ada.organization});
    app.send(elsewhere.header("x-cart-token", &token).json(&body)).await.refused(404, "not_found");
}

#[actix_web::test]
async fn who_may_not_order_what_is_in_a_cart_does_not_claim_it() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let rights = json!({"role": "member", "billing": true,
        "products": {"access": "grants", "grants": [{"category": "cloud", "level": "manage"}]}});
    let bob = Person::join(&app, &ada, "bob", rights).await;
    let (cart, token) = open(&app).await;
    with_token(&app, Method::POST, &format!("/v1/carts/{cart}/items"), &token, Some(domain())).await.expect(201);
    let claim = |person: &Person| {
        let request = person.request(Method::POST, &format!("/v1/carts/{cart}/claim")).header("x-cart-token", &token);
        let request = request.json(&json!({"organization": ada.organization}));
        let person = person.clone();
        async move { person.send(request).await }
    };
    claim(&bob).await.refused(403, "forbidden");
    with_token(&app, Method::GET, &format!("/v1/carts/{cart}"), &token, None).await.expect(200);
    claim(&ada).await.expect(200);
}

#[actix_web::test]
async fn who_may_order_one_category_adds_only_that() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let rights = json!({"role": "member", "billing": true,
        "products": {"access": "grants", "grants": [{"category": "web_domain", "level": "manage"}]}});
    let bob = Person::join(&app, &ada, "bob", rights).await;
    let cart = bob.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let items = ada.org(&format!("/carts/{cart}/items"));
    bob.post(&items, domain()).await.expect(201);
    bob.post(&items, json!({"offer": "kdrive_team", "frequency": "yearly"})).await.refused(403, "forbidden");
    bob.post(&items, json!({"offer": "nothing", "frequency": "yearly"})).await.faulty("/offer", "unknown_offer");
}

#[actix_web::test]
async fn every_change_of_a_cart_heeds_the_version_that_was_seen() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let cart = ada
        .org(&format!("/carts/{}", ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap()));
    let (visitors, token) = open(&app).await;
    let visitors = format!("/v1/carts/{visitors}");
    let kind = json!({"kind": "card"});
    let stale = |request: reqwest::RequestBuilder| app.send(request.header("if-match", "\"v99\""));
    let ours = |method, path: &str| ada.request(method, path);
    let theirs = |method, path: &str| app.request(method, path).header("x-cart-token", &token);
    stale(ours(Method::PUT, &format!("{cart}/payment-method")).json(&kind)).await.refused(412, "precondition_failed");
    stale(ours(Method::POST, &format!("{cart}/items")).json(&domain())).await.refused(412, "precondition_failed");
    stale(ours(Method::DELETE, &cart)).await.refused(412, "precondition_failed");
    let path = format!("{visitors}/payment-method");
    stale(theirs(Method::PUT, &path).json(&kind)).await.refused(412, "precondition_failed");
    stale(theirs(Method::DELETE, &visitors)).await.refused(412, "precondition_failed");
    app.send(ours(Method::DELETE, &cart).header("if-match", "\"v1\"")).await.expect(204);
}

#[actix_web::test]
async fn an_item_has_a_bounded_number_of_options() {
    let app = TestApp::start().await;
    let (cart, token) = open(&app).await;
    let options: serde_json::Map<String, Value> = (0..4000).map(|n| (format!("o{n}"), json!("x"))).collect();
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": options});
    let answer = with_token(&app, Method::POST, &format!("/v1/carts/{cart}/items"), &token, Some(item)).await;
    assert!(answer.bytes.len() < 2000);
    answer.faulty("/options", "too_long");
}

/// Opens a cart of the person's organization; answers its path.
async fn open_ours(ada: &Person) -> String {
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201);
    ada.org(&format!("/carts/{}", cart["id"].as_str().unwrap()))
}

#[actix_web::test]
async fn a_cart_takes_fifty_items_and_no_more() {
    let (_, ada) = buyer().await;
    let cart = open_ours(&ada).await;
    let item = json!({"offer": "site_creator_pro", "frequency": "yearly"});
    for _ in 0..50 {
        ada.post(&format!("{cart}/items"), item.clone()).await.expect(201);
    }
    assert_eq!(ada.post(&format!("{cart}/items"), item.clone()).await.refused(409, "cart_full")["max"], 50);
    let full = ada.get(&cart).await.expect(200);
    assert_eq!(full["items"].as_array().unwrap().len(), 50);
    let first = format!("{cart}/items/{}", full["items"][0]["id"].as_str().unwrap());
    ada.delete(&first).await.expect(200);
    ada.post(&format!("{cart}/items"), item).await.expect(201);
}

#[actix_web::test]
async fn a_cart_that_was_ordered_changes_no_more_and_names_its_order() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let path = ada.org(&format!("/carts/{cart}"));
    let item = ada.get(&path).await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let item = format!("{path}/items/{item}");
    let token = quote(&ada, &cart).await["price_token"].clone();
    let order = check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201)["order"]["id"].clone();
    for answer in [
        ada.post(&format!("{path}/items"), domain()).await,
        ada.patch(&item, json!({"frequency": "two_years"})).await,
        ada.delete(&item).await,
        ada.put(&format!("{path}/payment-method"), json!({"kind": "card"})).await,
        ada.post(&format!("{path}/quote"), json!({})).await,
        check_out(&ada, &cart, &json!("quo_unknown"), "sandbox_succeeds").await,
        ada.delete(&path).await,
    ] {
        assert_eq!(answer.refused(409, "cart_closed")["order"], order);
    }
}

#[actix_web::test]
async fn means_of_payment_that_are_not_taken_are_refused_wherever_they_are_named() {
    let (app, ada) = buyer().await;
    let (visitors, secret) = open(&app).await;
    let cart = cart_with_domain(&ada).await;
    let choice = ada.org(&format!("/carts/{cart}/payment-method"));
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let other = open_ours(&ada).await;
    let kind = "bank_transfer";
    let chosen = json!({"kind": kind});
    let visitors = format!("/v1/carts/{visitors}/payment-method");
    let pay = json!({"payment_method": kind, "payment_method_token": "sandbox_succeeds"});
    for answer in [
        ada.put(&format!("{other}/payment-method"), chosen.clone()).await,
        with_token(&app, Method::PUT, &visitors, &secret, Some(chosen)).await,
        ada.post_once(&ada.org(&format!("/orders/{order}/pay")), pay).await,
    ] {
        assert_eq!(answer.refused(409, "payment_method_unavailable")["payment_method"], kind);
    }
    ada.put(&choice, json!({"kind": "card"})).await.refused(409, "cart_closed");
    let unknown = ada.put(&format!("{other}/payment-method"), json!({"kind": "shells"})).await;
    unknown.faulty("/kind", "invalid_value");
}

#[actix_web::test]
async fn an_order_needs_means_of_payment_and_an_address_for_its_invoice() {
    let (_, ada) = buyer().await;
    let cart = open_ours(&ada).await;
    let id = cart.rsplit('/').next().unwrap().to_owned();
    ada.post(&format!("{cart}/items"), domain()).await.expect(201);
    let order = async || {
        let token = quote(&ada, &id).await["price_token"].clone();
        check_out(&ada, &id, &token, "sandbox_succeeds").await
    };
    order().await.refused(409, "payment_method_required");
    ada.put(&format!("{cart}/payment-method"), json!({"kind": "card"})).await.expect(200);
    let address = ada.get(&ada.org("")).await.expect(200)["billing_address"].clone();
    move_to(&ada, Value::Null).await;
    order().await.refused(409, "billing_address_required");
    assert_eq!(ada.get(&ada.org("/orders")).await.expect(200)["data"], json!([]));
    move_to(&ada, address.clone()).await;
    let token = quote(&ada, &id).await["price_token"].clone();
    let declined = check_out(&ada, &id, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    // Nor is an open order paid without one.
    let pay = async || {
        let body = json!({"payment_method_token": "sandbox_succeeds"});
        ada.post_once(&ada.org(&format!("/orders/{order}/pay")), body).await
    };
    move_to(&ada, Value::Null).await;
    pay().await.refused(409, "billing_address_required");
    move_to(&ada, address).await;
    assert_eq!(pay().await.expect(201)["order"]["state"], "paid");
}

/// Gives the organization this billing address, or none.
async fn move_to(ada: &Person, address: Value) {
    let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
    ada.patch_seen(&ada.org(""), &etag, json!({"billing_address": address})).await.expect(200);
}

#[actix_web::test]
async fn frequencies_that_come_to_less_than_the_minimum_charge_are_refused() {
    let (_, ada) = buyer().await;
    let items = format!("{}/items", open_ours(&ada).await);
    let add = async |offer: &str, frequency: &str, quantity: u32| {
        ada.post(&items, json!({"offer": offer, "frequency": frequency, "quantity": quantity})).await
    };
    let refused = add("web_hosting_starter", "monthly", 1).await.faulty("/frequency", "under_minimum_charge");
    assert!(refused.to_string().contains("\"minimum_amount\":500"), "{refused}");
    for (frequency, quantity) in [("monthly", 1), ("quarterly", 0)] {
        assert_eq!(add("newsletter_starter", frequency, quantity).await.status, 422);
    }
    // 4.50 CHF twice, 8.70 CHF once.
    add("newsletter_starter", "monthly", 2).await.expect(201);
    add("web_hosting_starter", "quarterly", 1).await.expect(201);
}

#[actix_web::test]
async fn options_that_a_product_does_not_have_are_refused_by_name() {
    let (_, ada) = buyer().await;
    let items = format!("{}/items", open_ours(&ada).await);
    let options = json!({"domain": "example.ch", "colour": "red", "a/b~c": "x"});
    let refused = ada.post(&items, json!({"offer": "domain_ch", "frequency": "yearly", "options": options})).await;
    refused.clone().faulty("/options/a~1b~0c", "unknown_option");
    assert_eq!(refused.faulty("/options/colour", "unknown_option")["errors"].as_array().unwrap().len(), 2);
}
