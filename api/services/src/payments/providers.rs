//! What takes payments: what a provider is asked, and how it answers (BIL-6).

use std::pin::Pin;

use manager_domain::disputes::DisputeState;
use manager_domain::ids::*;
use manager_domain::payments::{Action, PaymentMethodKind, PaymentState};
use manager_domain::{Instant, Money};

use super::signatures::SignatureFault;
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

impl Refund {
    /// When it was made, to the millisecond: its id tells.
    pub fn made_at(&self) -> Option<Instant> {
        let (seconds, nanoseconds) = self.id.uuid().get_timestamp()?.to_unix();
        let micros = seconds.checked_mul(1_000_000)?.checked_add(u64::from(nanoseconds / 1000))?;
        i64::try_from(micros).ok().and_then(Instant::from_micros)
    }
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

/// What a provider tells by itself, once its signature was found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's id of the event: by it a second delivery is known.
    pub id: String,
    /// The provider's word for what it is about.
    pub kind: String,
    pub about: Subject,
    pub fact: Fact,
}

/// The payment that an event is about: by our ids, which the provider was given, or by the provider's own name for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub ids: Option<(OrganizationId, PaymentId)>,
    pub reference: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Payment(Outcome),
    Dispute(DisputeReport),
    /// How a refund stands, by its credit note.
    Refund(CreditNoteId, Outcome),
    /// Nothing is done about it.
    Other,
}

/// A payer had a payment taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeReport {
    /// The provider's name for the dispute.
    pub reference: String,
    pub state: DisputeState,
    /// What was taken, where it is said; else all of the payment.
    pub amount: Option<Money>,
    /// The provider's word for what the payer says.
    pub reason: Option<String>,
}

/// Why a webhook isn't an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// Signed, but of another shape.
    #[error("an event that can't be read")]
    Unreadable,
    /// This server doesn't listen to that provider.
    #[error("a provider that isn't set up")]
    NotSetUp,
}

/// An event that is being completed.
pub type Completed<'a> = Pin<Box<dyn Future<Output = Result<Event, NoAnswer>> + Send + 'a>>;

/// Takes payments from somewhere.
pub trait Provider: Send + Sync {
    fn name(&self) -> &'static str;
    /// Whether it takes this kind.
    fn takes(&self, method: PaymentMethodKind) -> bool;
    /// Whether the name of a means of payment can be one of its own.
    fn knows(&self, method_token: &str) -> bool;
    /// Its name for a means of payment that the customer enters with it, where nobody names another.
    fn new_means(&self) -> Option<&'static str> {
        None
    }
    /// Collects; asked again with the same payment id, it answers for the first one.
    fn create<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a>;
    /// Says what became of a payment that was asked for before.
    fn look_up<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a>;
    /// Gives up a payment that nobody did anything about in time, and says how it stands: one that succeeded meanwhile has
    /// succeeded, any other is expired.
    fn cancel<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a>;
    /// Gives back a part of a payment or all of it: `Succeeded`, `Processing` or `Failed`. Asked again with the same id, it
    /// answers for the first one, as that stands by now.
    fn refund<'a>(&'a self, services: &'a Services, refund: &'a Refund) -> Answer<'a>;
    /// The header that its webhooks are signed in, in lower case.
    fn signature_header(&self) -> &'static str;
    /// Reads a webhook as it came, if its signature is right and of this time.
    ///
    /// # Errors
    /// Why it isn't believed or understood.
    fn open(&self, services: &Services, signature: &str, body: &[u8], now: Instant) -> Result<Event, EventFault>;
    /// Adds to an event what only the provider can tell.
    fn complete<'a>(&'a self, _: &'a Services, event: Event) -> Completed<'a> {
        Box::pin(std::future::ready(Ok(event)))
    }
}
