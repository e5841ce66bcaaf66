//! Paying an order that stayed open.

use chrono::NaiveDate;
use manager_domain::carts::{Customer, TaxedPart};
use manager_domain::catalogue::ProductType;
use manager_domain::ids::*;
use manager_domain::invoices::Taxes;
use manager_domain::orders::OrderState;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::{Code, Money, Refusal, taxes};
use manager_repository::invoices::InvoiceLine;
use manager_repository::organizations;
use manager_repository::{AnyConnection, Json, invoices, orders as rows, payments as payment_rows, products};
use rust_decimal::Decimal;
use serde_json::json;

use super::{Details, Order, paid_or_refused};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::payments::{self, PaidFor, Paying, collect};
use crate::{Call, Services, carts, catalogue, idempotency, redemptions};

/// How an open order is to be paid.
#[derive(Debug, Clone)]
pub struct PayOrder {
    /// Another kind than the order's, where given.
    pub payment_method: Option<PaymentMethodKind>,
    pub paying: Paying,
    /// What the payer was shown, where they say so.
    pub expected_total: Option<Money>,
}

/// Pays an open order.
///
/// # Errors
/// `not_found`, `order_closed`, `payment_in_progress`, `payment_method_unavailable`, `insufficient_balance`,
/// `billing_address_required`, `reservation_ended` where its codes and offers went to others, `quote_stale` with the
/// `total` where that isn't the expected one, `payment_failed`.
pub async fn pay(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: OrderId,
    request: PayOrder,
) -> Result<Details> {
    let (shared, call_) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        let payment = begin(tx, &shared, &call_, organization, id, &request)?;
        idempotency::advance(tx, &shared, &call_, &payment)?;
        failpoint!("pay.before_commit");
        Ok::<_, Error>(payment)
    };
    let payment = match idempotency::reached(services, call)? {
        Some(payment) => payment,
        None => services.write(call.clone(), write).await?,
    };
    failpoint!("pay.after_commit");
    let payment = collect(services, call, organization, payment).await?;
    paid_or_refused(services, &payment, id).await
}

fn begin(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: OrderId,
    request: &PayOrder,
) -> Result<PaymentId> {
    let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let mut order = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
    if order.state == OrderState::Open && order.lapses_at <= call.now {
        // As good as lapsed; the job comes to it.
        order.state = OrderState::Lapsed;
    }
    if order.state != OrderState::Open {
        return Err(closed(&order).into());
    }
    refuse_while_paying(tx, &order)?;
    if order.currency != owner.currency {
        // An open order keeps the currency; one series in two currencies could not be mended.
        return Err(Error::defect(format!("the order {} is in another currency than its organization", order.id)));
    }
    if owner.billing_address.is_none() {
        return Err(Code::BillingAddressRequired.into());
    }
    let kind = request.payment_method.unwrap_or(order.payment_method);
    let customer = Customer { currency: order.currency, ..carts::customer(&owner) };
    let invoice = tax_anew(tx, services, call, &mut order, &customer)?;
    let total = Money::new(order.total, order.currency);
    if request.expected_total.is_some_and(|expected| expected != total) {
        return Err(Refusal::new(Code::QuoteStale).with("total", json!(total)).into());
    }
    let plan = payments::plan(tx, services, &owner, Some(kind), &request.paying, total)?;
    // One without a total was complete when it was placed.
    let plan = plan.ok_or_else(|| Error::defect(format!("the order {} is open and costs nothing", order.id)))?;
    order.payment_method = plan.means.kind;
    redemptions::hold(tx, services, call.now, &order)?;
    if !rows::set_terms(tx, &order)? {
        return Err(closed(&order).into());
    }
    let paid_for = PaidFor::Invoice { invoice, order: Some(order.id) };
    payments::start(tx, services, call, (organization, order.currency), paid_for, plan)
}

