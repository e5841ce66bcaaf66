//! Payments at Stripe: making one, asking how it stands, giving it up (BIL-6).

use std::time::Duration;

use manager_domain::ids::{OrganizationId, PaymentId};
use manager_domain::payments::PaymentMethodKind;
use manager_domain::{Currency, Money};

use super::objects::{Amount, Page, PaymentIntent};
use super::transport::{Form, StripeError, checked_id};
use super::{FailureReason, Hidden, Stripe, takes, type_of};

/// How long a request may safely be repeated with its key. Stripe keeps keys for at least a day.
const KEY_LIFE: Duration = Duration::from_secs(23 * 3600);

/// What is to be collected. The payment's id is the idempotency key, so the same payment must always be asked for alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRequest {
    pub payment: PaymentId,
    pub organization: OrganizationId,
    pub amount: Money,
    pub method: PaymentMethodKind,
    /// Stripe's id of the organization (`cus_…`); needed with a saved means, and to save one.
    pub customer: Option<String>,
    /// Stripe's id of a saved means (`pm_…`).
    pub saved_method: Option<String>,
    pub presence: Presence,
    /// Whether a new means is to be saved for payments without the customer.
    pub save_method: bool,
}

/// Whether the customer is there to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// With the page to come back to. Without one, the browser finishes the payment by the client secret.
    Present { return_url: Option<String> },
    /// A renewal or an automatic top-up. Only a saved means can be charged.
    Absent,
}

/// How a payment stands at Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentReport {
    /// Stripe's id of it (`pi_…`); absent where none was made.
    pub reference: Option<String>,
    pub outcome: Outcome,
    /// Our ids, as they were given to Stripe.
    pub payment: Option<String>,
    pub organization: Option<String>,
    /// Stripe's id of the means that was used.
    pub method: Option<String>,
}

/// The outcomes of BIL-6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded { received: Amount },
    RequiresAction(Action),
    Processing,
    Failed(FailureReason),
    Cancelled,
    Expired,
}

impl Outcome {
    /// Whether nothing more will come of it at Stripe. A failed one could still be tried again in the browser until it is
    /// cancelled.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::RequiresAction(_) | Self::Processing)
    }
}

/// What the customer has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Go to this address.
    Redirect(Hidden),
    /// Finish in the browser, with this.
    ClientSecret(Hidden),
}

/// Why a payment is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Cancelled,
    /// Nobody did what it required.
    Expired,
}

impl Stripe {
    /// Makes a payment; the same one asked for again is answered as the first time, with the state of that time.
    ///
    /// # Errors
    /// [`StripeError::NoAnswer`] only: what Stripe refuses has failed.
    pub async fn create_intent(&self, request: &IntentRequest) -> Result<IntentReport, StripeError> {
        let form = match form(request) {
            Ok(form) => form,
            Err(reason) => return Ok(IntentReport::failed(reason)),
        };
        let key = request.payment.to_string();
        match self.transport.post::<PaymentIntent>("/v1/payment_intents", &form, Some(&key)).await {
            Ok(intent) => Ok(report(&intent)),
            Err(StripeError::Refused(refusal)) => {
                let failed = IntentReport::failed(FailureReason::of_refusal(&refusal));
                let Some(intent) = &refusal.intent else { return Ok(failed) };
                let report = report(intent);
                // After a decline an intent waits for another try, which isn't meant here.
                let waits = matches!(report.outcome, Outcome::RequiresAction(_));
                Ok(if waits { IntentReport { outcome: failed.outcome, ..report } } else { report })
            }
            Err(silence) => Err(silence),
        }
    }

    /// How a payment stands now.
    ///
    /// # Errors
    /// Silence, or a refusal where Stripe has no such payment.
    pub async fn retrieve_intent(&self, reference: &str) -> Result<IntentReport, StripeError> {
        let path = format!("/v1/payment_intents/{}", checked_id(reference)?);
        Ok(report(&self.transport.get::<PaymentIntent>(&path, &[]).await?))
    }

    /// What became of a payment that was asked for `asked_after` ago, with the reference if there was an answer. Without
    /// one it is asked for again while that can't make a second payment, and looked for afterwards.
    ///
    /// # Errors
    /// [`StripeError::NoAnswer`], or a refusal where `reference` isn't known to Stripe.
    pub async fn ask_again(
        &self,
        request: &IntentRequest,
        reference: Option<&str>,
        asked_after: Duration,
    ) -> Result<IntentReport, StripeError> {
        if let Some(reference) = reference {
            return self.retrieve_intent(reference).await;
        }
        if asked_after >= KEY_LIFE {
            let found = self.find_intent(request.payment).await?;
            return Ok(found.unwrap_or_else(|| IntentReport::failed(FailureReason::NeverAsked)));
        }
        let report = self.create_intent(request).await?;
        match &report.reference {
            // What was repeated is the first answer; it may be old.
            Some(reference) if !report.outcome.is_final() => self.retrieve_intent(reference).await,
            _ => Ok(report),
        }
    }

