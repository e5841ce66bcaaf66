//! Invoices as their organization sees them (BIL-1).

use manager_domain::Code;
use manager_domain::ids::*;
use manager_repository::invoices as rows;

use crate::Services;
use crate::errors::{Error, Result};

pub use rows::{Invoice, InvoiceFilter, InvoiceLine};

/// A page of an organization's invoices, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    filter: InvoiceFilter,
    before: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, filter, before, limit)?)).await
}

/// An invoice in an export, with its lines.
pub type Exported = (Invoice, Vec<InvoiceLine>);

/// Invoices that an export reads at once.
pub const EXPORTED_AT_ONCE: usize = 200;

/// The next invoices of an export, newest first, from the one after `before` on.
pub async fn export(
    services: &Services,
    organization: OrganizationId,
    filter: InvoiceFilter,
    before: Option<InvoiceId>,
) -> Result<Vec<Exported>> {
    let read = move |conn: &mut manager_repository::AnyConnection| {
        let invoices = rows::list(conn, organization, filter, before, EXPORTED_AT_ONCE as i64)?;
        let with_lines = |invoice: Invoice| {
            let lines = rows::lines(conn, organization, invoice.id)?;
            Ok((invoice, lines))
        };
        invoices.into_iter().map(with_lines).collect()
    };
    services.db.read(read).await
}

/// An invoice with its lines.
///
/// # Errors
/// `not_found`.
pub async fn get(
    services: &Services,
    organization: OrganizationId,
    id: InvoiceId,
) -> Result<(Invoice, Vec<InvoiceLine>)> {
    let read = move |conn: &mut manager_repository::AnyConnection| {
        let invoice = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
        let lines = rows::lines(conn, organization, id)?;
        Ok((invoice, lines))
    };
    services.db.read(read).await
}

/// The order that is paid with an invoice.
///
/// # Errors
/// `not_found`; `invoice_closed` where it isn't open.
pub async fn order_to_pay(services: &Services, organization: OrganizationId, id: InvoiceId) -> Result<OrderId> {
    let (invoice, _) = get(services, organization, id).await?;
    invoice.state.check_payable()?;
    invoice.order_id.ok_or_else(|| Error::defect(format!("{id} is open and of no order")))
}
