//! Load-test data, many rows at a time: COPY on PostgreSQL, INSERTs of many rows on SQLite.

use diesel::internal::derives::as_expression::Bound;
use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::ledger::Transfer;
use manager_domain::order_options::UniqueName;

use crate::accounts::Account;
use crate::audit_log::{AuditEntry, Head};
use crate::carts::Cart;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::invoices::{Invoice, InvoiceLine};
use crate::ledger::{self, BookedTransfer};
use crate::memberships::Membership;
use crate::orders::Order;
use crate::organizations::Organization;
use crate::payments::{Payment, payment_columns};
use crate::products::Product;
use crate::schema::*;
use crate::security_log::SecurityEvent;
use crate::sql_types::{Json, SqlJson, sql};

/// Rows of one SQLite statement: with the 32 columns a table may have, half of the 32 766 values it may bind.
const RUN: usize = 500;

/// Rows that are written together.
#[derive(Debug, Default)]
pub struct Rows {
    /// With the comparison key of the login ID.
    pub accounts: Vec<(Account, String)>,
    pub security_log: Vec<SecurityEvent>,
    pub founded: Vec<Founded>,
    pub memberships: Vec<Membership>,
    /// What organizations of earlier writes came to by these rows.
    pub continued: Vec<Standing>,
    pub carts: Vec<Cart>,
    pub orders: Vec<Order>,
    pub products: Vec<Product>,
    pub product_names: Vec<(OrganizationId, ProductId, UniqueName)>,
    pub invoices: Vec<Invoice>,
    pub lines: Vec<InvoiceLine>,
    pub payments: Vec<Payment>,
    pub transfers: Vec<(BookedTransfer, Transfer)>,
    pub audit_log: Vec<AuditEntry>,
    pub personal: Vec<Personal>,
}

/// A new organization with one owner.
#[derive(Debug)]
pub struct Founded {
    pub organization: Organization,
    pub search_key: String,
    pub standing: Standing,
}

/// What changes in an organization with its orders.
#[derive(Debug, Clone)]
pub struct Standing {
    pub organization_id: OrganizationId,
    pub head: Head,
    pub currency_fixed: bool,
    /// The last number of each year's invoices.
    pub series: Vec<(i32, i64)>,
    /// The place of the last transfer in the ledger.
    pub transfers: i64,
}

/// Personal text of an audit entry.
#[derive(Debug)]
pub struct Personal {
    pub organization_id: OrganizationId,
    pub sequence: i64,
    pub salt: Vec<u8>,
    pub content: String,
}

/// Inserts `$rows`, each turned into the columns of `$table`.
macro_rules! insert {
    ($tx:expr, $table:ident, $rows:expr, |$row:pat_param| $columns:expr) => {
        match &mut *$tx {
            _ if $rows.is_empty() => {}
            AnyConnection::Pg(c) => {
                let columns: Vec<_> = $rows.iter().map(|$row| $columns).collect();
                diesel::copy_from($table::table).from_insertable(columns).execute(c)?;
            }
            AnyConnection::Sqlite(c) => {
                for run in $rows.chunks(RUN) {
                    let columns: Vec<_> = run.iter().map(|$row| $columns).collect();
                    diesel::insert_into($table::table).values(columns).execute(c)?;
                }
            }
        }
    };
}

/// JSON without a copy of it.
fn json<T>(value: &Json<T>) -> Bound<SqlJson, &Json<T>> {
    Bound::new(value)
}

/// Writes all rows, in the order that foreign keys ask for.
pub fn insert(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert_people(tx, rows)?;
    insert_organizations(tx, rows)?;
    insert_orders(tx, rows)?;
    insert_invoices(tx, rows)?;
    insert_ledger(tx, rows)?;
    insert_audit_log(tx, rows)
}

fn insert_people(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, accounts, rows.accounts, |(row, _)| (
        accounts::id.eq(sql(row.id)),
        accounts::login_id.eq(&row.login_id),
        accounts::first_name.eq(&row.first_name),
        accounts::last_name.eq(&row.last_name),
        accounts::display_name.eq(&row.display_name),
        accounts::locale.eq(sql(row.locale)),
        accounts::time_zone.eq(&row.time_zone),
        accounts::password_hash.eq(&row.password_hash),
        accounts::password_version.eq(row.password_version),
        accounts::default_organization_id.eq(sql(row.default_organization_id)),
        accounts::ui_settings.eq(json(&row.ui_settings)),
        accounts::version.eq(row.version),
        accounts::created_at.eq(sql(row.created_at)),
        accounts::updated_at.eq(sql(row.updated_at)),
    ));
    insert!(tx, login_addresses, rows.accounts, |(row, key)| (
        login_addresses::address_key.eq(key),
        login_addresses::account_id.eq(sql(row.id)),
        login_addresses::kind.eq("current"),
    ));
    insert!(tx, security_log, rows.security_log, |row| (
        security_log::id.eq(sql(row.id)),
        security_log::account_id.eq(sql(row.account_id)),
        security_log::at.eq(sql(row.at)),
        security_log::action.eq(&row.action),
        security_log::session_id.eq(sql(row.session_id)),
        security_log::ip.eq(&row.ip),
        security_log::device.eq(&row.device),
        security_log::details.eq(json(&row.details)),
    ));
    Ok(())
}

