//! The client against a server that answers by a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use manager_domain::ids::{OrganizationId, PaymentId};
use manager_domain::{Currency, Money};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What the server does with a request.
#[derive(Clone)]
enum Reply {
    Status(u16, String),
    /// Not a word, for longer than anybody waits.
    Hang,
    /// A head and half a body, then nothing.
    Stall,
    /// The connection is closed.
    Close,
}

fn ok(body: Value) -> Reply {
    Reply::Status(200, body.to_string())
}

fn error(status: u16, error: Value) -> Reply {
    Reply::Status(status, json!({ "error": error }).to_string())
}

/// Requests as they came: head and body.
type Seen = Arc<Mutex<Vec<String>>>;

async fn scripted(replies: Vec<Reply>) -> (Stripe, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = seen.clone();
    tokio::spawn(async move {
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read(&mut stream).await;
            log.lock().unwrap().push(request);
            tokio::spawn(answer(stream, reply));
        }
    });
    (client(&base), seen)
}

fn client(base: &str) -> Stripe {
    let secret_key = Hidden::new("sk_test_very_secret");
    let timeout = Duration::from_millis(400);
    Stripe::new(&StripeSettings { secret_key, api_base: base.to_owned(), timeout }).unwrap()
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut part).await.unwrap() {
            0 => return text,
            count => bytes.extend_from_slice(&part[..count]),
        }
    }
}

async fn answer(mut stream: TcpStream, reply: Reply) {
    match reply {
        Reply::Status(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\nRequest-Id: req_1\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n"
            );
            let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        Reply::Hang => tokio::time::sleep(Duration::from_secs(5)).await,
        Reply::Stall => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":").await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Reply::Close => {}
    }
}

fn payment() -> PaymentId {
    PaymentId::from_uuid(uuid::Uuid::from_u128(1))
}

fn request() -> IntentRequest {
    IntentRequest {
        payment: payment(),
        organization: OrganizationId::from_uuid(uuid::Uuid::from_u128(2)),
        amount: Money::new(1_250, Currency::Chf),
        method: PaymentMethodKind::Card,
        customer: Some("cus_1".to_owned()),
        saved_method: Some("pm_1".to_owned()),
        presence: Presence::Absent,
        save_method: false,
    }
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1250, "amount_received": 1250,
        "currency": "chf", "client_secret": "pi_1_secret_x", "payment_method": "pm_1",
        "metadata": { "payment": payment().to_string(), "organization": "org_x" },
    })
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

async fn created(reply: Reply) -> Result<IntentReport, StripeError> {
    let (stripe, _) = scripted(vec![reply]).await;
    stripe.create_intent(&request()).await
}

fn waits(secret: &str) -> Outcome {
    Outcome::RequiresAction(Action::ClientSecret(Hidden::new(secret)))
}

fn received(units: i64) -> Outcome {
    Outcome::Succeeded { received: Amount { units, currency: "CHF".to_owned() } }
}

#[tokio::test]
async fn a_renewal_is_asked_for_with_key_version_and_our_ids() {
    let (stripe, seen) = scripted(vec![ok(intent("succeeded"))]).await;
    let report = stripe.create_intent(&request()).await.unwrap();
    assert_eq!((report.reference.as_deref(), report.outcome), (Some("pi_1"), received(1_250)));
    assert_eq!((report.payment, report.method.as_deref()), (Some(payment().to_string()), Some("pm_1")));
    let sent = seen.lock().unwrap()[0].clone();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/payment_intents HTTP/1.1\r\n"), "{head}");
    for line in [
        format!("idempotency-key: {}", payment()),
        format!("stripe-version: {API_VERSION}"),
        "authorization: Bearer sk_test_very_secret".to_owned(),
        "content-type: application/x-www-form-urlencoded".to_owned(),
    ] {
        assert!(head.lines().any(|sent| sent == line), "{line} in {head}");
    }
    let organization = request().organization;
    assert_eq!(
        body,
        format!(
            "amount=1250&currency=chf&payment_method_types%5B%5D=card&metadata%5Bpayment%5D={}\
             &metadata%5Borganization%5D={organization}&customer=cus_1&payment_method=pm_1&confirm=true&off_session=true",
            payment()
        )
    );
}

