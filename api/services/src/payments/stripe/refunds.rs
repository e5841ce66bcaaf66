//! Giving money back by the way it came (BIL-8).

use manager_domain::Money;

use super::Stripe;
use super::objects::{Amount, Page, Refund};
use super::transport::{Refusal, StripeError, checked_id};

/// What is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Our id of the refund: the idempotency key.
    pub refund: String,
    /// Stripe's id of the payment (`pi_…`).
    pub reference: String,
    pub amount: Money,
}

/// How a refund stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundReport {
    /// Stripe's id (`re_…`); absent where none was made.
    pub reference: Option<String>,
    /// Our id, as it was given to Stripe.
    pub refund: Option<String>,
    /// Stripe's id of the payment.
    pub intent: Option<String>,
    pub amount: Amount,
    pub state: RefundState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Under way; it can still fail, even after days.
    Pending,
    Succeeded,
    /// The money is with the seller again, or never left.
    Failed(RefundFailure),
    Cancelled,
}

/// Why a refund failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundFailure {
    /// The customer's card or account is closed, lost or unknown.
    AccountGone,
    /// All of the payment, or more than what is left of it, was given back before.
    AlreadyRefunded,
    /// The customer disputed the payment: the money goes that way.
    Disputed,
    /// The seller's balance at Stripe is too small.
    InsufficientFunds,
    Declined,
    /// Stripe didn't accept the request itself.
    Refused,
}

impl RefundFailure {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountGone => "account_gone",
            Self::AlreadyRefunded => "already_refunded",
            Self::Disputed => "disputed",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Declined => "declined",
            Self::Refused => "refused",
        }
    }
}

impl Stripe {
    /// Gives back a part of a payment or all of it; asked again with the same id, once.
    ///
    /// # Errors
    /// [`StripeError::NoAnswer`] only: what Stripe refuses has failed.
    pub async fn create_refund(&self, request: &RefundRequest) -> Result<RefundReport, StripeError> {
        let failed = |failure| RefundReport {
            reference: None,
            refund: Some(request.refund.clone()),
            intent: Some(request.reference.clone()),
            amount: Amount::new(request.amount.amount, request.amount.currency.as_str()),
            state: RefundState::Failed(failure),
        };
        if request.amount.amount <= 0 {
            return Ok(failed(RefundFailure::Refused));
        }
        let form = vec![
            ("payment_intent", request.reference.clone()),
            ("amount", request.amount.amount.to_string()),
            ("metadata[refund]", request.refund.clone()),
        ];
        match self.transport.post::<Refund>("/v1/refunds", &form, Some(&request.refund)).await {
            Ok(refund) => Ok(report(&refund)),
            Err(StripeError::Refused(refusal)) => Ok(failed(failure(&refusal))),
            Err(silence) => Err(silence),
        }
    }

    /// A refund that was asked for before, by our id of it: for old ones, whose key Stripe may have forgotten.
    ///
    /// # Errors
    /// Silence, or a refusal where Stripe has no such payment.
    pub async fn find_refund(&self, request: &RefundRequest) -> Result<Option<RefundReport>, StripeError> {
        let query = [("payment_intent", checked_id(&request.reference)?), ("limit", "100")];
        let page: Page<Refund> = self.transport.get("/v1/refunds", &query).await?;
        Ok(page.data.iter().map(report).find(|report| report.refund.as_ref() == Some(&request.refund)))
    }

    /// How a refund stands now.
    ///
    /// # Errors
    /// Silence, or a refusal where Stripe has no such refund.
    pub async fn retrieve_refund(&self, reference: &str) -> Result<RefundReport, StripeError> {
        let path = format!("/v1/refunds/{}", checked_id(reference)?);
        Ok(report(&self.transport.get::<Refund>(&path, &[]).await?))
    }
}

fn failure(refusal: &Refusal) -> RefundFailure {
    match refusal.code.as_deref() {
        Some("charge_already_refunded" | "amount_too_large") => RefundFailure::AlreadyRefunded,
        Some("charge_disputed") => RefundFailure::Disputed,
        Some("insufficient_funds" | "balance_insufficient") => RefundFailure::InsufficientFunds,
        _ => RefundFailure::Refused,
    }
}

/// What a refund says.
pub(super) fn report(refund: &Refund) -> RefundReport {
    let state = match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("canceled") => RefundState::Cancelled,
        Some("failed") => RefundState::Failed(match refund.failure_reason.as_deref() {
            Some("lost_or_stolen_card" | "expired_or_canceled_card") => RefundFailure::AccountGone,
            Some("charge_for_pending_refund_disputed") => RefundFailure::Disputed,
            Some("insufficient_funds") => RefundFailure::InsufficientFunds,
            _ => RefundFailure::Declined,
        }),
        // `pending`, `requires_action`, and what may be added.
        _ => RefundState::Pending,
    };
    RefundReport {
        reference: Some(refund.id.clone()),
        refund: refund.metadata.get("refund"),
        intent: refund.payment_intent.clone(),
        amount: Amount::new(refund.amount, &refund.currency),
        state,
    }
}
