//! BIL-5, BIL-6: the sandbox's page pays, declines or expires, with a prepaid part held and released.

use std::sync::Arc;

use chrono::Duration;
use manager_services::mails::transports::Transport;
use manager_services::workers::work_once;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::orders::{cart_with, quote};
use crate::prepaid_accounts::{account, topped_up};
use crate::webhooks::{books_agree, chf, payment};

/// An order that waits for its payer: 4.00 of it from the prepaid account.
struct Waiting {
    app: Arc<TestApp>,
    ada: Person,
    payment: Value,
    order: String,
    /// The path of the sandbox's page.
    page: String,
}

async fn waiting() -> Waiting {
    let (app, ada) = topped_up(1000).await;
    let cart = cart_with(&ada, "engines.ch").await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let body =
        json!({"price_token": token, "prepaid_at_most": chf(400), "payment_method_token": "sandbox_requires_action"});
    let done = ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    let payment = &done["payments"][0];
    assert_eq!((&payment["state"], &payment["action"]["kind"]), (&json!("requires_action"), &json!("redirect")));
    let url = payment["action"]["url"].as_str().unwrap();
    let page = url.strip_prefix(&app.url).unwrap_or_else(|| panic!("{url}")).to_owned();
    let (payment, order) = (payment["id"].clone(), done["order"]["id"].as_str().unwrap().to_owned());
    assert_eq!(balances(&ada).await, (600, 400));
    Waiting { app, ada, payment, order, page }
}

async fn balances(person: &Person) -> (i64, i64) {
    let account = account(person).await;
    (account["available"]["amount"].as_i64().unwrap(), account["held"]["amount"].as_i64().unwrap())
}

impl Waiting {
    async fn decide(&self, decision: &str) -> Answer {
        decide(&self.app, &self.page, decision).await
    }

    async fn states(&self) -> (Value, Value) {
        let ada = Person::log_in(&self.app, &self.ada.email).await;
        let order = ada.get(&ada.org(&format!("/orders/{}", self.order))).await.expect(200);
        (payment(&ada, &self.payment).await["state"].clone(), order["order"]["state"].clone())
    }

    async fn text(&self) -> String {
        let page = self.app.get(&self.page).await;
        assert_eq!(page.status, 200);
        String::from_utf8(page.bytes).unwrap()
    }
}

async fn decide(app: &TestApp, page: &str, decision: &str) -> Answer {
    let request = app.request(Method::POST, page).header("content-type", "application/x-www-form-urlencoded");
    app.send(request.body(format!("decision={decision}"))).await
}

#[actix_web::test]
async fn the_page_shows_what_is_to_be_paid_and_a_get_never_acts() {
    let waiting = waiting().await;
    let page = waiting.app.get(&waiting.page).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let text = String::from_utf8(page.bytes).unwrap();
    assert!(
        text.contains("CHF 5.73") && text.contains("value=\"paid\"") && text.contains("value=\"declined\""),
        "{text}"
    );
    for language in ["fr", "de", "it", "es"] {
        let request = waiting.app.request(Method::GET, &waiting.page).header("accept-language", language);
        let page = waiting.app.send(request).await;
        assert_eq!(page.header("content-language"), language);
    }
    assert_eq!(waiting.states().await, (json!("requires_action"), json!("open")));
    // Nobody guesses a page.
    let (start, end) = waiting.page.split_at(waiting.page.len() - 1);
    for other in
        [format!("{start}{}", if end == "A" { "Q" } else { "A" }), start.to_owned(), format!("{}x", waiting.page)]
    {
        waiting.app.get(&other).await.refused(404, "not_found");
        decide(&waiting.app, &other, "paid").await.refused(404, "not_found");
    }
    waiting.decide("cancelled").await.refused(400, "malformed_request");
    waiting.app.send(waiting.app.request(Method::PUT, &waiting.page)).await.refused(405, "method_not_allowed");
    assert_eq!(waiting.states().await, (json!("requires_action"), json!("open")));
}