    /// A payment by our id. Stripe's search is minutes behind, so this is for old ones.
    ///
    /// # Errors
    /// As [`Stripe::retrieve_intent`].
    pub async fn find_intent(&self, payment: PaymentId) -> Result<Option<IntentReport>, StripeError> {
        let query = format!("metadata['payment']:'{payment}'");
        let page: Page<PaymentIntent> =
            self.transport.get("/v1/payment_intents/search", &[("query", &query), ("limit", "10")]).await?;
        let mut reports = page.data.iter().map(report).filter(|report| report.payment == Some(payment.to_string()));
        let first = reports.next();
        // There is one for each key; if there were more, the one that took money counts.
        Ok(reports.find(|report| matches!(report.outcome, Outcome::Succeeded { .. })).or(first))
    }

    /// Gives a payment up, and says how it stands: one that succeeded meanwhile has succeeded. To be called after a
    /// failure too, so that nobody tries it again in a browser.
    ///
    /// # Errors
    /// As [`Stripe::retrieve_intent`].
    pub async fn cancel_intent(&self, reference: &str, ending: Ending) -> Result<IntentReport, StripeError> {
        let path = format!("/v1/payment_intents/{}/cancel", checked_id(reference)?);
        let form = match ending {
            Ending::Cancelled => Form::new(),
            Ending::Expired => vec![("cancellation_reason", "abandoned".to_owned())],
        };
        match self.transport.post::<PaymentIntent>(&path, &form, None).await {
            Ok(intent) => Ok(report(&intent)),
            Err(StripeError::Refused(refusal)) => match &refusal.intent {
                Some(intent) => Ok(report(intent)),
                None => self.retrieve_intent(reference).await,
            },
            Err(silence) => Err(silence),
        }
    }
}

impl IntentReport {
    /// One that Stripe has nothing of.
    fn failed(reason: FailureReason) -> Self {
        Self { reference: None, outcome: Outcome::Failed(reason), payment: None, organization: None, method: None }
    }
}

/// The fields of a request, or why it can't be one.
fn form(request: &IntentRequest) -> Result<Form, FailureReason> {
    let Some(kind) = type_of(request.method).filter(|_| takes(request.method, request.amount.currency)) else {
        return Err(FailureReason::NotSupported);
    };
    if request.amount.amount <= 0 {
        return Err(FailureReason::AmountOutOfRange);
    }
    let mut form = vec![
        ("amount", request.amount.amount.to_string()),
        ("currency", lower(request.amount.currency)),
        ("payment_method_types[]", kind.to_owned()),
        ("metadata[payment]", request.payment.to_string()),
        ("metadata[organization]", request.organization.to_string()),
    ];
    if let Some(customer) = &request.customer {
        form.push(("customer", customer.clone()));
    }
    match (&request.saved_method, &request.presence) {
        (None, Presence::Absent) => return Err(FailureReason::AuthenticationRequired),
        (Some(method), presence) => {
            if request.customer.is_none() {
                return Err(FailureReason::UnknownPaymentMethod);
            }
            form.push(("payment_method", method.clone()));
            form.push(("confirm", "true".to_owned()));
            match presence {
                Presence::Absent => form.push(("off_session", "true".to_owned())),
                Presence::Present { return_url } => {
                    form.extend(return_url.iter().map(|url| ("return_url", url.clone())));
                }
            }
        }
        (None, Presence::Present { return_url }) => {
            if request.save_method && request.customer.is_some() && super::saves(request.method) {
                form.push(("setup_future_usage", "off_session".to_owned()));
            }
            // A wallet needs nothing but where to come back to; a card's number is typed in the browser.
            if let (Some(url), PaymentMethodKind::Twint | PaymentMethodKind::Paypal) = (return_url, request.method) {
                form.push(("payment_method_data[type]", kind.to_owned()));
                form.push(("confirm", "true".to_owned()));
                form.push(("return_url", url.clone()));
            }
        }
    }
    Ok(form)
}

fn lower(currency: Currency) -> String {
    currency.as_str().to_ascii_lowercase()
}

/// What an intent says.
pub(super) fn report(intent: &PaymentIntent) -> IntentReport {
    IntentReport {
        reference: Some(intent.id.clone()),
        outcome: outcome(intent),
        payment: intent.metadata.get("payment"),
        organization: intent.metadata.get("organization"),
        method: intent.payment_method.clone(),
    }
}

fn outcome(intent: &PaymentIntent) -> Outcome {
    match intent.status.as_str() {
        "succeeded" => {
            // Absent from old versions.
            let received = intent.amount_received.unwrap_or(intent.amount);
            Outcome::Succeeded { received: Amount::new(received, &intent.currency) }
        }
        "requires_payment_method" if intent.last_payment_error.is_some() => {
            Outcome::Failed(FailureReason::of_attempt(intent.last_payment_error.as_ref()))
        }
        "requires_payment_method" | "requires_confirmation" | "requires_action" => {
            let redirect = intent.next_action.as_ref().and_then(|action| action.redirect_to_url.as_ref()?.url.clone());
            match (redirect, &intent.client_secret) {
                (Some(url), _) => Outcome::RequiresAction(Action::Redirect(url)),
                (None, Some(secret)) => Outcome::RequiresAction(Action::ClientSecret(secret.clone())),
                // Nothing that anybody could do: its end comes by itself.
                (None, None) => Outcome::Processing,
            }
        }
        "canceled" => match intent.cancellation_reason.as_deref() {
            Some("abandoned" | "automatic" | "expired") => Outcome::Expired,
            _ => Outcome::Cancelled,
        },
        // `processing`; `requires_capture`, which isn't asked for; and what may be added: unknown is not failed.
        _ => Outcome::Processing,
    }
}
