//! BIL-6, BIL-7: what providers tell by themselves counts once, however often and in whatever order it comes.

use std::sync::Arc;

use chrono::Duration;
use manager_domain::staff::StaffRole;
use manager_server::config::{Payments, Secret};
use manager_services::payments::{sandbox, signatures};
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::{Method, RequestBuilder};

use crate::books::agent;
use crate::orders::{buyer, cart_with, check_out, quote};
use crate::prepaid_accounts::{account, assert_books_agree, topped_up};
use crate::refunds::{buyer_and_finance, refund};

const PATH: &str = "/v1/webhooks/payments/sandbox";

pub fn chf(amount: i64) -> Value {
    json!({"amount": amount, "currency": "CHF"})
}

/// An event of a payment, as the sandbox would tell it.
pub fn told(person: &Person, payment: &Value, id: &str, more: Value) -> Value {
    let mut event = json!({"id": id, "type": "payment", "organization": person.organization, "payment": payment});
    for (member, value) in more.as_object().expect("an object") {
        event[member] = value.clone();
    }
    event
}

fn signed(app: &TestApp, body: &str, signature: &str) -> RequestBuilder {
    let request = app.request(Method::POST, PATH).header("content-type", "application/json");
    request.header("sandbox-signature", signature).body(body.to_owned())
}

/// Delivers an event, signed as of now.
pub async fn deliver(app: &TestApp, event: &Value) -> Answer {
    let body = event.to_string();
    let signature = signatures::sign(body.as_bytes(), &sandbox::secret(&app.services), app.services.clock.now());
    app.send(signed(app, &body, &signature)).await
}

/// Orders a .ch domain (9.73 with tax); the order's details or the problem.
pub async fn order(person: &Person, domain: &str, token: &str) -> Answer {
    let cart = cart_with(person, domain).await;
    let price_token = quote(person, &cart).await["price_token"].clone();
    check_out(person, &cart, &price_token, token).await
}

/// A buyer whose order's payment is processing: the payment's and the order's ids.
async fn under_way() -> (Arc<TestApp>, Person, Value, String) {
    let (app, ada) = buyer().await;
    let done = order(&ada, "engines.ch", "sandbox_processes_for_a_day").await.expect(201);
    let (payment, order) = (&done["payments"][0], &done["order"]["id"]);
    assert_eq!(payment["state"], "processing");
    (app, ada, payment["id"].clone(), order.as_str().unwrap().to_owned())
}

pub async fn payment(person: &Person, id: &Value) -> Value {
    person.get(&person.org(&format!("/payments/{}", id.as_str().unwrap()))).await.expect(200)
}

async fn state_of_order(person: &Person, id: &str) -> Value {
    person.get(&person.org(&format!("/orders/{id}"))).await.expect(200)["order"]["state"].clone()
}

pub async fn books_agree(app: &Arc<TestApp>) {
    assert_books_agree(&agent(app, "finance", StaffRole::Finance).await).await;
}

#[actix_web::test]
async fn fifty_deliveries_in_random_order_and_at_once_settle_once() {
    let (app, ada, id, order) = under_way().await;
    let events: Vec<Value> = (0..50)
        .map(|n: usize| match n * 7 % 50 {
            // The same event again and again, and others that say the same or are overtaken.
            n if n < 30 => told(&ada, &id, "evt_paid", json!({"state": "succeeded"})),
            n if n < 36 => told(&ada, &id, &format!("evt_paid_{n}"), json!({"state": "succeeded"})),
            n if n < 43 => told(&ada, &id, "evt_processing", json!({"state": "processing", "new_field": [1]})),
            _ => told(&ada, &id, "evt_processing_2", json!({"state": "processing"})),
        })
        .collect();
    let events = Arc::new(events);
    let answers = at_once(50, |n| {
        let (app, events) = (app.clone(), events.clone());
        async move { deliver(&app, &events[n]).await }
    })
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().map(|a| a.status).max());
    assert_eq!(payment(&ada, &id).await["state"], "succeeded");
    assert_eq!(state_of_order(&ada, &order).await, "paid");
    let invoices = ada.get(&ada.org("/invoices")).await.expect(200);
    assert!(invoices["data"][0]["number"].as_str().unwrap().ends_with("-2026-1"), "{invoices}");
    assert_eq!(account(&ada).await["available"], chf(0));
    // Whatever the sandbox tells itself a day later changes nothing either.
    app.advance(Duration::days(2));
    app.settle().await;
    books_agree(&app).await;
}