#[actix_web::test]
async fn who_pays_on_the_page_has_paid_once() {
    let waiting = waiting().await;
    let (app, page) = (waiting.app.clone(), Arc::new(waiting.page.clone()));
    let answers = at_once(8, |_| {
        let (app, page) = (app.clone(), page.clone());
        async move { decide(&app, &page, "paid").await }
    })
    .await;
    assert!(answers.iter().all(|answer| answer.status == 303 && answer.header("location") == waiting.page));
    assert_eq!(waiting.states().await, (json!("succeeded"), json!("paid")));
    assert_eq!(balances(&waiting.ada).await, (600, 0));
    // What is decided stays so.
    waiting.decide("declined").await;
    assert!(waiting.text().await.contains("confirmed") && !waiting.text().await.contains("<form"));
    app.settle().await;
    assert_eq!(waiting.states().await, (json!("succeeded"), json!("paid")));
    books_agree(&app).await;
}

#[actix_web::test]
async fn who_declines_on_the_page_gets_the_prepaid_part_back_and_can_pay_otherwise() {
    let waiting = waiting().await;
    assert_eq!(waiting.decide("declined").await.status, 303);
    assert_eq!(waiting.states().await, (json!("failed"), json!("open")));
    let ada = &waiting.ada;
    assert_eq!(payment(ada, &waiting.payment).await["failure_code"], "declined_by_customer");
    assert_eq!(balances(ada).await, (1000, 0));
    assert!(waiting.text().await.contains("declined"));
    let pay = ada.org(&format!("/orders/{}/pay", waiting.order));
    ada.post_once(&pay, json!({"payment_method": "prepaid"})).await.expect(201);
    waiting.app.settle().await;
    assert_eq!(waiting.states().await, (json!("failed"), json!("paid")));
    books_agree(&waiting.app).await;
}

#[actix_web::test]
async fn nobody_comes_for_a_day_and_the_payment_expires() {
    let waiting = waiting().await;
    let app = &waiting.app;
    app.advance(Duration::hours(23));
    // It waits: its job stays in the queue without being given up.
    while work_once(&app.services, &Transport::Development).await.unwrap() > 0 {}
    assert_eq!(waiting.states().await, (json!("requires_action"), json!("open")));
    let pay = waiting.ada.org(&format!("/orders/{}/pay", waiting.order));
    let ada = Person::log_in(app, &waiting.ada.email).await;
    ada.post_once(&pay, json!({"payment_method": "prepaid"})).await.refused(409, "payment_in_progress");
    app.advance(Duration::hours(1));
    app.settle().await;
    assert_eq!(waiting.states().await, (json!("expired"), json!("open")));
    let ada = Person::log_in(app, &waiting.ada.email).await;
    assert_eq!(balances(&ada).await, (1000, 0));
    // It is over on the page too.
    waiting.decide("paid").await;
    assert!(waiting.text().await.contains("no longer open"));
    app.settle().await;
    assert_eq!(waiting.states().await, (json!("expired"), json!("open")));
    books_agree(app).await;
}

#[actix_web::test]
async fn the_scripted_methods_end_as_they_say() {
    let (app, ada) = topped_up(1000).await;
    let failed = crate::webhooks::order(&ada, "one.ch", "sandbox_declined").await.refused(402, "payment_failed");
    assert_eq!(failed["failure_code"], "declined");
    let slow = crate::webhooks::order(&ada, "two.ch", "sandbox_processes_then_fails").await.expect(201);
    let id = &slow["payments"][0]["id"];
    assert_eq!(slow["payments"][0]["state"], "processing");
    app.advance(Duration::hours(25));
    app.settle().await;
    let ada = Person::log_in(&app, &ada.email).await;
    let shown = payment(&ada, id).await;
    assert_eq!((&shown["state"], &shown["failure_code"]), (&json!("failed"), &json!("declined")));
    books_agree(&app).await;
}
