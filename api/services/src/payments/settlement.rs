//! Writing down what became of a payment: once, whoever comes first.

use chrono::{Datelike, NaiveDate};
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::invoices::{self, Buyer};
use manager_domain::orders::OrderState;
use manager_domain::payments::PaymentState;
use manager_domain::postings::{self, Amounts, PaidBy, Source};
use manager_domain::terms::Term;
use manager_repository::invoices::InvoiceLine;
use manager_repository::organizations::{self, Organization};
use manager_repository::payments::{self as rows};
use manager_repository::products::{self, Activation};
use manager_repository::{AnyConnection, invoices as invoice_rows, orders};
use serde_json::json;

use super::Outcome;
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::{Call, Services, catalogue, documents, ledger};

/// Writes an outcome. One that is known already stays as it is; a success completes the order.
pub(super) fn settle_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: PaymentId,
    outcome: &Outcome,
) -> Result<()> {
    organizations::lock(tx, organization)?;
    let payment = rows::find(tx, organization, id)?.ok_or_else(|| Error::defect("a payment is gone"))?;
    if !payment.state.may_become(outcome.state) || payment.state == outcome.state {
        return Ok(());
    }
    let (reference, failure_code) = (outcome.reference.as_deref(), outcome.failure_code.as_deref());
    let written = rows::Outcome { state: outcome.state, reference, failure_code };
    if !rows::settle(tx, organization, id, &written, call.now)? {
        return Ok(());
    }
    audit_log::append(tx, services, call, organization, changed(id, payment.state, outcome))?;
    match payment.order_id {
        Some(order) if outcome.state == PaymentState::Succeeded => {
            let paid = PaidBy { other: payment.amount, source: Source::Provider, ..PaidBy::default() };
            complete_in(tx, services, call, organization, order, paid)
        }
        _ => Ok(()),
    }
}

/// Completes an order that is paid or costs nothing: its invoice gets number, dates and names, its products come to life
/// (ORD-7, BIL-1, PRD-1), and the ledger has the money (PRE-1). The caller holds the organization's lock.
pub(crate) fn complete_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    order: OrderId,
    paid_by: PaidBy,
) -> Result<()> {
    let owner = organizations::find(tx, organization)?.ok_or_else(|| Error::defect("an organization is gone"))?;
    if !orders::close(tx, organization, order, OrderState::Paid, call.now)? {
        return Err(Error::defect(format!("{order} was paid, but it isn't open")));
    }
    let invoice = invoice_rows::find_by_order(tx, organization, order)?
        .ok_or_else(|| Error::defect("an order without invoice"))?;
    if invoice.currency != owner.currency {
        return Err(Error::defect(format!("{} is in another currency than its organization", invoice.id)));
    }
    let today = catalogue::today(services, call.now);
    let number =
        invoices::number(&owner.number, today.year(), invoice_rows::next_in_series(tx, organization, today.year())?);
    let seller = serde_json::to_value(&services.settings.seller).map_err(Error::defect)?;
    let issue = invoice_rows::Issue {
        number: &number,
        issued_on: today,
        seller: &seller,
        buyer: &buyer(&owner),
        now: call.now,
    };
    if !invoice_rows::issue_paid(tx, organization, invoice.id, &issue)? {
        return Err(Error::defect(format!("{} was paid, but it isn't open", invoice.id)));
    }
    let amounts = Amounts { net: invoice.net, tax: invoice.tax };
    let transfer = postings::settle_invoice(invoice.currency, amounts, paid_by);
    ledger::book(tx, services, call, (organization, invoice.currency), invoice.id, transfer)?;
    bring_to_life(tx, services, call, organization, invoice.id)?;
    if invoice.total > 0 {
        organizations::fix_currency(tx, organization)?;
    }
    documents::mail_invoice(tx, services, call, organization, invoice.id)?;
    audit_log::append(tx, services, call, organization, paid(order, invoice.id, &number))
}

/// What the audit log says of a payment that changed its state.
pub(crate) fn changed(payment: PaymentId, from: PaymentState, outcome: &Outcome) -> Entry {
    let after = json!({ "state": outcome.state, "failure_code": outcome.failure_code });
    Entry::new("payment.changed", payment).before(json!({ "state": from })).after(after)
}

/// What the audit log says of an order that was paid.
pub(crate) fn paid(order: OrderId, invoice: InvoiceId, number: &str) -> Entry {
    let after = json!({ "state": OrderState::Paid, "invoice": invoice, "number": number });
    Entry::new("order.paid", order).before(json!({ "state": OrderState::Open })).after(after)
}

/// Activates the products of the lines from today on, and writes the periods into the lines.
fn bring_to_life(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<()> {
    let today = catalogue::today(services, call.now);
    let mut lines = invoice_rows::lines(tx, organization, invoice)?;
    for parts in lines.chunk_by_mut(|one, other| one.product_id == other.product_id) {
        let Some(product) = parts.first().and_then(|line| line.product_id) else { continue };
        let term = first_term(parts, today)?;
        let activation = activation(term, call.now);
        if !products::activate(tx, organization, product, &activation)? {
            return Err(Error::defect(format!("{product} was paid, but it isn't pending")));
        }
        if term.is_some() {
            parts.iter().try_for_each(|line| invoice_rows::update_line(tx, line))?;
        }
    }
    Ok(())
}

/// The term that the lines of a product pay from `today` on, with their periods written into them: one, or several where
/// the term is taxed in stretches (BIL-3). What costs nothing has none (CAT-3).
pub(crate) fn first_term(parts: &mut [InvoiceLine], today: NaiveDate) -> Result<Option<Term>> {
    let paid = parts.iter().any(|line| line.unit_price > 0);
    let Some(frequency) = parts.first().and_then(|line| line.frequency).filter(|_| paid) else { return Ok(None) };
    let term = Term::first(today, frequency).ok_or_else(|| Error::defect("a term beyond the calendar"))?;
    let but_last = parts.len().saturating_sub(1);
    let planned: Vec<NaiveDate> = parts.iter().take(but_last).filter_map(|line| line.period_end).collect();
    for (line, period) in parts.iter_mut().zip(term.cut(&planned)) {
        (line.period_start, line.period_end) = (Some(period.start), Some(period.end));
    }
    Ok(Some(term))
}

/// What a product becomes when its first term is paid.
pub(crate) fn activation(term: Option<Term>, now: Instant) -> Activation {
    Activation {
        anchor_day: term.map(|term| term.start.day() as i32),
        term_start: term.map(|term| term.start),
        term_end: term.map(|term| term.end),
        now,
    }
}

/// The customer as of now.
pub(crate) fn buyer(organization: &Organization) -> Buyer {
    Buyer {
        kind: organization.kind,
        name: organization.name.clone(),
        address: organization.billing_address.as_ref().map(|address| address.0.clone()),
        vat_number: organization.vat_number.clone(),
    }
}
