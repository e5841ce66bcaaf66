//! Webhooks: what Stripe tells by itself, in any order and more than once (BIL-6, BIL-7). An event is a hint with a date:
//! for one that decides about money, [`super::Stripe::retrieve_intent`] says how it stands now.

use manager_domain::Instant;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::signatures::{self, SignatureFault};
use super::intents::{self, IntentReport, Outcome};
use super::objects::{Amount, Charge, DisputeObject, PaymentIntent, SetupIntent};
use super::refunds::{self, RefundReport};
use super::{FailureReason, Hidden, saved_methods};

/// A webhook that was signed by Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's id of the event (`evt_…`): by it a second delivery is known.
    pub id: String,
    /// Stripe's word for what it is about.
    pub kind: String,
    /// When it happened, in seconds since 1970.
    pub created: i64,
    /// Whether it is about real money.
    pub is_live: bool,
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Payment(IntentReport),
    /// How much of a charge was given back by now, whoever asked for it (also in Stripe's own pages).
    Refunded {
        charge: String,
        intent: Option<String>,
        total: Amount,
    },
    Refund(RefundReport),
    Dispute(Dispute),
    MethodSaved(saved_methods::SetupReport),
    /// A kind of event that nothing is done about.
    Other(String),
}

/// A customer took money back through the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Stripe's id (`dp_…` or `du_…`).
    pub reference: String,
    pub intent: Option<String>,
    pub charge: Option<String>,
    pub amount: Amount,
    pub state: DisputeState,
    /// Stripe's word for what the customer says.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// The money is gone until it is decided.
    Open,
    Won,
    Lost,
    /// A bank asks, but took no money.
    Inquiry,
    /// The inquiry ended, and no money was taken.
    InquiryClosed,
}

/// Why a webhook isn't an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// Signed, but of another shape: another version of Stripe's interface.
    #[error("an event that can't be read")]
    Unreadable,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    livemode: bool,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// Reads a webhook: the header `Stripe-Signature` and the body as it came.
///
/// # Errors
/// [`EventFault::Signature`] for what Stripe didn't send just now (answer 400), [`EventFault::Unreadable`] for what it
/// sent and nobody understands (answer 500, so that it comes again after an update).
pub fn open(header: &str, body: &[u8], secret: &Hidden, now: Instant) -> Result<Event, EventFault> {
    signatures::verify(header, body, secret.reveal().as_bytes(), now)?;
    let Envelope { id, kind, created, livemode, data } =
        serde_json::from_slice(body).map_err(|_| EventFault::Unreadable)?;
    let kind: String = kind.chars().take(100).collect();
    Ok(Event { fact: fact(&kind, data.object)?, id, kind, created, is_live: livemode })
}

fn fact(kind: &str, object: Value) -> Result<Fact, EventFault> {
    Ok(match kind {
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.canceled" => payment(kind, &read(object)?),
        "charge.refunded" => {
            let charge: Charge = read(object)?;
            let total = Amount::new(charge.amount_refunded, &charge.currency);
            Fact::Refunded { charge: charge.id, intent: charge.payment_intent, total }
        }
        "refund.updated" | "refund.failed" | "charge.refund.updated" => Fact::Refund(refunds::report(&read(object)?)),
        "charge.dispute.created" | "charge.dispute.closed" => Fact::Dispute(dispute(read(object)?)),
        "setup_intent.succeeded" => {
            let setup: SetupIntent = read(object)?;
            Fact::MethodSaved(saved_methods::report(&setup))
        }
        other => Fact::Other(other.to_owned()),
    })
}

fn read<T: DeserializeOwned>(object: Value) -> Result<T, EventFault> {
    serde_json::from_value(object).map_err(|_| EventFault::Unreadable)
}

fn payment(kind: &str, intent: &PaymentIntent) -> Fact {
    let mut report = intents::report(intent);
    // The name of the event counts where the object that comes with it doesn't say the same.
    if kind == "payment_intent.payment_failed" && !matches!(report.outcome, Outcome::Failed(_)) {
        report.outcome = Outcome::Failed(FailureReason::of_attempt(intent.last_payment_error.as_ref()));
    }
    Fact::Payment(report)
}

fn dispute(dispute: DisputeObject) -> Dispute {
    let state = match dispute.status.as_str() {
        "won" => DisputeState::Won,
        // Prevented: the money went back before the dispute began.
        "lost" | "prevented" => DisputeState::Lost,
        "warning_closed" => DisputeState::InquiryClosed,
        status if status.starts_with("warning_") => DisputeState::Inquiry,
        _ => DisputeState::Open,
    };
    Dispute {
        reference: dispute.id,
        intent: dispute.payment_intent,
        charge: dispute.charge,
        amount: Amount::new(dispute.amount, &dispute.currency),
        state,
        reason: dispute.reason,
    }
}

#[cfg(test)]
mod tests;
