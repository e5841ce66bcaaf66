//! Payments of invoices and of top-ups. At most one of an invoice is under way or has succeeded, by a unique key.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::ledger::PrepaidParts;
use manager_domain::payments::{Action, PaymentMethodKind, PaymentState};
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::payments;
use crate::sql_types::{Json, sql};

/// A payment as stored; its id is the provider's idempotency key.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub organization_id: OrganizationId,
    pub id: PaymentId,
    /// It pays an invoice or a top-up.
    pub invoice_id: Option<InvoiceId>,
    pub top_up_id: Option<TopUpId>,
    pub order_id: Option<OrderId>,
    pub provider: String,
    pub method: PaymentMethodKind,
    /// The provider's name for the means of payment; never a card number.
    pub method_token: String,
    /// What the method is asked for, in minor units; zero where the prepaid account pays all.
    pub amount: i64,
    /// The prepaid part (BIL-5), in minor units: held while the payment is under way.
    #[diesel(embed)]
    pub prepaid: PrepaidColumns,
    pub currency: Currency,
    pub state: PaymentState,
    pub provider_reference: Option<String>,
    pub failure_code: Option<String>,
    /// What the customer has to do, where it waits for them.
    pub action: Option<Json<Action>>,
    /// What came in by it and went to the prepaid account or to suspense instead, in minor units.
    pub booked_elsewhere: i64,
    /// `None` for what nobody asked for, such as automatic top-ups.
    pub created_by: Option<AccountId>,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub settled_at: Option<Instant>,
}

/// The prepaid part by its kind, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct PrepaidColumns {
    pub prepaid_promotional: i64,
    pub prepaid_paid: i64,
}

impl From<PrepaidParts> for PrepaidColumns {
    fn from(parts: PrepaidParts) -> Self {
        Self { prepaid_promotional: parts.promotional, prepaid_paid: parts.paid }
    }
}

impl Payment {
    /// The prepaid part.
    pub const fn parts(&self) -> PrepaidParts {
        PrepaidParts { promotional: self.prepaid.prepaid_promotional, paid: self.prepaid.prepaid_paid }
    }

    /// What is paid by it altogether, in minor units.
    pub const fn total(&self) -> i64 {
        self.amount.saturating_add(self.parts().total())
    }
}

/// The columns of a payment, for everybody who inserts one.
macro_rules! payment_columns {
    ($row:expr) => {
        (
            payments::organization_id.eq(sql($row.organization_id)),
            payments::id.eq(sql($row.id)),
            payments::invoice_id.eq(sql($row.invoice_id)),
            payments::top_up_id.eq(sql($row.top_up_id)),
            payments::order_id.eq(sql($row.order_id)),
            payments::provider.eq(&$row.provider),
            payments::method.eq(sql($row.method)),
            payments::method_token.eq(&$row.method_token),
            payments::amount.eq($row.amount),
            payments::prepaid_promotional.eq($row.prepaid.prepaid_promotional),
            payments::prepaid_paid.eq($row.prepaid.prepaid_paid),
            payments::currency.eq(sql($row.currency)),
            payments::state.eq(sql($row.state)),
            payments::provider_reference.eq(&$row.provider_reference),
            payments::failure_code.eq(&$row.failure_code),
            payments::booked_elsewhere.eq($row.booked_elsewhere),
            payments::created_by.eq(sql($row.created_by)),
            payments::created_at.eq(sql($row.created_at)),
            payments::updated_at.eq(sql($row.updated_at)),
            payments::settled_at.eq(sql($row.settled_at)),
        )
    };
}
pub(crate) use payment_columns;

pub fn insert(tx: &mut AnyConnection, row: &Payment) -> Result<(), Error> {
    diesel::insert_into(payments::table).values(payment_columns!(row)).execute(tx)?;
    Ok(())
}

/// Whether the outcome of a payment is still open.
macro_rules! is_open {
    () => {
        payments::state
            .eq(sql(PaymentState::Created))
            .or(payments::state.eq(sql(PaymentState::Processing)))
            .or(payments::state.eq(sql(PaymentState::RequiresAction)))
    };
}
pub(crate) use is_open;

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
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)).and(is_open!()));
    Ok(query.select(payments::id).order(payments::id).first(conn).optional()?)
}

/// The payment of an order that is under way, the oldest one.
pub fn find_open_of_order(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
) -> Result<Option<PaymentId>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)).and(is_open!()));
    let query = query.filter(payments::order_id.eq(sql(Some(order)))).order(payments::id);
    Ok(query.select(payments::id).first(conn).optional()?)
}

/// The payment of an invoice that is under way, but for `except`.
pub fn find_open_of_invoice(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
    except: PaymentId,
) -> Result<Option<PaymentId>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)).and(is_open!()));
    let query = query.filter(payments::invoice_id.eq(sql(Some(invoice))).and(payments::id.ne(sql(except))));
    Ok(query.select(payments::id).first(conn).optional()?)
}

/// The payment by which an invoice was paid, unless it is disputed.
pub fn find_succeeded_of_invoice(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Option<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)));
    let query = query.filter(payments::invoice_id.eq(sql(Some(invoice))));
    let query = query.filter(payments::state.eq(sql(PaymentState::Succeeded)));
    Ok(query.select(Payment::as_select()).first(conn).optional()?)
}

/// The payment of a top-up.
pub fn find_by_top_up(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    top_up: TopUpId,
) -> Result<Option<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)));
    let query = query.filter(payments::top_up_id.eq(sql(Some(top_up))));
    Ok(query.select(Payment::as_select()).first(conn).optional()?)
}

/// What became of a payment.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    pub state: PaymentState,
    pub reference: Option<&'a str>,
    pub failure_code: Option<&'a str>,
    pub action: Option<&'a Action>,
    /// What came in by it and went elsewhere, in minor units.
    pub booked_elsewhere: i64,
}

/// Writes what became of a payment that is in `from`; `false` where it isn't any more. What is known of its provider
/// stays where nothing newer is said.
pub fn advance(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: PaymentId,
    from: PaymentState,
    outcome: &Outcome<'_>,
    now: Instant,
) -> Result<bool, Error> {
    let payment = payments::table.filter(payments::organization_id.eq(sql(organization)).and(payments::id.eq(sql(id))));
    let payment = payment.filter(payments::state.eq(sql(from)));
    let changed = diesel::update(payment)
        .set((
            payments::state.eq(sql(outcome.state)),
            payments::failure_code.eq(outcome.failure_code),
            payments::action.eq(sql(outcome.action.cloned().map(Json))),
            payments::booked_elsewhere.eq(payments::booked_elsewhere + outcome.booked_elsewhere),
            payments::updated_at.eq(sql(now)),
            payments::settled_at.eq(sql(outcome.state.is_final().then_some(now))),
        ))
        .execute(tx)?;
    if let (1, Some(reference)) = (changed, outcome.reference) {
        let payment = payments::organization_id.eq(sql(organization)).and(payments::id.eq(sql(id)));
        let payment = diesel::update(payments::table.filter(payment));
        payment.set(payments::provider_reference.eq(Some(reference))).execute(tx)?;
    }
    Ok(changed == 1)
}

/// The payments of an invoice, oldest first.
pub fn list_of_invoice(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Vec<Payment>, Error> {
    let query = payments::table.filter(payments::organization_id.eq(sql(organization)));
    let query = query.filter(payments::invoice_id.eq(sql(Some(invoice)))).order(payments::id);
    Ok(query.select(Payment::as_select()).load(conn)?)
}
