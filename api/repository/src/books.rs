//! What proves the books (PRE-1): sums over the whole ledger. For staff alone; they read every entry.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use manager_domain::Currency;
use manager_domain::ids::{LedgerTransferId, OrganizationId};
use manager_domain::ledger::LedgerAccount;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::sql_types::{SqlId, SqlKeyword};

/// The sum of an account's entries over all organizations; minor units, credits positive.
#[derive(Debug, Clone, QueryableByName)]
pub struct AccountSum {
    #[diesel(sql_type = SqlKeyword)]
    pub currency: Currency,
    #[diesel(sql_type = SqlKeyword)]
    pub account: LedgerAccount,
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
}

/// A transfer whose entries don't come to zero.
#[derive(Debug, Clone, QueryableByName)]
pub struct Unbalanced {
    #[diesel(sql_type = SqlId)]
    pub organization_id: OrganizationId,
    #[diesel(sql_type = SqlId)]
    pub transfer_id: LedgerTransferId,
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
}

/// What the entries of an organization's account come to, credits positive, beside what is stored.
#[derive(Debug, Clone, QueryableByName)]
pub struct Mismatch {
    #[diesel(sql_type = SqlId)]
    pub organization_id: OrganizationId,
    #[diesel(sql_type = Text)]
    pub account: String,
    #[diesel(sql_type = SqlKeyword)]
    pub currency: Currency,
    #[diesel(sql_type = BigInt)]
    pub stored: i64,
    #[diesel(sql_type = BigInt)]
    pub entries: i64,
}

/// What every account comes to, by currency.
pub fn sums(conn: &mut AnyConnection) -> Result<Vec<AccountSum>, Error> {
    let query = diesel::sql_query(
        "SELECT currency, account, CAST(sum(amount) AS BIGINT) AS amount FROM ledger_entries \
         GROUP BY currency, account ORDER BY currency, account",
    );
    Ok(crate::each!(conn, |c| query.load(c)?))
}

/// Transfers that don't balance, or have no entries; at most `limit`.
pub fn unbalanced(conn: &mut AnyConnection, limit: i64) -> Result<Vec<Unbalanced>, Error> {
    let query = diesel::sql_query(format!(
        "SELECT t.organization_id, t.id AS transfer_id, CAST(coalesce(sum(e.amount), 0) AS BIGINT) AS amount \
         FROM ledger_transfers t \
         LEFT JOIN ledger_entries e ON e.organization_id = t.organization_id AND e.transfer_id = t.id \
         GROUP BY t.organization_id, t.id, e.currency \
         HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.position) = 0 LIMIT {limit}"
    ));
    Ok(crate::each!(conn, |c| query.load(c)?))
}

/// Stored balances that aren't what their entries come to, those without entries or without a stored one too; at most
/// `limit`. Of the stored accounts `receivable` alone grows with debits.
pub fn mismatches(conn: &mut AnyConnection, limit: i64) -> Result<Vec<Mismatch>, Error> {
    let query = diesel::sql_query(format!(
        "SELECT organization_id, account, currency, CAST(sum(stored) AS BIGINT) AS stored, \
         CAST(sum(amount) AS BIGINT) AS entries FROM ( \
         SELECT organization_id, account, currency, 0 AS stored, \
         CASE WHEN account = 'receivable' THEN -amount ELSE amount END AS amount FROM ledger_entries \
         WHERE account IN ('prepaid_paid', 'prepaid_promotional', 'held', 'receivable') \
         UNION ALL SELECT organization_id, account, currency, balance, 0 FROM ledger_balances) sides \
         GROUP BY organization_id, account, currency HAVING sum(stored) <> sum(amount) LIMIT {limit}"
    ));
    Ok(crate::each!(conn, |c| query.load(c)?))
}
