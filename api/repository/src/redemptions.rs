//! What orders reserve of promo codes and free offers (ORD-4).

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::payments::PaymentState;
use manager_domain::redemptions::RedemptionState;
use manager_domain::{Currency, Instant};

use crate::Page;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::payments::is_open;
use crate::schema::{payments, redemptions};
use crate::sql_types::{literally, sql};

/// A redemption as stored: of a code or of a free offer, for one item of an order.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = redemptions)]
pub struct Redemption {
    pub organization_id: OrganizationId,
    pub id: RedemptionId,
    pub order_id: OrderId,
    pub item_id: ItemId,
    pub code: Option<String>,
    pub free_offer_id: Option<FreeOfferId>,
    pub state: RedemptionState,
    /// What it takes off, net, in minor units.
    pub amount: i64,
    pub currency: Currency,
    /// Terms of the products that it is for.
    pub terms: i32,
    pub reserved_until: Instant,
    pub created_at: Instant,
    pub redeemed_at: Option<Instant>,
    pub released_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &Redemption) -> Result<(), Error> {
    diesel::insert_into(redemptions::table)
        .values((
            redemptions::organization_id.eq(sql(row.organization_id)),
            redemptions::id.eq(sql(row.id)),
            redemptions::order_id.eq(sql(row.order_id)),
            redemptions::item_id.eq(sql(row.item_id)),
            redemptions::code.eq(&row.code),
            redemptions::free_offer_id.eq(sql(row.free_offer_id)),
            redemptions::state.eq(sql(row.state)),
            redemptions::amount.eq(row.amount),
            redemptions::currency.eq(sql(row.currency)),
            redemptions::terms.eq(row.terms),
            redemptions::reserved_until.eq(sql(row.reserved_until)),
            redemptions::created_at.eq(sql(row.created_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: RedemptionId,
) -> Result<Option<Redemption>, Error> {
    let one = redemptions::organization_id.eq(sql(organization)).and(redemptions::id.eq(sql(id)));
    Ok(redemptions::table.filter(one).select(Redemption::as_select()).first(conn).optional()?)
}

/// Those of an order, by code: the order in which their counters are locked.
pub fn list_of_order(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
) -> Result<Vec<Redemption>, Error> {
    let of_order = redemptions::organization_id.eq(sql(organization)).and(redemptions::order_id.eq(sql(order)));
    let mut rows: Vec<Redemption> = redemptions::table.filter(of_order).select(Redemption::as_select()).load(conn)?;
    rows.sort_by(|a, b| (&a.code, a.free_offer_id).cmp(&(&b.code, b.free_offer_id)));
    Ok(rows)
}

/// Those of promo codes, newest first, from the one after `before` on.
pub fn list_of_codes(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<RedemptionId>,
    limit: i64,
) -> Result<Vec<Redemption>, Error> {
    let mut query = redemptions::table
        .filter(redemptions::organization_id.eq(sql(organization)).and(redemptions::code.is_not_null()))
        .select(Redemption::as_select())
        .order(redemptions::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(redemptions::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Makes what an order reserved its own for good; answers how many.
pub fn redeem(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
    now: Instant,
) -> Result<usize, Error> {
    let of_order = redemptions::organization_id.eq(sql(organization)).and(redemptions::order_id.eq(sql(order)));
    let reserved = redemptions::table.filter(of_order.and(redemptions::state.eq(sql(RedemptionState::Reserved))));
    let set = (
        redemptions::state.eq(sql(RedemptionState::Redeemed)),
        redemptions::redeemed_at.eq(sql(Some(now))),
        redemptions::released_at.eq(sql(None::<Instant>)),
    );
    Ok(diesel::update(reserved).set(set).execute(tx)?)
}

/// Ends a reservation; `false` where it isn't one any more.
pub fn release(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: RedemptionId,
    now: Instant,
) -> Result<bool, Error> {
    let one = redemptions::organization_id.eq(sql(organization)).and(redemptions::id.eq(sql(id)));
    let reserved = redemptions::table.filter(one.and(redemptions::state.eq(sql(RedemptionState::Reserved))));
    let set = (redemptions::state.eq(sql(RedemptionState::Released)), redemptions::released_at.eq(sql(Some(now))));
    Ok(diesel::update(reserved).set(set).execute(tx)? == 1)
}

/// Makes a released one a reservation again, and moves the end of one that holds; `false` where it is redeemed.
pub fn reserve_until(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: RedemptionId,
    until: Instant,
) -> Result<bool, Error> {
    let one = redemptions::organization_id.eq(sql(organization)).and(redemptions::id.eq(sql(id)));
    let open = redemptions::table.filter(one.and(redemptions::state.ne(sql(RedemptionState::Redeemed))));
    let set = (
        redemptions::state.eq(sql(RedemptionState::Reserved)),
        redemptions::reserved_until.eq(sql(until)),
        redemptions::released_at.eq(sql(None::<Instant>)),
    );
    Ok(diesel::update(open).set(set).execute(tx)? == 1)
}

/// Reservations of all organizations that ended and of whose order no payment is under way, longest over first.
pub fn list_ended(
    conn: &mut AnyConnection,
    now: Instant,
    page: Page,
) -> Result<Vec<(OrganizationId, RedemptionId)>, Error> {
    let paying = payments::table
        .filter(payments::organization_id.eq(redemptions::organization_id))
        .filter(payments::order_id.eq(redemptions::order_id.nullable()))
        .filter(is_open!());
    let ended = redemptions::table
        .filter(literally("redemptions.state = 'reserved'"))
        .filter(redemptions::reserved_until.le(sql(now)))
        .filter(diesel::dsl::not(diesel::dsl::exists(paying)))
        .order((redemptions::reserved_until, redemptions::id))
        .offset(page.skip)
        .limit(page.limit);
    Ok(ended.select((redemptions::organization_id, redemptions::id)).load(conn)?)
}