#[actix_web::test]
async fn what_is_not_signed_just_now_by_the_provider_is_refused() {
    let (app, ada, id, order) = under_way().await;
    let body = told(&ada, &id, "evt_1", json!({"state": "succeeded"})).to_string();
    let (secret, now) = (sandbox::secret(&app.services), app.services.clock.now());
    let sign = |secret: &[u8], at| signatures::sign(body.as_bytes(), secret, at);
    let right = sign(&secret, now);
    for signature in [
        String::new(),
        "t=1".to_owned(),
        "nonsense".to_owned(),
        sign(b"another secret", now),
        right.replace("v1=", "v1=00"),
        sign(&secret, now - Duration::seconds(301)),
        sign(&secret, now + Duration::seconds(301)),
    ] {
        app.send(signed(&app, &body, &signature)).await.refused(400, "webhook_signature_refused");
    }
    let unsigned = app.request(Method::POST, PATH).body(body.clone());
    app.send(unsigned).await.refused(400, "webhook_signature_refused");
    app.send(signed(&app, &format!("{body} "), &right)).await.refused(400, "webhook_signature_refused");
    let garbage = "{\"id\": 7}";
    let signature = signatures::sign(garbage.as_bytes(), &secret, now);
    app.send(signed(&app, garbage, &signature)).await.refused(400, "malformed_json");
    for provider in ["stripe", "prepaid", "nobody"] {
        let path = format!("/v1/webhooks/payments/{provider}");
        let request = app.request(Method::POST, &path).header("stripe-signature", &right).body(body.clone());
        app.send(request).await.refused(404, "not_found");
    }
    let large = vec![b' '; 1024 * 1024 + 1];
    app.send(app.request(Method::POST, PATH).body(large)).await.refused(413, "payload_too_large");
    assert_eq!(state_of_order(&ada, &order).await, "open");
    // An old one of five minutes is still believed.
    app.send(signed(&app, &body, &sign(&secret, now - Duration::seconds(300)))).await.expect(200);
    assert_eq!(state_of_order(&ada, &order).await, "paid");
}

#[actix_web::test]
async fn an_event_of_a_payment_that_nobody_knows_is_kept() {
    let (app, ada, id, order) = under_way().await;
    let unknown = json!("pay_01h2xcejqtf2nbrexx3vqjhp41");
    deliver(&app, &told(&ada, &unknown, "evt_1", json!({"state": "succeeded"}))).await.expect(200);
    let mut elsewhere = told(&ada, &id, "evt_2", json!({"state": "succeeded"}));
    elsewhere["organization"] = json!("org_01h2xcejqtf2nbrexx3vqjhp41");
    deliver(&app, &elsewhere).await.expect(200);
    let other = json!({"id": "evt_3", "type": "weather", "organization": ada.organization, "payment": id});
    deliver(&app, &other).await.expect(200);
    assert_eq!(state_of_order(&ada, &order).await, "open");
    // The same event is delivered again when the payment is known.
    deliver(&app, &told(&ada, &id, "evt_1", json!({"state": "succeeded"}))).await.expect(200);
    assert_eq!(state_of_order(&ada, &order).await, "paid");
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_payment_of_the_prepaid_account_is_nobody_elses_business() {
    let (app, ada) = topped_up(2000).await;
    let cart = cart_with(&ada, "engines.ch").await;
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "prepaid"})).await.expect(200);
    let body = json!({"price_token": quote(&ada, &cart).await["price_token"]});
    let done = ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    let id = &done["payments"][0]["id"];
    deliver(&app, &told(&ada, id, "evt_1", json!({"state": "succeeded", "received": chf(5000)}))).await.expect(200);
    assert_eq!(account(&ada).await["available"], chf(1027));
    books_agree(&app).await;
}

