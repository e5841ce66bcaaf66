//! BIL-5, PRE-1, PRE-2, PRE-3, PRE-5: the prepaid account is topped up, pays wholly or in part, and tells how it came about.

use std::sync::Arc;

use chrono::Duration;
use manager_domain::staff::StaffRole;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::books::agent;
use crate::orders::{buyer, cart_with, check_out, quote};

fn chf(amount: i64) -> Value {
    json!({"amount": amount, "currency": "CHF"})
}

/// A buyer with so much on the prepaid account.
pub async fn topped_up(amount: i64) -> (Arc<TestApp>, Person) {
    let (app, ada) = buyer().await;
    top_up(&ada, amount).await.expect(201);
    (app, ada)
}

pub async fn top_up(person: &Person, amount: i64) -> Answer {
    top_up_by(person, "card", "sandbox_succeeds", chf(amount)).await
}

async fn top_up_by(person: &Person, method: &str, token: &str, amount: Value) -> Answer {
    let body = json!({"amount": amount, "payment_method": method, "payment_method_token": token});
    person.post_once(&person.org("/prepaid/top-ups"), body).await
}

pub async fn account(person: &Person) -> Value {
    person.get(&person.org("/prepaid")).await.expect(200)
}

/// What can be spent and what is held.
async fn balances(person: &Person) -> (i64, i64) {
    let account = account(person).await;
    (account["available"]["amount"].as_i64().unwrap(), account["held"]["amount"].as_i64().unwrap())
}

/// Whether the books agree, as finance people see.
pub async fn assert_books_agree(finance: &Person) {
    let books = finance.get("/v1/admin/books").await.expect(200);
    assert_eq!(books["agree"], true, "{books}");
}

/// Orders a .ch domain (9.73 with tax), paid as the body says.
async fn order(person: &Person, domain: &str, paying: Value) -> Answer {
    let cart = cart_with(person, domain).await;
    let mut body = paying;
    body["price_token"] = quote(person, &cart).await["price_token"].clone();
    person.post_once(&person.org(&format!("/carts/{cart}/checkout")), body).await
}

