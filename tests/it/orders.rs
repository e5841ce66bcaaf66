//! ORD-1, ORD-6, ORD-7, BIL-1, BIL-3, PRD-1: from a cart to an active product.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Duration;
use manager_tests::{Answer, Person, TestApp, Value, json};

/// A company in Geneva that can order.
pub async fn buyer() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
    let ada = Person::register_with(&app, "ada", json!({"organization": organization})).await;
    (app, ada)
}

/// An organization's cart with a .ch domain for a year, to be paid by card.
pub async fn cart_with_domain(ada: &Person) -> String {
    cart_with(ada, "engines.ch").await
}

pub async fn cart_with(ada: &Person, domain: &str) -> String {
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": domain}});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    cart
}

pub async fn quote(ada: &Person, cart: &str) -> Value {
    ada.post(&ada.org(&format!("/carts/{cart}/quote")), json!({})).await.expect(201)
}

async fn check_out(ada: &Person, cart: &str, price_token: &Value, card: &str) -> Answer {
    let body = json!({"price_token": price_token, "payment_method_token": card});
    ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await
}

#[actix_web::test]
async fn a_paid_order_brings_a_product_to_life_with_a_numbered_invoice() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let quote = quote(&ada, &cart).await;
    let order = check_out(&ada, &cart, &quote["price_token"], "sandbox_succeeds").await.expect(201);
    let id = order["id"].as_str().or_else(|| order["order"]["id"].as_str()).expect("an order").to_owned();
    let order = ada.get(&ada.org(&format!("/orders/{id}"))).await.expect(200);
    assert!(order.to_string().contains("\"paid\""), "{order}");
    let products = ada.get(&ada.org("/products")).await.expect(200);
    let product = &products["data"][0];
    assert_eq!(product["state"], "active");
    assert_eq!((&product["term_start"], &product["term_end"]), (&json!("2026-03-02"), &json!("2027-03-02")));
    let invoices = ada.get(&ada.org("/invoices")).await.expect(200);
    let invoice = &invoices["data"][0];
    assert_eq!(invoice["state"], "paid");
    assert!(invoice["number"].as_str().is_some_and(|number| number.ends_with("-2026-1")), "{invoice}");
    assert_eq!(invoice["total"], quote["totals"]["total"]);
    assert_eq!(ada.get(&ada.org("")).await.expect(200)["currency_fixed"], true);
    ada.app.settle().await;
}

#[actix_web::test]
async fn a_declined_card_leaves_the_order_payable() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_insufficient_funds").await;
    let problem = declined.refused(402, "payment_failed");
    let order = problem["order"].as_str().expect("the order").to_owned();
    assert!(problem["invoice"].is_string() && problem["payment"].is_string(), "{problem}");
    assert_eq!(ada.get(&ada.org("/products")).await.expect(200)["data"][0]["state"], "pending");
    let pay = ada.org(&format!("/orders/{order}/pay"));
    let body = json!({"payment_method_token": "sandbox_succeeds"});
    let paid = ada.post_once(&pay, body.clone()).await;
    assert!(matches!(paid.status, 200 | 201), "{}", paid.body);
    ada.post_once(&pay, body).await.refused(409, "order_closed");
    assert_eq!(ada.get(&ada.org("/products")).await.expect(200)["data"][0]["state"], "active");
    ada.app.settle().await;
}

#[actix_web::test]
async fn sixty_four_parallel_checkouts_of_one_cart_give_one_order() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (ada, cart, token) = (ada.clone(), cart.clone(), token.clone());
        tasks.push(actix_web::rt::spawn(async move { check_out(&ada, &cart, &token, "sandbox_succeeds").await }));
    }
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => won += 1,
            409 | 410 | 503 => {}
            other => panic!("{other} {}", answer.body),
        }
    }
    assert_eq!(won, 1);
    let count = |list: Value| list["data"].as_array().unwrap().len();
    assert_eq!(count(ada.get(&ada.org("/orders")).await.expect(200)), 1);
    assert_eq!(count(ada.get(&ada.org("/products")).await.expect(200)), 1);
    assert_eq!(count(ada.get(&ada.org("/invoices")).await.expect(200)), 1);
    ada.app.settle().await;
}

#[actix_web::test]
async fn a_stale_a_used_and_an_old_quote_are_refused_and_charge_nothing() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let item = json!({"offer": "domain_com", "frequency": "yearly", "options": {"domain": "engines.com"}});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    let stale = check_out(&ada, &cart, &token, "sandbox_succeeds").await.refused(409, "quote_stale");
    assert!(stale["preview"]["price_token"].is_string(), "the new preview comes along: {stale}");
    let old = quote(&ada, &cart).await["price_token"].clone();
    app.advance(Duration::minutes(16));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    check_out(&ada, &cart, &old, "sandbox_succeeds").await.refused(410, "token_lapsed");
    assert!(ada.get(&ada.org("/orders")).await.expect(200)["data"].as_array().unwrap().is_empty());
}

