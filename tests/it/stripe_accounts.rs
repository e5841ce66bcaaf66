//! BIL-6: Stripe as a provider of this server, played by a server that answers by a script.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::Duration;
use manager_domain::payments::PaymentState;
use manager_domain::{Currency, Money};
use manager_server::config::{Payments, Secret};
use manager_services::payments::stripe::StripeProvider;
use manager_services::payments::{Provider, Refund};
use manager_tests::{Person, TestApp, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::orders::{cart_with, check_out, quote};
use crate::prepaid_accounts::account;
use crate::webhooks::{chf, payment};

/// Answers each `METHOD /path` alike, and remembers what it was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<BTreeMap<&'static str, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn start() -> (Self, String) {
        let (script, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let base = format!("http://{}", listener.local_addr().unwrap());
        let playing = script.clone();
        actix_web::rt::spawn(async move {
            // A test asks far less often.
            for _ in 0..1000 {
                let Ok((stream, _)) = listener.accept().await else { return };
                playing.answer(stream).await;
            }
        });
        (script, base)
    }

    fn says(&self, request: &'static str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(request, (status, body));
    }

    fn asked(&self, request: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == request).count()
    }

    async fn answer(&self, mut stream: TcpStream) {
        let (mut bytes, mut part) = (Vec::new(), [0_u8; 4096]);
        while !is_whole(&bytes) {
            match stream.read(&mut part).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&part[..count]),
                _ => return,
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let line = text.lines().next().unwrap_or_default().split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
        let missing = (404, json!({"error": {"type": "invalid_request_error", "code": "resource_missing"}}));
        let (status, body) = self.answers.lock().unwrap().get(line.as_str()).cloned().unwrap_or(missing);
        self.asked.lock().unwrap().push(line);
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
}

/// Whether a request has come with all of its body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    body.len() >= length.filter_map(|(_, value)| value.parse().ok()).next().unwrap_or(0)
}

fn intent(status: &str) -> Value {
    json!({"id": "pi_1", "object": "payment_intent", "status": status, "amount": 573, "amount_received": 0,
        "currency": "chf", "client_secret": "pi_1_secret_x", "metadata": {}})
}

async fn start(base: String) -> (Arc<TestApp>, Person) {
    let app = TestApp::start_with(|config| {
        config.payments = Payments::Stripe;
        config.stripe_secret_key = Some(Secret::new("sk_test_of_tests"));
        config.stripe_webhook_secret = Some(Secret::new("whsec_of_tests"));
        config.stripe_api_base = Some(base);
    });
    let app = Arc::new(app.await);
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
    let ada = Person::register_with(&app, "ada", json!({"organization": organization})).await;
    (app, ada)
}

#[actix_web::test]
async fn a_new_card_is_entered_in_the_browser_or_given_up_after_a_day() {
    let (script, base) = Script::start().await;
    let (app, ada) = start(base).await;
    script.says("POST /v1/payment_intents", 200, intent("requires_payment_method"));
    let cart = cart_with(&ada, "engines.ch").await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let done = check_out(&ada, &cart, &token, "new").await.expect(201);
    let first = &done["payments"][0];
    let action = json!({"kind": "client_secret", "client_secret": "pi_1_secret_x"});
    assert_eq!((&first["state"], &first["action"]), (&json!("requires_action"), &action));
    app.advance(Duration::hours(24));
    let mut canceled = intent("canceled");
    canceled["cancellation_reason"] = json!("abandoned");
    script.says("GET /v1/payment_intents/pi_1", 200, intent("requires_payment_method"));
    script.says("POST /v1/payment_intents/pi_1/cancel", 200, canceled);
    app.settle().await;
    assert_eq!(script.asked("POST /v1/payment_intents/pi_1/cancel"), 1);
    let ada = Person::log_in(&app, &ada.email).await;
    let shown = payment(&ada, &first["id"]).await;
    assert_eq!((&shown["state"], &shown["failure_code"]), (&json!("expired"), &json!("not_confirmed_in_time")));
    assert_eq!(account(&ada).await["held"], chf(0));
}

#[actix_web::test]
async fn a_declined_payment_is_given_up_at_once() {
    let (script, base) = Script::start().await;
    let (_app, ada) = start(base).await;
    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = json!({"code": "card_declined", "decline_code": "insufficient_funds"});
    script.says("POST /v1/payment_intents", 200, failed);
    script.says("POST /v1/payment_intents/pi_1/cancel", 200, intent("canceled"));
    let cart = cart_with(&ada, "engines.ch").await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let refused = check_out(&ada, &cart, &token, "new").await.refused(402, "payment_failed");
    assert_eq!(refused["failure_code"], "insufficient_funds");
    assert_eq!(script.asked("POST /v1/payment_intents/pi_1/cancel"), 1);
}

#[actix_web::test]
async fn a_refund_is_asked_for_once_even_after_stripe_has_forgotten_its_key() {
    let (script, base) = Script::start().await;
    let (app, _ada) = start(base).await;
    let now = app.services.clock.now();
    let refund = Refund {
        id: app.services.id(now),
        payment: app.services.id(now),
        reference: Some("pi_1".to_owned()),
        amount: Money::new(500, Currency::Chf),
    };
    let at_stripe = |status: &str| {
        json!({"id": "re_1", "object": "refund", "status": status, "amount": 500, "currency": "chf",
            "payment_intent": "pi_1", "metadata": {"refund": refund.id}})
    };
    script.says("POST /v1/refunds", 200, at_stripe("pending"));
    script.says("GET /v1/refunds/re_1", 200, at_stripe("pending"));
    let asked = StripeProvider.refund(&app.services, &refund).await.unwrap();
    assert_eq!((asked.state, asked.reference.as_deref()), (PaymentState::Processing, Some("re_1")));
    app.advance(Duration::days(2));
    script.says("GET /v1/refunds", 200, json!({"data": [at_stripe("succeeded")]}));
    let asked = StripeProvider.refund(&app.services, &refund).await.unwrap();
    assert_eq!((asked.state, script.asked("POST /v1/refunds")), (PaymentState::Succeeded, 1));
    let unknown = Refund { reference: None, ..refund };
    assert_eq!(StripeProvider.refund(&app.services, &unknown).await.unwrap().state, PaymentState::Failed);
}
