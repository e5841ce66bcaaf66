//! Products: found by category, type and search, within what the caller may see (PRD-2).

use manager_domain::ids::*;
use manager_domain::memberships::{ProductFilter, ProductRef, Rights};
use manager_domain::search_keys::search_key;
use manager_repository::products as rows;

use crate::Services;
use crate::errors::Result;

pub use rows::{Product, ProductQuery};

/// A page of an organization's products, oldest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    rights: &Rights,
    query: ProductQuery,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<Product>> {
    let (reach, query) = (ProductFilter::of(rights), folded(query));
    services.db.read(move |conn| Ok(rows::list(conn, organization, &reach, &query, after, limit)?)).await
}

/// Products by category and type, with how many there are: `(category, product type, count)`.
pub async fn counts(
    services: &Services,
    organization: OrganizationId,
    rights: &Rights,
    query: ProductQuery,
) -> Result<Vec<(String, String, i64)>> {
    let (reach, query) = (ProductFilter::of(rights), folded(query));
    services.db.read(move |conn| Ok(rows::counts(conn, organization, &reach, &query)?)).await
}

/// What access to a product is decided by.
pub fn reference(product: &Product) -> ProductRef {
    ProductRef { id: product.id, product_type: product.product_type.clone(), category: product.category.clone() }
}

fn folded(query: ProductQuery) -> ProductQuery {
    ProductQuery { search: query.search.map(|text| search_key(text.trim())).filter(|text| !text.is_empty()), ..query }
}