#[actix_web::test]
async fn quantities_become_products_and_numbers_have_no_gaps() {
    let (_, ada) = buyer().await;
    let mut numbers = BTreeSet::new();
    for domain in ["engines.ch", "looms.ch", "cards.ch"] {
        let cart = cart_with(&ada, domain).await;
        let token = quote(&ada, &cart).await["price_token"].clone();
        check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201);
    }
    let invoices = ada.get(&ada.org("/invoices")).await.expect(200);
    for invoice in invoices["data"].as_array().unwrap() {
        numbers.insert(invoice["number"].as_str().unwrap().rsplit('-').next().unwrap().to_owned());
    }
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    ada.app.settle().await;
}

#[actix_web::test]
async fn what_cannot_be_ordered_is_refused_with_its_reason() {
    let (_, ada) = buyer().await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let items = ada.org(&format!("/carts/{cart}/items"));
    for (item, fault) in [
        (json!({"offer": "nonsense", "frequency": "yearly"}), "unknown_offer"),
        (json!({"offer": "domain_ch", "frequency": "monthly", "options": {"domain": "a.ch"}}), "frequency_unavailable"),
        (
            json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "no domain"}}),
            "invalid_domain_name",
        ),
        (
            json!({"offer": "domain_ch", "frequency": "yearly", "quantity": 0, "options": {"domain": "a.ch"}}),
            "out_of_range",
        ),
        (json!({"offer": "domain_ch", "frequency": "fortnightly"}), "invalid_value"),
    ] {
        let answer = ada.post(&items, item.clone()).await.refused(422, "validation_failed");
        assert!(answer.to_string().contains(fault), "{item}: {answer}");
    }
    let empty = ada.post(&ada.org(&format!("/carts/{cart}/quote")), json!({})).await;
    empty.refused(409, "cart_empty");
}

#[actix_web::test]
async fn a_payment_that_is_processing_for_long_is_asked_about_until_it_is_known() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let placed = check_out(&ada, &cart, &token, "sandbox_processes_for_a_day").await.expect(201);
    let order = placed["order"]["id"].as_str().or(placed["id"].as_str()).expect("an order").to_owned();
    app.mails().await;
    let (services, transport) = (&app.services, &manager_services::mails::transports::Transport::Development);
    let mut asked = 0;
    for hour in 1..=26 {
        for _ in 0..60 {
            app.advance(Duration::minutes(1));
            asked += manager_services::workers::work_once(services, transport).await.expect("work is done");
        }
        if hour == 24 {
            // Known by then at the provider's, and here within the hour.
            continue;
        }
        let counts = services.db.read(manager_repository::jobs::counts).await.expect("the jobs");
        assert_eq!(counts, (i64::from(hour < 24), 0), "given up after {hour} hours and {asked} questions");
        let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
        let shown = ada.get(&ada.org(&format!("/orders/{order}"))).await.expect(200).to_string();
        assert_eq!(shown.contains("\"processing\""), hour < 24, "{hour}: {shown}");
        if hour == 26 {
            assert_eq!(ada.get(&ada.org("/products")).await.expect(200)["data"][0]["state"], "active");
        }
    }
    assert!((24..60).contains(&asked), "{asked} questions in a day");
}

#[actix_web::test]
async fn a_product_tells_when_it_is_suspended_and_terminated_if_nothing_is_paid() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let free = json!({"offer": "free_email_address", "frequency": "yearly",
        "options": {"local_part": "ada", "mail_domain": "ik.me"}});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), free).await.expect(201);
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    let products = ada.get(&ada.org("/products")).await.expect(200);
    for product in products["data"].as_array().unwrap() {
        assert_eq!(
            (&product["suspends_on"], &product["terminates_on"]),
            (&json!(null), &json!(null)),
            "not in service"
        );
    }
    let order = ada.get(&ada.org("/orders")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let pay = json!({"payment_method_token": "sandbox_succeeds"});
    ada.post_once(&ada.org(&format!("/orders/{order}/pay")), pay).await;
    let products = ada.get(&ada.org("/products")).await.expect(200);
    let dates = |product_type: &str| {
        let rows = products["data"].as_array().unwrap();
        let row = rows.iter().find(|row| row["product_type"] == product_type).expect("the product");
        ["term_end", "suspends_on", "terminates_on"].map(|name| row[name].clone())
    };
    // Ten days of grace, then thirty of suspension.
    assert_eq!(dates("domain_name"), [json!("2027-03-02"), json!("2027-03-12"), json!("2027-04-11")]);
    assert_eq!(dates("free_email_address"), [json!(null), json!(null), json!(null)]);
    let id = products["data"][0]["id"].as_str().unwrap();
    let one = ada.get(&ada.org(&format!("/products/{id}"))).await.expect(200);
    assert_eq!(one, products["data"][0]);
}
