//! Orders: from a quote the caller has seen to products that are paid (ORD-6, ORD-7).

mod checkout;
mod closing;
mod paying;

use manager_domain::Code;
use manager_domain::ids::*;
use manager_repository::invoices::Invoice;
use manager_repository::payments::Payment;
use manager_repository::products::Product;
use manager_repository::{AnyConnection, invoices, orders as rows, payments, products};

use crate::Services;
use crate::errors::Result;
use crate::payments::refuse_failed;

pub use checkout::{CheckedOut, Checkout, checkout};
pub(crate) use checkout::{Draft, Writer};
pub use closing::{cancel, lapse_due};
pub use paying::{PayOrder, pay};
pub use rows::{Order, OrderFilter};

/// An order with everything that belongs to it.
#[derive(Debug, Clone)]
pub struct Details {
    pub order: Order,
    pub invoice: Invoice,
    /// Oldest first; the last one tells how it went.
    pub payments: Vec<Payment>,
    pub products: Vec<Product>,
}

/// A page of an organization's orders, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    filter: OrderFilter,
    before: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Order>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, filter, before, limit)?)).await
}

/// An order of an organization.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: OrderId) -> Result<Details> {
    services.db.read(move |conn| details(conn, organization, id)).await
}

fn details(conn: &mut AnyConnection, organization: OrganizationId, id: OrderId) -> Result<Details> {
    let order = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
    let invoice = invoices::find_by_order(conn, organization, id)?.ok_or(Code::NotFound)?;
    let payments = payments::list_of_order(conn, organization, id)?;
    let products = products::list_of_order(conn, organization, id)?;
    Ok(Details { order, invoice, payments, products })
}

/// The order after a payment of it was tried.
///
/// # Errors
/// `payment_failed` naming order, invoice and payment; the order stays payable.
async fn paid_or_refused(services: &Services, payment: &Payment, order: OrderId) -> Result<Details> {
    refuse_failed(payment)?;
    get(services, payment.organization_id, order).await
}