#[actix_web::test]
async fn a_top_up_is_credited_once_without_tax_or_invoice() {
    let (app, ada) = buyer().await;
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    let body = json!({"amount": chf(5000), "payment_method": "card", "payment_method_token": "sandbox_succeeds"});
    let path = ada.org("/prepaid/top-ups");
    let post = || ada.send(ada.request(Method::POST, &path).header("idempotency-key", "one").json(&body));
    let first = post().await;
    let location = first.header("location").to_owned();
    let first = first.expect(201);
    assert_eq!((&first["top_up"]["state"], &first["payment"]["state"]), (&json!("succeeded"), &json!("succeeded")));
    assert_eq!(post().await.expect(201), first);
    assert_eq!(ada.get(&location).await.expect(200), first);
    assert_eq!(account(&ada).await["available"], chf(5000));
    assert_eq!(ada.get(&ada.org("/invoices")).await.expect(200)["data"], json!([]));
    assert_eq!(ada.get(&ada.org("")).await.expect(200)["currency_fixed"], true);
    app.settle().await;
    assert_eq!(account(&ada).await["available"], chf(5000));
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn a_declined_top_up_credits_nothing() {
    let (_, ada) = buyer().await;
    let declined = top_up_by(&ada, "card", "sandbox_declined_expired_card", chf(5000)).await;
    let problem = declined.refused(402, "payment_failed");
    let id = problem["top_up"].as_str().expect("the top-up").to_owned();
    assert_eq!(problem["failure_code"], "expired_card");
    let shown = ada.get(&ada.org(&format!("/prepaid/top-ups/{id}"))).await.expect(200);
    assert_eq!(shown["top_up"]["state"], "failed");
    assert_eq!(balances(&ada).await, (0, 0));
    assert_eq!(ada.get(&ada.org("/prepaid/top-ups?state=failed")).await.expect(200)["data"][0]["id"], json!(id));
    assert_eq!(ada.get(&ada.org("/prepaid/top-ups?state=succeeded")).await.expect(200)["data"], json!([]));
    assert_eq!(ada.get(&ada.org("/prepaid/transactions")).await.expect(200)["data"], json!([]));
}

#[actix_web::test]
async fn top_ups_keep_to_the_published_limits() {
    let (_, ada) = buyer().await;
    let limits = ada.get(&ada.org("/prepaid/limits")).await.expect(200);
    let methods: Vec<_> = limits["methods"].as_array().unwrap().iter().map(|of| of["payment_method"].clone()).collect();
    assert!(methods.contains(&json!("twint")) && !methods.contains(&json!("prepaid")), "{limits}");
    assert_eq!((&limits["methods"][0]["minimum"], &limits["methods"][0]["maximum"]), (&chf(1000), &chf(500_000)));
    assert_eq!(limits["balance_maximum"], chf(2_000_000));
    for amount in [999, 0, -5000, 500_001, i64::MAX] {
        let problem = top_up(&ada, amount).await.faulty("/amount/amount", "out_of_range");
        assert_eq!(problem["errors"][0]["params"], json!({"min": 1000, "max": 500_000}));
    }
    let euros = json!({"amount": 5000, "currency": "EUR"});
    top_up_by(&ada, "card", "sandbox_succeeds", euros).await.faulty("/amount/currency", "wrong_currency");
    top_up_by(&ada, "prepaid", "sandbox_succeeds", chf(5000)).await.refused(409, "payment_method_unavailable");
    top_up_by(&ada, "card", "4242424242424242", chf(5000)).await.faulty("/payment_method_token", "invalid_value");
    top_up_by(&ada, "twint", "sandbox_succeeds", chf(5000)).await.expect(201);
    for _ in 0..3 {
        top_up(&ada, 500_000).await.expect(201);
    }
    let full = top_up(&ada, 500_000).await.refused(409, "balance_limit_reached");
    assert_eq!(full["available"], chf(495_000));
    top_up(&ada, 495_000).await.expect(201);
    assert_eq!(balances(&ada).await, (2_000_000, 0));
}

#[actix_web::test]
async fn a_top_up_under_way_counts_against_the_limit_and_is_credited_when_it_succeeds() {
    let (app, ada) = buyer().await;
    let begun = top_up_by(&ada, "card", "sandbox_processes_for_a_day", chf(500_000)).await.expect(201);
    assert_eq!((&begun["top_up"]["state"], &begun["payment"]["state"]), (&json!("pending"), &json!("processing")));
    for _ in 0..3 {
        top_up(&ada, 500_000).await.expect(201);
    }
    top_up(&ada, 1000).await.refused(409, "balance_limit_reached");
    assert_eq!(account(&ada).await["top_ups_under_way"], chf(500_000));
    app.advance(Duration::days(2));
    app.settle().await;
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(balances(&ada).await, (2_000_000, 0));
    assert_eq!(account(&ada).await["top_ups_under_way"], chf(0));
}

#[actix_web::test]
async fn an_order_is_paid_wholly_by_the_prepaid_account() {
    let (app, ada) = topped_up(2000).await;
    let cart = cart_with(&ada, "engines.ch").await;
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "prepaid"})).await.expect(200);
    let body = json!({"price_token": quote(&ada, &cart).await["price_token"]});
    let done = ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    let payment = &done["payments"][0];
    assert_eq!((&payment["method"], &payment["state"]), (&json!("prepaid"), &json!("succeeded")));
    assert_eq!((&payment["amount"], &payment["prepaid_amount"]), (&chf(973), &chf(973)));
    assert_eq!((&done["order"]["state"], &done["products"][0]["state"]), (&json!("paid"), &json!("active")));
    assert_eq!(balances(&ada).await, (1027, 0));
    app.settle().await;
    assert_books_agree(&agent(&app, "finance", StaffRole::Finance).await).await;
}

#[actix_web::test]
async fn a_prepaid_account_that_holds_too_little_orders_nothing() {
    let (_, ada) = topped_up(1000).await;
    order(&ada, "one.ch", json!({"use_prepaid": true})).await.expect(201);
    assert_eq!(balances(&ada).await, (27, 0));
    let cart = cart_with(&ada, "two.ch").await;
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "prepaid"})).await.expect(200);
    let path = ada.org(&format!("/carts/{cart}/checkout"));
    let body = json!({"price_token": quote(&ada, &cart).await["price_token"]});
    let refused = ada.post_once(&path, body.clone()).await.refused(409, "insufficient_balance");
    assert_eq!((&refused["available"], &refused["required"]), (&chf(27), &chf(973)));
    assert_eq!(balances(&ada).await, (27, 0));
    // Nothing was ordered, and the token is still good.
    assert_eq!(ada.get(&ada.org("/orders")).await.expect(200)["data"].as_array().unwrap().len(), 1);
    top_up(&ada, 1000).await.expect(201);
    ada.post_once(&path, body).await.expect(201);
    assert_eq!(balances(&ada).await, (54, 0));
}

