//! Refunds: support credits an invoice, and the money goes back (BIL-8); above a limit two persons decide (STF-1).

mod deciding;
mod paying_back;

use manager_domain::credit_notes::LineCredit;
use manager_domain::ids::*;
use manager_domain::refunds::{RefundDestination, RefundState};
use manager_domain::staff::{StaffPermission, needs_second_person};
use manager_domain::{Code, Currency, Fault, FaultCode, Money, Refusal};
use manager_repository::organizations::Organization;
use manager_repository::refunds as rows;
use manager_repository::{AnyConnection, Json};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::credit_notes::{self, Plan};
use crate::errors::Result;
use crate::failpoints::failpoint;
use crate::jobs::{self, Job};
use crate::payments::HEAD_START;
use crate::staff::{self, Reason};
use crate::{Call, Services, idempotency};

pub use deciding::{approve, reject};
pub(crate) use paying_back::settle_in;
pub use paying_back::{pay_back, pay_back_later};
pub use rows::{RefundFilter, StoredRefund};

const PERMISSION: StaffPermission = StaffPermission::ManageRefunds;

/// Which net amount of a line is to be credited.
#[derive(Debug, Clone, Copy)]
pub struct LineToCredit {
    pub position: i32,
    pub net: Money,
}

/// What support wants to credit.
#[derive(Debug, Clone)]
pub struct NewRefund {
    pub organization: OrganizationId,
    pub invoice: InvoiceId,
    /// All that isn't credited yet, without it.
    pub lines: Option<Vec<LineToCredit>>,
    pub destination: RefundDestination,
}

/// Credits an invoice and gives the money back, or asks for a second person where that is needed.
///
/// # Errors
/// `not_found` for an unknown organization or invoice, `forbidden`, `own_organization`, `invoice_closed`,
/// `nothing_to_credit`, `refund_too_large`; faults at `/lines/…` and of the reason.
pub async fn create(services: &Services, call: &Call, refund: NewRefund, reason: &Reason) -> Result<StoredRefund> {
    let organization = refund.organization;
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        let id = begin(tx, &shared, &caller, &refund, &reason)?;
        idempotency::advance(tx, &shared, &caller, &id)?;
        failpoint!("refunds.before_commit");
        Ok(id)
    };
    let id: RefundId = match idempotency::reached(services, call)? {
        Some(id) => id,
        None => services.write(call.clone(), write).await?,
    };
    failpoint!("refunds.after_commit");
    pay_back(services, organization, id, call.now).await
}

fn begin(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    refund: &NewRefund,
    reason: &Reason,
) -> Result<RefundId> {
    let owner = staff::act_on(tx, call, refund.organization, PERMISSION, reason)?;
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let lines = refund.lines.as_deref().map(|lines| line_credits(lines, owner.currency)).transpose()?;
    let plan = credit_notes::plan(tx, owner.id, refund.invoice, lines, refund.destination)?;
    let mut row = asked(services, call, actor.account, refund, &plan, reason);
    let waits = needs_second_person(Money::new(row.amount, row.currency), services.settings.second_person_above);
    if !waits {
        carry_out(tx, services, call, &owner, &plan, reason, &mut row)?;
    }
    rows::insert(tx, &row)?;
    if waits {
        let after = json!({ "invoice": row.invoice_id, "amount": row.amount, "currency": row.currency });
        let entry = Entry::new("refund.requested", row.id).after(after).by_support(&reason.text);
        audit_log::append(tx, services, call, owner.id, entry)?;
    }
    Ok(row.id)
}

/// A refund that nothing came of yet.
fn asked(
    services: &Services,
    call: &Call,
    account: AccountId,
    refund: &NewRefund,
    plan: &Plan,
    reason: &Reason,
) -> StoredRefund {
    StoredRefund {
        organization_id: refund.organization,
        id: services.id(call.now),
        invoice_id: plan.invoice.id,
        destination: refund.destination,
        lines: Json(plan.note.lines.clone()),
        amount: plan.note.totals.total,
        other: 0,
        payment_id: None,
        currency: plan.invoice.currency,
        reason: reason.text.clone(),
        state: RefundState::Requested,
        credit_note_id: None,
        provider_reference: None,
        failure_code: None,
        requested_by: account,
        requested_at: call.now,
        decided_by: None,
        decided_at: None,
        settled_at: None,
    }
}

/// # Errors
/// `wrong_currency` for amounts in another one than the organization's.
fn line_credits(lines: &[LineToCredit], currency: Currency) -> std::result::Result<Vec<LineCredit>, Refusal> {
    let foreign = lines.iter().enumerate().filter(|(_, line)| line.net.currency != currency);
    let fault = |(index, _)| {
        let pointer = format!("/lines/{index}/net/currency");
        Fault::new(pointer, FaultCode::WrongCurrency).with("expected", currency.as_str())
    };
    let faults: Vec<Fault> = foreign.map(fault).collect();
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    Ok(lines.iter().map(|line| LineCredit { position: line.position, net: line.net.amount }).collect())
}

/// Issues the credit note of a refund and says in its row what is left to do: the other method's part goes back by a
/// job, if this process dies before it asked the provider.
fn carry_out(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: &Organization,
    plan: &Plan,
    reason: &Reason,
    row: &mut StoredRefund,
) -> Result<()> {
    let note = credit_notes::issue(tx, services, call, owner, plan, reason)?;
    row.credit_note_id = Some(note.id);
    row.amount = note.total;
    row.other = plan.split.other;
    row.payment_id = plan.payment.as_ref().map(|payment| payment.id);
    if row.other > 0 {
        row.state = RefundState::Pending;
        let job = Job::PayBackRefund { organization: owner.id, refund: row.id };
        jobs::enqueue(tx, services, call.now, call.now + HEAD_START, &job)?;
    } else {
        (row.state, row.settled_at) = (RefundState::Succeeded, Some(call.now));
    }
    Ok(())
}

/// A page of an organization's refunds, which is written into its audit log.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    reason: &Reason,
    filter: RefundFilter,
    (before, limit): (Option<RefundId>, i64),
) -> Result<Vec<StoredRefund>> {
    let list = move |tx: &mut AnyConnection, _| Ok(rows::list(tx, organization, filter, before, limit)?);
    staff::read(services, call, (organization, PERMISSION), reason, "refunds.read", list).await
}

/// A page of all refunds that wait for a second person, newest first.
pub async fn list_requested(services: &Services, before: Option<RefundId>, limit: i64) -> Result<Vec<StoredRefund>> {
    services.db.read(move |conn| Ok(rows::list_requested(conn, before, limit)?)).await
}
