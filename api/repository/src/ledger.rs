//! The double-entry ledger (PRE-1): transfers with their entries, which only grow, and the balances of an organization.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::ledger::{Balances, Entry, LedgerAccount, Transfer, TransferKind};
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{ledger_balances, ledger_entries, ledger_transfers};
use crate::sql_types::sql;

/// A transfer as stored; amounts are minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = ledger_transfers)]
pub struct BookedTransfer {
    pub organization_id: OrganizationId,
    pub id: LedgerTransferId,
    /// The place among the organization's transfers, without gaps.
    pub sequence: i64,
    pub kind: TransferKind,
    /// What it is about, an id with its prefix.
    pub about: String,
    pub currency: Currency,
    /// What it added to the balance that can be spent.
    pub prepaid_change: i64,
    /// The balance that could be spent afterwards.
    pub prepaid_balance: i64,
    pub created_by: Option<AccountId>,
    pub created_at: Instant,
}

/// The organization's balances in a currency.
pub fn balances(conn: &mut AnyConnection, organization: OrganizationId, currency: Currency) -> Result<Balances, Error> {
    let of_organization = ledger_balances::organization_id.eq(sql(organization));
    let rows: Vec<(LedgerAccount, i64)> = ledger_balances::table
        .filter(of_organization.and(ledger_balances::currency.eq(sql(currency))))
        .select((ledger_balances::account, ledger_balances::balance))
        .load(conn)?;
    let mut balances = Balances::default();
    for (account, balance) in rows {
        match account {
            LedgerAccount::PrepaidPaid => balances.prepaid_paid = balance,
            LedgerAccount::PrepaidPromotional => balances.prepaid_promotional = balance,
            LedgerAccount::Held => balances.held = balance,
            LedgerAccount::Receivable => balances.receivable = balance,
            _ => {}
        }
    }
    Ok(balances)
}

/// The place for an organization's next transfer. The caller holds the organization's lock.
pub fn next_sequence(tx: &mut AnyConnection, organization: OrganizationId) -> Result<i64, Error> {
    let query = ledger_transfers::table.filter(ledger_transfers::organization_id.eq(sql(organization)));
    let last: Option<i64> = query.select(diesel::dsl::max(ledger_transfers::sequence)).first(tx)?;
    Ok(last.unwrap_or(0) + 1)
}

/// Adds `change` to a stored balance; `false` where it would go below zero, with nothing changed.
pub fn change_balance(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    account: LedgerAccount,
    currency: Currency,
    change: i64,
) -> Result<bool, Error> {
    let of_organization = ledger_balances::organization_id.eq(sql(organization));
    let one =
        of_organization.and(ledger_balances::account.eq(sql(account))).and(ledger_balances::currency.eq(sql(currency)));
    let changed = diesel::update(ledger_balances::table.filter(one.and(ledger_balances::balance.ge(-change))))
        .set(ledger_balances::balance.eq(ledger_balances::balance + change))
        .execute(tx)?;
    if changed == 1 || change < 0 {
        return Ok(changed == 1);
    }
    let inserted = crate::each!(tx, |c| diesel::insert_into(ledger_balances::table)
        .values((
            ledger_balances::organization_id.eq(sql(organization)),
            ledger_balances::account.eq(sql(account)),
            ledger_balances::currency.eq(sql(currency)),
            ledger_balances::balance.eq(change),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    // Another transaction made the row meanwhile: only without the organization's lock.
    if inserted == 1 { Ok(true) } else { Err(Error::Conflict) }
}

/// The columns of a transfer, for everybody who inserts one.
macro_rules! transfer_columns {
    ($row:expr) => {
        (
            ledger_transfers::organization_id.eq(sql($row.organization_id)),
            ledger_transfers::id.eq(sql($row.id)),
            ledger_transfers::sequence.eq($row.sequence),
            ledger_transfers::kind.eq(sql($row.kind)),
            ledger_transfers::about.eq(&$row.about),
            ledger_transfers::currency.eq(sql($row.currency)),
            ledger_transfers::prepaid_change.eq($row.prepaid_change),
            ledger_transfers::prepaid_balance.eq($row.prepaid_balance),
            ledger_transfers::created_by.eq(sql($row.created_by)),
            ledger_transfers::created_at.eq(sql($row.created_at)),
        )
    };
}
pub(crate) use transfer_columns;

/// The columns of an entry of a transfer.
macro_rules! entry_columns {
    ($row:expr, $position:expr, $entry:expr) => {
        (
            ledger_entries::organization_id.eq(sql($row.organization_id)),
            ledger_entries::transfer_id.eq(sql($row.id)),
            ledger_entries::position.eq($position),
            ledger_entries::account.eq(sql($entry.account)),
            ledger_entries::currency.eq(sql($entry.amount.currency)),
            ledger_entries::amount.eq($entry.amount.amount),
        )
    };
}
pub(crate) use entry_columns;

/// The entries of a transfer with their places.
pub(crate) fn placed<'a>(
    row: &'a BookedTransfer,
    transfer: &'a Transfer,
) -> impl Iterator<Item = (&'a BookedTransfer, i32, &'a Entry)> {
    (0..).zip(transfer.entries()).map(move |(position, entry)| (row, position, entry))
}

/// Appends a transfer with its entries.
pub fn append(tx: &mut AnyConnection, row: &BookedTransfer, transfer: &Transfer) -> Result<(), Error> {
    diesel::insert_into(ledger_transfers::table).values(transfer_columns!(row)).execute(tx)?;
    let entries: Vec<_> =
        placed(row, transfer).map(|(row, position, entry)| entry_columns!(row, position, entry)).collect();
    crate::each!(tx, |c| diesel::insert_into(ledger_entries::table).values(&entries).execute(c)?);
    Ok(())
}

/// Which transfers a statement shows (PRE-5).
#[derive(Debug, Clone, Copy, Default)]
pub struct StatementFilter {
    pub kind: Option<TransferKind>,
    pub from: Option<Instant>,
    /// Exclusive.
    pub until: Option<Instant>,
}

/// What changed the balance that can be spent, newest first, from the one before `before` on.
pub fn statement(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: StatementFilter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<BookedTransfer>, Error> {
    let mut query = ledger_transfers::table
        .filter(ledger_transfers::organization_id.eq(sql(organization)))
        .filter(ledger_transfers::prepaid_change.ne(0))
        .select(BookedTransfer::as_select())
        .order(ledger_transfers::sequence.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(ledger_transfers::sequence.lt(before));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(ledger_transfers::kind.eq(sql(kind)));
    }
    if let Some(from) = filter.from {
        query = query.filter(ledger_transfers::created_at.ge(sql(from)));
    }
    if let Some(until) = filter.until {
        query = query.filter(ledger_transfers::created_at.lt(sql(until)));
    }
    Ok(query.load(conn)?)
}
