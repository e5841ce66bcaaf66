//! Carts: of visitors, found by their secret (a directory), and of organizations.

use diesel::prelude::*;
use manager_domain::carts::{CartContent, CartState};
use manager_domain::ids::*;
use manager_domain::organizations::OrganizationKind;
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{anonymous_carts, carts};
use crate::sql_types::{Json, sql};

/// The cart of somebody who isn't signed in.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = anonymous_carts)]
pub struct AnonymousCart {
    pub id: CartId,
    pub secret_hash: Vec<u8>,
    pub currency: Currency,
    pub country: String,
    pub customer_kind: OrganizationKind,
    pub content: Json<CartContent>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub expires_at: Instant,
}

/// A cart of an organization.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = carts)]
pub struct Cart {
    pub organization_id: OrganizationId,
    pub id: CartId,
    pub state: CartState,
    pub content: Json<CartContent>,
    pub created_by: AccountId,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Cart {
    pub fn is_open(&self) -> bool {
        self.state == CartState::Open
    }
}

pub fn insert_anonymous(tx: &mut AnyConnection, row: &AnonymousCart) -> Result<(), Error> {
    diesel::insert_into(anonymous_carts::table)
        .values((
            anonymous_carts::id.eq(sql(row.id)),
            anonymous_carts::secret_hash.eq(&row.secret_hash),
            anonymous_carts::currency.eq(sql(row.currency)),
            anonymous_carts::country.eq(&row.country),
            anonymous_carts::customer_kind.eq(sql(row.customer_kind)),
            anonymous_carts::content.eq(sql(row.content.clone())),
            anonymous_carts::version.eq(row.version),
            anonymous_carts::created_at.eq(sql(row.created_at)),
            anonymous_carts::updated_at.eq(sql(row.updated_at)),
            anonymous_carts::expires_at.eq(sql(row.expires_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// The living cart with this id and secret.
pub fn find_anonymous(
    conn: &mut AnyConnection,
    id: CartId,
    secret_hash: &[u8],
    now: Instant,
) -> Result<Option<AnonymousCart>, Error> {
    let query = anonymous_carts::table.filter(anonymous_carts::id.eq(sql(id)));
    let query =
        query.filter(anonymous_carts::secret_hash.eq(secret_hash).and(anonymous_carts::expires_at.gt(sql(now))));
    Ok(query.select(AnonymousCart::as_select()).first(conn).optional()?)
}

/// Writes the content if the cart is still at `row.version`, counts the version up and moves the expiry.
pub fn update_anonymous(
    tx: &mut AnyConnection,
    row: &AnonymousCart,
    content: &CartContent,
    now: Instant,
    expires_at: Instant,
) -> Result<bool, Error> {
    let current = anonymous_carts::table.filter(anonymous_carts::id.eq(sql(row.id)));
    let changed = diesel::update(current.filter(anonymous_carts::version.eq(row.version)))
        .set((
            anonymous_carts::content.eq(sql(Json(content.clone()))),
            anonymous_carts::version.eq(row.version + 1),
            anonymous_carts::updated_at.eq(sql(now)),
            anonymous_carts::expires_at.eq(sql(expires_at)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Deletes the cart, and with it its secret, if it is still at `version`.
pub fn delete_anonymous(tx: &mut AnyConnection, id: CartId, version: i64) -> Result<bool, Error> {
    let current = anonymous_carts::table.filter(anonymous_carts::id.eq(sql(id)));
    Ok(diesel::delete(current.filter(anonymous_carts::version.eq(version))).execute(tx)? == 1)
}

/// Deletes at most `limit` that expired before `now`.
pub fn purge_anonymous(tx: &mut AnyConnection, now: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(anonymous_carts as dead);
    let over = dead.filter(dead.field(anonymous_carts::expires_at).le(sql(now)));
    let over = over.select(dead.field(anonymous_carts::id)).limit(limit);
    Ok(diesel::delete(anonymous_carts::table).filter(anonymous_carts::id.eq_any(over)).execute(tx)?)
}

pub fn insert(tx: &mut AnyConnection, row: &Cart) -> Result<(), Error> {
    diesel::insert_into(carts::table)
        .values((
            carts::organization_id.eq(sql(row.organization_id)),
            carts::id.eq(sql(row.id)),
            carts::state.eq(sql(row.state)),
            carts::content.eq(sql(row.content.clone())),
            carts::created_by.eq(sql(row.created_by)),
            carts::version.eq(row.version),
            carts::created_at.eq(sql(row.created_at)),
            carts::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: CartId) -> Result<Option<Cart>, Error> {
    let query = carts::table.filter(carts::organization_id.eq(sql(organization)).and(carts::id.eq(sql(id))));
    Ok(query.select(Cart::as_select()).first(conn).optional()?)
}

/// The open carts, newest first, from the one after `before` on.
pub fn list_open(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<CartId>,
    limit: i64,
) -> Result<Vec<Cart>, Error> {
    let mut query = carts::table
        .filter(carts::organization_id.eq(sql(organization)).and(carts::state.eq(sql(CartState::Open))))
        .select(Cart::as_select())
        .order(carts::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(carts::id.lt(sql(before)));
    }
    Ok(query.load(conn)?)
}

/// Writes the content if the cart is open and still at `row.version`; counts the version up.
pub fn update(tx: &mut AnyConnection, row: &Cart, content: &CartContent, now: Instant) -> Result<bool, Error> {
    let current = carts::table
        .filter(carts::organization_id.eq(sql(row.organization_id)).and(carts::id.eq(sql(row.id))))
        .filter(carts::version.eq(row.version).and(carts::state.eq(sql(CartState::Open))));
    let changed = diesel::update(current)
        .set((
            carts::content.eq(sql(Json(content.clone()))),
            carts::version.eq(row.version + 1),
            carts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Closes the cart because it was ordered, if it is open and still at `row.version`.
pub fn set_ordered(tx: &mut AnyConnection, row: &Cart, now: Instant) -> Result<bool, Error> {
    let current = carts::table
        .filter(carts::organization_id.eq(sql(row.organization_id)).and(carts::id.eq(sql(row.id))))
        .filter(carts::version.eq(row.version).and(carts::state.eq(sql(CartState::Open))));
    let changed = diesel::update(current)
        .set((
            carts::state.eq(sql(CartState::Ordered)),
            carts::version.eq(row.version + 1),
            carts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Deletes an open cart that is still at `row.version`.
pub fn delete(tx: &mut AnyConnection, row: &Cart) -> Result<bool, Error> {
    let current = carts::table
        .filter(carts::organization_id.eq(sql(row.organization_id)).and(carts::id.eq(sql(row.id))))
        .filter(carts::version.eq(row.version).and(carts::state.eq(sql(CartState::Open))));
    Ok(diesel::delete(current).execute(tx)? == 1)
}