fn insert_organizations(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, organization_numbers, rows.founded, |Founded { organization: row, .. }| (
        organization_numbers::number.eq(&row.number),
        organization_numbers::organization_id.eq(sql(row.id)),
    ));
    insert!(tx, organizations, rows.founded, |Founded { organization: row, search_key, standing }| (
        organizations::id.eq(sql(row.id)),
        organizations::number.eq(&row.number),
        organizations::kind.eq(sql(row.kind)),
        organizations::name.eq(&row.name),
        organizations::search_key.eq(search_key),
        organizations::billing_address.eq(sql(row.billing_address.clone())),
        organizations::country.eq(&row.country),
        organizations::vat_number.eq(&row.vat_number),
        organizations::locale.eq(sql(row.locale)),
        organizations::time_zone.eq(&row.time_zone),
        organizations::currency.eq(sql(row.currency)),
        organizations::currency_fixed.eq(standing.currency_fixed),
        organizations::is_test.eq(row.is_test),
        organizations::owner_count.eq(1),
        organizations::audit_sequence.eq(standing.head.sequence),
        organizations::audit_head.eq(&standing.head.mac),
        organizations::version.eq(row.version),
        organizations::created_at.eq(sql(row.created_at)),
        organizations::updated_at.eq(sql(row.updated_at)),
    ));
    insert!(tx, memberships, rows.memberships, |row| (
        memberships::organization_id.eq(sql(row.organization_id)),
        memberships::id.eq(sql(row.id)),
        memberships::account_id.eq(sql(row.account_id)),
        memberships::role.eq(sql(row.role)),
        memberships::products.eq(json(&row.products)),
        memberships::billing.eq(row.billing),
        memberships::version.eq(row.version),
        memberships::created_at.eq(sql(row.created_at)),
        memberships::updated_at.eq(sql(row.updated_at)),
    ));
    for row in &rows.continued {
        let of_organization =
            invoice_series::table.filter(invoice_series::organization_id.eq(sql(row.organization_id)));
        diesel::delete(of_organization).execute(tx)?;
        diesel::update(organizations::table.filter(organizations::id.eq(sql(row.organization_id))))
            .set((
                organizations::currency_fixed.eq(row.currency_fixed),
                organizations::audit_sequence.eq(row.head.sequence),
                organizations::audit_head.eq(&row.head.mac),
            ))
            .execute(tx)?;
    }
    let standings = rows.founded.iter().map(|founded| &founded.standing).chain(&rows.continued);
    let of_standing = |standing: &Standing| {
        let of_year = |(year, last): &(i32, i64)| (standing.organization_id, *year, *last);
        standing.series.iter().map(of_year).collect::<Vec<_>>()
    };
    let series: Vec<_> = standings.flat_map(of_standing).collect();
    insert!(tx, invoice_series, series, |(organization, year, last)| (
        invoice_series::organization_id.eq(sql(*organization)),
        invoice_series::year.eq(*year),
        invoice_series::last_number.eq(*last),
    ));
    Ok(())
}

fn insert_orders(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, carts, rows.carts, |row| (
        carts::organization_id.eq(sql(row.organization_id)),
        carts::id.eq(sql(row.id)),
        carts::state.eq(sql(row.state)),
        carts::content.eq(json(&row.content)),
        carts::created_by.eq(sql(row.created_by)),
        carts::version.eq(row.version),
        carts::created_at.eq(sql(row.created_at)),
        carts::updated_at.eq(sql(row.updated_at)),
    ));
    insert!(tx, orders, rows.orders, |row| (
        orders::organization_id.eq(sql(row.organization_id)),
        orders::id.eq(sql(row.id)),
        orders::cart_id.eq(sql(row.cart_id)),
        orders::state.eq(sql(row.state)),
        orders::currency.eq(sql(row.currency)),
        orders::net.eq(row.net),
        orders::tax.eq(row.tax),
        orders::total.eq(row.total),
        orders::payment_method.eq(sql(row.payment_method)),
        orders::created_by.eq(sql(row.created_by)),
        orders::created_at.eq(sql(row.created_at)),
        orders::lapses_at.eq(sql(row.lapses_at)),
        orders::paid_at.eq(sql(row.paid_at)),
        orders::closed_at.eq(sql(row.closed_at)),
        orders::version.eq(row.version),
    ));
    insert!(tx, products, rows.products, |row| (
        products::organization_id.eq(sql(row.organization_id)),
        products::id.eq(sql(row.id)),
        products::order_id.eq(sql(row.order_id)),
        products::category.eq(&row.category),
        products::product_type.eq(&row.product_type),
        products::offer.eq(&row.offer),
        products::frequency.eq(sql(row.frequency)),
        products::currency.eq(sql(row.currency)),
        products::name.eq(&row.name),
        products::search_key.eq(&row.search_key),
        products::options.eq(json(&row.options)),
        products::state.eq(sql(row.state)),
        products::unit_price.eq(row.unit_price),
        products::anchor_day.eq(row.anchor_day),
        products::term_start.eq(row.term_start),
        products::term_end.eq(row.term_end),
        products::version.eq(row.version),
        products::created_at.eq(sql(row.created_at)),
        products::updated_at.eq(sql(row.updated_at)),
        products::activated_at.eq(sql(row.activated_at)),
    ));
    insert!(tx, product_names, rows.product_names, |(organization, product, name)| (
        product_names::namespace.eq(&name.namespace),
        product_names::name.eq(&name.name),
        product_names::organization_id.eq(sql(*organization)),
        product_names::product_id.eq(sql(*product)),
    ));
    Ok(())
}

