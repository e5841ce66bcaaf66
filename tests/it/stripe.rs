//! The Stripe client against localstripe, a stateful imitation, started from the Python that `LOCALSTRIPE_PYTHON` names.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::Utc;
use manager_domain::ids::{OrganizationId, PaymentId};
use manager_domain::payments::PaymentMethodKind;
use manager_domain::{Currency, Instant, Money};
use manager_services::payments::stripe::*;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

const VISA: &str = "4242424242424242";
const WANTS_AUTHENTICATION: &str = "4000002500003155";
const AUTHENTICATED_AND_DECLINED: &str = "4000008260003178";
/// Can be saved, and is declined when it is charged.
const DECLINED: &str = "4000000000000341";

/// A running localstripe, and the client of it. Stopped when dropped.
struct Local {
    process: Child,
    base: String,
    stripe: Stripe,
    browser: reqwest::Client,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client(base: &str, key: &str) -> Stripe {
    let timeout = Duration::from_secs(8);
    Stripe::new(&StripeSettings { secret_key: Hidden::new(key), api_base: base.to_owned(), timeout }).unwrap()
}

impl Local {
    #[allow(clippy::disallowed_methods, reason = "a test asks where its tool is")]
    async fn start() -> Self {
        let python =
            std::env::var("LOCALSTRIPE_PYTHON").expect("LOCALSTRIPE_PYTHON names a Python that has localstripe");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Its own command would listen on all addresses.
        let program = "import sys; from aiohttp import web; from localstripe.server import app; \
                       web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)";
        let process = Command::new(python)
            .args(["-c", program, &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let browser = manager_tests::clients::client().no_proxy().build().unwrap();
        let local = Self { process, stripe: client(&base, "sk_test_12345"), base, browser };
        for _ in 0..100 {
            if local.browser.get(format!("{}/js.stripe.com/v3/", local.base)).send().await.is_ok() {
                return local;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("localstripe did not start");
    }

    /// What a browser, or Stripe itself, does.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.browser.post(format!("{}{path}", self.base)).bearer_auth("sk_test_12345").form(form);
        let body = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// A card that the customer saved.
    async fn saved(&self, number: &str, organization: OrganizationId) -> (String, String) {
        let customer = self.stripe.create_customer(organization).await.unwrap();
        let key = Uuid::now_v7_of_test().to_string();
        let request = SetupRequest { key, organization, customer: customer.clone(), method: PaymentMethodKind::Card };
        let setup = self.stripe.create_setup(&request).await.unwrap();
        let SetupOutcome::RequiresAction(Action::ClientSecret(secret)) = setup.outcome else { panic!("{setup:?}") };
        let card = [
            ("payment_method_data[type]", "card"),
            ("payment_method_data[card][number]", number),
            ("payment_method_data[card][exp_month]", "12"),
            ("payment_method_data[card][exp_year]", "2031"),
            ("payment_method_data[card][cvc]", "123"),
            ("client_secret", secret.reveal()),
            ("key", "pk_test_12345"),
        ];
        let confirmed = self.post(&format!("/v1/setup_intents/{}/confirm", setup.reference), &card).await;
        let method = confirmed["payment_method"].as_str().unwrap().to_owned();
        let report = self.stripe.retrieve_setup(&setup.reference).await.unwrap();
        if number == VISA {
            assert_eq!(report.outcome, SetupOutcome::Succeeded { method: method.clone() });
            assert_eq!(report.organization, Some(organization.to_string()));
        }
        // Stripe attaches what was set up; the imitation leaves that to us.
        self.post(&format!("/v1/payment_methods/{method}/attach"), &[("customer", &customer)]).await;
        (customer, method)
    }

    async fn request(&self, number: &str, presence: Presence) -> IntentRequest {
        let organization = OrganizationId::from_uuid(Uuid::now_v7_of_test());
        let (customer, method) = self.saved(number, organization).await;
        IntentRequest {
            payment: PaymentId::from_uuid(Uuid::now_v7_of_test()),
            organization,
            amount: Money::new(11_990, Currency::Chf),
            method: PaymentMethodKind::Card,
            customer: Some(customer),
            saved_method: Some(method),
            presence,
            save_method: false,
        }
    }

    /// The customer answers the bank's question.
    async fn authenticate(&self, reference: &str, secret: &Hidden, success: &str) {
        let form = [("client_secret", secret.reveal()), ("success", success), ("key", "pk_test_12345")];
        self.post(&format!("/v1/payment_intents/{reference}/_authenticate"), &form).await;
    }
}

trait OfTest {
    fn now_v7_of_test() -> Self;
}

impl OfTest for Uuid {
    #[allow(clippy::disallowed_methods, reason = "ids of a test")]
    fn now_v7_of_test() -> Self {
        Uuid::now_v7()
    }
}

const THERE: Presence = Presence::Present { return_url: None };

fn received() -> Outcome {
    Outcome::Succeeded { received: Amount { units: 11_990, currency: "CHF".to_owned() } }
}

fn secret(report: &IntentReport) -> Hidden {
    match &report.outcome {
        Outcome::RequiresAction(Action::ClientSecret(secret)) => secret.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_saved_card_pays_without_the_customer_and_is_refunded() {
    let local = Local::start().await;
    let request = local.request(VISA, Presence::Absent).await;
    let report = local.stripe.create_intent(&request).await.unwrap();
    assert_eq!(report.outcome, received());
    assert_eq!(report.payment, Some(request.payment.to_string()));
    assert_eq!(report.organization, Some(request.organization.to_string()));
    let reference = report.reference.clone().unwrap();
    assert_eq!(local.stripe.retrieve_intent(&reference).await.unwrap(), report);
    // Too late to give it up.
    assert_eq!(local.stripe.cancel_intent(&reference, Ending::Cancelled).await.unwrap().outcome, received());

    let amount = Money::new(5_000, Currency::Chf);
    let refund = RefundRequest { refund: "crn_1".to_owned(), reference, amount };
    let report = local.stripe.create_refund(&refund).await.unwrap();
    assert_eq!((report.state, report.amount.money()), (RefundState::Succeeded, Some(amount)));
    assert_eq!(report.refund.as_deref(), Some("crn_1"));
    assert_eq!(local.stripe.retrieve_refund(report.reference.as_deref().unwrap()).await.unwrap(), report);
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_declined_card_has_failed() {
    let local = Local::start().await;
    let request = local.request(DECLINED, Presence::Absent).await;
    let report = local.stripe.create_intent(&request).await.unwrap();
    assert_eq!(report.outcome, Outcome::Failed(FailureReason::Declined));
    let unknown = IntentRequest { saved_method: Some("pm_unknown".to_owned()), ..request };
    let report = local.stripe.create_intent(&unknown).await.unwrap();
    // localstripe gives no code here, Stripe `resource_missing`.
    assert_eq!(report.outcome, Outcome::Failed(FailureReason::Refused));
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_bank_that_asks_the_customer_is_answered_in_the_browser() {
    let local = Local::start().await;
    for (card, success, expected) in [
        (WANTS_AUTHENTICATION, "true", received()),
        (WANTS_AUTHENTICATION, "false", Outcome::Failed(FailureReason::AuthenticationFailed)),
        (AUTHENTICATED_AND_DECLINED, "true", Outcome::Failed(FailureReason::Declined)),
    ] {
        let request = local.request(card, THERE).await;
        let report = local.stripe.create_intent(&request).await.unwrap();
        let reference = report.reference.clone().unwrap();
        local.authenticate(&reference, &secret(&report), success).await;
        let asked = local.stripe.ask_again(&request, Some(&reference), Duration::from_secs(60)).await.unwrap();
        assert_eq!(asked.outcome, expected, "{card} {success}");
    }
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_new_card_waits_for_the_browser_and_can_be_given_up() {
    let local = Local::start().await;
    let request = IntentRequest { saved_method: None, ..local.request(VISA, THERE).await };
    let report = local.stripe.create_intent(&request).await.unwrap();
    let reference = report.reference.clone().unwrap();
    assert!(secret(&report).reveal().starts_with(&reference));
    let refund = RefundRequest { refund: "crn_2".to_owned(), reference: reference.clone(), amount: request.amount };
    let refused = local.stripe.create_refund(&refund).await.unwrap();
    assert_eq!((refused.state, refused.reference), (RefundState::Failed(RefundFailure::Refused), None));
    let report = local.stripe.cancel_intent(&reference, Ending::Cancelled).await.unwrap();
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert_eq!(local.stripe.retrieve_intent(&reference).await.unwrap().outcome, Outcome::Cancelled);
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_saved_card_is_shown_and_forgotten() {
    let local = Local::start().await;
    let (customer, method) = local.saved(VISA, OrganizationId::from_uuid(Uuid::now_v7_of_test())).await;
    let shown = local.stripe.retrieve_method(&method).await.unwrap();
    assert_eq!((shown.kind, shown.customer), (Some(PaymentMethodKind::Card), Some(customer)));
    let card = shown.card.unwrap();
    assert_eq!((card.last4.as_str(), card.expiry_month, card.expiry_year), ("4242", 12, 2031));
    local.stripe.detach_method(&method).await.unwrap();
    local.stripe.detach_method(&method).await.unwrap();
    assert_eq!(local.stripe.retrieve_method(&method).await.unwrap().customer, None);
    local.stripe.detach_method("pm_unknown").await.unwrap();
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn a_wrong_key_leaves_the_outcome_open_and_unknown_ids_are_missing() {
    let local = Local::start().await;
    let request = local.request(VISA, Presence::Absent).await;
    let stranger = client(&local.base, "pk_test_12345");
    let error = stranger.create_intent(&request).await.unwrap_err();
    assert_eq!(error, StripeError::NoAnswer(Silence::NotAuthorized(401)));
    assert!(local.stripe.retrieve_intent("pi_unknown").await.unwrap_err().is_missing());
    assert!(local.stripe.retrieve_refund("re_unknown").await.unwrap_err().is_missing());
}

#[tokio::test]
#[ignore = "needs localstripe"]
async fn its_webhooks_are_believed() {
    let local = Local::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    local.post("/_config/webhooks/test", &[("url", &url), ("secret", "whsec_test")]).await;
    let request = local.request(VISA, Presence::Absent).await;
    let report = local.stripe.create_intent(&request).await.unwrap();
    let secret = Hidden::new("whsec_test");
    // Others come before: the customer, for one.
    for _ in 0..10 {
        let delivery = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await.unwrap();
        let (header, body) = delivered(delivery.unwrap().0).await;
        let event = open(&header, body.as_bytes(), &secret, now()).unwrap();
        assert_eq!(
            open(&header, body.as_bytes(), &Hidden::new("whsec_other"), now()),
            Err(EventFault::Signature(SignatureFault::Wrong))
        );
        if event.fact == Fact::Payment(report.clone()) {
            assert!(event.id.starts_with("evt_") && !event.is_live);
            return;
        }
    }
    panic!("no event of the payment");
}

#[allow(clippy::disallowed_methods, reason = "localstripe signs with the system's clock")]
fn now() -> Instant {
    Instant::new(Utc::now())
}

/// Header and body of one delivery, which is acknowledged.
async fn delivered(mut stream: tokio::net::TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = |name: &str| {
                head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
            };
            let length: usize = field("content-length").unwrap().1.parse().unwrap();
            if body.len() >= length {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
                return (field("stripe-signature").unwrap().1.to_owned(), body.to_owned());
            }
        }
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "the delivery broke off");
        bytes.extend_from_slice(&part[..count]);
    }
}
