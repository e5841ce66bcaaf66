//! Invoices with their lines, and the series of their numbers (BIL-1).

use chrono::NaiveDate;
use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::invoices::{Buyer, InvoiceState, LineDescription, Taxes};
use manager_domain::terms::Frequency;
use manager_domain::{Currency, Instant};
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{invoice_lines, invoice_series, invoices};
use crate::sql_types::{Json, sql};

/// An invoice as stored; amounts in minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = invoices)]
pub struct Invoice {
    pub organization_id: OrganizationId,
    pub id: InvoiceId,
    pub order_id: Option<OrderId>,
    pub state: InvoiceState,
    pub number: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub currency: Currency,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
    pub taxes: Json<Taxes>,
    /// The seller as of the issue date.
    pub seller: Json<Value>,
    pub buyer: Json<Buyer>,
    pub created_at: Instant,
    pub paid_at: Option<Instant>,
    pub version: i64,
    /// What credit notes took of the total.
    pub credited: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = invoice_lines)]
pub struct InvoiceLine {
    pub organization_id: OrganizationId,
    pub invoice_id: InvoiceId,
    pub position: i32,
    pub product_id: Option<ProductId>,
    pub offer: String,
    pub description: Json<LineDescription>,
    pub frequency: Option<Frequency>,
    pub quantity: i32,
    pub unit_price: i64,
    pub discount: i64,
    pub net: i64,
    /// Percent as a decimal, `8.1`.
    pub tax_rate: String,
    pub period_start: Option<NaiveDate>,
    pub period_end: Option<NaiveDate>,
}