/// Taxes an open invoice as of today: the rate is the one of the day its payment is created, and of the days of supply
/// from then on (BIL-3).
fn tax_anew(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    order: &mut Order,
    customer: &Customer,
) -> Result<InvoiceId> {
    let organization = order.organization_id;
    let mut invoice = invoices::find_by_order(tx, organization, order.id)?.ok_or(Code::NotFound)?;
    let today = catalogue::today(services, call.now);
    let catalogue = catalogue::in_force(tx, services, today)?.catalogue;
    let lines = invoices::lines(tx, organization, invoice.id)?;
    let (mut anew, mut notes) = (Vec::with_capacity(lines.len()), Vec::new());
    let mut note = |note| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for parts in lines.chunk_by(|one, other| one.product_id.is_some() && one.product_id == other.product_id) {
        let product = match parts.first().and_then(|line| line.product_id) {
            Some(product) => products::find(tx, organization, product)?,
            None => None,
        };
        match product.as_ref().and_then(|product| catalogue.product_type(&product.product_type)) {
            Some(product_type) => {
                customer.treatment(product_type, today).note.into_iter().for_each(&mut note);
                anew.extend(taxed_anew(parts, customer, product_type, today));
            }
            None => {
                // Of a type that is sold no more: taxed as it was, so with the reasons that were given for it.
                invoice.taxes.0.notes.iter().cloned().for_each(&mut note);
                anew.extend_from_slice(parts);
            }
        }
    }
    (1..).zip(&mut anew).for_each(|(position, line)| line.position = position);
    if anew != lines {
        invoices::delete_lines(tx, organization, invoice.id)?;
        anew.iter().try_for_each(|line| invoices::insert_line(tx, line))?;
    }
    let rates = anew.iter().map(|line| Ok((line.net, line.tax_rate.parse().map_err(Error::defect)?)));
    let totals = taxes::totals(rates.collect::<Result<Vec<(i64, Decimal)>>>()?);
    let taxes = Taxes { rates: totals.rates, notes };
    if taxes != invoice.taxes.0 {
        (invoice.tax, invoice.total, invoice.taxes) = (totals.tax, totals.total, Json(taxes));
        invoices::set_taxes(tx, &invoice)?;
        (order.tax, order.total) = (invoice.tax, invoice.total);
    }
    Ok(invoice.id)
}

/// The lines of one product put together and split anew.
fn taxed_anew(
    parts: &[InvoiceLine],
    customer: &Customer,
    product_type: &ProductType,
    today: NaiveDate,
) -> Vec<InvoiceLine> {
    let Some(first) = parts.first() else { return Vec::new() };
    let (price, discount): (i64, i64) =
        parts.iter().fold((0, 0), |(price, discount), line| (price + line.unit_price, discount + line.discount));
    let split = |amount| customer.taxed(product_type, amount, first.frequency, today);
    let (prices, discounts) = (split(price), split(discount));
    let discount = |index: usize| discounts.get(index).map_or(0, |part| part.price);
    let line = |(index, part): (usize, &TaxedPart)| InvoiceLine {
        unit_price: part.price,
        discount: discount(index),
        net: part.price * i64::from(first.quantity) - discount(index),
        tax_rate: part.rate.to_string(),
        period_start: part.period.map(|term| term.start),
        period_end: part.period.map(|term| term.end),
        ..first.clone()
    };
    prices.iter().enumerate().map(line).collect()
}

pub(super) fn closed(order: &Order) -> Refusal {
    Refusal::new(Code::OrderClosed).with("order", json!(order.id)).with("state", json!(order.state))
}

/// # Errors
/// `payment_in_progress` naming the payment.
pub(super) fn refuse_while_paying(tx: &mut AnyConnection, order: &Order) -> Result<()> {
    match payment_under_way(tx, order)? {
        Some(payment) => Err(Refusal::new(Code::PaymentInProgress).with("payment", json!(payment)).into()),
        None => Ok(()),
    }
}

/// The payment of an order that nobody knows the outcome of yet.
pub(super) fn payment_under_way(tx: &mut AnyConnection, order: &Order) -> Result<Option<PaymentId>> {
    Ok(payment_rows::find_open_of_order(tx, order.organization_id, order.id)?)
}
