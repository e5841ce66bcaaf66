//! The second person's part: a refund above the limit is approved or rejected (STF-1).

use manager_domain::ids::*;
use manager_domain::refunds::RefundState;
use manager_domain::staff::check_second_person;
use manager_domain::{Code, Refusal};
use manager_repository::AnyConnection;
use manager_repository::refunds as rows;
use serde_json::json;

use super::{PERMISSION, StoredRefund, carry_out, pay_back};
use crate::audit_log::{self, Entry};
use crate::credit_notes::{self, Plan};
use crate::errors::{Error, Result};
use crate::staff::{self, Reason};
use crate::{Call, Services, idempotency};

/// Carries a refund out that another person asked for, with the lines they named.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason; `refund_closed`, `second_person_required` for who
/// asked for it; `refund_too_large` where the lines were credited meanwhile, `invoice_closed`.
pub async fn approve(
    services: &Services,
    call: &Call,
    (organization, id): (OrganizationId, RefundId),
    reason: &Reason,
) -> Result<StoredRefund> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        let owner = staff::act_on(tx, &caller, organization, PERMISSION, &reason)?;
        let actor = caller.actor.ok_or(Code::Unauthenticated)?;
        let mut row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        row.state.check_undecided()?;
        check_second_person(row.requested_by, actor.account)?;
        let plan = plan(tx, &row)?;
        (row.decided_by, row.decided_at) = (Some(actor.account), Some(caller.now));
        audit_log::append(tx, &shared, &caller, organization, decided("refund.approved", &row, &reason))?;
        carry_out(tx, &shared, &caller, &owner, &plan, &reason, &mut row)?;
        won(rows::decide(tx, &row)?)?;
        idempotency::advance(tx, &shared, &caller, &id)?;
        Ok(())
    };
    if idempotency::reached::<RefundId>(services, call)?.is_none() {
        services.write(call.clone(), write).await?;
    }
    pay_back(services, organization, id, call.now).await
}

/// What was asked for, as the invoice is now.
fn plan(tx: &mut AnyConnection, row: &StoredRefund) -> Result<Plan> {
    let planned =
        credit_notes::plan(tx, row.organization_id, row.invoice_id, Some(row.lines.0.clone()), row.destination);
    match planned {
        // Others credited these lines meanwhile; nothing in this request names them.
        Err(Error::Refused(refusal)) if refusal.code == Code::ValidationFailed => {
            let left = credit_notes::plan(tx, row.organization_id, row.invoice_id, None, row.destination)?;
            Err(Refusal::new(Code::RefundTooLarge).with("max", left.note.totals.total).into())
        }
        planned => planned,
    }
}

/// Refuses a refund that was asked for; who asked for it may take it back so.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason, `refund_closed`.
pub async fn reject(
    services: &Services,
    call: &Call,
    (organization, id): (OrganizationId, RefundId),
    reason: &Reason,
) -> Result<StoredRefund> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        staff::act_on(tx, &caller, organization, PERMISSION, &reason)?;
        let actor = caller.actor.ok_or(Code::Unauthenticated)?;
        let mut row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        row.state.check_undecided()?;
        row.state = RefundState::Rejected;
        (row.decided_by, row.decided_at) = (Some(actor.account), Some(caller.now));
        won(rows::decide(tx, &row)?)?;
        audit_log::append(tx, &shared, &caller, organization, decided("refund.rejected", &row, &reason))?;
        Ok(row)
    };
    services.write(call.clone(), write).await
}

fn decided(action: &'static str, row: &StoredRefund, reason: &Reason) -> Entry {
    let after = json!({ "invoice": row.invoice_id, "amount": row.amount, "currency": row.currency,
        "requested_by": row.requested_by });
    Entry::new(action, row.id).after(after).by_support(&reason.text)
}

fn won(won: bool) -> Result<()> {
    if won { Ok(()) } else { Err(Error::defect("a refund changed although its organization is locked")) }
}