/// Which invoices a list shows; days are issue dates, both included.
#[derive(Debug, Clone, Copy, Default)]
pub struct InvoiceFilter {
    pub state: Option<InvoiceState>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn insert(tx: &mut AnyConnection, row: &Invoice) -> Result<(), Error> {
    diesel::insert_into(invoices::table)
        .values((
            invoices::organization_id.eq(sql(row.organization_id)),
            invoices::id.eq(sql(row.id)),
            invoices::order_id.eq(sql(row.order_id)),
            invoices::state.eq(sql(row.state)),
            invoices::currency.eq(sql(row.currency)),
            invoices::net.eq(row.net),
            invoices::tax.eq(row.tax),
            invoices::total.eq(row.total),
            invoices::taxes.eq(sql(row.taxes.clone())),
            invoices::seller.eq(sql(row.seller.clone())),
            invoices::buyer.eq(sql(row.buyer.clone())),
            invoices::created_at.eq(sql(row.created_at)),
            invoices::version.eq(row.version),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn insert_line(tx: &mut AnyConnection, row: &InvoiceLine) -> Result<(), Error> {
    diesel::insert_into(invoice_lines::table)
        .values((
            invoice_lines::organization_id.eq(sql(row.organization_id)),
            invoice_lines::invoice_id.eq(sql(row.invoice_id)),
            invoice_lines::position.eq(row.position),
            invoice_lines::product_id.eq(sql(row.product_id)),
            invoice_lines::offer.eq(&row.offer),
            invoice_lines::description.eq(sql(row.description.clone())),
            invoice_lines::frequency.eq(sql(row.frequency)),
            invoice_lines::quantity.eq(row.quantity),
            invoice_lines::unit_price.eq(row.unit_price),
            invoice_lines::discount.eq(row.discount),
            invoice_lines::net.eq(row.net),
            invoice_lines::tax_rate.eq(&row.tax_rate),
            invoice_lines::period_start.eq(row.period_start),
            invoice_lines::period_end.eq(row.period_end),
        ))
        .execute(tx)?;
    Ok(())
}

/// Takes all lines away; the caller holds the invoice open and puts others in their place.
pub fn delete_lines(tx: &mut AnyConnection, organization: OrganizationId, invoice: InvoiceId) -> Result<(), Error> {
    let lines = invoice_lines::table.filter(invoice_lines::organization_id.eq(sql(organization)));
    diesel::delete(lines.filter(invoice_lines::invoice_id.eq(sql(invoice)))).execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: InvoiceId) -> Result<Option<Invoice>, Error> {
    let query = invoices::table.filter(invoices::organization_id.eq(sql(organization)).and(invoices::id.eq(sql(id))));
    Ok(query.select(Invoice::as_select()).first(conn).optional()?)
}

pub fn find_by_order(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
) -> Result<Option<Invoice>, Error> {
    let query = invoices::table.filter(invoices::organization_id.eq(sql(organization)));
    let query = query.filter(invoices::order_id.eq(sql(Some(order))));
    Ok(query.select(Invoice::as_select()).first(conn).optional()?)
}

/// The lines of an invoice in their order.
pub fn lines(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Vec<InvoiceLine>, Error> {
    let query = invoice_lines::table.filter(invoice_lines::organization_id.eq(sql(organization)));
    let query = query.filter(invoice_lines::invoice_id.eq(sql(invoice))).order(invoice_lines::position);
    Ok(query.select(InvoiceLine::as_select()).load(conn)?)
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: InvoiceFilter,
    before: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>, Error> {
    let mut query = invoices::table
        .filter(invoices::organization_id.eq(sql(organization)))
        .select(Invoice::as_select())
        .order(invoices::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(invoices::id.lt(sql(before)));
    }
    if let Some(state) = filter.state {
        query = query.filter(invoices::state.eq(sql(state)));
    }
    if let Some(from) = filter.from {
        query = query.filter(invoices::issued_on.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(invoices::issued_on.le(to));
    }
    Ok(query.load(conn)?)
}

/// Counts in the series of a table, which has a row for each organization and year.
macro_rules! count_on {
    ($tx:expr, $series:ident, $organization:expr, $year:expr) => {{
        crate::each!(&mut *$tx, |c| diesel::insert_into($series::table)
            .values((
                $series::organization_id.eq(sql($organization)),
                $series::year.eq($year),
                $series::last_number.eq(0_i64),
            ))
            .on_conflict_do_nothing()
            .execute(c)?);
        let of_year =
            || $series::table.filter($series::organization_id.eq(sql($organization)).and($series::year.eq($year)));
        diesel::update(of_year()).set($series::last_number.eq($series::last_number + 1)).execute($tx)?;
        of_year().select($series::last_number).first($tx)?
    }};
}
pub(crate) use count_on;

/// The next place in the series of a year. Gapless: it is undone with the transaction, and the row stays locked by it.
pub fn next_in_series(tx: &mut AnyConnection, organization: OrganizationId, year: i32) -> Result<i64, Error> {
    Ok(count_on!(tx, invoice_series, organization, year))
}

/// What an invoice gets in the transaction that settles it.
pub struct Issue<'a> {
    pub number: &'a str,
    pub issued_on: NaiveDate,
    pub seller: &'a Value,
    pub buyer: &'a Buyer,
    pub now: Instant,
}

/// Numbers an open invoice and marks it paid; `false` where it isn't open.
pub fn issue_paid(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: InvoiceId,
    issue: &Issue<'_>,
) -> Result<bool, Error> {
    let open = invoices::table.filter(invoices::organization_id.eq(sql(organization)).and(invoices::id.eq(sql(id))));
    let changed = diesel::update(open.filter(invoices::state.eq(sql(InvoiceState::Open))))
        .set((
            invoices::state.eq(sql(InvoiceState::Paid)),
            invoices::number.eq(Some(issue.number)),
            invoices::issued_on.eq(Some(issue.issued_on)),
            invoices::seller.eq(sql(Json(issue.seller.clone()))),
            invoices::buyer.eq(sql(Json(issue.buyer.clone()))),
            invoices::paid_at.eq(sql(Some(issue.now))),
            invoices::version.eq(invoices::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Voids an open invoice; `false` where it isn't open.
pub fn void(tx: &mut AnyConnection, organization: OrganizationId, id: InvoiceId) -> Result<bool, Error> {
    let open = invoices::table.filter(invoices::organization_id.eq(sql(organization)).and(invoices::id.eq(sql(id))));
    let changed = diesel::update(open.filter(invoices::state.eq(sql(InvoiceState::Open))))
        .set((invoices::state.eq(sql(InvoiceState::Void)), invoices::version.eq(invoices::version + 1)))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Writes other taxes into an open invoice.
pub fn set_taxes(tx: &mut AnyConnection, row: &Invoice) -> Result<bool, Error> {
    let open = invoices::table.filter(invoices::organization_id.eq(sql(row.organization_id)));
    let open = open.filter(invoices::id.eq(sql(row.id)).and(invoices::state.eq(sql(InvoiceState::Open))));
    let changed = diesel::update(open)
        .set((
            invoices::tax.eq(row.tax),
            invoices::total.eq(row.total),
            invoices::taxes.eq(sql(row.taxes.clone())),
            invoices::version.eq(invoices::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Credits so much more of a settled invoice, in minor units with tax; `false` where it changed since `row` was read.
pub fn credit(tx: &mut AnyConnection, row: &Invoice, amount: i64, state: InvoiceState) -> Result<bool, Error> {
    let seen = invoices::table.filter(invoices::organization_id.eq(sql(row.organization_id)));
    let seen = seen.filter(invoices::id.eq(sql(row.id)).and(invoices::version.eq(row.version)));
    let changed = diesel::update(seen.filter(invoices::state.eq(sql(row.state))))
        .set((
            invoices::state.eq(sql(state)),
            invoices::credited.eq(invoices::credited + amount),
            invoices::version.eq(invoices::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Writes rate and period of a line; the caller holds the invoice open.
pub fn update_line(tx: &mut AnyConnection, row: &InvoiceLine) -> Result<(), Error> {
    let line = invoice_lines::table.filter(invoice_lines::organization_id.eq(sql(row.organization_id)));
    let line = line.filter(invoice_lines::invoice_id.eq(sql(row.invoice_id)));
    diesel::update(line.filter(invoice_lines::position.eq(row.position)))
        .set((
            invoice_lines::tax_rate.eq(&row.tax_rate),
            invoice_lines::period_start.eq(row.period_start),
            invoice_lines::period_end.eq(row.period_end),
        ))
        .execute(tx)?;
    Ok(())
}
