//! Writing down what became of a payment: once, whoever comes first (BIL-7).

use chrono::{Datelike, NaiveDate};
use manager_domain::ids::*;
use manager_domain::invoices::{Buyer, InvoiceState, Series};
use manager_domain::ledger::{PostingError, Transfer};
use manager_domain::orders::OrderState;
use manager_domain::payments::{PaymentState, Purpose, Report, Standing, Verdict, judge};
use manager_domain::postings::{self, Amounts, PaidBy, Source};
use manager_domain::terms::Term;
use manager_domain::top_ups::TopUpState;
use manager_domain::{Instant, Money};
use manager_repository::invoices::{Invoice, InvoiceLine};
use manager_repository::organizations::{self, Organization};
use manager_repository::payments::{self as rows, Payment};
use manager_repository::products::{self, Activation};
use manager_repository::{AnyConnection, invoices as invoice_rows, orders, payment_references, top_ups};
use serde_json::json;

use super::disputes::Disputing;
use super::providers::{DisputeReport, Outcome};
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::{Call, Services, catalogue, documents, ledger, redemptions};

/// What somebody tells of a payment: the provider when it is asked or by itself, or an account statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told<'a> {
    Outcome(&'a Outcome),
    Dispute(&'a DisputeReport),
}

/// Takes in what is told of a payment, in any order and any number of times: it is booked once (BIL-7). Everybody's only
/// way to a payment's outcome.
pub(crate) fn report_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: PaymentId,
    told: Told<'_>,
) -> Result<()> {
    organizations::lock(tx, organization)?;
    let payment = rows::find(tx, organization, id)?.ok_or_else(|| Error::defect("a payment is gone"))?;
    match told {
        Told::Outcome(outcome) => settle(tx, services, call, &payment, outcome),
        Told::Dispute(report) => Disputing { services, call, report }.carry_out(tx, &payment),
    }
}

/// Writes an outcome. One that is known already stays as it is; a success pays what the payment is for.
pub(super) fn settle(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    payment: &Payment,
    outcome: &Outcome,
) -> Result<()> {
    let asked = Money::new(payment.amount, payment.currency);
    let report = match outcome.state {
        PaymentState::Succeeded => Report::Succeeded(outcome.received.unwrap_or(asked)),
        state => Report::Became(state),
    };
    let target = Target::of(tx, payment)?;
    let mut verdict = judge(&standing(tx, payment, &target)?, report);
    if let (Verdict::Settle { excess }, Some(order)) = (verdict, payment.order_id)
        && !redemptions::secure(tx, payment.organization_id, order, call.now)?
    {
        // Others have its codes and free offers by now: at this price it can't be completed.
        verdict = Verdict::CreditToPrepaid { amount: payment.amount + excess };
    }
    let settling = Settling { services, call, payment, outcome };
    settling.carry_out(tx, &target, verdict)
}

/// What a payment is for, as it is now.
pub(super) enum Target {
    Invoice(Box<Invoice>),
    TopUp(TopUpId, TopUpState),
}

impl Target {
    pub fn of(tx: &mut AnyConnection, payment: &Payment) -> Result<Self> {
        let organization = payment.organization_id;
        match (payment.invoice_id, payment.top_up_id) {
            (Some(invoice), _) => {
                let found = invoice_rows::find(tx, organization, invoice)?;
                Ok(Self::Invoice(Box::new(found.ok_or_else(|| Error::defect("an invoice is gone"))?)))
            }
            (None, Some(top_up)) => {
                let found = top_ups::find(tx, organization, top_up)?;
                Ok(Self::TopUp(top_up, found.ok_or_else(|| Error::defect("a top-up is gone"))?.state))
            }
            (None, None) => Err(Error::defect(format!("{} pays nothing", payment.id))),
        }
    }

    const fn purpose(&self) -> Purpose {
        match self {
            Self::Invoice(invoice) if matches!(invoice.state, InvoiceState::Open) => Purpose::Payable,
            Self::TopUp(_, state) if state.may_become(TopUpState::Succeeded) => Purpose::Payable,
            Self::Invoice(_) | Self::TopUp(..) => Purpose::Gone,
        }
    }
}

pub(super) fn standing(tx: &mut AnyConnection, payment: &Payment, target: &Target) -> Result<Standing> {
    let another = match target {
        Target::Invoice(invoice) => {
            rows::find_open_of_invoice(tx, payment.organization_id, invoice.id, payment.id)?.is_some()
        }
        Target::TopUp(..) => false,
    };
    Ok(Standing {
        state: payment.state,
        amount: Money::new(payment.amount, payment.currency),
        purpose: target.purpose(),
        had_prepaid_part: payment.parts().total() > 0,
        another_under_way: another,
        booked_elsewhere: payment.booked_elsewhere,
    })
}

/// An outcome on its way into the books.
struct Settling<'a> {
    services: &'a Services,
    call: &'a Call,
    payment: &'a Payment,
    outcome: &'a Outcome,
}

