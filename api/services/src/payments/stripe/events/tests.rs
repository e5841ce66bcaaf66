use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::super::{Action, RefundFailure, RefundState, SetupOutcome};
use super::*;

const SECRET: &str = "whsec_f3a1b2c4d5e6f708192a3b4c5d6e7f80";
/// When the samples were sent.
const SENT: i64 = 1_764_059_400;

fn at(seconds: i64) -> Instant {
    Instant::new(DateTime::from_timestamp(seconds, 0).unwrap())
}

fn signature(secret: &str, moment: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{moment}.{body}").as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(body: &str) -> String {
    format!("t={SENT},v1={},v0={}", signature(SECRET, SENT, body), "0".repeat(64))
}

fn opened(header: &str, body: &str, now: i64) -> Result<Event, EventFault> {
    open(header, body.as_bytes(), &Hidden::new(SECRET), at(now))
}

fn event(body: &str) -> Event {
    opened(&signed(body), body, SENT + 2).unwrap()
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../samples/", $name, ".json"))
    };
}

fn amount(units: i64) -> Amount {
    Amount { units, currency: "CHF".to_owned() }
}

#[test]
fn a_success_names_the_payment_and_what_came_in() {
    let event = event(sample!("payment_intent_succeeded"));
    assert_eq!(
        (event.id.as_str(), event.created, event.is_live),
        ("evt_3SX1aBLkdIwHu7ix0aQy8Zk1", 1_764_059_398, true)
    );
    let Fact::Payment(report) = event.fact else { panic!("{:?}", event.fact) };
    assert_eq!(report.reference.as_deref(), Some("pi_3SX1aBLkdIwHu7ix0cR5pGqT"));
    assert_eq!(report.payment.as_deref(), Some("pay_01kaxn8v5tf3pbm1s6w2c9d4e7"));
    assert_eq!(report.organization.as_deref(), Some("org_01kaxn7r2qe8x9y0z1a2b3c4d5"));
    assert_eq!(report.method.as_deref(), Some("pm_1SX1a9LkdIwHu7ixW2nT4hJe"));
    assert_eq!(report.outcome, Outcome::Succeeded { received: amount(11_990) });
}

#[test]
fn failures_and_what_is_to_be_done() {
    let Fact::Payment(report) = event(sample!("payment_intent_payment_failed")).fact else { panic!() };
    assert_eq!(report.outcome, Outcome::Failed(FailureReason::InsufficientFunds));
    let Fact::Payment(report) = event(sample!("payment_intent_requires_action")).fact else { panic!() };
    let url = "https://pm-redirects.stripe.com/authorize/acct_1SX0/pa_nonce_TU1";
    assert_eq!(report.outcome, Outcome::RequiresAction(Action::Redirect(Hidden::new(url))));
    let processing = sample!("payment_intent_requires_action").replace("\"requires_action\"", "\"processing\"");
    let Fact::Payment(report) = event(&processing.replace("intent.requires_action", "intent.processing")).fact else {
        panic!()
    };
    assert_eq!(report.outcome, Outcome::Processing);
    let canceled = sample!("payment_intent_requires_action").replace("\"requires_action\"", "\"canceled\"");
    let canceled = canceled.replace("\"cancellation_reason\": null", "\"cancellation_reason\": \"automatic\"");
    let Fact::Payment(report) = event(&canceled.replace("intent.requires_action", "intent.canceled")).fact else {
        panic!()
    };
    assert_eq!(report.outcome, Outcome::Expired);
    // Later attempts have been made on the object that comes with it; the event tells of the failed one.
    let later = sample!("payment_intent_requires_action").replace("intent.requires_action", "intent.payment_failed");
    let Fact::Payment(report) = event(&later).fact else { panic!() };
    assert_eq!(report.outcome, Outcome::Failed(FailureReason::Declined));
}

#[test]
fn refunds_disputes_and_saved_means() {
    let Fact::Refunded { intent, total, charge } = event(sample!("charge_refunded")).fact else { panic!() };
    assert_eq!((intent.as_deref(), total), (Some("pi_3SX1aBLkdIwHu7ix0cR5pGqT"), amount(5_000)));
    assert_eq!(charge, "ch_3SX1aBLkdIwHu7ix0QyZ2mVb");

    let failed = sample!("refund_failed");
    for (body, expected) in [
        (failed.to_owned(), RefundState::Failed(RefundFailure::AccountGone)),
        (
            failed.replace("refund.failed", "refund.updated").replace("\"failed\"", "\"succeeded\""),
            RefundState::Succeeded,
        ),
    ] {
        let Fact::Refund(report) = event(&body).fact else { panic!() };
        assert_eq!((report.state, report.amount), (expected, amount(5_000)));
        assert_eq!(report.refund.as_deref(), Some("crn_01kaxnb3c4d5e6f7g8h9j0k1m2"));
        assert_eq!(report.intent.as_deref(), Some("pi_3SX1aBLkdIwHu7ix0cR5pGqT"));
    }

    let created = sample!("charge_dispute_created");
    for (status, kind, expected) in [
        ("needs_response", "created", DisputeState::Open),
        ("warning_needs_response", "created", DisputeState::Inquiry),
        ("won", "closed", DisputeState::Won),
        ("lost", "closed", DisputeState::Lost),
        ("warning_closed", "closed", DisputeState::InquiryClosed),
    ] {
        let body = created.replace("\"needs_response\"", &format!("\"{status}\""));
        let Fact::Dispute(dispute) = event(&body.replace("dispute.created", &format!("dispute.{kind}"))).fact else {
            panic!()
        };
        assert_eq!((dispute.state, dispute.amount), (expected, amount(11_990)));
        assert_eq!(dispute.intent.as_deref(), Some("pi_3SX1aBLkdIwHu7ix0cR5pGqT"));
        assert_eq!(dispute.reason.as_deref(), Some("fraudulent"));
    }

    let Fact::MethodSaved(setup) = event(sample!("setup_intent_succeeded")).fact else { panic!() };
    assert_eq!(setup.customer.as_deref(), Some("cus_TU1kXo9mPq2rSt"));
    assert_eq!(setup.outcome, SetupOutcome::Succeeded { method: "pm_1SX1a9LkdIwHu7ixW2nT4hJe".to_owned() });
}

