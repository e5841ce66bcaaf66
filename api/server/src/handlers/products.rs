//! Products: by category, by type, by search, each within the caller's grants (PRD-2).

use std::collections::BTreeMap;

use actix_web::{get, web};
use chrono::NaiveDate;
use manager_domain::ids::{OrderId, OrganizationId, ProductId};
use manager_domain::memberships::Rights;
use manager_domain::permissions::{Permission, decide};
use manager_domain::products::ProductState;
use manager_domain::terms::Frequency;
use manager_domain::{Instant, Money};
use manager_services::products::{self, ProductQuery, View};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::permissions::{Required, ViewProducts};
use crate::auth::{Member, ProductMember};
use crate::etags::Tagged;
use crate::json::Json;
use crate::paging::{Cursor, Limit, Page};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A product of an organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "prd_01k5x9dzt4f3gsv6t1n0q8m2ra", "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "category": "web_domain",
    "product_type": "domain_name", "offer": "domain_ch", "name": "example.ch", "options": {"domain": "example.ch"},
    "state": "active", "frequency": "yearly", "unit_price": {"amount": 900, "currency": "CHF"},
    "term_start": "2026-03-01", "term_end": "2027-03-01", "suspends_on": "2027-03-11",
    "terminates_on": "2027-04-10", "created_at": "2026-03-01T09:30:00Z",
    "activated_at": "2026-03-01T09:30:01Z"
})))]
pub struct ProductView {
    pub id: ProductId,
    pub order: OrderId,
    pub category: String,
    pub product_type: String,
    pub offer: String,
    pub name: String,
    /// What was said when it was ordered.
    pub options: BTreeMap<String, String>,
    pub state: ProductState,
    pub frequency: Frequency,
    /// Net, for one term; null without the right to see billing.
    #[schema(required)]
    pub unit_price: Option<Money>,
    /// Null until it is paid, and where it costs nothing.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub term_start: Option<NaiveDate>,
    /// Exclusive.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub term_end: Option<NaiveDate>,
    /// When it is suspended if nothing is paid; null where there is no term to pay for.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub suspends_on: Option<NaiveDate>,
    /// When it is terminated if nothing is paid.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub terminates_on: Option<NaiveDate>,
    pub created_at: Instant,
    #[schema(required)]
    pub activated_at: Option<Instant>,
}

impl ProductView {
    fn of(View { product, if_unpaid }: View, rights: &Rights) -> Self {
        let sees_billing = decide(rights, Permission::ViewBilling, None).allowed;
        Self {
            id: product.id,
            order: product.order_id,
            category: product.category,
            product_type: product.product_type,
            offer: product.offer,
            name: product.name,
            options: product.options.0,
            state: product.state,
            frequency: product.frequency,
            unit_price: sees_billing.then(|| Money::new(product.unit_price, product.currency)),
            term_start: product.term_start,
            term_end: product.term_end,
            suspends_on: if_unpaid.map(|dates| dates.suspends_on),
            terminates_on: if_unpaid.map(|dates| dates.terminates_on),
            created_at: product.created_at,
            activated_at: product.activated_at,
        }
    }
}

/// Which products to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductListQuery {
    /// A category's code.
    #[serde(default)]
    #[validate(length(max = 64))]
    #[param(max_length = 64)]
    category: Option<String>,
    /// A product type's code.
    #[serde(default)]
    #[validate(length(max = 64))]
    #[param(max_length = 64)]
    product_type: Option<String>,
    /// All but `terminated` and `cancelled` without it.
    #[serde(default)]
    #[param(inline)]
    state: Option<ProductState>,
    /// A part of the name, without regard to case.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    search: Option<String>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List the products
///
/// Those that the caller's grants reach, by category, type, state or a part of the name (PRD-2). Prices are null
/// without the right to see billing.
#[utoipa::path(tag = "products", params(("org" = OrganizationId, Path, description = "The organization"),
        ProductListQuery),
    responses((status = 200, description = "Oldest first, those within the caller's grants", body = Page<ProductView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewProducts::NAME))))]
#[get("/v1/organizations/{org}/products")]
pub async fn list_products(
    state: web::Data<AppState>,
    query: Then<Member<ViewProducts>, Query<ProductListQuery>>,
) -> Result<Page<ProductView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let after = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let ProductListQuery { category, product_type, state: wanted, search, .. } = query;
    let filter = ProductQuery { category, product_type, state: wanted, search };
    let (services, more) = (&state.services, i64::from(limit) + 1);
    let rows =
        products::list(services, member.call(), member.organization, &member.rights, filter, after, more).await?;
    Page::of(rows, limit, |row| row.product.id, |row| ProductView::of(row, &member.rights))
}

/// Which products to count.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductSummaryQuery {
    /// All but `terminated` and `cancelled` without it.
    #[serde(default)]
    #[param(inline)]
    state: Option<ProductState>,
    /// A part of the name, without regard to case.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    search: Option<String>,
}

/// How many products there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "total": 3, "categories": [{"category": "web_domain", "count": 3, "product_types": [
        {"product_type": "domain_name", "count": 2}, {"product_type": "web_hosting", "count": 1}]}]
})))]
pub struct ProductSummary {
    pub total: i64,
    pub categories: Vec<CategoryCount>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryCount {
    pub category: String,
    pub count: i64,
    pub product_types: Vec<ProductTypeCount>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProductTypeCount {
    pub product_type: String,
    pub count: i64,
}

/// Count the products
///
/// By category and type, those within the caller's grants.
#[utoipa::path(tag = "products", params(("org" = OrganizationId, Path, description = "The organization"),
        ProductSummaryQuery),
    responses((status = 200, description = "The counts", body = ProductSummary)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewProducts::NAME))))]
#[get("/v1/organizations/{org}/products/summary")]
pub async fn get_product_summary(
    state: web::Data<AppState>,
    query: Then<Member<ViewProducts>, Query<ProductSummaryQuery>>,
) -> Result<Json<ProductSummary>, Problem> {
    let Then(member, Query(query)) = query;
    let filter = ProductQuery { state: query.state, search: query.search, ..ProductQuery::default() };
    let rows = products::counts(&state.services, member.organization, &member.rights, filter).await?;
    let mut summary = ProductSummary { total: 0, categories: Vec::new() };
    for (category, product_type, count) in rows {
        if summary.categories.last().is_none_or(|last| last.category != category) {
            summary.categories.push(CategoryCount { category, count: 0, product_types: Vec::new() });
        }
        summary.total += count;
        if let Some(last) = summary.categories.last_mut() {
            last.count += count;
            last.product_types.push(ProductTypeCount { product_type, count });
        }
    }
    Ok(Json(summary))
}

/// Show a product
///
/// Its state and the days that matter: when the term ends, and what happens when nothing is paid (PRD-1). One that the
/// caller's grants don't reach is a 404; prices are null without the right to see billing.
#[utoipa::path(tag = "products", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = ProductId, Path, description = "The product")),
    responses((status = 200, description = "The product", body = ProductView), (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewProducts::NAME))))]
#[get("/v1/organizations/{org}/products/{id}")]
pub async fn get_product(
    state: web::Data<AppState>,
    found: ProductMember<ViewProducts>,
) -> Result<Tagged<ProductView>, Problem> {
    let ProductMember { member, product } = found;
    let view = products::view(&state.services, member.call(), product).await?;
    Ok(Tagged::version(view.product.version, ProductView::of(view, &member.rights)))
}