impl Settling<'_> {
    fn carry_out(&self, tx: &mut AnyConnection, target: &Target, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Ignore => Ok(()),
            Verdict::Advance(state) => {
                self.advance(tx, state, 0)?;
                if state.is_dead() { self.end(tx, target) } else { Ok(()) }
            }
            Verdict::Settle { excess } => {
                self.advance(tx, PaymentState::Succeeded, 0)?;
                self.pay(tx, target)?;
                self.book(tx, postings::excess(self.payment.currency, Source::Provider, excess))
            }
            Verdict::CreditToPrepaid { amount } => {
                self.book_elsewhere(tx, target, amount)?;
                self.book(tx, postings::excess(self.payment.currency, Source::Provider, amount))
            }
            Verdict::Suspense { received } => {
                self.book_elsewhere(tx, target, received.amount)?;
                let transfer = postings::suspense_received(received.currency, Source::Provider, received.amount);
                let of = (self.payment.organization_id, received.currency);
                ledger::book(tx, self.services, self.call, of, self.payment.id, transfer).map(|_| ())
            }
            Verdict::SucceedFirst | Verdict::Dispute { .. } | Verdict::UndoDispute => {
                Err(Error::defect("an outcome is no dispute"))
            }
        }
    }

    fn advance(&self, tx: &mut AnyConnection, state: PaymentState, booked_elsewhere: i64) -> Result<()> {
        let Outcome { reference, failure_code, action, .. } = self.outcome;
        let (reference, failure_code) = (reference.as_deref(), failure_code.as_deref());
        let written = rows::Outcome { state, reference, failure_code, action: action.as_ref(), booked_elsewhere };
        let Payment { organization_id, id, state: from, .. } = self.payment;
        if !rows::advance(tx, *organization_id, *id, *from, &written, self.call.now)? {
            return Err(Error::defect(format!("{id} changed although its organization is locked")));
        }
        if let Some(reference) = reference {
            payment_references::keep(tx, &self.payment.provider, reference, *organization_id, *id)?;
        }
        let entry = changed(*id, *from, state, self.outcome);
        audit_log::append(tx, self.services, self.call, *organization_id, entry)
    }

    /// What came in pays nothing: the payment failed, if that wasn't known yet.
    fn book_elsewhere(&self, tx: &mut AnyConnection, target: &Target, amount: i64) -> Result<()> {
        let open = !self.payment.state.is_final();
        self.advance(tx, if open { PaymentState::Failed } else { self.payment.state }, amount)?;
        if open { self.end(tx, target) } else { Ok(()) }
    }

    /// What was held goes back, and a top-up has failed.
    fn end(&self, tx: &mut AnyConnection, target: &Target) -> Result<()> {
        self.book(tx, postings::release(self.payment.currency, self.payment.parts()))?;
        if let Target::TopUp(id, _) = target {
            top_ups::settle(tx, self.payment.organization_id, *id, TopUpState::Failed, self.call.now)?;
        }
        Ok(())
    }

    fn pay(&self, tx: &mut AnyConnection, target: &Target) -> Result<()> {
        let Payment { organization_id, currency, amount, .. } = self.payment;
        match target {
            Target::Invoice(invoice) => {
                let held = self.payment.parts().total();
                let paid_by = PaidBy { held, other: *amount, source: Source::Provider, ..PaidBy::default() };
                settle_invoice_in(tx, self.services, self.call, invoice, paid_by)
            }
            Target::TopUp(id, _) => {
                top_ups::settle(tx, *organization_id, *id, TopUpState::Succeeded, self.call.now)?;
                organizations::fix_currency(tx, *organization_id)?;
                let transfer = postings::top_up(*currency, Source::Provider, *amount);
                ledger::book(tx, self.services, self.call, (*organization_id, *currency), id, transfer)?;
                let entry = Entry::new("top_up.credited", id).after(json!({ "amount": amount, "currency": currency }));
                audit_log::append(tx, self.services, self.call, *organization_id, entry)
            }
        }
    }

    fn book(&self, tx: &mut AnyConnection, transfer: std::result::Result<Transfer, PostingError>) -> Result<()> {
        let of = (self.payment.organization_id, self.payment.currency);
        ledger::book(tx, self.services, self.call, of, self.payment.id, transfer).map(|_| ())
    }
}

/// Pays an open invoice: it gets number, dates and names, its order is paid and its products come to life (ORD-7, BIL-1,
/// PRD-1), and the ledger has the money (PRE-1). The caller holds the organization's lock.
pub(crate) fn settle_invoice_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    invoice: &Invoice,
    paid_by: PaidBy,
) -> Result<()> {
    let organization = invoice.organization_id;
    let owner = organizations::find(tx, organization)?.ok_or_else(|| Error::defect("an organization is gone"))?;
    if let Some(order) = invoice.order_id
        && !orders::close(tx, organization, order, OrderState::Paid, call.now)?
    {
        return Err(Error::defect(format!("{order} was paid, but it isn't open")));
    }
    if invoice.currency != owner.currency {
        return Err(Error::defect(format!("{} is in another currency than its organization", invoice.id)));
    }
    let today = catalogue::today(services, call.now);
    let place = invoice_rows::next_in_series(tx, organization, today.year())?;
    let number = Series::Invoices.number(&owner.number, today.year(), place, owner.is_test);
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
    if let Some(order) = invoice.order_id {
        redemptions::redeem(tx, organization, order, call.now)?;
    }
    bring_to_life(tx, services, call, organization, invoice.id)?;
    if invoice.total > 0 {
        organizations::fix_currency(tx, organization)?;
        documents::mail_invoice(tx, services, call, &owner, invoice.id)?;
    }
    match invoice.order_id {
        Some(order) => audit_log::append(tx, services, call, organization, paid(order, invoice.id, &number)),
        None => Ok(()),
    }
}

/// What the audit log says of a payment that changed its state.
pub(crate) fn changed(payment: PaymentId, from: PaymentState, to: PaymentState, outcome: &Outcome) -> Entry {
    let after = json!({ "state": to, "failure_code": outcome.failure_code });
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
