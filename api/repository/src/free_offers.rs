//! Free offers of organizations (ORD-5).

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::free_offers::{FreeOffer, FreeOfferState};
use manager_domain::ids::*;
use manager_domain::terms::Frequency;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::free_offers;
use crate::sql_types::sql;

/// A free offer as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = free_offers)]
pub struct StoredFreeOffer {
    pub organization_id: OrganizationId,
    pub id: FreeOfferId,
    pub offer: String,
    pub frequency: Frequency,
    pub expires_at: Instant,
    pub terms: i32,
    pub units: i32,
    pub is_test: bool,
    pub state: FreeOfferState,
    /// The order that reserved or used it.
    pub order_id: Option<OrderId>,
    pub granted_by: AccountId,
    pub granted_at: Instant,
    pub withdrawn_at: Option<Instant>,
}

impl StoredFreeOffer {
    /// What was granted.
    pub fn rules(&self) -> FreeOffer {
        FreeOffer {
            id: self.id,
            organization: self.organization_id,
            offer: self.offer.clone(),
            frequency: self.frequency,
            expires_at: self.expires_at,
            terms: self.terms.unsigned_abs(),
            units: self.units.unsigned_abs(),
            is_test: self.is_test,
            state: self.state,
        }
    }
}

pub fn insert(tx: &mut AnyConnection, row: &StoredFreeOffer) -> Result<(), Error> {
    diesel::insert_into(free_offers::table)
        .values((
            free_offers::organization_id.eq(sql(row.organization_id)),
            free_offers::id.eq(sql(row.id)),
            free_offers::offer.eq(&row.offer),
            free_offers::frequency.eq(sql(row.frequency)),
            free_offers::expires_at.eq(sql(row.expires_at)),
            free_offers::terms.eq(row.terms),
            free_offers::units.eq(row.units),
            free_offers::is_test.eq(row.is_test),
            free_offers::state.eq(sql(row.state)),
            free_offers::granted_by.eq(sql(row.granted_by)),
            free_offers::granted_at.eq(sql(row.granted_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: FreeOfferId,
) -> Result<Option<StoredFreeOffer>, Error> {
    let one = free_offers::organization_id.eq(sql(organization)).and(free_offers::id.eq(sql(id)));
    Ok(free_offers::table.filter(one).select(StoredFreeOffer::as_select()).first(conn).optional()?)
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<FreeOfferId>,
    limit: i64,
) -> Result<Vec<StoredFreeOffer>, Error> {
    let mut query = free_offers::table
        .filter(free_offers::organization_id.eq(sql(organization)))
        .select(StoredFreeOffer::as_select())
        .order(free_offers::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(free_offers::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Reserves an available one for an order; exactly one order wins.
pub fn reserve(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: FreeOfferId,
    order: OrderId,
) -> Result<bool, Error> {
    let one = free_offers::organization_id.eq(sql(organization)).and(free_offers::id.eq(sql(id)));
    let available = free_offers::table.filter(one.and(free_offers::state.eq(sql(FreeOfferState::Available))));
    let set = (free_offers::state.eq(sql(FreeOfferState::Reserved)), free_offers::order_id.eq(sql(Some(order))));
    Ok(diesel::update(available).set(set).execute(tx)? == 1)
}

/// Uses up what an order reserved.
pub fn use_up(tx: &mut AnyConnection, organization: OrganizationId, order: OrderId) -> Result<(), Error> {
    let of_order = free_offers::organization_id.eq(sql(organization)).and(free_offers::order_id.eq(sql(Some(order))));
    let reserved = free_offers::table.filter(of_order.and(free_offers::state.eq(sql(FreeOfferState::Reserved))));
    diesel::update(reserved).set(free_offers::state.eq(sql(FreeOfferState::Used))).execute(tx)?;
    Ok(())
}

/// Gives one back that an order reserved.
pub fn release(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: FreeOfferId,
    order: OrderId,
) -> Result<(), Error> {
    let one = free_offers::organization_id.eq(sql(organization)).and(free_offers::id.eq(sql(id)));
    let of_order = one.and(free_offers::order_id.eq(sql(Some(order))));
    let reserved = free_offers::table.filter(of_order.and(free_offers::state.eq(sql(FreeOfferState::Reserved))));
    let set = (free_offers::state.eq(sql(FreeOfferState::Available)), free_offers::order_id.eq(sql(None::<OrderId>)));
    diesel::update(reserved).set(set).execute(tx)?;
    Ok(())
}

/// Takes an available one back; `false` where it isn't available.
pub fn withdraw(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: FreeOfferId,
    now: Instant,
) -> Result<bool, Error> {
    let one = free_offers::organization_id.eq(sql(organization)).and(free_offers::id.eq(sql(id)));
    let available = free_offers::table.filter(one.and(free_offers::state.eq(sql(FreeOfferState::Available))));
    let set = (free_offers::state.eq(sql(FreeOfferState::Withdrawn)), free_offers::withdrawn_at.eq(sql(Some(now))));
    Ok(diesel::update(available).set(set).execute(tx)? == 1)
}
