//! Payments: what providers are asked, and what becomes of it (BIL-6, BIL-7).

mod disputes;
mod means;
mod providers;
pub mod sandbox;
mod settlement;
pub mod signatures;
mod starting;
pub mod stripe;
pub mod webhooks;

use std::time::Duration;

use manager_domain::ids::*;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Code, Instant, Money, Refusal};
use manager_repository::{AnyConnection, payments as rows};
use serde_json::json;

use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::settings::PaymentProvider;
use crate::{Call, Services};

pub use means::Paying;
pub(crate) use means::{Means, Plan, means, plan};
pub use providers::{Answer, Charge, Completed, Event, EventFault, Fact, NoAnswer, Outcome, Provider, Refund};
pub use providers::{DisputeReport, Subject};
pub use rows::Payment;
pub(crate) use settlement::{Told, activation, buyer, changed, first_term, paid, report_in, settle_invoice_in};
pub(crate) use starting::{PaidFor, created, new_payment, start};

/// How long a provider may take to answer a request that pays.
const PATIENCE: Duration = Duration::from_secs(8);
/// What a payment requires of the customer is done within this time, or it expires (BIL-5).
const ACTION_LIFE: chrono::Duration = chrono::Duration::hours(24);
/// The job that collects waits so long, so that the request that made it can do it first.
pub(crate) const HEAD_START: chrono::Duration = chrono::Duration::seconds(30);

/// Every provider there is.
const PROVIDERS: [&dyn Provider; 2] = [&sandbox::Sandbox, &stripe::StripeProvider];

pub(crate) fn by_name(name: &str) -> Result<&'static dyn Provider> {
    let found = PROVIDERS.into_iter().find(|provider| provider.name() == name);
    found.ok_or_else(|| Error::defect(format!("no provider {name}")))
}

/// The provider for an organization's payments.
///
/// # Errors
/// `payment_method_unavailable` where it doesn't take this kind.
pub fn provider(services: &Services, is_test: bool, method: PaymentMethodKind) -> Result<&'static dyn Provider> {
    let chosen = if is_test { PaymentProvider::Sandbox } else { services.settings.payments };
    let provider = by_name(chosen.name())?;
    if provider.takes(method) {
        return Ok(provider);
    }
    Err(Refusal::new(Code::PaymentMethodUnavailable).with("payment_method", method.as_str()).into())
}

/// Asks the provider to carry out a committed payment and writes down what came of it. Effective once, however often it
/// is called: by the request that made the payment, and by its job after a crash.
///
/// # Errors
/// Of the database only; a decline and a missing answer are states of the payment.
pub async fn collect(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    payment: PaymentId,
) -> Result<Payment> {
    let row = get(services, organization, payment).await?;
    if row.state.is_final() {
        // The prepaid account paid it, or its outcome is known.
        return Ok(row);
    }
    let charge = Charge {
        organization,
        payment,
        method: row.method,
        method_token: row.method_token.clone(),
        amount: Money::new(row.amount, row.currency),
        reference: row.provider_reference.clone(),
        asked_after: call.now - row.created_at,
    };
    // The payment was accepted for its provider when it was made; production must not lose it afterwards.
    let provider = by_name(&row.provider)?;
    failpoint!("payments.before_call");
    let asked = match row.state {
        PaymentState::Created => provider.create(services, &charge),
        _ => provider.look_up(services, &charge),
    };
    let mut outcome = in_time(asked).await;
    let waits = matches!(&outcome, Ok(Outcome { state: PaymentState::RequiresAction, .. }));
    if waits && charge.asked_after >= ACTION_LIFE {
        outcome = in_time(provider.cancel(services, &charge)).await;
    }
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(NoAnswer) if row.state == PaymentState::Created => Outcome::of(PaymentState::Processing),
        // Nothing new; what is known stays.
        Err(NoAnswer) => return Ok(row),
    };
    failpoint!("payments.after_call");
    let (shared, call) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        report_in(tx, &shared, &call, organization, payment, Told::Outcome(&outcome))?;
        failpoint!("payments.before_outcome_commit");
        Ok::<_, Error>(())
    };
    services.db.write(write).await?;
    failpoint!("payments.after_outcome");
    get(services, organization, payment).await
}

/// What a provider answers, if it does so in time.
pub(crate) async fn in_time<T>(
    asked: impl Future<Output = std::result::Result<T, NoAnswer>>,
) -> std::result::Result<T, NoAnswer> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(NoAnswer))
}

/// Whether a payment's outcome is known by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    Known,
    /// Not yet; it is to be looked at again at this moment at the latest, where there is one.
    Open(Option<Instant>),
}

/// Refuses a payment that ended without success.
///
/// # Errors
/// `payment_failed` naming what it was for.
pub(crate) fn refuse_failed(payment: &Payment) -> std::result::Result<(), Refusal> {
    if !payment.state.is_final() || payment.state == PaymentState::Succeeded {
        return Ok(());
    }
    let about = [
        ("order", json!(payment.order_id)),
        ("invoice", json!(payment.invoice_id)),
        ("top_up", json!(payment.top_up_id)),
    ];
    let named = about.into_iter().filter(|(_, id)| !id.is_null());
    let refusal = named.fold(Refusal::new(Code::PaymentFailed), |refusal, (name, id)| refusal.with(name, id));
    Err(refusal.with("payment", json!(payment.id)).with("failure_code", json!(payment.failure_code)))
}

/// The job's way to [`collect`].
pub async fn collect_later(
    services: &Services,
    organization: OrganizationId,
    payment: PaymentId,
    now: Instant,
) -> Result<Collected> {
    let payment = collect(services, &Call::system(now), organization, payment).await?;
    Ok(match payment.state {
        state if state.is_final() => Collected::Known,
        PaymentState::RequiresAction => Collected::Open(Some(payment.created_at + ACTION_LIFE)),
        _ => Collected::Open(None),
    })
}

/// A payment of an organization.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: PaymentId) -> Result<Payment> {
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, organization, id)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}
