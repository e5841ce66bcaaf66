//! ORD-1, ORD-6, ORD-7, BIL-1, BIL-3, PRD-1: from a cart to an active product.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Duration;
use manager_repository::AnyConnection;
use manager_repository::catalogue::{self, NewVersion};
use manager_server::config::Mode;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

/// A company in Geneva that can order.
pub async fn buyer() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = buyer_on(&app).await;
    (app, ada)
}

async fn buyer_on(app: &Arc<TestApp>) -> Person {
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
    Person::register_with(app, "ada", json!({"organization": organization})).await
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

pub async fn check_out(ada: &Person, cart: &str, price_token: &Value, card: &str) -> Answer {
    let body = json!({"price_token": price_token, "payment_method_token": card});
    ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await
}

#[actix_web::test]
async fn a_paid_order_brings_a_product_to_life_with_a_numbered_invoice() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let quote = quote(&ada, &cart).await;
    let order = check_out(&ada, &cart, &quote["price_token"], "sandbox_succeeds").await.expect(201);
    let id = order["order"]["id"].as_str().expect("an order").to_owned();
    let order = ada.get(&ada.org(&format!("/orders/{id}"))).await.expect(200);
    assert_eq!((&order["order"]["state"], &order["invoice"]["state"]), (&json!("paid"), &json!("paid")));
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
    let payment = paid.header("location").to_owned();
    assert_eq!(paid.expect(201)["order"]["state"], "paid");
    assert_eq!(ada.get(&payment).await.expect(200)["state"], "succeeded");
    ada.post_once(&pay, body).await.refused(409, "order_closed");
    assert_eq!(ada.get(&ada.org("/products")).await.expect(200)["data"][0]["state"], "active");
    ada.app.settle().await;
}

/// Changes the organization under its newest version.
async fn patch(ada: &Person, change: Value) -> Answer {
    let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
    ada.patch_seen(&ada.org(""), &etag, change).await
}

#[actix_web::test]
async fn the_currency_stays_while_an_order_is_open() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_insufficient_funds").await;
    let order = declined.refused(402, "payment_failed")["order"].clone();
    let refused = patch(&ada, json!({"currency": "EUR"})).await.refused(409, "currency_fixed");
    assert_eq!(refused["orders"], json!([order]));
    patch(&ada, json!({"currency": "CHF", "website": "https://ada.example"})).await.expect(200);
    let path = ada.org(&format!("/orders/{}", order.as_str().unwrap()));
    ada.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    assert_eq!(patch(&ada, json!({"currency": "EUR"})).await.expect(200)["currency"], "EUR");
}

#[actix_web::test]
async fn who_may_order_another_category_cancels_nothing() {
    let (app, ada) = buyer().await;
    let rights = |category: &str| {
        json!({"role": "member", "billing": true,
            "products": {"access": "grants", "grants": [{"category": category, "level": "manage"}]}})
    };
    let bob = Person::join(&app, &ada, "bob", rights("cloud")).await;
    let eve = Person::join(&app, &ada, "eve", rights("web_domain")).await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let path = ada.org(&format!("/orders/{order}/cancel"));
    let refused = bob.post(&path, json!({})).await.refused(403, "forbidden");
    assert_eq!(refused["reason"], "manage_and_billing_required");
    assert_eq!(eve.post(&path, json!({})).await.expect(200)["order"]["state"], "cancelled");
}

#[actix_web::test]
async fn an_order_is_cancelled_as_it_was_seen() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let path = ada.org(&format!("/orders/{order}"));
    let cancel = |etag: &str| ada.request(Method::POST, &format!("{path}/cancel")).header("if-match", etag);
    ada.send(cancel("\"v999\"").json(&json!({}))).await.refused(412, "precondition_failed");
    let seen = ada.get(&path).await;
    ada.send(cancel(seen.header("etag")).json(&json!({}))).await.expect(200);
    ada.send(cancel(seen.header("etag")).json(&json!({}))).await.refused(412, "precondition_failed");
    let known = ada.request(Method::GET, &path).header("if-none-match", ada.get(&path).await.header("etag"));
    ada.send(known).await.expect(304);
}

