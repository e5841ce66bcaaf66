//! Products: found by category, type and search, within what the caller may see (PRD-2).

use manager_domain::catalogue::Catalogue;
use manager_domain::ids::*;
use manager_domain::memberships::{ProductFilter, ProductRef, Rights};
use manager_domain::products::IfUnpaid;
use manager_domain::search_keys::search_key;
use manager_repository::{AnyConnection, products as rows};

use crate::errors::{Error, Result};
use crate::{Call, Services, catalogue};

pub use rows::{Product, ProductQuery};

/// A product with what happens to it if nothing is paid.
#[derive(Debug, Clone)]
pub struct View {
    pub product: Product,
    pub if_unpaid: Option<IfUnpaid>,
}

/// A page of an organization's products, oldest first.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    rights: &Rights,
    query: ProductQuery,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<View>> {
    let (reach, query) = (ProductFilter::of(rights), folded(query));
    let catalogue = catalogue::shown(services, call.now).await?;
    let read = move |conn: &mut AnyConnection| Ok(rows::list(conn, organization, &reach, &query, after, limit)?);
    let products: Vec<Product> = services.db.read::<_, Error, _>(read).await?;
    Ok(products.into_iter().map(|product| of_type(product, &catalogue)).collect())
}

/// Grace and suspension are those that the type has today.
fn of_type(product: Product, catalogue: &Catalogue) -> View {
    let days = catalogue.product_type(&product.product_type).map(|of| (of.grace_days, of.suspension_days));
    let if_unpaid =
        days.and_then(|(grace, suspension)| IfUnpaid::of(product.state, product.term_end, grace, suspension));
    View { product, if_unpaid }
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

/// A product as it is shown.
pub async fn view(services: &Services, call: &Call, product: Product) -> Result<View> {
    let catalogue = catalogue::shown(services, call.now).await?;
    Ok(of_type(product, &catalogue))
}

/// What access to a product is decided by.
pub fn reference(product: &Product) -> ProductRef {
    ProductRef { id: product.id, product_type: product.product_type.clone(), category: product.category.clone() }
}

fn folded(query: ProductQuery) -> ProductQuery {
    ProductQuery { search: query.search.map(|text| search_key(text.trim())).filter(|text| !text.is_empty()), ..query }
}
