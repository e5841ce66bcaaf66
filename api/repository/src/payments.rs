//! Payments of invoices. At most one of an invoice is under way or has succeeded, by a unique key.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::payments;
use crate::sql_types::sql;

/// A payment as stored; its id is the provider's idempotency key.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub organization_id: OrganizationId,
    pub id: PaymentId,
    pub invoice_id: InvoiceId,
    pub order_id: Option<OrderId>,
    pub provider: String,
    pub method: PaymentMethodKind,
    /// The provider's name for the means of payment; never a card number.
    pub method_token: String,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    pub state: PaymentState,
    pub provider_reference: Option<String>,
    pub failure_code: Option<String>,
    pub created_by: AccountId,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub settled_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &Payment) -> Result<(), Error> {
    diesel::insert_into(payments::table)
        .values((
            payments::organization_id.eq(sql(row.organization_id)),
            payments::id.eq(sql(row.id)),
            payments::invoice_id.eq(sql(row.invoice_id)),
            payments::order_id.eq(sql(row.order_id)),
            payments::provider.eq(&row.provider),
            payments::method.eq(sql(row.method)),
            payments::method_token.eq(&row.method_token),
            payments::amount.eq(row.amount),
            payments::currency.eq(sql(row.currency)),
            payments::state.eq(sql(row.state)),
            payments::created_by.eq(sql(row.created_by)),
            payments::created_at.eq(sql(row.created_at)),
            payments::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: PaymentId) -> Result<Option<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)).and(payments::id.eq(sql(id))));
    Ok(query.select(Payment::as_select()).first(conn).optional()?)
}

/// The payments of an order, oldest first.
pub fn list_of_order(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
) -> Result<Vec<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)));
    let query = query.filter(payments::order_id.eq(sql(Some(order)))).order(payments::id);
    Ok(query.select(Payment::as_select()).load(conn)?)
}

/// A payment of the organization whose outcome is still open, the oldest one.
pub fn find_open(conn: &mut AnyConnection, organization: OrganizationId) -> Result<Option<PaymentId>, Error> {
    let open = payments::state.eq(sql(PaymentState::Created));
    let open = open.or(payments::state.eq(sql(PaymentState::Processing)));
    let open = open.or(payments::state.eq(sql(PaymentState::RequiresAction)));
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)).and(open));
    Ok(query.select(payments::id).order(payments::id).first(conn).optional()?)
}

/// What became of a payment.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    pub state: PaymentState,
    pub reference: Option<&'a str>,
    pub failure_code: Option<&'a str>,
}

/// Writes what became of a payment whose outcome was still open; `false` where it was known already.
pub fn settle(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: PaymentId,
    outcome: &Outcome<'_>,
    now: Instant,
) -> Result<bool, Error> {
    let open = payments::state.eq(sql(PaymentState::Created));
    let open = open.or(payments::state.eq(sql(PaymentState::Processing)));
    let open = open.or(payments::state.eq(sql(PaymentState::RequiresAction)));
    let payment = payments::table.filter(payments::organization_id.eq(sql(organization)).and(payments::id.eq(sql(id))));
    let changed = diesel::update(payment.filter(open))
        .set((
            payments::state.eq(sql(outcome.state)),
            payments::provider_reference.eq(outcome.reference),
            payments::failure_code.eq(outcome.failure_code),
            payments::updated_at.eq(sql(now)),
            payments::settled_at.eq(sql(outcome.state.is_final().then_some(now))),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// The payments of an invoice, oldest first.
pub fn list_of_invoice(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Vec<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)));
    let query = query.filter(payments::invoice_id.eq(sql(invoice))).order(payments::id);
    Ok(query.select(Payment::as_select()).load(conn)?)
}
