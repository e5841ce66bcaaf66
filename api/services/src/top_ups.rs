//! Topping up the prepaid account (PRE-2).

use manager_domain::ids::*;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::prepaid_accounts::{Spending, check_top_up};
use manager_domain::top_ups::TopUpState;
use manager_domain::{Code, Money};
use manager_repository::payments::Payment;
use manager_repository::{AnyConnection, organizations, payments as payment_rows, top_ups as rows};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::payments::{self, PaidFor, Plan, collect};
use crate::{Call, Services, idempotency, prepaid_accounts};

pub use rows::{TopUp, TopUpFilter};

/// How the prepaid account is to be topped up.
#[derive(Debug, Clone)]
pub struct NewTopUp {
    pub amount: Money,
    pub method: PaymentMethodKind,
    /// The provider's name for the means of payment.
    pub token: String,
}

/// A top-up with its payment.
#[derive(Debug, Clone)]
pub struct Details {
    pub top_up: TopUp,
    pub payment: Payment,
}

/// What the first transaction left to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Begun {
    top_up: TopUpId,
    payment: PaymentId,
}

/// Tops the prepaid account up; the amount is credited once, when its payment succeeded.
///
/// # Errors
/// `validation_failed`, `payment_method_unavailable`, `balance_limit_reached`, `payment_failed`.
pub async fn create(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    request: NewTopUp,
) -> Result<Details> {
    let (shared, call_) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        let begun = begin(tx, &shared, &call_, organization, &request)?;
        idempotency::advance(tx, &shared, &call_, &begun)?;
        failpoint!("top_up.before_commit");
        Ok::<_, Error>(begun)
    };
    let begun: Begun = match idempotency::reached(services, call)? {
        Some(begun) => begun,
        None => services.write(call.clone(), write).await?,
    };
    failpoint!("top_up.after_commit");
    let payment = collect(services, call, organization, begun.payment).await?;
    payments::refuse_failed(&payment)?;
    get(services, organization, begun.top_up).await
}

fn begin(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    request: &NewTopUp,
) -> Result<Begun> {
    let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let account = prepaid_accounts::account(tx, &owner)?;
    check_top_up(request.amount, request.method, &account, services.settings.top_ups)?;
    let means = payments::means(services, &owner, request.method, Some(&request.token), request.amount)?;
    let id: TopUpId = services.id(call.now);
    let Money { amount, currency } = request.amount;
    let row = TopUp {
        organization_id: organization,
        id,
        state: TopUpState::Pending,
        method: request.method,
        amount,
        currency,
        automatic: false,
        created_by: call.actor.map(|actor| actor.account),
        created_at: call.now,
        settled_at: None,
        version: 1,
    };
    rows::insert(tx, &row)?;
    let entry = Entry::new("top_up.requested", id).after(json!({ "amount": amount, "currency": currency }));
    audit_log::append(tx, services, call, organization, entry)?;
    let plan = Plan { means, spending: Spending { prepaid: Default::default(), other: amount } };
    let payment = payments::start(tx, services, call, (organization, currency), PaidFor::TopUp(id), plan)?;
    Ok(Begun { top_up: id, payment })
}

/// A top-up of an organization.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: TopUpId) -> Result<Details> {
    let read = move |conn: &mut AnyConnection| {
        let top_up = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
        let payment = payment_rows::find_by_top_up(conn, organization, id)?;
        let payment = payment.ok_or_else(|| Error::defect(format!("{id} has no payment")))?;
        Ok::<_, Error>(Details { top_up, payment })
    };
    services.db.read(read).await
}

/// A page of an organization's top-ups, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    filter: TopUpFilter,
    before: Option<TopUpId>,
    limit: i64,
) -> Result<Vec<TopUp>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, filter, before, limit)?)).await
}