#[test]
fn other_kinds_pass_and_other_shapes_do_not() {
    let body = sample!("payment_intent_succeeded");
    let other = event(&body.replace("payment_intent.succeeded", "customer.updated"));
    assert_eq!(other.fact, Fact::Other("customer.updated".to_owned()));
    for broken in ["{}".to_owned(), "[]".to_owned(), body.replace("\"status\"", "\"state\""), "not json".to_owned()] {
        assert_eq!(opened(&signed(&broken), &broken, SENT), Err(EventFault::Unreadable));
    }
    let foreign = event(&body.replace("\"chf\"", "\"usd\""));
    let Fact::Payment(IntentReport { outcome: Outcome::Succeeded { received }, .. }) = foreign.fact else { panic!() };
    assert_eq!((received.currency.as_str(), received.money()), ("USD", None));
}

#[test]
fn only_stripe_is_believed() {
    let body = sample!("payment_intent_succeeded");
    let right = signature(SECRET, SENT, body);
    let wrong = |header: &str| assert_eq!(opened(header, body, SENT), Err(SignatureFault::Wrong.into()), "{header}");
    wrong(&format!("t={SENT},v1={}", signature("whsec_other", SENT, body)));
    wrong(&format!("t={SENT},v1={}", signature(SECRET, SENT, &body.replace("11990", "1"))));
    // The moment is signed too.
    wrong(&format!("t={},v1={right}", SENT + 1));
    assert_eq!(opened(&signed(body), &format!("{body} "), SENT), Err(SignatureFault::Wrong.into()));
    for malformed in [
        String::new(),
        "t=1".to_owned(),
        format!("v1={right}"),
        format!("t={SENT},v0={right}"),
        format!("t=,v1={right}"),
        format!("t=-{SENT},v1={right}"),
        format!("t=+{SENT},v1={right}"),
        format!("t=0{SENT},v1={right}"),
        format!("t={SENT},t={SENT},v1={right}"),
        format!("t=99999999999999999999,v1={right}"),
        format!("t={SENT},v1={}", &right[..62]),
        format!("t={SENT},v1=zz{}", &right[2..]),
        format!("t={SENT};v1={right}"),
    ] {
        assert_eq!(opened(&malformed, body, SENT), Err(SignatureFault::Malformed.into()), "{malformed}");
    }
}

#[test]
fn one_of_several_signatures_suffices() {
    let body = sample!("payment_intent_succeeded");
    let (right, other) = (signature(SECRET, SENT, body), signature("whsec_new", SENT, body));
    for header in [
        format!("t={SENT},v1={other},v1={right}"),
        format!("t={SENT},v1={right},v1={other}"),
        format!("v1=short, v1={}, t={SENT}", right.to_uppercase()),
    ] {
        assert!(opened(&header, body, SENT).is_ok(), "{header}");
    }
    // A flood of them isn't worked through.
    let flood = format!("t={SENT},{}v1={right}", format!("v1={other},").repeat(16));
    assert_eq!(opened(&flood, body, SENT), Err(SignatureFault::Wrong.into()));
}

#[test]
fn recordings_are_old_and_repeated_deliveries_are_alike() {
    let body = sample!("payment_intent_succeeded");
    let header = signed(body);
    for now in [SENT - 300, SENT, SENT + 300] {
        assert_eq!(opened(&header, body, now), opened(&header, body, SENT), "{now}");
    }
    for now in [SENT - 301, SENT + 301, SENT + 86_400] {
        assert_eq!(opened(&header, body, now), Err(SignatureFault::Stale.into()), "{now}");
    }
    // Stripe signs each delivery anew: the id tells that it is the same event.
    let again = format!("t={},v1={}", SENT + 3_600, signature(SECRET, SENT + 3_600, body));
    assert_eq!(opened(&again, body, SENT + 3_601).unwrap().id, opened(&header, body, SENT).unwrap().id);
}
