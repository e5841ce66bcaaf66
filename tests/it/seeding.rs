//! Load-test data holds to the rules that real orders follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use manager_services::seeding::{self, DOMAIN, PASSWORD, Progress, Refused, Request};
use manager_tests::{Person, TestApp, Value, json};

const ACCOUNTS: u64 = 5;
const PRODUCTS: u64 = 40;

async fn seed(app: &TestApp, accounts: u64, products: u64) -> Result<Arc<Progress>, Refused> {
    let progress = Arc::new(Progress::default());
    let request = Request { accounts, products, seed: 1 };
    seeding::seed(&app.services, request, app.services.clock.now(), &progress).await?;
    Ok(progress)
}

async fn seeded() -> Arc<TestApp> {
    let app = Arc::new(TestApp::start().await);
    let progress = seed(&app, ACCOUNTS, PRODUCTS).await.unwrap();
    assert_eq!((progress.accounts(), progress.products()), (ACCOUNTS, PRODUCTS));
    app
}

async fn person(app: &Arc<TestApp>, number: u64) -> Person {
    Person::log_in(app, &format!("user-{number:06}@{DOMAIN}")).await
}

/// A whole list, page by page.
async fn all(person: &Person, list: &str) -> Vec<Value> {
    let (mut rows, mut path) = (Vec::new(), person.org(&format!("/{list}?limit=7")));
    for _ in 0..200 {
        let page = person.get(&path).await.expect(200);
        rows.extend(page["data"].as_array().expect("rows").iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        path = person.org(&format!("/{list}?limit=7&cursor={next}"));
    }
    panic!("{list} has no end");
}

/// The places of the invoices' numbers in this year's series.
fn places(invoices: &[Value], year: i32) -> BTreeSet<u64> {
    let numbers = invoices.iter().map(|invoice| invoice["number"].as_str().expect("a number"));
    let of_year = numbers.filter_map(|number| number.split_once(&format!("-{year}-")));
    of_year.map(|(_, place)| place.parse().expect("a place")).collect()
}

async fn order(person: &Person) -> Value {
    let cart = person.post(&person.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let domain = format!("engines-{}.ch", &cart["crt_".len()..]);
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": domain}});
    person.post(&person.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    person.put(&person.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    let quote = person.post(&person.org(&format!("/carts/{cart}/quote")), json!({})).await.expect(201);
    let body = json!({"price_token": quote["price_token"], "payment_method_token": "sandbox_succeeds"});
    person.post_once(&person.org(&format!("/carts/{cart}/checkout")), body).await.expect(201)
}

#[actix_web::test]
async fn seeded_products_are_active_within_their_first_term() {
    let app = seeded().await;
    assert_eq!(PASSWORD, manager_tests::people::PASSWORD);
    for number in 1..=ACCOUNTS {
        let person = person(&app, number).await;
        let products = all(&person, "products").await;
        assert_eq!(products.len() as u64, PRODUCTS / ACCOUNTS);
        for product in &products {
            assert_eq!(product["state"], "active", "{product}");
            if product["unit_price"]["amount"] != 0 {
                assert!(product["term_start"].as_str().unwrap() <= "2026-03-02", "{product}");
                assert!(product["term_end"].as_str().unwrap() > "2026-03-02", "{product}");
            }
            let id = product["id"].as_str().unwrap();
            assert_eq!(&person.get(&person.org(&format!("/products/{id}"))).await.expect(200), product);
        }
    }
}

#[actix_web::test]
async fn seeded_invoices_have_no_gaps_and_a_real_order_gets_the_next_number() {
    let app = seeded().await;
    let person = person(&app, 2).await;
    let invoices = all(&person, "invoices").await;
    let orders = all(&person, "orders").await;
    assert_eq!(orders.len(), invoices.len());
    let placed = places(&invoices, 2026);
    assert_eq!(placed, (1..=invoices.len() as u64).collect());
    for invoice in &invoices {
        assert_eq!(invoice["state"], "paid");
        let id = invoice["id"].as_str().unwrap();
        let whole = person.get(&person.org(&format!("/invoices/{id}"))).await.expect(200);
        assert!(whole["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{whole}");
    }
    for order in &orders {
        let id = order["id"].as_str().unwrap();
        let whole = person.get(&person.org(&format!("/orders/{id}"))).await.expect(200);
        assert_eq!((&whole["order"]["state"], &whole["invoice"]["state"]), (&json!("paid"), &json!("paid")));
    }
    order(&person).await;
    let after = places(&all(&person, "invoices").await, 2026);
    assert_eq!(after.last(), Some(&(invoices.len() as u64 + 1)));
    assert_eq!(after.len(), invoices.len() + 1);
}

#[actix_web::test]
async fn the_audit_chain_of_a_seeded_organization_is_valid_and_goes_on() {
    let app = seeded().await;
    for number in 1..=ACCOUNTS {
        let person = person(&app, number).await;
        let verified = person.get(&person.org("/audit-log/verification")).await.expect(200);
        assert_eq!(verified["valid"], true, "{verified}");
        order(&person).await;
        let later = person.get(&person.org("/audit-log/verification")).await.expect(200);
        assert_eq!(later["valid"], true, "{later}");
        assert!(later["sequence"].as_i64() > verified["sequence"].as_i64(), "{later}");
    }
}

/// A value's shape: its members, and of which kind they are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.first().map_or(json!([]), |first| json!([shape(first)])),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        other => other.clone(),
    }
}

/// Of the paid order with a domain name: order, invoice, product, and what the audit log says of the way there.
async fn trace(person: &Person, order: &str) -> Value {
    let mut whole = person.get(&person.org(&format!("/orders/{order}"))).await.expect(200);
    let text = whole.to_string();
    let invoices = all(person, "invoices").await;
    let of_order = |row: &&Value| text.contains(row["id"].as_str().unwrap());
    let invoice = invoices.iter().find(of_order).unwrap_or_else(|| panic!("an invoice of {text}"));
    let invoice = person.get(&person.org(&format!("/invoices/{}", invoice["id"].as_str().unwrap()))).await.expect(200);
    let products = all(person, "products").await;
    let mut product = products.iter().find(of_order).cloned().unwrap_or_else(|| panic!("a product of {text}"));
    product["options"] = json!({});
    if let Some(products) = whole.get_mut("products").and_then(Value::as_array_mut) {
        products.iter_mut().for_each(|product| product["options"] = json!({}));
    }
    let log = all(person, "audit-log").await;
    let mut entries: Vec<Value> = log.iter().filter(|row| row["subject"] == order).map(shape).collect();
    entries.extend(log.iter().take_while(|row| row["action"] != "cart.opened").map(|row| row["action"].clone()));
    json!([shape(&whole), shape(&invoice), shape(&product), entries])
}

#[actix_web::test]
async fn a_seeded_order_looks_like_a_real_one() {
    let app = Arc::new(TestApp::start().await);
    seed(&app, 1, 1).await.unwrap();
    let person = person(&app, 1).await;
    let seeded = all(&person, "orders").await[0]["id"].as_str().unwrap().to_owned();
    let seeded = trace(&person, &seeded).await;
    let real = order(&person).await;
    let real = real["order"]["id"].as_str().expect("an order").to_owned();
    assert_eq!(seeded, trace(&person, &real).await);
}

#[actix_web::test]
async fn one_organization_may_own_more_than_one_write_holds() {
    let app = Arc::new(TestApp::start().await);
    seed(&app, 1, 1000).await.unwrap();
    let person = person(&app, 1).await;
    let summary = person.get(&person.org("/products/summary?state=active")).await.expect(200);
    assert_eq!(summary["total"], 1000);
    let verified = person.get(&person.org("/audit-log/verification")).await.expect(200);
    assert_eq!(verified["valid"], true, "{verified}");
    order(&person).await;
}

#[actix_web::test]
async fn a_database_that_holds_accounts_is_refused_and_keeps_what_it_has() {
    let app = seeded().await;
    assert!(matches!(seed(&app, 1, 1).await, Err(Refused::Seeded(5))));
    Person::register(&app, "ada").await;
    assert!(matches!(seed(&app, 1, 1).await, Err(Refused::RealAccounts(1))));
}

#[actix_web::test]
async fn the_same_seed_makes_the_same_data() {
    let mut made = Vec::new();
    for seed in [7, 7, 8] {
        let app = Arc::new(TestApp::start().await);
        let request = Request { accounts: 2, products: 9, seed };
        seeding::seed(&app.services, request, app.services.clock.now(), &Arc::default()).await.unwrap();
        let person = person(&app, 2).await;
        // The head of the chain depends on everything that was ordered and paid.
        let verified = person.get(&person.org("/audit-log/verification")).await.expect(200);
        made.push((verified["head"].clone(), all(&person, "products").await));
    }
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0], made[2]);
}
