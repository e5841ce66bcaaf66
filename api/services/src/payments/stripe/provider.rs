//! Stripe as one of the providers: our charges in its words, its reports in ours (BIL-6).

use std::time::Duration;

use manager_domain::ids::*;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Instant, disputes, payments};
use manager_repository::{AnyConnection, payment_references};

use super::super::providers::{self, Charge, Completed, DisputeReport, EventFault, NoAnswer, Provider, Subject};
use super::super::{Answer, Refund};
use super::{
    Action, Dispute, DisputeState, Ending, Event, Fact, FailureReason, Hidden, IntentReport, IntentRequest, Outcome,
    Presence, RefundReport, RefundRequest, RefundState, Stripe, StripeError, open, type_of,
};
use crate::Services;
use crate::errors::Error;
use crate::settings::PaymentProvider;

/// A means of payment that the customer enters in Stripe's own component, or at their wallet.
pub const NEW: &str = "new";
/// The name of Stripe's signature header, in lower case.
const SIGNATURE_HEADER: &str = "stripe-signature";
/// How long a refund may safely be asked for again with its key; Stripe keeps keys for at least a day.
const KEY_LIFE: chrono::Duration = chrono::Duration::hours(23);

/// The seller's account at Stripe.
#[derive(Debug, Clone)]
pub struct StripeAccount {
    pub client: Stripe,
    /// What Stripe signs its webhooks with.
    pub webhook_secret: Hidden,
}

/// Asks the seller's account, where the server has one.
#[derive(Debug, Clone, Copy)]
pub struct StripeProvider;

impl Provider for StripeProvider {
    fn name(&self) -> &'static str {
        PaymentProvider::Stripe.name()
    }

    fn takes(&self, method: PaymentMethodKind) -> bool {
        type_of(method).is_some()
    }

    fn knows(&self, method_token: &str) -> bool {
        method_token == NEW
    }

    fn new_means(&self) -> Option<&'static str> {
        Some(NEW)
    }

    fn create<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(async move {
            let client = client(services)?;
            let report = client.create_intent(&request(services, charge)).await.map_err(unanswered)?;
            Ok(outcome(given_up(client, report).await))
        })
    }

    fn look_up<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(async move {
            let client = client(services)?;
            let asked_after = charge.asked_after.to_std().unwrap_or(Duration::ZERO);
            let (request, reference) = (request(services, charge), charge.reference.as_deref());
            let report = client.ask_again(&request, reference, asked_after).await.map_err(unanswered)?;
            Ok(outcome(given_up(client, report).await))
        })
    }

    fn cancel<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(async move {
            let client = client(services)?;
            let Some(reference) = &charge.reference else { return Err(NoAnswer) };
            let report = client.cancel_intent(reference, Ending::Expired).await.map_err(unanswered)?;
            Ok(outcome(report))
        })
    }

    fn refund<'a>(&'a self, services: &'a Services, refund: &'a Refund) -> Answer<'a> {
        Box::pin(async move {
            let client = client(services)?;
            let Some(reference) = refund.reference.clone() else { return Ok(providers::Outcome::failed("refused")) };
            let request = RefundRequest { refund: refund.id.to_string(), reference, amount: refund.amount };
            let is_old = refund.made_at().is_none_or(|made| services.clock.now() - made >= KEY_LIFE);
            let found = if is_old { client.find_refund(&request).await.map_err(unanswered)? } else { None };
            let report = match found {
                Some(report) => report,
                None => client.create_refund(&request).await.map_err(unanswered)?,
            };
            // What was repeated is the first answer; it may be old.
            let report = match (&report.state, &report.reference) {
                (RefundState::Pending, Some(reference)) => {
                    client.retrieve_refund(reference).await.map_err(unanswered)?
                }
                _ => report,
            };
            Ok(refunded(&report))
        })
    }

    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }

    fn open(
        &self,
        services: &Services,
        signature: &str,
        body: &[u8],
        now: Instant,
    ) -> Result<providers::Event, EventFault> {
        let account = services.stripe.as_deref().ok_or(EventFault::NotSetUp)?;
        let event = open(signature, body, &account.webhook_secret, now).map_err(|fault| match fault {
            super::EventFault::Signature(fault) => EventFault::Signature(fault),
            super::EventFault::Unreadable => EventFault::Unreadable,
        })?;
        Ok(told(event))
    }

    /// A payment that failed is given up, so that nobody tries it again in a browser; a dispute names Stripe's payment
    /// alone, which knows ours.
    fn complete<'a>(&'a self, services: &'a Services, mut event: providers::Event) -> Completed<'a> {
        Box::pin(async move {
            let Some(reference) = event.about.reference.clone() else { return Ok(event) };
            match &event.fact {
                providers::Fact::Payment(failed) if failed.state == PaymentState::Failed => {
                    let report = client(services)?.cancel_intent(&reference, Ending::Cancelled).await;
                    if let Some(report) = there(report)?
                        && matches!(report.outcome, Outcome::Succeeded { .. } | Outcome::Processing)
                    {
                        event.fact = providers::Fact::Payment(outcome(report));
                    }
                }
                providers::Fact::Dispute(_) if !is_known(services, &reference).await? => {
                    let report = client(services)?.retrieve_intent(&reference).await;
                    event.about.ids = there(report)?.and_then(|report| ids(&report));
                }
                _ => {}
            }
            Ok(event)
        })
    }
}

fn client(services: &Services) -> Result<&Stripe, NoAnswer> {
    // Payments of a provider that was switched off wait until it is there again.
    services.stripe.as_deref().map(|account| &account.client).ok_or(NoAnswer)
}

