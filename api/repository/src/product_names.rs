//! Names that only one live product may have, over all organizations (a directory).

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::order_options::UniqueName;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{product_names, products};
use crate::sql_types::sql;

/// Whether a product or an open order has the name.
pub fn is_taken(conn: &mut AnyConnection, name: &UniqueName) -> Result<bool, Error> {
    let taken = product_names::table.filter(product_names::namespace.eq(&name.namespace));
    let taken = taken.filter(product_names::name.eq(&name.name));
    Ok(diesel::select(diesel::dsl::exists(taken)).get_result(conn)?)
}

/// Takes a name for a product; `false` where another one has it. Waits for a transaction that is about to take it.
pub fn take(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    product: ProductId,
    name: &UniqueName,
) -> Result<bool, Error> {
    let taken = crate::each!(tx, |c| diesel::insert_into(product_names::table)
        .values((
            product_names::namespace.eq(&name.namespace),
            product_names::name.eq(&name.name),
            product_names::organization_id.eq(sql(organization)),
            product_names::product_id.eq(sql(product)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(taken == 1)
}

/// Frees the names of an order's products.
pub fn release_of_order(tx: &mut AnyConnection, organization: OrganizationId, order: OrderId) -> Result<(), Error> {
    let of_order = products::table
        .filter(products::organization_id.eq(sql(organization)).and(products::order_id.eq(sql(order))))
        .select(products::id);
    let names = product_names::table.filter(product_names::organization_id.eq(sql(organization)));
    diesel::delete(names.filter(product_names::product_id.eq_any(of_order))).execute(tx)?;
    Ok(())
}
