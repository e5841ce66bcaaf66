//! Orders of an organization.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::orders::OrderState;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Currency, Instant};

use crate::Page;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::payments::is_open;
use crate::schema::{orders, payments};
use crate::sql_types::{literally, sql};

/// An order as stored; amounts in minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub struct Order {
    pub organization_id: OrganizationId,
    pub id: OrderId,
    pub cart_id: CartId,
    pub state: OrderState,
    pub currency: Currency,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
    pub payment_method: PaymentMethodKind,
    pub created_by: AccountId,
    pub created_at: Instant,
    pub lapses_at: Instant,
    pub paid_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub version: i64,
}

/// Which orders a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrderFilter {
    pub state: Option<OrderState>,
}

pub fn insert(tx: &mut AnyConnection, row: &Order) -> Result<(), Error> {
    diesel::insert_into(orders::table)
        .values((
            orders::organization_id.eq(sql(row.organization_id)),
            orders::id.eq(sql(row.id)),
            orders::cart_id.eq(sql(row.cart_id)),
            orders::state.eq(sql(row.state)),
            orders::currency.eq(sql(row.currency)),
            orders::net.eq(row.net),
            orders::tax.eq(row.tax),
            orders::total.eq(row.total),
            orders::payment_method.eq(sql(row.payment_method)),
            orders::created_by.eq(sql(row.created_by)),
            orders::created_at.eq(sql(row.created_at)),
            orders::lapses_at.eq(sql(row.lapses_at)),
            orders::version.eq(row.version),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: OrderId) -> Result<Option<Order>, Error> {
    let query = orders::table.filter(orders::organization_id.eq(sql(organization)).and(orders::id.eq(sql(id))));
    Ok(query.select(Order::as_select()).first(conn).optional()?)
}

/// The order that a cart became.
pub fn find_by_cart(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    cart: CartId,
) -> Result<Option<OrderId>, Error> {
    let query = orders::table.filter(orders::organization_id.eq(sql(organization)).and(orders::cart_id.eq(sql(cart))));
    Ok(query.select(orders::id).first(conn).optional()?)
}

/// Whether the organization has an order that isn't dead: open or paid.
pub fn has_living(conn: &mut AnyConnection, organization: OrganizationId) -> Result<bool, Error> {
    let living = orders::state.eq(sql(OrderState::Open)).or(orders::state.eq(sql(OrderState::Paid)));
    let of_organization = orders::table.filter(orders::organization_id.eq(sql(organization)));
    Ok(diesel::select(diesel::dsl::exists(of_organization.filter(living))).get_result(conn)?)
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    filter: OrderFilter,
    before: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    let mut query = orders::table
        .filter(orders::organization_id.eq(sql(organization)))
        .select(Order::as_select())
        .order(orders::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(orders::id.lt(sql(before)));
    }
    if let Some(state) = filter.state {
        query = query.filter(orders::state.eq(sql(state)));
    }
    Ok(query.load(conn)?)
}

/// Moves an open order to a final state; `false` where it isn't open.
pub fn close(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: OrderId,
    state: OrderState,
    now: Instant,
) -> Result<bool, Error> {
    let open = orders::table.filter(orders::organization_id.eq(sql(organization)).and(orders::id.eq(sql(id))));
    let paid_at = (state == OrderState::Paid).then_some(now);
    let changed = diesel::update(open.filter(orders::state.eq(sql(OrderState::Open))))
        .set((
            orders::state.eq(sql(state)),
            orders::paid_at.eq(sql(paid_at)),
            orders::closed_at.eq(sql(Some(now))),
            orders::version.eq(orders::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Writes new amounts and payment method of an open order.
pub fn set_terms(tx: &mut AnyConnection, row: &Order) -> Result<bool, Error> {
    let open =
        orders::table.filter(orders::organization_id.eq(sql(row.organization_id)).and(orders::id.eq(sql(row.id))));
    let changed = diesel::update(open.filter(orders::state.eq(sql(OrderState::Open))))
        .set((
            orders::tax.eq(row.tax),
            orders::total.eq(row.total),
            orders::payment_method.eq(sql(row.payment_method)),
            orders::version.eq(orders::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Open orders of all organizations whose time is up and of which no payment is under way, longest overdue first.
pub fn lapsing(conn: &mut AnyConnection, now: Instant, page: Page) -> Result<Vec<(OrganizationId, OrderId)>, Error> {
    let paying = payments::table
        .filter(payments::organization_id.eq(orders::organization_id))
        .filter(payments::order_id.eq(orders::id.nullable()))
        .filter(is_open!());
    let due = orders::table
        .filter(literally("orders.state = 'open'"))
        .filter(orders::lapses_at.le(sql(now)))
        .filter(diesel::dsl::not(diesel::dsl::exists(paying)))
        .order((orders::lapses_at, orders::id))
        .offset(page.skip)
        .limit(page.limit);
    Ok(due.select((orders::organization_id, orders::id)).load(conn)?)
}