fn unanswered(_: StripeError) -> NoAnswer {
    // The transport has written it into the log.
    NoAnswer
}

/// Whether a payment of ours is known by Stripe's name for it.
async fn is_known(services: &Services, reference: &str) -> Result<bool, NoAnswer> {
    let (name, reference) = (StripeProvider.name(), reference.to_owned());
    let find = move |conn: &mut AnyConnection| Ok::<_, Error>(payment_references::find(conn, name, &reference)?);
    services.db.read(find).await.map(|found| found.is_some()).map_err(|_| NoAnswer)
}

/// `None` for what Stripe doesn't have.
fn there<T>(answer: Result<T, StripeError>) -> Result<Option<T>, NoAnswer> {
    match answer {
        Ok(report) => Ok(Some(report)),
        Err(StripeError::Refused(_)) => Ok(None),
        Err(error) => Err(unanswered(error)),
    }
}

fn request(services: &Services, charge: &Charge) -> IntentRequest {
    let settings = &services.settings;
    let return_url = settings.sign_in_url.as_ref().unwrap_or(&settings.public_url).clone();
    IntentRequest {
        payment: charge.payment,
        organization: charge.organization,
        amount: charge.amount,
        method: charge.method,
        customer: None,
        saved_method: None,
        presence: Presence::Present { return_url: Some(return_url) },
        save_method: false,
    }
}

/// A failed one could be tried again in the browser until it is given up. If that was done meanwhile, it counts.
async fn given_up(client: &Stripe, report: IntentReport) -> IntentReport {
    let (Outcome::Failed(_), Some(reference)) = (&report.outcome, &report.reference) else { return report };
    match client.cancel_intent(reference, Ending::Cancelled).await {
        Ok(now) if matches!(now.outcome, Outcome::Succeeded { .. } | Outcome::Processing) => now,
        // Without an answer it stays open at Stripe; what comes in by it later finds its payer.
        Ok(_) | Err(_) => report,
    }
}

/// A report in our words.
fn outcome(report: IntentReport) -> providers::Outcome {
    use providers::Outcome as Ours;
    let ours = match report.outcome {
        Outcome::Succeeded { received } => match received.money() {
            Some(money) => Ours { received: Some(money), ..Ours::of(PaymentState::Succeeded) },
            None => {
                tracing::error!(
                    reference = report.reference,
                    currency = received.currency,
                    "money in no currency of ours"
                );
                Ours::of(PaymentState::Processing)
            }
        },
        Outcome::RequiresAction(action) => {
            Ours { action: Some(asked(&action)), ..Ours::of(PaymentState::RequiresAction) }
        }
        Outcome::Processing => Ours::of(PaymentState::Processing),
        Outcome::Failed(reason) => Ours::failed(FailureReason::as_str(reason)),
        Outcome::Cancelled => Ours::of(PaymentState::Cancelled),
        Outcome::Expired => {
            Ours { failure_code: Some("not_confirmed_in_time".to_owned()), ..Ours::of(PaymentState::Expired) }
        }
    };
    Ours { reference: report.reference, ..ours }
}

fn asked(action: &Action) -> payments::Action {
    match action {
        Action::Redirect(url) => payments::Action::Redirect { url: url.reveal().to_owned() },
        Action::ClientSecret(secret) => payments::Action::ClientSecret { client_secret: secret.reveal().to_owned() },
    }
}

fn refunded(report: &RefundReport) -> providers::Outcome {
    use providers::Outcome as Ours;
    let ours = match report.state {
        RefundState::Pending => Ours::of(PaymentState::Processing),
        RefundState::Succeeded => Ours::of(PaymentState::Succeeded),
        RefundState::Failed(failure) => Ours::failed(failure.as_str()),
        RefundState::Cancelled => Ours::failed("cancelled"),
    };
    Ours { reference: report.reference.clone(), ..ours }
}

/// An event in our words.
fn told(event: Event) -> providers::Event {
    let Event { id, kind, fact, .. } = event;
    let (about, fact) = match fact {
        Fact::Payment(report) => {
            let about = Subject { ids: ids(&report), reference: report.reference.clone() };
            (about, providers::Fact::Payment(outcome(report)))
        }
        Fact::Dispute(dispute) => {
            let about = Subject { ids: None, reference: dispute.intent.clone() };
            (about, disputed(dispute).map_or(providers::Fact::Other, providers::Fact::Dispute))
        }
        Fact::Refund(report) => {
            let about = Subject { ids: None, reference: report.intent.clone() };
            let note = report.refund.as_deref().and_then(|id| id.parse::<CreditNoteId>().ok());
            (about, note.map_or(providers::Fact::Other, |note| providers::Fact::Refund(note, refunded(&report))))
        }
        Fact::Refunded { intent, .. } => (Subject { ids: None, reference: intent }, providers::Fact::Other),
        Fact::MethodSaved(_) | Fact::Other(_) => (Subject::default(), providers::Fact::Other),
    };
    providers::Event { id, kind, about, fact }
}

fn ids(report: &IntentReport) -> Option<(OrganizationId, PaymentId)> {
    Some((report.organization.as_deref()?.parse().ok()?, report.payment.as_deref()?.parse().ok()?))
}

/// `None` for inquiries, which take no money.
fn disputed(dispute: Dispute) -> Option<DisputeReport> {
    let state = match dispute.state {
        DisputeState::Open => disputes::DisputeState::Open,
        DisputeState::Won => disputes::DisputeState::Won,
        DisputeState::Lost => disputes::DisputeState::Lost,
        DisputeState::Inquiry | DisputeState::InquiryClosed => return None,
    };
    Some(DisputeReport { reference: dispute.reference, state, amount: dispute.amount.money(), reason: dispute.reason })
}
