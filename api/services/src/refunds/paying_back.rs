//! The other method's part of a refund: the provider is asked, outside of any transaction, and what it says is written
//! down once.

use manager_domain::ids::*;
use manager_domain::payments::PaymentState;
use manager_domain::postings::{self, Source};
use manager_domain::refunds::RefundState;
use manager_domain::{Code, Instant, Money};
use manager_repository::organizations;
use manager_repository::payments::Payment;
use manager_repository::refunds::{self as rows, Settlement, StoredRefund};
use manager_repository::{AnyConnection, payments as payment_rows};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::payments::{Outcome, Refund, by_name, in_time};
use crate::{Call, Services, ledger};

/// Asks the provider to give a refund's money back and writes down what came of it. Effective once, however often it is
/// called: by the request that made the refund, and by its job after a crash. The credit note's id is the provider's key.
///
/// # Errors
/// `not_found`; otherwise of the database only: a missing answer leaves the refund pending.
pub async fn pay_back(
    services: &Services,
    organization: OrganizationId,
    id: RefundId,
    now: Instant,
) -> Result<StoredRefund> {
    let (row, payment) = find(services, organization, id).await?;
    let (RefundState::Pending, Some(payment)) = (row.state, payment) else { return Ok(row) };
    let provider = by_name(&payment.provider)?;
    let note = row.credit_note_id.ok_or_else(|| Error::defect(format!("{id} is pending without a credit note")))?;
    let refund = Refund {
        id: note,
        payment: payment.id,
        reference: payment.provider_reference,
        amount: Money::new(row.other, row.currency),
    };
    failpoint!("refunds.before_call");
    let Ok(outcome) = in_time(provider.refund(services, &refund)).await else { return Ok(row) };
    failpoint!("refunds.after_call");
    let shared = services.clone();
    let write = move |tx: &mut AnyConnection| {
        settle_in(tx, &shared, (organization, id), &outcome, now)?;
        failpoint!("refunds.before_outcome_commit");
        Ok::<_, Error>(())
    };
    services.db.write(write).await?;
    failpoint!("refunds.after_outcome");
    Ok(find(services, organization, id).await?.0)
}

async fn find(
    services: &Services,
    organization: OrganizationId,
    id: RefundId,
) -> Result<(StoredRefund, Option<Payment>)> {
    let read = move |conn: &mut AnyConnection| {
        let row = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
        let payment = match row.payment_id {
            Some(payment) => payment_rows::find(conn, organization, payment)?,
            None => None,
        };
        Ok::<_, Error>((row, payment))
    };
    services.db.read(read).await
}

/// The job's way to [`pay_back`]: says whether the outcome is known by now.
pub async fn pay_back_later(
    services: &Services,
    organization: OrganizationId,
    id: RefundId,
    now: Instant,
) -> Result<bool> {
    Ok(pay_back(services, organization, id, now).await?.state != RefundState::Pending)
}

/// Writes what a provider says of a refund, in any order and any number of times; what didn't go back goes to the
/// prepaid account. Nobody is shown as having done it.
pub(crate) fn settle_in(
    tx: &mut AnyConnection,
    services: &Services,
    (organization, id): (OrganizationId, RefundId),
    outcome: &Outcome,
    now: Instant,
) -> Result<()> {
    organizations::lock(tx, organization)?;
    let row = rows::find(tx, organization, id)?.ok_or_else(|| Error::defect("a refund is gone"))?;
    let state = match outcome.state {
        PaymentState::Succeeded => RefundState::Succeeded,
        state if state.is_dead() => RefundState::Failed,
        _ => return Ok(()),
    };
    let of_a_method = row.state.is_carried_out() && row.other > 0;
    if !(of_a_method && row.state.may_become(state)) {
        return Ok(());
    }
    let (reference, failure_code) = (outcome.reference.as_deref(), outcome.failure_code.as_deref());
    if !rows::settle(tx, organization, id, row.state, Settlement { state, reference, failure_code }, now)? {
        return Err(Error::defect(format!("{id} changed although its organization is locked")));
    }
    let call = Call::system(now);
    if state == RefundState::Failed {
        let transfer = postings::refund_failed(row.currency, Source::Provider, row.other);
        ledger::book(tx, services, &call, (organization, row.currency), id, transfer)?;
    }
    let after = json!({ "state": state, "amount": row.other, "currency": row.currency, "failure_code": failure_code });
    let entry = Entry::new("refund.changed", id).before(json!({ "state": row.state })).after(after);
    audit_log::append(tx, services, &call, organization, entry)
}