#[actix_web::test]
async fn legal_data_stays_while_a_payment_is_processing() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let placed = check_out(&ada, &cart, &token, "sandbox_times_out").await.expect(201);
    assert_eq!(placed["payments"][0]["state"], "processing");
    let abroad = json!({"line1": "5th Avenue 1", "postal_code": "10001", "city": "New York", "country": "US"});
    for change in [
        json!({"billing_address": abroad}),
        json!({"billing_address": null}),
        json!({"kind": "company", "name": "Ada SA"}),
        json!({"vat_number": "CHE-109.322.551"}),
        json!({"currency": "EUR"}),
    ] {
        let refused = patch(&ada, change).await.refused(409, "payment_in_progress");
        assert_eq!(refused["payment"], placed["payments"][0]["id"]);
    }
    patch(&ada, json!({"phone": "+41 22 555 00 00", "kind": "individual"})).await.expect(200);
    app.advance(Duration::minutes(5));
    app.work().await;
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let invoice = ada.get(&ada.org("/invoices")).await.expect(200)["data"][0].clone();
    let invoice = ada.get(&ada.org(&format!("/invoices/{}", invoice["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&invoice["invoice"]["state"], &invoice["buyer"]["address"]["country"]), (&json!("paid"), &json!("CH")));
    patch(&ada, json!({"billing_address": abroad})).await.expect(200);
    patch(&ada, json!({"currency": "EUR"})).await.refused(409, "currency_fixed");
}

#[actix_web::test]
async fn production_sells_with_the_provider_that_its_operator_named() {
    use std::os::unix::fs::PermissionsExt;
    let seller = "Hosting Example Ltd";
    let app = TestApp::start_with(|config| {
        config.mode = Mode::Production;
        config.seller_name = seller.to_owned();
        let key = config.root_key_file();
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).expect("a private key");
    });
    let ada = buyer_on(&Arc::new(app.await)).await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201);
    let invoice = ada.get(&ada.org("/invoices")).await.expect(200)["data"][0].clone();
    let invoice = ada.get(&ada.org(&format!("/invoices/{}", invoice["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&invoice["invoice"]["state"], &invoice["seller"]["name"]), (&json!("paid"), &json!(seller)));
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
async fn a_domain_is_named_and_found_as_people_write_it() {
    let (_, ada) = buyer().await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "Bücher.ch"}});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201);
    for search in ["bücher", "BÜCHER.ch", "xn--bcher-kva"] {
        let path = format!("{}?search={search}", ada.org("/products"));
        let found = ada.get(&path).await.expect(200);
        assert_eq!(found["data"][0]["name"], "bücher.ch", "{search}");
    }
    let invoice = ada.get(&ada.org("/invoices")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let invoice = ada.get(&ada.org(&format!("/invoices/{invoice}"))).await.expect(200);
    let description = invoice["lines"][0]["description"].as_str().unwrap();
    assert!(description.ends_with("bücher.ch"), "{description}");
}

#[actix_web::test]
async fn an_order_that_costs_nothing_has_no_payment_method() {
    let (_, ada) = buyer().await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let options = json!({"local_part": "ada", "mail_domain": "ik.me"});
    let item = json!({"offer": "free_email_address", "frequency": "yearly", "options": options});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    let body = json!({"price_token": quote(&ada, &cart).await["price_token"]});
    let placed = ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    assert_eq!((&placed["order"]["state"], &placed["order"]["payment_method"]), (&json!("paid"), &json!(null)));
}

#[actix_web::test]
async fn products_that_are_gone_are_shown_and_counted_only_when_asked_for() {
    let (_, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let total = async |query: &str| {
        let counted = ada.get(&ada.org(&format!("/products/summary{query}"))).await.expect(200)["total"].clone();
        let listed = ada.get(&ada.org(&format!("/products{query}"))).await.expect(200);
        assert_eq!(counted, listed["data"].as_array().unwrap().len(), "{query}");
        counted
    };
    assert_eq!(total("").await, 1);
    ada.post(&ada.org(&format!("/orders/{order}/cancel")), json!({})).await.expect(200);
    assert_eq!((total("").await, total("?state=cancelled").await), (json!(0), json!(1)));
}

/// Swiss rates rose at the beginning of 2024.
#[actix_web::test]
async fn a_term_over_a_change_of_rate_is_billed_in_parts() {
    let app = Arc::new(TestApp::start().await);
    let (id, now) = (app.services.ids.next(app.services.clock.now()), app.services.clock.now());
    let write = move |tx: &mut AnyConnection| {
        let document = include_str!("../../api/services/catalogue/default.json");
        let valid_from = "2023-01-01".parse().unwrap();
        catalogue::insert(tx, &NewVersion { id, valid_from, document, etag: "of 2023", now })
    };
    app.services.db.write(write).await.unwrap();
    // From 2 March 2026 back to 1 July 2023.
    app.advance(Duration::days(-975));
    let domains = app.get("/v1/catalogue/product-types/domain_name").await.expect(200);
    let shown = domains["offers"][0]["prices"].as_array().unwrap();
    let shown = shown.iter().find(|price| price["frequency"] == "two_years").unwrap();
    assert_eq!((&shown["net"]["amount"], &shown["gross"]["amount"]), (&json!(1750), &json!(1890)));
    let ada = buyer_on(&app).await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let item = json!({"offer": "domain_ch", "frequency": "two_years", "options": {"domain": "engines.ch"}});
    let item = ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    let quote = quote(&ada, &cart).await;
    assert_eq!((&item["totals"], &quote["totals"]["total"]["amount"]), (&quote["totals"], &json!(1890)));
    let parts = |lines: &Value| {
        let part = |line: &Value| {
            let text = |name: &str| line[name].as_str().unwrap_or("null").to_owned();
            (line["net"]["amount"].as_i64().unwrap(), text("tax_rate"), text("period_start"), text("period_end"))
        };
        lines.as_array().unwrap().iter().map(part).collect::<Vec<_>>()
    };
    let part = |net, rate: &str, start: &str, end: &str| (net, rate.to_owned(), start.to_owned(), end.to_owned());
    let planned = [part(440, "7.7", "2023-07-01", "2024-01-01"), part(1310, "8.1", "2024-01-01", "2025-07-01")];
    assert_eq!(parts(&quote["lines"]), planned);
    let declined = check_out(&ada, &cart, &quote["price_token"], "sandbox_declined_expired_card").await;
    let problem = declined.refused(402, "payment_failed");
    let invoice = ada.org(&format!("/invoices/{}", problem["invoice"].as_str().unwrap()));
    assert_eq!(parts(&ada.get(&invoice).await.expect(200)["lines"]), planned);
    // Ten days later, fewer of the days are taxed at the old rate.
    app.advance(Duration::days(10));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let pay = ada.org(&format!("/orders/{}/pay", problem["order"].as_str().unwrap()));
    let paid = ada.post_once(&pay, json!({"payment_method_token": "sandbox_succeeds"})).await.expect(201);
    assert_eq!(paid["products"].as_array().unwrap().len(), 1);
    let invoice = ada.get(&invoice).await.expect(200);
    let billed = [part(417, "7.7", "2023-07-11", "2024-01-01"), part(1333, "8.1", "2024-01-01", "2025-07-11")];
    assert_eq!(parts(&invoice["lines"]), billed);
    assert_eq!(invoice["totals"]["total"]["amount"], 1750 + 32 + 108);
    let product = ada.get(&ada.org("/products")).await.expect(200)["data"][0].clone();
    assert_eq!((&product["state"], &product["term_end"]), (&json!("active"), &json!("2025-07-11")));
}

#[actix_web::test]
async fn who_pays_an_open_order_may_say_the_total_that_was_shown() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let pay = ada.org(&format!("/orders/{order}/pay"));
    let body = |amount: i64, currency: &str| json!({"payment_method_token": "sandbox_succeeds", "expected_total": {"amount": amount, "currency": currency}});
    let abroad = json!({"line1": "Rue de Rivoli 1", "postal_code": "75001", "city": "Paris", "country": "FR"});
    patch(&ada, json!({"billing_address": abroad})).await.expect(200);
    let other = ada.post_once(&pay, body(973, "CHF")).await.refused(409, "quote_stale");
    assert_eq!(other["total"], json!({"amount": 1080, "currency": "CHF"}), "taxed in France");
    ada.post_once(&pay, body(1080, "EUR")).await.refused(409, "quote_stale");
    app.advance(Duration::days(15));
    let late = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let closed = late.post_once(&pay, body(1080, "CHF")).await.refused(409, "order_closed");
    assert_eq!(closed["state"], "lapsed");
    app.advance(Duration::days(-2));
    let late = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    assert_eq!(late.post_once(&pay, body(1080, "CHF")).await.expect(201)["order"]["state"], "paid");
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
        (
            json!({"offer": "free_email_address", "frequency": "yearly",
                "options": {"local_part": "Postmaster", "mail_domain": "ik.me"}}),
            "reserved",
        ),
    ] {
        let answer = ada.post(&items, item.clone()).await.refused(422, "validation_failed");
        let faults = answer["errors"].as_array().expect("faults");
        assert!(faults.iter().any(|found| found["code"] == fault), "{item}: {answer}");
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
