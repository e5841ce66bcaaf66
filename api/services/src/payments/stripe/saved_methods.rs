//! Means of payment that Stripe keeps for an organization (BIL-5). Here only their names at Stripe are known, and what a
//! person needs to tell them apart.

use manager_domain::ids::OrganizationId;
use manager_domain::payments::PaymentMethodKind;

use super::objects::{Customer, PaymentMethod, SetupIntent};
use super::transport::{StripeError, checked_id};
use super::{Action, FailureReason, Stripe, kind_of, saves, type_of};

/// What is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupRequest {
    /// New for every attempt: the idempotency key.
    pub key: String,
    pub organization: OrganizationId,
    /// Stripe's id of the organization (`cus_…`).
    pub customer: String,
    pub method: PaymentMethodKind,
}

/// How saving stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupReport {
    /// Stripe's id of the attempt (`seti_…`).
    pub reference: String,
    pub customer: Option<String>,
    /// Our id, as it was given to Stripe.
    pub organization: Option<String>,
    pub outcome: SetupOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupOutcome {
    /// Saved, under this id of Stripe's (`pm_…`).
    Succeeded {
        method: String,
    },
    RequiresAction(Action),
    Processing,
    Failed(FailureReason),
    Cancelled,
}

/// A saved means of payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMethod {
    pub reference: String,
    /// `None` for a kind that isn't offered here.
    pub kind: Option<PaymentMethodKind>,
    /// Whose it is; nobody's once it was removed.
    pub customer: Option<String>,
    pub card: Option<SavedCard>,
}

/// What a person knows a card by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCard {
    /// `visa`, `mastercard`, …
    pub brand: String,
    pub last4: String,
    pub expiry_month: u32,
    pub expiry_year: i32,
}

impl Stripe {
    /// Makes the organization known to Stripe, by its id alone. Once a day at most, so its answer is to be kept.
    ///
    /// # Errors
    /// Silence or refusal.
    pub async fn create_customer(&self, organization: OrganizationId) -> Result<String, StripeError> {
        let form = vec![("metadata[organization]", organization.to_string())];
        let key = format!("customer-{organization}");
        Ok(self.transport.post::<Customer>("/v1/customers", &form, Some(&key)).await?.id)
    }

    /// Begins to save a means: the browser goes on with the client secret.
    ///
    /// # Errors
    /// Silence or refusal; also for a kind that can't be saved.
    pub async fn create_setup(&self, request: &SetupRequest) -> Result<SetupReport, StripeError> {
        let Some(kind) = type_of(request.method).filter(|_| saves(request.method)) else {
            return Err(StripeError::unasked("not_reusable"));
        };
        let form = vec![
            ("customer", request.customer.clone()),
            ("payment_method_types[]", kind.to_owned()),
            ("usage", "off_session".to_owned()),
            ("metadata[organization]", request.organization.to_string()),
        ];
        Ok(report(&self.transport.post::<SetupIntent>("/v1/setup_intents", &form, Some(&request.key)).await?))
    }

    /// How saving stands now.
    ///
    /// # Errors
    /// Silence, or a refusal where Stripe has no such attempt.
    pub async fn retrieve_setup(&self, reference: &str) -> Result<SetupReport, StripeError> {
        let path = format!("/v1/setup_intents/{}", checked_id(reference)?);
        Ok(report(&self.transport.get::<SetupIntent>(&path, &[]).await?))
    }

    /// A saved means, to be shown.
    ///
    /// # Errors
    /// Silence, or a refusal where Stripe has no such means.
    pub async fn retrieve_method(&self, reference: &str) -> Result<SavedMethod, StripeError> {
        let path = format!("/v1/payment_methods/{}", checked_id(reference)?);
        let method = self.transport.get::<PaymentMethod>(&path, &[]).await?;
        Ok(SavedMethod {
            kind: kind_of(&method.kind),
            card: method.card.map(|card| SavedCard {
                brand: card.brand,
                last4: card.last4,
                expiry_month: card.exp_month,
                expiry_year: card.exp_year,
            }),
            reference: method.id,
            customer: method.customer,
        })
    }

    /// Forgets a saved means. One that is gone already is forgotten.
    ///
    /// # Errors
    /// Silence, or a refusal where it is still somebody's.
    pub async fn detach_method(&self, reference: &str) -> Result<(), StripeError> {
        let path = format!("/v1/payment_methods/{}/detach", checked_id(reference)?);
        let refusal = match self.transport.post::<PaymentMethod>(&path, &Vec::new(), None).await {
            Ok(_) => return Ok(()),
            Err(StripeError::Refused(refusal)) => StripeError::Refused(refusal),
            Err(silence) => return Err(silence),
        };
        match self.retrieve_method(reference).await {
            Ok(method) if method.customer.is_none() => Ok(()),
            Err(error) if error.is_missing() => Ok(()),
            Ok(_) => Err(refusal),
            Err(error) => Err(error),
        }
    }
}

/// What a setup intent says.
pub(super) fn report(setup: &SetupIntent) -> SetupReport {
    let redirect = setup.next_action.as_ref().and_then(|action| action.redirect_to_url.as_ref()?.url.clone());
    let outcome = match (setup.status.as_str(), &setup.payment_method) {
        ("succeeded", Some(method)) => SetupOutcome::Succeeded { method: method.clone() },
        ("canceled", _) => SetupOutcome::Cancelled,
        ("requires_payment_method", _) if setup.last_setup_error.is_some() => {
            SetupOutcome::Failed(FailureReason::of_attempt(setup.last_setup_error.as_ref()))
        }
        ("requires_payment_method" | "requires_confirmation" | "requires_action", _) => {
            match (redirect, &setup.client_secret) {
                (Some(url), _) => SetupOutcome::RequiresAction(Action::Redirect(url)),
                (None, Some(secret)) => SetupOutcome::RequiresAction(Action::ClientSecret(secret.clone())),
                (None, None) => SetupOutcome::Processing,
            }
        }
        _ => SetupOutcome::Processing,
    };
    SetupReport {
        reference: setup.id.clone(),
        customer: setup.customer.clone(),
        organization: setup.metadata.get("organization"),
        outcome,
    }
}
