//! Credit notes: the only correction of an invoice that was issued (BIL-1, BIL-8).

use std::collections::BTreeMap;

use chrono::Datelike;
use manager_domain::Code;
use manager_domain::credit_notes::{
    self as rules, CreditableInvoice, CreditableLine, LineCredit, RefundSplit, Refundable, refund_split,
};
use manager_domain::ids::*;
use manager_domain::invoices::{Series, Taxes};
use manager_domain::ledger::PrepaidParts;
use manager_domain::postings::{self, Amounts, Source};
use manager_domain::refunds::RefundDestination;
use manager_domain::staff::StaffPermission;
use manager_repository::credit_notes as rows;
use manager_repository::invoices::{self, Invoice, InvoiceLine};
use manager_repository::organizations::Organization;
use manager_repository::payments::{self, Payment};
use manager_repository::refunds::{self, StoredRefund};
use manager_repository::{AnyConnection, Json};
use rust_decimal::Decimal;
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::payments::buyer;
use crate::staff::{self, Reason};
use crate::{Call, Services, catalogue, ledger};

pub use rows::{CreditNoteFilter, StoredCreditNote};

/// A credit note with everything that belongs to it.
#[derive(Debug, Clone)]
pub struct Details {
    pub note: StoredCreditNote,
    /// What is credited of which line, in the invoice's order.
    pub lines: Vec<(LineCredit, InvoiceLine)>,
    /// By which it came about.
    pub refund: Option<StoredRefund>,
}

/// What credit notes took of an invoice.
#[derive(Debug, Clone, Default)]
pub struct Credited {
    /// Oldest first.
    pub notes: Vec<StoredCreditNote>,
    /// By position, net in minor units.
    pub lines: BTreeMap<i32, i64>,
}

/// A credit note to be, and where its money goes.
pub(crate) struct Plan {
    pub invoice: Invoice,
    pub note: rules::CreditNote,
    /// What it gives back of what each paid.
    pub sources: RefundSplit,
    pub split: RefundSplit,
    /// By which the other method's part goes back.
    pub payment: Option<Payment>,
}

/// Decides what crediting an invoice comes to: the named lines, or all that is left. The caller holds the organization's
/// lock.
///
/// # Errors
/// `not_found` for an unknown invoice, `invoice_closed` where it wasn't paid, `nothing_to_credit`, `refund_too_large`,
/// faults at `/lines/…`.
pub(crate) fn plan(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
    lines: Option<Vec<LineCredit>>,
    destination: RefundDestination,
) -> Result<Plan> {
    let invoice = invoices::find(tx, organization, invoice)?.ok_or(Code::NotFound)?;
    let credited = credited(tx, organization, invoice.id)?;
    let creditable = creditable(tx, &invoice, &credited)?;
    let note = match lines {
        Some(lines) => creditable.credit(lines)?,
        None => creditable.credit_all()?,
    };
    let payment = payments::find_succeeded_of_invoice(tx, organization, invoice.id)?;
    let sources = refund_split(note.totals.total, refundable(payment.as_ref(), &credited))?;
    let by_method = payment.filter(|payment| payment.method.goes_through_a_provider() && sources.other > 0);
    let back = destination == RefundDestination::OriginalMethods && by_method.is_some();
    let split = if back { sources } else { sources.to_prepaid() };
    Ok(Plan { invoice, note, sources, split, payment: by_method.filter(|_| back) })
}

/// What is left of what paid an invoice.
fn refundable(payment: Option<&Payment>, credited: &Credited) -> Refundable {
    let mut left = payment.map_or_else(Refundable::default, |payment| Refundable {
        other: payment.amount,
        prepaid: payment.parts(),
        other_is_refundable: true,
    });
    for given in credited.notes.iter().map(StoredCreditNote::sources) {
        left.other = (left.other - given.other).max(0);
        let PrepaidParts { promotional, paid } = given.prepaid;
        left.prepaid.promotional = (left.prepaid.promotional - promotional).max(0);
        left.prepaid.paid = (left.prepaid.paid - paid).max(0);
    }
    left
}

fn creditable(tx: &mut AnyConnection, invoice: &Invoice, credited: &Credited) -> Result<CreditableInvoice> {
    let lines = invoices::lines(tx, invoice.organization_id, invoice.id)?;
    let line = |line: InvoiceLine| {
        Ok(CreditableLine {
            position: line.position,
            net: line.net,
            tax_rate: line.tax_rate.parse::<Decimal>().map_err(Error::defect)?,
            credited: credited.lines.get(&line.position).copied().unwrap_or_default(),
        })
    };
    let taxes = credited.notes.iter().flat_map(|note| &note.taxes.0.rates);
    Ok(CreditableInvoice {
        state: invoice.state,
        lines: lines.into_iter().map(line).collect::<Result<_>>()?,
        rates: invoice.taxes.0.rates.clone(),
        credited_taxes: taxes.map(|rate| (rate.rate, rate.tax)).collect(),
    })
}