#[actix_web::test]
async fn the_prepaid_account_pays_a_part_and_the_card_the_rest() {
    let (app, ada) = topped_up(1000).await;
    let part = json!({"prepaid_at_most": chf(400), "payment_method_token": "sandbox_succeeds"});
    let done = order(&ada, "one.ch", part).await.expect(201);
    let payment = &done["payments"][0];
    assert_eq!((&payment["method"], &payment["state"]), (&json!("card"), &json!("succeeded")));
    assert_eq!((&payment["amount"], &payment["prepaid_amount"]), (&chf(973), &chf(400)));
    assert_eq!(balances(&ada).await, (600, 0));
    let all = json!({"use_prepaid": true, "payment_method_token": "sandbox_succeeds"});
    let done = order(&ada, "two.ch", all).await.expect(201);
    assert_eq!(done["payments"][0]["prepaid_amount"], chf(600));
    assert_eq!(balances(&ada).await, (0, 0));
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn the_prepaid_part_is_held_until_the_other_succeeds_and_goes_back_when_it_fails() {
    let (app, ada) = topped_up(1000).await;
    let declined = json!({"prepaid_at_most": chf(400), "payment_method_token": "sandbox_declined_expired_card"});
    let refused = order(&ada, "one.ch", declined).await.refused(402, "payment_failed");
    assert_eq!(balances(&ada).await, (1000, 0));
    let pay = ada.org(&format!("/orders/{}/pay", refused["order"].as_str().unwrap()));
    let slow = json!({"prepaid_at_most": chf(400), "payment_method_token": "sandbox_processes_for_a_day"});
    let under_way = ada.post_once(&pay, slow).await.expect(201);
    assert_eq!(under_way["order"]["state"], "open");
    assert_eq!(balances(&ada).await, (600, 400));
    // What is held can't be spent.
    let all = json!({"prepaid_at_most": chf(1000), "payment_method_token": "sandbox_succeeds"});
    let other = order(&ada, "two.ch", all).await.expect(201);
    assert_eq!(other["payments"][0]["prepaid_amount"], chf(600));
    assert_eq!(balances(&ada).await, (0, 400));
    app.advance(Duration::days(2));
    app.settle().await;
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(balances(&ada).await, (0, 0));
    let first = ada.get(&ada.org(&format!("/orders/{}", refused["order"].as_str().unwrap()))).await.expect(200);
    assert_eq!(first["order"]["state"], "paid");
    assert_books_agree(&agent(&app, "finance", StaffRole::Finance).await).await;
}

#[actix_web::test]
async fn what_the_prepaid_account_is_asked_for_is_in_its_currency_and_not_negative() {
    let (_, ada) = topped_up(1000).await;
    let paying = |most: Value| json!({"prepaid_at_most": most, "payment_method_token": "sandbox_succeeds"});
    let euros = json!({"amount": 100, "currency": "EUR"});
    order(&ada, "one.ch", paying(euros)).await.faulty("/prepaid_at_most/currency", "wrong_currency");
    order(&ada, "two.ch", paying(chf(-1))).await.faulty("/prepaid_at_most/amount", "out_of_range");
    assert_eq!(balances(&ada).await, (1000, 0));
    assert_eq!(ada.get(&ada.org("/orders")).await.expect(200)["data"], json!([]));
}

#[actix_web::test]
async fn sixty_four_parallel_debits_spend_what_is_there_and_no_more() {
    let (app, ada) = topped_up(5000).await;
    let mut orders = Vec::new();
    for n in 0..64 {
        let cart = cart_with(&ada, &format!("race{n}.ch")).await;
        ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "prepaid"})).await.expect(200);
        orders.push((cart.clone(), quote(&ada, &cart).await["price_token"].clone()));
    }
    let orders = Arc::new(orders);
    let answers = at_once(64, |n| {
        let (ada, orders) = (ada.clone(), orders.clone());
        async move {
            let (cart, token) = &orders[n];
            ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), json!({"price_token": token})).await
        }
    })
    .await;
    // 5 x 9.73 of 50.00.
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "insufficient_balance");
    }
    assert_eq!(balances(&ada).await, (135, 0));
    assert_eq!(ada.get(&ada.org("/orders?limit=100")).await.expect(200)["data"].as_array().unwrap().len(), 5);
    assert_books_agree(&agent(&app, "finance", StaffRole::Finance).await).await;
}

