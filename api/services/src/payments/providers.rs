//! What takes payments: what a provider is asked, and how it answers (BIL-6).

use std::pin::Pin;

use manager_domain::Money;
use manager_domain::ids::*;
use manager_domain::payments::{Action, PaymentMethodKind, PaymentState};

use crate::Services;

/// What a provider is asked to collect. The payment's id is the idempotency key.
#[derive(Debug, Clone)]
pub struct Charge {
    pub organization: OrganizationId,
    pub payment: PaymentId,
    pub method: PaymentMethodKind,
    /// The provider's name for the means of payment.
    pub method_token: String,
    pub amount: Money,
    /// The provider's name for the payment, where it has answered before.
    pub reference: Option<String>,
    /// How long ago the payment was made.
    pub asked_after: chrono::Duration,
}

/// What a provider is asked to give back of a payment (BIL-8).
#[derive(Debug, Clone)]
pub struct Refund {
    /// The idempotency key: asked again, it is given back once.
    pub id: CreditNoteId,
    pub payment: PaymentId,
    /// The provider's name for the payment.
    pub reference: Option<String>,
    pub amount: Money,
}

/// What a provider says of a payment or of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: PaymentState,
    pub reference: Option<String>,
    /// Why it failed, a stable word.
    pub failure_code: Option<String>,
    /// What the customer has to do.
    pub action: Option<Action>,
    /// What came in, where that may be something else than what was asked for.
    pub received: Option<Money>,
}

impl Outcome {
    pub const fn of(state: PaymentState) -> Self {
        Self { state, reference: None, failure_code: None, action: None, received: None }
    }

    /// It failed, for a reason that is a stable word.
    pub fn failed(reason: &str) -> Self {
        Self { failure_code: Some(reason.to_owned()), ..Self::of(PaymentState::Failed) }
    }
}

/// The provider gave no answer: whether it took the money is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

/// An answer that is on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Outcome, NoAnswer>> + Send + 'a>>;

/// Takes payments from somewhere.
pub trait Provider: Send + Sync {
    fn name(&self) -> &'static str;
    /// Whether it takes this kind.
    fn takes(&self, method: PaymentMethodKind) -> bool;
    /// Whether the name of a means of payment can be one of its own.
    fn knows(&self, method_token: &str) -> bool;
    /// Collects; asked again with the same payment id, it answers for the first one.
    fn create<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a>;
    /// Says what became of a payment that was asked for before.
    fn look_up<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a>;
    /// Gives back a part of a payment or all of it: `Succeeded`, `Processing` or `Failed`. Asked again with the same id, it
    /// answers for the first one, as that stands by now.
    fn refund<'a>(&'a self, services: &'a Services, refund: &'a Refund) -> Answer<'a>;
}