fn credited(conn: &mut AnyConnection, organization: OrganizationId, invoice: InvoiceId) -> Result<Credited> {
    let mut credited = Credited { notes: rows::list_of_invoice(conn, organization, invoice)?, lines: BTreeMap::new() };
    for note in &credited.notes {
        for line in rows::lines(conn, organization, note.id)? {
            *credited.lines.entry(line.position).or_default() += line.net;
        }
    }
    Ok(credited)
}

/// Issues a planned credit note: it gets number, date and names, the invoice stands where it then stands, and the ledger
/// gives the money back (PRE-1). The caller holds the organization's lock.
pub(crate) fn issue(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: &Organization,
    plan: &Plan,
    reason: &Reason,
) -> Result<StoredCreditNote> {
    let row = new_note(tx, services, call, owner, plan)?;
    if !invoices::credit(tx, &plan.invoice, row.total, plan.note.invoice)? {
        return Err(Error::defect(format!("{} changed although its organization is locked", row.invoice_id)));
    }
    rows::insert(tx, &row, &plan.note.lines)?;
    let amounts = Amounts::from(&plan.note.totals);
    let transfer = postings::refund(row.currency, amounts, plan.split, Source::Provider);
    ledger::book(tx, services, call, (owner.id, row.currency), row.id, transfer)?;
    let after = json!({ "invoice": row.invoice_id, "number": row.number, "total": row.total, "currency": row.currency,
        "invoice_state": plan.note.invoice });
    let entry = Entry::new("credit_note.issued", row.id).after(after).by_support(&reason.text);
    audit_log::append(tx, services, call, owner.id, entry)?;
    Ok(row)
}

fn new_note(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: &Organization,
    plan: &Plan,
) -> Result<StoredCreditNote> {
    let today = catalogue::today(services, call.now);
    let place = rows::next_in_series(tx, owner.id, today.year())?;
    let totals = &plan.note.totals;
    Ok(StoredCreditNote {
        organization_id: owner.id,
        id: services.id(call.now),
        invoice_id: plan.invoice.id,
        number: Series::CreditNotes.number(&owner.number, today.year(), place, owner.is_test),
        issued_on: today,
        currency: plan.invoice.currency,
        net: totals.net,
        tax: totals.tax,
        total: totals.total,
        taxes: Json(Taxes { rates: totals.rates.clone(), notes: plan.invoice.taxes.0.notes.clone() }),
        seller: Json(serde_json::to_value(&services.settings.seller).map_err(Error::defect)?),
        buyer: Json(buyer(owner)),
        other: plan.sources.other,
        prepaid_promotional: plan.sources.prepaid.promotional,
        prepaid_paid: plan.sources.prepaid.paid,
        created_by: call.actor.map(|actor| actor.account),
        created_at: call.now,
    })
}

/// A page of an organization's credit notes, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    filter: CreditNoteFilter,
    before: Option<CreditNoteId>,
    limit: i64,
) -> Result<Vec<StoredCreditNote>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, filter, before, limit)?)).await
}

/// A page of an organization's credit notes for finance people, which is written into its audit log.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason.
pub async fn list_for_staff(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    reason: &Reason,
    filter: CreditNoteFilter,
    (before, limit): (Option<CreditNoteId>, i64),
) -> Result<Vec<StoredCreditNote>> {
    let list = move |tx: &mut AnyConnection, _| Ok(rows::list(tx, organization, filter, before, limit)?);
    staff::read(services, call, (organization, StaffPermission::ManageRefunds), reason, "credit_notes.read", list).await
}

/// A credit note with its lines.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: CreditNoteId) -> Result<Details> {
    let read = move |conn: &mut AnyConnection| {
        let note = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
        let of_invoice = invoices::lines(conn, organization, note.invoice_id)?;
        let line = |credit: LineCredit| {
            let line = of_invoice.iter().find(|line| line.position == credit.position);
            let line = line.ok_or_else(|| Error::defect(format!("{id} credits a line that isn't there")))?;
            Ok::<_, Error>((credit, line.clone()))
        };
        let lines = rows::lines(conn, organization, id)?.into_iter().map(line).collect::<Result<_>>()?;
        Ok(Details { lines, refund: refunds::find_by_credit_note(conn, organization, id)?, note })
    };
    services.db.read(read).await
}

/// What credit notes took of an invoice.
pub async fn of_invoice(services: &Services, organization: OrganizationId, invoice: InvoiceId) -> Result<Credited> {
    services.db.read(move |conn| credited(conn, organization, invoice)).await
}
