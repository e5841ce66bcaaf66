//! Top-ups of the prepaid account (PRE-2); what pays one is a payment.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::top_ups::TopUpState;
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::top_ups;
use crate::sql_types::{literally, sql};

/// A top-up as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = top_ups)]
pub struct TopUp {
    pub organization_id: OrganizationId,
    pub id: TopUpId,
    pub state: TopUpState,
    pub method: PaymentMethodKind,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    /// Made by the automatic top-up (PRE-6).
    pub automatic: bool,
    /// `None` for an automatic one.
    pub created_by: Option<AccountId>,
    pub created_at: Instant,
    /// When its outcome became known.
    pub settled_at: Option<Instant>,
    pub version: i64,
}

/// Which top-ups a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct TopUpFilter {
    pub state: Option<TopUpState>,
}

pub fn insert(tx: &mut AnyConnection, row: &TopUp) -> Result<(), Error> {
    diesel::insert_into(top_ups::table)
        .values((
            top_ups::organization_id.eq(sql(row.organization_id)),
            top_ups::id.eq(sql(row.id)),
            top_ups::state.eq(sql(row.state)),
            top_ups::method.eq(sql(row.method)),
            top_ups::amount.eq(row.amount),
            top_ups::currency.eq(sql(row.currency)),
            top_ups::automatic.eq(row.automatic),
            top_ups::created_by.eq(sql(row.created_by)),
            top_ups::created_at.eq(sql(row.created_at)),
            top_ups::version.eq(row.version),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: TopUpId) -> Result<Option<TopUp>, Error> {
    let query = top_ups::table.filter(top_ups::organization_id.eq(sql(organization)).and(top_ups::id.eq(sql(id))));
    Ok(query.select(TopUp::as_select()).first(conn).optional()?)
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: TopUpFilter,
    before: Option<TopUpId>,
    limit: i64,
) -> Result<Vec<TopUp>, Error> {
    let mut query = top_ups::table
        .filter(top_ups::organization_id.eq(sql(organization)))
        .select(TopUp::as_select())
        .order(top_ups::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(top_ups::id.lt(sql(before)));
    }
    if let Some(state) = filter.state {
        query = query.filter(top_ups::state.eq(sql(state)));
    }
    Ok(query.load(conn)?)
}

/// What the top-ups under way come to, in minor units: they count against the limit of the balance (PRE-2).
pub fn under_way(conn: &mut AnyConnection, organization: OrganizationId, currency: Currency) -> Result<i64, Error> {
    let pending = top_ups::table.filter(top_ups::organization_id.eq(sql(organization)));
    let pending = pending.filter(literally("top_ups.state = 'pending'"));
    let amounts: Vec<i64> = pending.filter(top_ups::currency.eq(sql(currency))).select(top_ups::amount).load(conn)?;
    Ok(amounts.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount)))
}

/// What reversible methods topped up since a moment, in minor units: it can't be withdrawn yet (PRE-4).
pub fn reversible_since(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    currency: Currency,
    since: Instant,
) -> Result<i64, Error> {
    let succeeded = top_ups::state.eq(sql(TopUpState::Succeeded)).and(top_ups::settled_at.gt(sql(Some(since))));
    let rows: Vec<(PaymentMethodKind, i64)> = top_ups::table
        .filter(top_ups::organization_id.eq(sql(organization)).and(top_ups::currency.eq(sql(currency))))
        .filter(succeeded)
        .select((top_ups::method, top_ups::amount))
        .load(conn)?;
    let reversible = rows.iter().filter(|(method, _)| method.is_reversible());
    Ok(reversible.fold(0_i64, |sum, (_, amount)| sum.saturating_add(*amount)))
}

/// Writes the outcome of a pending top-up; `false` where it isn't pending.
pub fn settle(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: TopUpId,
    state: TopUpState,
    now: Instant,
) -> Result<bool, Error> {
    let pending = top_ups::table.filter(top_ups::organization_id.eq(sql(organization)).and(top_ups::id.eq(sql(id))));
    let changed = diesel::update(pending.filter(top_ups::state.ne(sql(TopUpState::Succeeded))))
        .set((
            top_ups::state.eq(sql(state)),
            top_ups::settled_at.eq(sql(Some(now))),
            top_ups::version.eq(top_ups::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}