#[tokio::test]
async fn wallets_are_confirmed_at_once_and_new_cards_in_the_browser() {
    let url = Some("https://manager.example/back?a=1".to_owned());
    let new = IntentRequest {
        saved_method: None,
        presence: Presence::Present { return_url: url },
        save_method: true,
        ..request()
    };
    let twint = IntentRequest { method: PaymentMethodKind::Twint, ..new.clone() };
    let paypal = IntentRequest { method: PaymentMethodKind::Paypal, ..new.clone() };
    let action = json!({ "type": "redirect_to_url", "redirect_to_url": { "url": "https://hooks.stripe.com/x" } });
    let redirected = ok(with(intent("requires_action"), "next_action", action));
    let (stripe, seen) = scripted(vec![ok(intent("requires_payment_method")), redirected.clone(), redirected]).await;
    assert_eq!(stripe.create_intent(&new).await.unwrap().outcome, waits("pi_1_secret_x"));
    let there = Outcome::RequiresAction(Action::Redirect(Hidden::new("https://hooks.stripe.com/x")));
    assert_eq!(stripe.create_intent(&twint).await.unwrap().outcome, there);
    assert_eq!(stripe.create_intent(&paypal).await.unwrap().outcome, there);
    let seen = seen.lock().unwrap();
    assert!(seen[0].ends_with("&customer=cus_1&setup_future_usage=off_session"), "{}", seen[0]);
    let back = "return_url=https%3A%2F%2Fmanager.example%2Fback%3Fa%3D1";
    assert!(seen[1].ends_with(&format!("&customer=cus_1&payment_method_data%5Btype%5D=twint&confirm=true&{back}")));
    assert!(seen[2].contains("&setup_future_usage=off_session&payment_method_data%5Btype%5D=paypal&confirm=true&"));
}

#[tokio::test]
async fn every_status_has_its_outcome() {
    let failure = json!({ "code": "card_declined", "decline_code": "insufficient_funds", "type": "card_error" });
    for (object, expected) in [
        (intent("succeeded"), received(1_250)),
        (intent("processing"), Outcome::Processing),
        (intent("requires_capture"), Outcome::Processing),
        (intent("something_new"), Outcome::Processing),
        (intent("requires_action"), waits("pi_1_secret_x")),
        (intent("requires_confirmation"), waits("pi_1_secret_x")),
        (with(intent("requires_action"), "client_secret", Value::Null), Outcome::Processing),
        (
            with(intent("requires_payment_method"), "last_payment_error", failure),
            Outcome::Failed(FailureReason::InsufficientFunds),
        ),
        (intent("canceled"), Outcome::Cancelled),
        (with(intent("canceled"), "cancellation_reason", json!("requested_by_customer")), Outcome::Cancelled),
        (with(intent("canceled"), "cancellation_reason", json!("abandoned")), Outcome::Expired),
        (with(intent("canceled"), "cancellation_reason", json!("expired")), Outcome::Expired),
    ] {
        assert_eq!(created(ok(object.clone())).await.unwrap().outcome, expected, "{object}");
    }
}

