//! Credit notes with their lines, which only grow, and the series of their numbers (BIL-1).

use chrono::NaiveDate;
use diesel::prelude::*;
use manager_domain::credit_notes::{LineCredit, RefundSplit};
use manager_domain::ids::*;
use manager_domain::invoices::{Buyer, Taxes};
use manager_domain::ledger::PrepaidParts;
use manager_domain::{Currency, Instant};
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::invoices::count_on;
use crate::schema::{credit_note_lines, credit_note_series, credit_notes};
use crate::sql_types::{Json, sql};

/// A credit note as stored; amounts in minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = credit_notes)]
pub struct StoredCreditNote {
    pub organization_id: OrganizationId,
    pub id: CreditNoteId,
    pub invoice_id: InvoiceId,
    pub number: String,
    pub issued_on: NaiveDate,
    pub currency: Currency,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
    pub taxes: Json<Taxes>,
    /// The seller as of the issue date.
    pub seller: Json<Value>,
    pub buyer: Json<Buyer>,
    /// What it gives back of what the other method paid, wherever that goes.
    pub other: i64,
    pub prepaid_promotional: i64,
    pub prepaid_paid: i64,
    /// `None` for what nobody asked for.
    pub created_by: Option<AccountId>,
    pub created_at: Instant,
}

impl StoredCreditNote {
    /// What it gives back of what each paid.
    pub const fn sources(&self) -> RefundSplit {
        let prepaid = PrepaidParts { promotional: self.prepaid_promotional, paid: self.prepaid_paid };
        RefundSplit { other: self.other, prepaid }
    }
}

/// The next place in the series of a year. Gapless: it is undone with the transaction, and the row stays locked by it.
pub fn next_in_series(tx: &mut AnyConnection, organization: OrganizationId, year: i32) -> Result<i64, Error> {
    Ok(count_on!(tx, credit_note_series, organization, year))
}

/// Writes a credit note with its lines.
pub fn insert(tx: &mut AnyConnection, row: &StoredCreditNote, lines: &[LineCredit]) -> Result<(), Error> {
    diesel::insert_into(credit_notes::table)
        .values((
            credit_notes::organization_id.eq(sql(row.organization_id)),
            credit_notes::id.eq(sql(row.id)),
            credit_notes::invoice_id.eq(sql(row.invoice_id)),
            credit_notes::number.eq(&row.number),
            credit_notes::issued_on.eq(row.issued_on),
            credit_notes::currency.eq(sql(row.currency)),
            credit_notes::net.eq(row.net),
            credit_notes::tax.eq(row.tax),
            credit_notes::total.eq(row.total),
            credit_notes::taxes.eq(sql(row.taxes.clone())),
            credit_notes::seller.eq(sql(row.seller.clone())),
            credit_notes::buyer.eq(sql(row.buyer.clone())),
            credit_notes::other.eq(row.other),
            credit_notes::prepaid_promotional.eq(row.prepaid_promotional),
            credit_notes::prepaid_paid.eq(row.prepaid_paid),
            credit_notes::created_by.eq(sql(row.created_by)),
            credit_notes::created_at.eq(sql(row.created_at)),
        ))
        .execute(tx)?;
    for line in lines {
        diesel::insert_into(credit_note_lines::table)
            .values((
                credit_note_lines::organization_id.eq(sql(row.organization_id)),
                credit_note_lines::credit_note_id.eq(sql(row.id)),
                credit_note_lines::position.eq(line.position),
                credit_note_lines::net.eq(line.net),
            ))
            .execute(tx)?;
    }
    Ok(())
}

pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: CreditNoteId,
) -> Result<Option<StoredCreditNote>, Error> {
    let one = credit_notes::organization_id.eq(sql(organization)).and(credit_notes::id.eq(sql(id)));
    Ok(credit_notes::table.filter(one).select(StoredCreditNote::as_select()).first(conn).optional()?)
}

/// Which credit notes a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct CreditNoteFilter {
    pub invoice: Option<InvoiceId>,
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: CreditNoteFilter,
    before: Option<CreditNoteId>,
    limit: i64,
) -> Result<Vec<StoredCreditNote>, Error> {
    let mut query = credit_notes::table
        .filter(credit_notes::organization_id.eq(sql(organization)))
        .select(StoredCreditNote::as_select())
        .order(credit_notes::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(credit_notes::id.lt(sql(before)));
    }
    if let Some(invoice) = filter.invoice {
        query = query.filter(credit_notes::invoice_id.eq(sql(invoice)));
    }
    Ok(query.load(conn)?)
}

/// All credit notes of an invoice, oldest first.
pub fn list_of_invoice(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Vec<StoredCreditNote>, Error> {
    let query = credit_notes::table.filter(credit_notes::organization_id.eq(sql(organization)));
    let query = query.filter(credit_notes::invoice_id.eq(sql(invoice))).order(credit_notes::id);
    Ok(query.select(StoredCreditNote::as_select()).load(conn)?)
}

/// What a credit note credits of the lines of its invoice, in their order.
pub fn lines(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    note: CreditNoteId,
) -> Result<Vec<LineCredit>, Error> {
    let query = credit_note_lines::table.filter(credit_note_lines::organization_id.eq(sql(organization)));
    let query = query.filter(credit_note_lines::credit_note_id.eq(sql(note))).order(credit_note_lines::position);
    let rows: Vec<(i32, i64)> = query.select((credit_note_lines::position, credit_note_lines::net)).load(conn)?;
    Ok(rows.into_iter().map(|(position, net)| LineCredit { position, net }).collect())
}