fn insert_invoices(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, invoices, rows.invoices, |row| (
        invoices::organization_id.eq(sql(row.organization_id)),
        invoices::id.eq(sql(row.id)),
        invoices::order_id.eq(sql(row.order_id)),
        invoices::state.eq(sql(row.state)),
        invoices::number.eq(&row.number),
        invoices::issued_on.eq(row.issued_on),
        invoices::currency.eq(sql(row.currency)),
        invoices::net.eq(row.net),
        invoices::tax.eq(row.tax),
        invoices::total.eq(row.total),
        invoices::taxes.eq(json(&row.taxes)),
        invoices::seller.eq(json(&row.seller)),
        invoices::buyer.eq(json(&row.buyer)),
        invoices::created_at.eq(sql(row.created_at)),
        invoices::paid_at.eq(sql(row.paid_at)),
        invoices::version.eq(row.version),
    ));
    insert!(tx, invoice_lines, rows.lines, |row| (
        invoice_lines::organization_id.eq(sql(row.organization_id)),
        invoice_lines::invoice_id.eq(sql(row.invoice_id)),
        invoice_lines::position.eq(row.position),
        invoice_lines::product_id.eq(sql(row.product_id)),
        invoice_lines::offer.eq(&row.offer),
        invoice_lines::description.eq(json(&row.description)),
        invoice_lines::frequency.eq(sql(row.frequency)),
        invoice_lines::quantity.eq(row.quantity),
        invoice_lines::unit_price.eq(row.unit_price),
        invoice_lines::discount.eq(row.discount),
        invoice_lines::net.eq(row.net),
        invoice_lines::tax_rate.eq(&row.tax_rate),
        invoice_lines::period_start.eq(row.period_start),
        invoice_lines::period_end.eq(row.period_end),
    ));
    insert!(tx, payments, rows.payments, |row| payment_columns!(row));
    Ok(())
}

fn insert_ledger(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, ledger_transfers, rows.transfers, |(row, _)| ledger::transfer_columns!(row));
    let entries: Vec<_> = rows.transfers.iter().flat_map(|(row, transfer)| ledger::placed(row, transfer)).collect();
    insert!(tx, ledger_entries, entries, |(row, position, entry)| ledger::entry_columns!(row, *position, entry));
    Ok(())
}

fn insert_audit_log(tx: &mut AnyConnection, rows: &Rows) -> Result<(), Error> {
    insert!(tx, audit_log, rows.audit_log, |row| (
        audit_log::organization_id.eq(sql(row.organization_id)),
        audit_log::sequence.eq(row.sequence),
        audit_log::id.eq(sql(row.id)),
        audit_log::at.eq(sql(row.at)),
        audit_log::actor_kind.eq(&row.actor_kind),
        audit_log::account_id.eq(sql(row.account_id)),
        audit_log::session_id.eq(sql(row.session_id)),
        audit_log::action.eq(&row.action),
        audit_log::subject.eq(&row.subject),
        audit_log::before.eq(sql(row.before.clone().map(Json))),
        audit_log::after.eq(sql(row.after.clone().map(Json))),
        audit_log::personal_hash.eq(&row.personal_hash),
        audit_log::mac.eq(&row.mac),
    ));
    insert!(tx, audit_personal, rows.personal, |row| (
        audit_personal::organization_id.eq(sql(row.organization_id)),
        audit_personal::sequence.eq(row.sequence),
        audit_personal::salt.eq(&row.salt),
        audit_personal::content.eq(&row.content),
    ));
    Ok(())
}

/// How many accounts there are, and how many of them log in with an address that isn't at `domain`; deleted ones too.
pub fn count_accounts(conn: &mut AnyConnection, domain: &str) -> Result<(i64, i64), Error> {
    let all = accounts::table.count().get_result(conn)?;
    let others = accounts::table.filter(accounts::login_id.not_like(format!("%@{domain}")));
    Ok((all, others.count().get_result(conn)?))
}

/// Lets PostgreSQL's planner know at once what its autovacuum would find out in a minute.
pub fn analyze(tx: &mut AnyConnection) -> Result<(), Error> {
    if let AnyConnection::Pg(c) = tx {
        diesel::connection::SimpleConnection::batch_execute(c, "ANALYZE")?;
    }
    Ok(())
}