#[tokio::test]
async fn refusals_are_failures() {
    let waiting = with(intent("requires_payment_method"), "last_payment_error", json!({ "code": "card_declined" }));
    let declined = json!({
        "type": "card_error", "code": "card_declined", "decline_code": "expired_card", "payment_intent": waiting,
    });
    let report = created(error(402, declined)).await.unwrap();
    assert_eq!(report.reference.as_deref(), Some("pi_1"));
    for (status, body, expected) in [
        (
            402,
            json!({ "type": "card_error", "code": "authentication_required" }),
            FailureReason::AuthenticationRequired,
        ),
        (402, json!({ "type": "card_error" }), FailureReason::Declined),
        (
            402,
            json!({ "type": "card_error", "code": "card_declined", "decline_code": "lost_card" }),
            FailureReason::Declined,
        ),
        (400, json!({ "type": "invalid_request_error", "code": "amount_too_small" }), FailureReason::AmountOutOfRange),
        (
            400,
            json!({ "type": "invalid_request_error", "code": "resource_missing" }),
            FailureReason::UnknownPaymentMethod,
        ),
        (
            404,
            json!({ "type": "invalid_request_error", "code": "resource_missing" }),
            FailureReason::UnknownPaymentMethod,
        ),
        (400, json!({ "type": "invalid_request_error", "param": "currency" }), FailureReason::Refused),
    ] {
        let report = created(error(status, body.clone())).await.unwrap();
        assert_eq!(report.outcome, Outcome::Failed(expected), "{body}");
    }
    // What can't be asked for isn't.
    let (stripe, seen) = scripted(vec![]).await;
    for (request, expected) in [
        (IntentRequest { method: PaymentMethodKind::Postfinance, ..request() }, FailureReason::NotSupported),
        (
            IntentRequest { method: PaymentMethodKind::Twint, amount: Money::new(1, Currency::Eur), ..request() },
            FailureReason::NotSupported,
        ),
        (IntentRequest { amount: Money::new(0, Currency::Chf), ..request() }, FailureReason::AmountOutOfRange),
        (IntentRequest { saved_method: None, ..request() }, FailureReason::AuthenticationRequired),
        (IntentRequest { customer: None, ..request() }, FailureReason::UnknownPaymentMethod),
    ] {
        let report = stripe.create_intent(&request).await.unwrap();
        assert_eq!((report.reference, report.outcome), (None, Outcome::Failed(expected)));
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_answer_is_never_a_failure() {
    let stripes = |kind: &str| json!({ "type": kind });
    for (reply, expected) in [
        (Reply::Hang, Silence::Timeout),
        (Reply::Stall, Silence::Timeout),
        (Reply::Close, Silence::Connection),
        (error(500, stripes("api_error")), Silence::ServerFault(500)),
        (Reply::Status(502, "<html>bad gateway</html>".into()), Silence::ServerFault(502)),
        (error(424, stripes("api_error")), Silence::ServerFault(424)),
        (error(429, stripes("invalid_request_error")), Silence::Busy(429)),
        (error(409, stripes("idempotency_error")), Silence::Busy(409)),
        (error(400, stripes("idempotency_error")), Silence::KeyUsedOtherwise),
        (error(400, stripes("api_error")), Silence::Busy(400)),
        (error(401, stripes("invalid_request_error")), Silence::NotAuthorized(401)),
        (error(403, stripes("invalid_request_error")), Silence::NotAuthorized(403)),
        (Reply::Status(404, "not found".into()), Silence::Unreadable(404)),
        (Reply::Status(302, String::new()), Silence::Unreadable(302)),
        (Reply::Status(200, "{}".into()), Silence::Unreadable(200)),
        (Reply::Status(200, "nginx".into()), Silence::Unreadable(200)),
        (Reply::Status(200, " ".repeat(2 << 20)), Silence::Unreadable(200)),
    ] {
        assert_eq!(created(reply).await, Err(StripeError::NoAnswer(expected)));
    }
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&base).create_intent(&request()).await.unwrap_err();
    assert_eq!(error, StripeError::NoAnswer(Silence::Connection));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_by_the_same_key_and_later_looked_for() {
    let hour = Duration::from_secs(3600);
    let (stripe, seen) = scripted(vec![Reply::Close, ok(intent("processing")), ok(intent("succeeded"))]).await;
    stripe.create_intent(&request()).await.unwrap_err();
    let report = stripe.ask_again(&request(), None, hour).await.unwrap();
    assert_eq!(report.outcome, received(1_250));
    let heads: Vec<_> = seen.lock().unwrap().iter().map(|sent| sent.lines().next().unwrap().to_owned()).collect();
    assert_eq!(heads[1], "POST /v1/payment_intents HTTP/1.1");
    assert_eq!(heads[2], "GET /v1/payment_intents/pi_1 HTTP/1.1");
    assert!(seen.lock().unwrap()[..2].iter().all(|sent| sent.contains(&format!("idempotency-key: {}", payment()))));

    let (stripe, seen) = scripted(vec![
        ok(json!({ "data": [intent("succeeded")] })),
        ok(json!({ "data": [] })),
        ok(json!({ "data": [with(intent("succeeded"), "metadata", json!({ "payment": "pay_other" }))] })),
        ok(intent("processing")),
    ])
    .await;
    let found = stripe.ask_again(&request(), None, hour * 24).await.unwrap();
    assert_eq!(found.reference.as_deref(), Some("pi_1"));
    let never = Outcome::Failed(FailureReason::NeverAsked);
    assert_eq!(stripe.ask_again(&request(), None, hour * 24).await.unwrap().outcome, never);
    assert_eq!(stripe.ask_again(&request(), None, hour * 24).await.unwrap().outcome, never);
    let known = stripe.ask_again(&request(), Some("pi_1"), hour * 24).await.unwrap();
    assert_eq!(known.outcome, Outcome::Processing);
    let query =
        format!("GET /v1/payment_intents/search?query=metadata%5B%27payment%27%5D%3A%27{}%27&limit=10 ", payment());
    assert!(seen.lock().unwrap()[0].starts_with(&query), "{}", seen.lock().unwrap()[0]);
}

#[tokio::test]
async fn giving_up_tells_when_it_came_too_late() {
    let unexpected = json!({
        "type": "invalid_request_error", "code": "payment_intent_unexpected_state", "payment_intent": intent("succeeded"),
    });
    let cancelled = with(intent("canceled"), "cancellation_reason", json!("abandoned"));
    let (stripe, seen) = scripted(vec![ok(cancelled), error(400, unexpected)]).await;
    assert_eq!(stripe.cancel_intent("pi_1", Ending::Expired).await.unwrap().outcome, Outcome::Expired);
    assert!(seen.lock().unwrap()[0].ends_with("\r\n\r\ncancellation_reason=abandoned"));
    assert_eq!(stripe.cancel_intent("pi_1", Ending::Cancelled).await.unwrap().outcome, received(1_250));
}

#[tokio::test]
async fn refunds_fail_by_their_reasons() {
    let refund = |status: &str| {
        json!({
            "id": "re_1", "status": status, "amount": 500, "currency": "chf", "payment_intent": "pi_1",
            "metadata": { "refund": "crn_1" }, "failure_reason": "expired_or_canceled_card",
        })
    };
    let request =
        RefundRequest { refund: "crn_1".into(), reference: "pi_1".into(), amount: Money::new(500, Currency::Chf) };
    for (reply, expected) in [
        (ok(refund("pending")), Ok(RefundState::Pending)),
        (ok(refund("requires_action")), Ok(RefundState::Pending)),
        (ok(refund("succeeded")), Ok(RefundState::Succeeded)),
        (ok(refund("canceled")), Ok(RefundState::Cancelled)),
        (ok(refund("failed")), Ok(RefundState::Failed(RefundFailure::AccountGone))),
        (
            error(400, json!({ "type": "invalid_request_error", "code": "charge_already_refunded" })),
            Ok(RefundState::Failed(RefundFailure::AlreadyRefunded)),
        ),
        (error(500, json!({ "type": "api_error" })), Err(StripeError::NoAnswer(Silence::ServerFault(500)))),
    ] {
        let (stripe, seen) = scripted(vec![reply]).await;
        let report = stripe.create_refund(&request).await;
        assert_eq!(report.clone().map(|report| report.state), expected);
        assert_eq!(report.map(|report| report.refund), expected.map(|_| Some("crn_1".to_owned())));
        assert!(seen.lock().unwrap()[0].contains("idempotency-key: crn_1"));
    }
}

#[tokio::test]
async fn ids_of_strangers_do_not_become_paths() {
    let (stripe, seen) = scripted(vec![]).await;
    for id in ["", "pi_1/cancel", "../v1/balance", "pi_1?expand[]=x", "pi%2f", "pi_\n"] {
        assert!(matches!(stripe.retrieve_intent(id).await, Err(StripeError::Refused(_))), "{id}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn settings_are_checked_and_secrets_are_not_shown() {
    let settings = |key: &str, base: &str| {
        let timeout = Duration::from_secs(8);
        Stripe::new(&StripeSettings { secret_key: Hidden::new(key), api_base: base.to_owned(), timeout }).map(|_| ())
    };
    for base in ["http://api.stripe.com", "ftp://127.0.0.1", "https://user:pass@api.stripe.com", "api.stripe.com", ""] {
        assert_eq!(settings("sk_test_x", base), Err(UnusableSettings::ApiBase), "{base}");
    }
    for base in [API_BASE, "http://127.0.0.1:12111", "http://[::1]:12111/", "http://localhost:1/prefix"] {
        assert_eq!(settings("sk_test_x", base), Ok(()), "{base}");
    }
    assert_eq!(settings("sk_test\nx", API_BASE), Err(UnusableSettings::SecretKey));

    let timeout = Duration::from_secs(8);
    let settings =
        StripeSettings { secret_key: Hidden::new("sk_test_very_secret"), api_base: API_BASE.to_owned(), timeout };
    let printed = format!("{settings:?} {:?} {:?}", Stripe::new(&settings).unwrap(), waits("pi_1_secret_x"));
    assert!(!printed.contains("very_secret") && !printed.contains("secret_x"), "{printed}");
}
