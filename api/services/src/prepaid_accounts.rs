//! The prepaid account: balances, limits and statement (PRE-1, PRE-2, PRE-5).

use chrono::NaiveDate;
use manager_domain::ids::*;
use manager_domain::ledger::{Balances, TransferKind};
use manager_domain::prepaid_accounts::{Account, MethodLimits};
use manager_domain::withdrawals;
use manager_domain::{Code, Currency, Instant, Money};
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, ledger as rows, top_ups};

use crate::Services;
use crate::errors::{Error, Result};

pub use rows::BookedTransfer;

/// A prepaid account as of now; amounts are minor units of its currency.
#[derive(Debug, Clone, Copy)]
pub struct PrepaidAccount {
    pub currency: Currency,
    pub balances: Balances,
    /// Top-ups under way.
    pub under_way: i64,
    /// What can be taken back today (PRE-4).
    pub withdrawable: i64,
}

/// How much can be topped up, and how.
#[derive(Debug, Clone)]
pub struct TopUpLimits {
    pub methods: Vec<MethodLimits>,
    /// What the account may hold.
    pub balance: Money,
}

/// The organization's prepaid account.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, now: Instant) -> Result<PrepaidAccount> {
    let read = move |conn: &mut AnyConnection| {
        let owner = organizations::find(conn, organization)?.ok_or(Code::NotFound)?;
        as_of(conn, &owner, now)
    };
    services.db.read(read).await
}

/// The account as its organization sees it.
pub(crate) fn as_of(conn: &mut AnyConnection, owner: &Organization, now: Instant) -> Result<PrepaidAccount> {
    let Account { currency, balances, under_way } = account(conn, owner)?;
    let retained_since = withdrawals::Limits::default().retained_since(now);
    let retained = top_ups::reversible_since(conn, owner.id, currency, retained_since)?;
    let withdrawable = if balances.receivable > 0 { 0 } else { withdrawals::withdrawable(balances, retained) };
    Ok(PrepaidAccount { currency, balances, under_way, withdrawable })
}

/// The account as top-ups meet it.
pub(crate) fn account(conn: &mut AnyConnection, owner: &Organization) -> Result<Account> {
    let currency = owner.currency;
    let balances = rows::balances(conn, owner.id, currency)?;
    Ok(Account { currency, balances, under_way: top_ups::under_way(conn, owner.id, currency)? })
}

/// The limits in the organization's currency (PRE-2).
///
/// # Errors
/// `not_found`.
pub async fn limits(services: &Services, organization: OrganizationId) -> Result<TopUpLimits> {
    let limits = services.settings.top_ups;
    let read = move |conn: &mut AnyConnection| {
        let owner = organizations::find(conn, organization)?.ok_or(Code::NotFound)?;
        let balance = Money::new(limits.balance, owner.currency);
        Ok::<_, Error>(TopUpLimits { methods: limits.of_methods(owner.currency), balance })
    };
    services.db.read(read).await
}

/// Which part of a statement is asked for; days are civil dates of the billing time zone, both included (TIM-2).
#[derive(Debug, Clone, Copy, Default)]
pub struct StatementFilter {
    pub kind: Option<TransferKind>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// What changed the balance, newest first, with the balance after each (PRE-5).
pub async fn statement(
    services: &Services,
    organization: OrganizationId,
    filter: StatementFilter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<BookedTransfer>> {
    let zone = services.settings.billing_zone;
    let start = move |date| Instant::start_of(date, zone);
    let filter = rows::StatementFilter {
        kind: filter.kind,
        from: filter.from.and_then(start),
        until: filter.to.and_then(|date| date.succ_opt()).and_then(start),
    };
    services.db.read(move |conn| Ok(rows::statement(conn, organization, filter, before, limit)?)).await
}