#[actix_web::test]
async fn the_statement_runs_and_is_exported() {
    let (app, ada) = topped_up(2000).await;
    app.advance(Duration::days(3));
    let ada = Person::log_in(&app, &ada.email).await;
    order(&ada, "one.ch", json!({"use_prepaid": true})).await.expect(201);
    let page = ada.get(&ada.org("/prepaid/transactions?limit=1")).await.expect(200);
    let spent = &page["data"][0];
    assert_eq!((&spent["kind"], &spent["amount"]), (&json!("invoice_settled"), &chf(-973)));
    assert_eq!(spent["balance"], chf(1027));
    assert!(spent["about"].as_str().unwrap().starts_with("inv_"));
    let next = format!("/prepaid/transactions?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = ada.get(&ada.org(&next)).await.expect(200);
    assert_eq!((&next["data"][0]["kind"], &next["data"][0]["balance"]), (&json!("top_up"), &chf(2000)));
    assert_eq!(next["next_cursor"], Value::Null);
    let count = async |query: &str| {
        let list = ada.get(&ada.org(&format!("/prepaid/transactions?{query}"))).await.expect(200);
        list["data"].as_array().unwrap().len()
    };
    assert_eq!(count("kind=top_up").await, 1);
    assert_eq!((count("to=2026-03-02").await, count("from=2026-03-03").await), (1, 1));
    assert_eq!(count("from=2026-03-02&to=2026-03-05").await, 2);
    let csv = ada.get(&ada.org("/prepaid/transactions.csv")).await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8"));
    let text = String::from_utf8(csv.bytes).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "at,kind,about,amount,balance,currency"));
    assert!(lines[1].contains(",invoice_settled,") && lines[1].ends_with(",-9.73,10.27,CHF"), "{}", lines[1]);
    ada.get(&ada.org("/prepaid/transactions?sort=x")).await.expect(422);
}

#[actix_web::test]
async fn who_may_not_see_billing_sees_no_balance() {
    let (app, ada) = topped_up(2000).await;
    let products = json!({"role": "member", "products": {"access": "all", "level": "manage"}, "billing": false});
    let bob = Person::join(&app, &ada, "bob", products).await;
    let stranger = Person::register(&app, "eve").await;
    for path in
        ["/prepaid", "/prepaid/limits", "/prepaid/transactions", "/prepaid/transactions.csv", "/prepaid/top-ups"]
    {
        bob.get(&ada.org(path)).await.refused(403, "forbidden");
        stranger.get(&ada.org(path)).await.refused(404, "not_found");
    }
}

#[actix_web::test]
async fn an_invoice_is_paid_by_its_id() {
    let (_, ada) = topped_up(1000).await;
    let declined = json!({"payment_method_token": "sandbox_declined_expired_card"});
    let refused = order(&ada, "one.ch", declined).await.refused(402, "payment_failed");
    let pay = ada.org(&format!("/invoices/{}/pay", refused["invoice"].as_str().unwrap()));
    let stale = json!({"payment_method": "prepaid", "expected_total": chf(972)});
    ada.post_once(&pay, stale).await.refused(409, "quote_stale");
    let paid = ada.post_once(&pay, json!({"payment_method": "prepaid", "expected_total": chf(973)})).await.expect(201);
    assert_eq!((&paid["invoice"]["state"], &paid["order"]["state"]), (&json!("paid"), &json!("paid")));
    assert_eq!(paid["order"]["payment_method"], "prepaid");
    ada.post_once(&pay, json!({"payment_method": "prepaid"})).await.refused(409, "invoice_closed");
    assert_eq!(balances(&ada).await, (27, 0));
}

#[actix_web::test]
async fn a_card_declines_with_its_own_reason_and_a_check_out_by_it_works_beside_the_prepaid_account() {
    let (_, ada) = topped_up(5000).await;
    let cart = cart_with(&ada, "one.ch").await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201);
    assert_eq!(balances(&ada).await, (5000, 0));
}