#[actix_web::test]
async fn money_for_an_order_that_lapsed_goes_to_the_prepaid_account() {
    let (app, ada) = buyer().await;
    let declined = order(&ada, "engines.ch", "sandbox_declined").await.refused(402, "payment_failed");
    let (id, order) = (declined["payment"].clone(), declined["order"].as_str().unwrap().to_owned());
    app.advance(Duration::days(15));
    manager_services::workers::keep_house(&app.services, app.services.clock.now()).await.expect("housekeeping");
    deliver(&app, &told(&ada, &id, "evt_1", json!({"state": "succeeded"}))).await.expect(200);
    deliver(&app, &told(&ada, &id, "evt_2", json!({"state": "succeeded"}))).await.expect(200);
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(state_of_order(&ada, &order).await, "lapsed");
    assert_eq!(account(&ada).await["available"], chf(973));
    assert_eq!(payment(&ada, &id).await["state"], "failed");
    let statement = ada.get(&ada.org("/prepaid/transactions")).await.expect(200);
    assert_eq!(statement["data"].as_array().unwrap().len(), 1, "{statement}");
    assert_eq!(statement["data"][0]["kind"], "excess");
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_success_that_comes_late_still_pays_an_open_order() {
    let (app, ada) = buyer().await;
    let declined = order(&ada, "engines.ch", "sandbox_succeeds_late").await.refused(402, "payment_failed");
    app.advance(Duration::hours(2));
    app.settle().await;
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(state_of_order(&ada, declined["order"].as_str().unwrap()).await, "paid");
    assert_eq!(payment(&ada, &declined["payment"]).await["state"], "succeeded");
    books_agree(&app).await;
}

#[actix_web::test]
async fn too_much_pays_and_the_rest_goes_to_the_prepaid_account() {
    let (app, ada, id, order) = under_way().await;
    deliver(&app, &told(&ada, &id, "evt_1", json!({"state": "succeeded", "received": chf(1000)}))).await.expect(200);
    assert_eq!(state_of_order(&ada, &order).await, "paid");
    assert_eq!(account(&ada).await["available"], chf(27));
    books_agree(&app).await;
}

#[actix_web::test]
async fn too_little_goes_to_the_prepaid_account_and_the_order_stays_payable() {
    let (app, ada, id, order) = under_way().await;
    deliver(&app, &told(&ada, &id, "evt_1", json!({"state": "succeeded", "received": chf(972)}))).await.expect(200);
    assert_eq!(
        (state_of_order(&ada, &order).await, &payment(&ada, &id).await["state"]),
        (json!("open"), &json!("failed"))
    );
    assert_eq!(account(&ada).await["available"], chf(972));
    let pay = json!({"use_prepaid": true, "payment_method_token": "sandbox_succeeds"});
    let paid = ada.post_once(&ada.org(&format!("/orders/{order}/pay")), pay).await.expect(201);
    assert_eq!(paid["order"]["state"], "paid");
    // What comes in twice by the first payment is known already.
    deliver(&app, &told(&ada, &id, "evt_2", json!({"state": "succeeded", "received": chf(973)}))).await.expect(200);
    assert_eq!(account(&ada).await["available"], chf(0));
    books_agree(&app).await;
}

#[actix_web::test]
async fn the_wrong_currency_waits_in_suspense() {
    let (app, ada, id, order) = under_way().await;
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    let euros = json!({"amount": 973, "currency": "EUR"});
    deliver(&app, &told(&ada, &id, "evt_1", json!({"state": "succeeded", "received": euros}))).await.expect(200);
    assert_eq!(
        (state_of_order(&ada, &order).await, &payment(&ada, &id).await["state"]),
        (json!("open"), &json!("failed"))
    );
    assert_eq!(account(&ada).await["available"], chf(0));
    let books = finance.get("/v1/admin/books").await.expect(200);
    assert_eq!(books["agree"], true);
    assert!(books.to_string().contains("\"suspense\",\"amount\":{\"amount\":973,\"currency\":\"EUR\"}"), "{books}");
}

/// A webhook as Stripe sends it, about an intent of this payment.
async fn from_stripe(app: &TestApp, id: &str, kind: &str, object: Value) -> Answer {
    let event = json!({"id": id, "object": "event", "type": kind, "created": 1, "livemode": false,
        "data": {"object": object}});
    let body = event.to_string();
    let signature = signatures::sign(body.as_bytes(), b"whsec_of_tests", app.services.clock.now());
    let request = app.request(Method::POST, "/v1/webhooks/payments/stripe");
    app.send(request.header("stripe-signature", signature).body(body)).await
}

#[actix_web::test]
async fn stripe_tells_in_its_own_words_what_it_could_not_answer() {
    let start = TestApp::start_with(|config| {
        config.payments = Payments::Stripe;
        config.stripe_secret_key = Some(Secret::new("sk_test_of_tests"));
        config.stripe_webhook_secret = Some(Secret::new("whsec_of_tests"));
        // Nobody answers there.
        config.stripe_api_base = Some("http://127.0.0.1:1".to_owned());
    });
    let app = Arc::new(start.await);
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
    let ada = Person::register_with(&app, "ada", json!({"organization": organization})).await;
    let cart = cart_with(&ada, "engines.ch").await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_succeeds").await.faulty("/payment_method_token", "invalid_value");
    let done = check_out(&ada, &cart, &token, "new").await.expect(201);
    let id = &done["payments"][0]["id"];
    assert_eq!(done["payments"][0]["state"], "processing");
    let intent = json!({"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 973,
        "amount_received": 973, "currency": "chf", "metadata": {"payment": id, "organization": ada.organization}});
    for event in ["evt_1", "evt_1", "evt_2"] {
        from_stripe(&app, event, "payment_intent.succeeded", intent.clone()).await.expect(200);
    }
    assert_eq!(payment(&ada, id).await["state"], "succeeded");
    // A dispute names Stripe's payment alone, which is known by now.
    let dispute = |status: &str| {
        json!({"id": "du_1", "object": "dispute", "status": status, "amount": 973, "currency": "chf",
            "payment_intent": "pi_1", "charge": "ch_1", "reason": "fraudulent"})
    };
    from_stripe(&app, "evt_3", "charge.dispute.created", dispute("needs_response")).await.expect(200);
    assert_eq!(payment(&ada, id).await["state"], "disputed");
    assert_eq!(account(&ada).await["owed"], chf(973));
    from_stripe(&app, "evt_4", "charge.dispute.closed", dispute("won")).await.expect(200);
    assert_eq!(payment(&ada, id).await["state"], "succeeded");
    assert_eq!(account(&ada).await["owed"], chf(0));
    // Of one that isn't known Stripe is asked, and delivers again where it doesn't answer.
    let mut unknown = dispute("needs_response");
    (unknown["id"], unknown["payment_intent"]) = (json!("du_2"), json!("pi_2"));
    from_stripe(&app, "evt_5", "charge.dispute.created", unknown).await.refused(503, "service_unavailable");
    from_stripe(&app, "evt_6", "customer.created", json!({"id": "cus_1"})).await.expect(200);
    app.settle().await;
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_refund_that_fails_later_lands_on_the_prepaid_account_once() {
    let (app, ada, finance) = buyer_and_finance().await;
    let done = order(&ada, "engines.ch", "sandbox_refund_processes").await.expect(201);
    let (id, invoice) = (&done["payments"][0]["id"], done["invoice"]["id"].as_str().unwrap());
    let given = refund(&finance, &ada, invoice, None).await.expect(201);
    assert_eq!(given["state"], "pending");
    let failed = |event: &str, note: &Value| {
        let more = json!({"type": "refund", "credit_note": note, "state": "failed", "failure_code": "account_gone"});
        told(&ada, id, event, more)
    };
    // Of a credit note that nobody knows: kept.
    deliver(&app, &failed("evt_1", &json!("crn_01h2xcejqtf2nbrexx3vqjhp41"))).await.expect(200);
    assert_eq!(account(&ada).await["available"], chf(0));
    for event in ["evt_2", "evt_2", "evt_3"] {
        deliver(&app, &failed(event, &given["credit_note"])).await.expect(200);
        assert_eq!(account(&ada).await["available"], chf(973));
    }
    assert_eq!(payment(&ada, id).await["state"], "succeeded");
    assert_books_agree(&finance).await;
}
