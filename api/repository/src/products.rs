//! Products of an organization, found by category, type and search, within the caller's grants (PRD-2).

use chrono::NaiveDate;
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use manager_domain::ids::*;
use manager_domain::memberships::ProductFilter;
use manager_domain::order_options::Options;
use manager_domain::products::ProductState;
use manager_domain::terms::Frequency;
use manager_domain::{Currency, Instant};

use crate::connection::{AnyConnection, MultiBackend};
use crate::errors::Error;
use crate::schema::products;
use crate::sql_types::{Json, sql};

/// A product as stored; the price is net, in minor units, for one term.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = products)]
pub struct Product {
    pub organization_id: OrganizationId,
    pub id: ProductId,
    pub order_id: OrderId,
    pub category: String,
    pub product_type: String,
    pub offer: String,
    pub frequency: Frequency,
    pub currency: Currency,
    pub name: String,
    pub search_key: String,
    pub options: Json<Options>,
    pub state: ProductState,
    pub unit_price: i64,
    pub anchor_day: Option<i32>,
    pub term_start: Option<NaiveDate>,
    /// Exclusive.
    pub term_end: Option<NaiveDate>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub activated_at: Option<Instant>,
}

/// Which products a list shows.
#[derive(Debug, Clone, Default)]
pub struct ProductQuery {
    pub category: Option<String>,
    pub product_type: Option<String>,
    pub state: Option<ProductState>,
    /// A part of the search key, folded like it.
    pub search: Option<String>,
}

type Condition = Box<dyn BoxableExpression<products::table, MultiBackend, SqlType = Bool>>;

pub fn insert(tx: &mut AnyConnection, row: &Product) -> Result<(), Error> {
    diesel::insert_into(products::table)
        .values((
            products::organization_id.eq(sql(row.organization_id)),
            products::id.eq(sql(row.id)),
            products::order_id.eq(sql(row.order_id)),
            products::category.eq(&row.category),
            products::product_type.eq(&row.product_type),
            products::offer.eq(&row.offer),
            products::frequency.eq(sql(row.frequency)),
            products::currency.eq(sql(row.currency)),
            products::name.eq(&row.name),
            products::search_key.eq(&row.search_key),
            products::options.eq(sql(row.options.clone())),
            products::state.eq(sql(row.state)),
            products::unit_price.eq(row.unit_price),
            products::version.eq(row.version),
            products::created_at.eq(sql(row.created_at)),
            products::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: ProductId) -> Result<Option<Product>, Error> {
    let query = products::table.filter(products::organization_id.eq(sql(organization)).and(products::id.eq(sql(id))));
    Ok(query.select(Product::as_select()).first(conn).optional()?)
}

/// The products of an order, in the order of its lines.
pub fn list_of_order(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
) -> Result<Vec<Product>, Error> {
    let query = products::table.filter(products::organization_id.eq(sql(organization)));
    let query = query.filter(products::order_id.eq(sql(order))).order(products::id);
    Ok(query.select(Product::as_select()).load(conn)?)
}

/// Oldest first, from the one after `after` on; only what `reach` covers.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    reach: &ProductFilter,
    query: &ProductQuery,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let Some(mut condition) = condition(organization, reach, query) else { return Ok(Vec::new()) };
    if let Some(after) = after {
        condition = Box::new(condition.and(products::id.gt(sql(after))));
    }
    let rows = products::table.filter(condition).select(Product::as_select()).order(products::id).limit(limit);
    Ok(rows.load(conn)?)
}

/// How many products there are of each category and type; only what `reach` covers.
pub fn counts(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    reach: &ProductFilter,
    query: &ProductQuery,
) -> Result<Vec<(String, String, i64)>, Error> {
    let Some(condition) = condition(organization, reach, query) else { return Ok(Vec::new()) };
    let rows = products::table
        .filter(condition)
        .group_by((products::category, products::product_type))
        .select((products::category, products::product_type, diesel::dsl::count_star()))
        .order((products::category, products::product_type));
    Ok(rows.load(conn)?)
}

/// `None` where nothing can fit.
fn condition(organization: OrganizationId, reach: &ProductFilter, query: &ProductQuery) -> Option<Condition> {
    let mut condition: Condition = Box::new(products::organization_id.eq(sql(organization)));
    match reach {
        ProductFilter::All => {}
        ProductFilter::Nothing => return None,
        ProductFilter::These { ids, product_types, categories } => {
            let mut granted: Condition = Box::new(products::product_type.eq_any(product_types.clone()));
            granted = Box::new(granted.or(products::category.eq_any(categories.clone())));
            for id in ids {
                granted = Box::new(granted.or(products::id.eq(sql(*id))));
            }
            condition = Box::new(condition.and(granted));
        }
    }
    if let Some(category) = query.category.clone() {
        condition = Box::new(condition.and(products::category.eq(category)));
    }
    if let Some(product_type) = query.product_type.clone() {
        condition = Box::new(condition.and(products::product_type.eq(product_type)));
    }
    match query.state {
        Some(state) => condition = Box::new(condition.and(products::state.eq(sql(state)))),
        None => {
            for gone in ProductState::GONE {
                condition = Box::new(condition.and(products::state.ne(sql(gone))));
            }
        }
    }
    if let Some(search) = &query.search {
        let pattern = format!("%{}%", search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        condition = Box::new(condition.and(products::search_key.like(pattern).escape('\\')));
    }
    Some(condition)
}

/// A product's way into life.
#[derive(Debug, Clone, Copy)]
pub struct Activation {
    /// Of priced products only.
    pub anchor_day: Option<i32>,
    pub term_start: Option<NaiveDate>,
    pub term_end: Option<NaiveDate>,
    pub now: Instant,
}

/// Brings a pending product to life; `false` where it isn't pending.
pub fn activate(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: ProductId,
    activation: &Activation,
) -> Result<bool, Error> {
    let pending = products::table.filter(products::organization_id.eq(sql(organization)).and(products::id.eq(sql(id))));
    let changed = diesel::update(pending.filter(products::state.eq(sql(ProductState::Pending))))
        .set((
            products::state.eq(sql(ProductState::Active)),
            products::anchor_day.eq(activation.anchor_day),
            products::term_start.eq(activation.term_start),
            products::term_end.eq(activation.term_end),
            products::activated_at.eq(sql(Some(activation.now))),
            products::updated_at.eq(sql(activation.now)),
            products::version.eq(products::version + 1),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Cancels what is pending of an order that died; answers how many.
pub fn cancel_of_order(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
    now: Instant,
) -> Result<usize, Error> {
    let pending = products::table.filter(products::organization_id.eq(sql(organization)));
    let pending = pending.filter(products::order_id.eq(sql(order)).and(products::state.eq(sql(ProductState::Pending))));
    let changed = diesel::update(pending)
        .set((
            products::state.eq(sql(ProductState::Cancelled)),
            products::updated_at.eq(sql(now)),
            products::version.eq(products::version + 1),
        ))
        .execute(tx)?;
    Ok(changed)
}
