//! Promotional credits: what support gave an organization to spend (PRE-1, STF-1).

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::promotional_credits::PromotionalCreditState;
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::promotional_credits;
use crate::sql_types::{literally, sql};

/// A promotional credit as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = promotional_credits)]
pub struct PromotionalCredit {
    pub organization_id: OrganizationId,
    pub id: PromotionalCreditId,
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
    pub reason: String,
    pub state: PromotionalCreditState,
    pub requested_by: AccountId,
    pub requested_at: Instant,
    /// The second person.
    pub decided_by: Option<AccountId>,
    pub decided_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &PromotionalCredit) -> Result<(), Error> {
    diesel::insert_into(promotional_credits::table)
        .values((
            promotional_credits::organization_id.eq(sql(row.organization_id)),
            promotional_credits::id.eq(sql(row.id)),
            promotional_credits::amount.eq(row.amount),
            promotional_credits::currency.eq(sql(row.currency)),
            promotional_credits::reason.eq(&row.reason),
            promotional_credits::state.eq(sql(row.state)),
            promotional_credits::requested_by.eq(sql(row.requested_by)),
            promotional_credits::requested_at.eq(sql(row.requested_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: PromotionalCreditId,
) -> Result<Option<PromotionalCredit>, Error> {
    let one = promotional_credits::organization_id.eq(sql(organization)).and(promotional_credits::id.eq(sql(id)));
    Ok(promotional_credits::table.filter(one).select(PromotionalCredit::as_select()).first(conn).optional()?)
}

/// An organization's promotional credits, newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<PromotionalCreditId>,
    limit: i64,
) -> Result<Vec<PromotionalCredit>, Error> {
    let mut query = promotional_credits::table
        .filter(promotional_credits::organization_id.eq(sql(organization)))
        .select(PromotionalCredit::as_select())
        .order(promotional_credits::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(promotional_credits::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Those of all organizations that wait for a second person, newest first, from the one after `before` on.
pub fn list_requested(
    conn: &mut AnyConnection,
    before: Option<PromotionalCreditId>,
    limit: i64,
) -> Result<Vec<PromotionalCredit>, Error> {
    let mut query = promotional_credits::table
        .filter(literally("promotional_credits.state = 'requested'"))
        .select(PromotionalCredit::as_select())
        .order(promotional_credits::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(promotional_credits::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Writes the decision on one that was asked for; `false` where it was decided on before.
pub fn decide(
    tx: &mut AnyConnection,
    (organization, id): (OrganizationId, PromotionalCreditId),
    state: PromotionalCreditState,
    by: AccountId,
    now: Instant,
) -> Result<bool, Error> {
    let one = promotional_credits::organization_id.eq(sql(organization)).and(promotional_credits::id.eq(sql(id)));
    let requested = promotional_credits::state.eq(sql(PromotionalCreditState::Requested));
    let changed = diesel::update(promotional_credits::table.filter(one.and(requested)))
        .set((
            promotional_credits::state.eq(sql(state)),
            promotional_credits::decided_by.eq(sql(Some(by))),
            promotional_credits::decided_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}
