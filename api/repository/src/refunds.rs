//! Refunds of invoices: asked for, decided on, and on their way back to the payer (BIL-8, STF-1).

use diesel::prelude::*;
use manager_domain::credit_notes::LineCredit;
use manager_domain::ids::*;
use manager_domain::refunds::{RefundDestination, RefundState};
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::refunds;
use crate::sql_types::{Json, literally, sql};

/// A refund as stored; amounts in minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = refunds)]
pub struct StoredRefund {
    pub organization_id: OrganizationId,
    pub id: RefundId,
    pub invoice_id: InvoiceId,
    pub destination: RefundDestination,
    pub lines: Json<Vec<LineCredit>>,
    /// With tax.
    pub amount: i64,
    /// What goes back by the other method, through `payment_id`.
    pub other: i64,
    pub payment_id: Option<PaymentId>,
    pub currency: Currency,
    pub reason: String,
    pub state: RefundState,
    /// Once it is carried out.
    pub credit_note_id: Option<CreditNoteId>,
    pub provider_reference: Option<String>,
    pub failure_code: Option<String>,
    pub requested_by: AccountId,
    pub requested_at: Instant,
    /// The second person.
    pub decided_by: Option<AccountId>,
    pub decided_at: Option<Instant>,
    pub settled_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &StoredRefund) -> Result<(), Error> {
    diesel::insert_into(refunds::table)
        .values((
            refunds::organization_id.eq(sql(row.organization_id)),
            refunds::id.eq(sql(row.id)),
            refunds::invoice_id.eq(sql(row.invoice_id)),
            refunds::destination.eq(sql(row.destination)),
            refunds::lines.eq(sql(row.lines.clone())),
            refunds::amount.eq(row.amount),
            refunds::other.eq(row.other),
            refunds::payment_id.eq(sql(row.payment_id)),
            refunds::currency.eq(sql(row.currency)),
            refunds::reason.eq(&row.reason),
            refunds::state.eq(sql(row.state)),
            refunds::credit_note_id.eq(sql(row.credit_note_id)),
            refunds::requested_by.eq(sql(row.requested_by)),
            refunds::requested_at.eq(sql(row.requested_at)),
            refunds::settled_at.eq(sql(row.settled_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: RefundId,
) -> Result<Option<StoredRefund>, Error> {
    let one = refunds::organization_id.eq(sql(organization)).and(refunds::id.eq(sql(id)));
    Ok(refunds::table.filter(one).select(StoredRefund::as_select()).first(conn).optional()?)
}

/// The refund that a credit note was issued for.
pub fn find_by_credit_note(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    note: CreditNoteId,
) -> Result<Option<StoredRefund>, Error> {
    let one = refunds::organization_id.eq(sql(organization)).and(refunds::credit_note_id.eq(sql(Some(note))));
    Ok(refunds::table.filter(one).select(StoredRefund::as_select()).first(conn).optional()?)
}

/// Which refunds a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefundFilter {
    pub state: Option<RefundState>,
}

/// An organization's refunds, newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: RefundFilter,
    before: Option<RefundId>,
    limit: i64,
) -> Result<Vec<StoredRefund>, Error> {
    let mut query = refunds::table
        .filter(refunds::organization_id.eq(sql(organization)))
        .select(StoredRefund::as_select())
        .order(refunds::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(refunds::id.lt(sql(before)));
    }
    if let Some(state) = filter.state {
        query = query.filter(refunds::state.eq(sql(state)));
    }
    Ok(query.load(conn)?)
}

/// Those of all organizations that wait for a second person, newest first, from the one after `before` on.
pub fn list_requested(
    conn: &mut AnyConnection,
    before: Option<RefundId>,
    limit: i64,
) -> Result<Vec<StoredRefund>, Error> {
    let mut query = refunds::table
        .filter(literally("refunds.state = 'requested'"))
        .select(StoredRefund::as_select())
        .order(refunds::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(refunds::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Writes the decision on a refund that was asked for, and what came of it; `false` where it was decided on before.
pub fn decide(tx: &mut AnyConnection, row: &StoredRefund) -> Result<bool, Error> {
    let one = refunds::organization_id.eq(sql(row.organization_id)).and(refunds::id.eq(sql(row.id)));
    let changed = diesel::update(refunds::table.filter(one.and(refunds::state.eq(sql(RefundState::Requested)))))
        .set((
            refunds::state.eq(sql(row.state)),
            refunds::amount.eq(row.amount),
            refunds::other.eq(row.other),
            refunds::payment_id.eq(sql(row.payment_id)),
            refunds::credit_note_id.eq(sql(row.credit_note_id)),
            refunds::decided_by.eq(sql(row.decided_by)),
            refunds::decided_at.eq(sql(row.decided_at)),
            refunds::settled_at.eq(sql(row.settled_at)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// What the other method made of a refund.
#[derive(Debug, Clone, Copy)]
pub struct Settlement<'a> {
    pub state: RefundState,
    pub reference: Option<&'a str>,
    pub failure_code: Option<&'a str>,
}

/// Writes what became of a refund that is in `from`; `false` where it isn't any more.
pub fn settle(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: RefundId,
    from: RefundState,
    settlement: Settlement<'_>,
    now: Instant,
) -> Result<bool, Error> {
    let one = refunds::organization_id.eq(sql(organization)).and(refunds::id.eq(sql(id)));
    let changed = diesel::update(refunds::table.filter(one.and(refunds::state.eq(sql(from)))))
        .set((
            refunds::state.eq(sql(settlement.state)),
            refunds::provider_reference.eq(settlement.reference),
            refunds::failure_code.eq(settlement.failure_code),
            refunds::settled_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}
