//! Payments: what providers are asked, and what becomes of it (BIL-6, BIL-7).

mod means;
mod providers;
pub mod sandbox;
mod settlement;
mod starting;

use std::time::Duration;

use manager_domain::ids::*;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Code, Instant, Money};
use manager_repository::{AnyConnection, payments as rows};

use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::settings::PaymentProvider;
use crate::{Call, Services};

pub use means::Paying;
pub(crate) use means::{Means, Plan, means, plan};
pub use providers::{Answer, Charge, NoAnswer, Outcome, Provider, Refund};
pub use rows::Payment;
pub(crate) use settlement::{activation, buyer, changed, first_term, paid, settle_invoice_in};
pub(crate) use starting::{PaidFor, created, new_payment, start};

/// How long a provider may take to answer a request that pays.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// The job that collects waits so long, so that the request that made it can do it first.
pub(crate) const HEAD_START: chrono::Duration = chrono::Duration::seconds(30);

/// Every provider there is.
const PROVIDERS: [&dyn Provider; 1] = [&sandbox::Sandbox];

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
    let refusal = manager_domain::Refusal::new(Code::PaymentMethodUnavailable);
    Err(refusal.with("payment_method", method.as_str()).into())
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
    let outcome = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(NoAnswer)) | Err(_) => Outcome::of(PaymentState::Processing),
    };
    failpoint!("payments.after_call");
    let (shared, call) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        settlement::settle_in(tx, &shared, &call, organization, payment, &outcome)?;
        failpoint!("payments.before_outcome_commit");
        Ok::<_, Error>(())
    };
    services.db.write(write).await?;
    failpoint!("payments.after_outcome");
    get(services, organization, payment).await
}

/// The job's way to [`collect`]: says whether the outcome is known by now.
pub async fn collect_later(
    services: &Services,
    organization: OrganizationId,
    payment: PaymentId,
    now: Instant,
) -> Result<bool> {
    let payment = collect(services, &Call::system(now), organization, payment).await?;
    Ok(payment.state.is_final())
}

/// A payment of an organization.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: PaymentId) -> Result<Payment> {
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, organization, id)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}
