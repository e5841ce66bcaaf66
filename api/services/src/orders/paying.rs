//! Paying an order that stayed open.

use manager_domain::carts::Customer;
use manager_domain::ids::*;
use manager_domain::invoices::Taxes;
use manager_domain::orders::OrderState;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Code, Refusal, taxes};
use manager_repository::organizations;
use manager_repository::{AnyConnection, Json, invoices, orders as rows, payments, products};
use rust_decimal::Decimal;
use serde_json::json;

use super::checkout::{means, start_payment};
use super::{Details, Order, paid_or_refused};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::payments::collect;
use crate::{Call, Services, carts, catalogue, idempotency};

/// How an open order is to be paid.
#[derive(Debug, Clone)]
pub struct PayOrder {
    /// Another kind than the order's, where given.
    pub payment_method: Option<PaymentMethodKind>,
    /// The provider's name for the means of payment.
    pub payment_method_token: String,
}

/// Pays an open order.
///
/// # Errors
/// `not_found`, `order_closed`, `payment_in_progress`, `payment_method_unavailable`, `billing_address_required`,
/// `payment_failed`.
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
        None => services.db.write(write).await?,
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
    organizations::lock(tx, organization)?;
    let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let mut order = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
    if order.state != OrderState::Open || order.lapses_at <= call.now {
        return Err(closed(&order).into());
    }
    refuse_while_paying(tx, &order)?;
    if owner.billing_address.is_none() {
        return Err(Code::BillingAddressRequired.into());
    }
    let kind = request.payment_method.unwrap_or(order.payment_method);
    let token = Some(request.payment_method_token.as_str());
    let means = means(services, &owner, kind, token, order.currency)?;
    order.payment_method = kind;
    let customer = Customer { currency: order.currency, ..carts::customer(&owner) };
    let invoice = tax_anew(tx, services, call, &mut order, &customer)?;
    if !rows::set_terms(tx, &order)? {
        return Err(closed(&order).into());
    }
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    start_payment(tx, services, call, &order, invoice, means, actor.account)
}

/// Taxes an open invoice as of today: the rate is the one of the day its payment is created (BIL-3).
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
    let (mut taxed, mut notes) = (Vec::new(), Vec::new());
    for mut line in invoices::lines(tx, organization, invoice.id)? {
        let product = match line.product_id {
            Some(product) => products::find(tx, organization, product)?,
            None => None,
        };
        let product_type = product.and_then(|product| catalogue.product_type(&product.product_type));
        let rate: Decimal = match product_type.map(|product_type| customer.treatment(product_type, today)) {
            Some(treatment) => {
                notes.extend(treatment.note.filter(|note| !notes.contains(note)));
                treatment.rate
            }
            None => line.tax_rate.parse().map_err(Error::defect)?,
        };
        if rate.to_string() != line.tax_rate {
            line.tax_rate = rate.to_string();
            invoices::update_line(tx, &line)?;
        }
        taxed.push((line.net, rate));
    }
    let totals = taxes::totals(taxed);
    let anew = Taxes { rates: totals.rates, notes };
    if anew != invoice.taxes.0 {
        (invoice.tax, invoice.total, invoice.taxes) = (totals.tax, totals.total, Json(anew));
        invoices::set_taxes(tx, &invoice)?;
        (order.tax, order.total) = (invoice.tax, invoice.total);
    }
    Ok(invoice.id)
}

pub(super) fn closed(order: &Order) -> Refusal {
    Refusal::new(Code::OrderClosed).with("order", json!(order.id)).with("state", json!(order.state))
}

/// # Errors
/// `payment_in_progress` naming the payment.
pub(super) fn refuse_while_paying(tx: &mut AnyConnection, order: &Order) -> Result<()> {
    let payments = payments::list_of_order(tx, order.organization_id, order.id)?;
    match payments.iter().find(|payment| PaymentState::OPEN.contains(&payment.state)) {
        Some(payment) => Err(Refusal::new(Code::PaymentInProgress).with("payment", json!(payment.id)).into()),
        None => Ok(()),
    }
}
