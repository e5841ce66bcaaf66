//! Stripe, asked over HTTPS by a client of our own: payments, saved means of payment, refunds, webhooks (BIL-5, BIL-6).
//! Card numbers go from the browser to Stripe and never come here.

mod events;
mod failures;
mod hidden;
mod intents;
mod objects;
mod provider;
mod refunds;
mod saved_methods;
mod transport;

use std::time::Duration;

use manager_domain::Currency;
use manager_domain::payments::PaymentMethodKind;

pub use super::signatures::{SignatureFault, TOLERANCE};
pub use events::{Dispute, DisputeState, Event, EventFault, Fact, open};
pub use failures::FailureReason;
pub use hidden::Hidden;
pub use intents::{Action, Ending, IntentReport, IntentRequest, Outcome, Presence};
pub use objects::Amount;
pub use provider::{NEW, StripeAccount, StripeProvider};
pub use refunds::{RefundFailure, RefundReport, RefundRequest, RefundState};
pub use saved_methods::{SavedCard, SavedMethod, SetupOutcome, SetupReport, SetupRequest};
pub use transport::{Refusal, Silence, StripeError, UnusableSettings};

/// The version of Stripe's interface that this client was written for; each request names it, so that an account's own
/// setting changes nothing. Webhook endpoints are to be made with the same version.
pub const API_VERSION: &str = "2025-03-31.basil";
/// Where Stripe answers.
pub const API_BASE: &str = "https://api.stripe.com";

/// What the client needs to know.
#[derive(Debug, Clone)]
pub struct StripeSettings {
    pub secret_key: Hidden,
    /// [`API_BASE`], or another one for tests. Plain HTTP is for loopback addresses only.
    pub api_base: String,
    /// How long one request may take, connecting included.
    pub timeout: Duration,
}

/// The client. Cheap to clone; shows no secrets when printed.
#[derive(Debug, Clone)]
pub struct Stripe {
    transport: transport::Transport,
}

impl Stripe {
    /// # Errors
    /// Settings that can't be used, such as a key with a line break or a base that isn't HTTPS.
    pub fn new(settings: &StripeSettings) -> Result<Self, UnusableSettings> {
        Ok(Self { transport: transport::Transport::new(settings)? })
    }
}

/// Whether Stripe takes a kind in a currency. It has no PostFinance, and bank transfers and the prepaid account need no
/// provider.
pub fn takes(method: PaymentMethodKind, currency: Currency) -> bool {
    type_of(method).is_some() && method.pays_in(currency)
}

/// Whether a kind can be saved for payments without the customer.
pub const fn saves(method: PaymentMethodKind) -> bool {
    matches!(method, PaymentMethodKind::Card | PaymentMethodKind::Paypal)
}

/// Stripe's word for a kind.
const fn type_of(method: PaymentMethodKind) -> Option<&'static str> {
    match method {
        PaymentMethodKind::Card => Some("card"),
        PaymentMethodKind::Twint => Some("twint"),
        PaymentMethodKind::Paypal => Some("paypal"),
        PaymentMethodKind::Postfinance | PaymentMethodKind::BankTransfer | PaymentMethodKind::Prepaid => None,
    }
}

fn kind_of(word: &str) -> Option<PaymentMethodKind> {
    [PaymentMethodKind::Card, PaymentMethodKind::Twint, PaymentMethodKind::Paypal]
        .into_iter()
        .find(|kind| type_of(*kind) == Some(word))
}

#[cfg(test)]
mod tests;
