//! Names that only one live product may have, over all organizations: refused as early as they are known to be taken,
//! and taken for good by the order.

use manager_domain::carts::CartContent;
use manager_domain::catalogue::Catalogue;
use manager_domain::ids::*;
use manager_domain::order_options::{self, UniqueName};
use manager_repository::{AnyConnection, product_names as rows};

use crate::errors::Result;

/// # Errors
/// `name_taken`, where somebody has a name of the cart's item; the pointer leads into the item's own body.
pub(crate) fn refuse_taken(
    conn: &mut AnyConnection,
    content: &CartContent,
    item: ItemId,
    catalogue: &Catalogue,
) -> Result<()> {
    let Some(item) = content.items.iter().find(|other| other.id == item) else { return Ok(()) };
    for name in item.names(catalogue) {
        if rows::is_taken(conn, &name)? {
            return Err(order_options::name_taken(&name, "/options").into());
        }
    }
    Ok(())
}

/// A name that an order takes.
pub(crate) struct Wanted {
    pub name: UniqueName,
    pub product: ProductId,
    /// Where its item stands in the cart.
    pub index: usize,
}

/// Takes the names of an order, in an order of their own, so that two orders never wait for each other.
///
/// # Errors
/// `name_taken` with a pointer into the cart.
pub(crate) fn take(tx: &mut AnyConnection, organization: OrganizationId, wanted: &[Wanted]) -> Result<()> {
    let mut wanted: Vec<_> = wanted.iter().collect();
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    for Wanted { name, product, index } in wanted {
        if !rows::take(tx, organization, *product, name)? {
            return Err(order_options::name_taken(name, &format!("/items/{index}/options")).into());
        }
    }
    Ok(())
}
