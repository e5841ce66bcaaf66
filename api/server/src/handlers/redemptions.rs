//! What an organization reserved and redeemed of promo codes (ORD-4).

use actix_web::get;
use actix_web::web::Data;
use manager_domain::ids::{ItemId, OrderId, OrganizationId, RedemptionId};
use manager_domain::redemptions::RedemptionState;
use manager_domain::{Instant, Money};
use manager_services::redemptions::{self, Redemption};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Member;
use crate::auth::permissions::{Required, ViewBilling};
use crate::paging::{ListQuery, Page};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A promo code that an order used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "rdm_01k5x9dzt4f3gsv6t1n0q8m2ra", "code": "WELCOME-2026", "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "item": "itm_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "redeemed", "amount": {"amount": 450, "currency": "CHF"},
    "terms": 1, "reserved_until": "2026-03-01T10:00:00Z", "created_at": "2026-03-01T09:30:00Z",
    "redeemed_at": "2026-03-01T09:30:01Z", "released_at": null
})))]
pub struct RedemptionView {
    pub id: RedemptionId,
    pub code: String,
    pub order: OrderId,
    /// The item it was on, in the cart that the order came from.
    pub item: ItemId,
    pub state: RedemptionState,
    /// What it took off, net.
    pub amount: Money,
    /// Terms of the products that it is for.
    pub terms: u32,
    /// How long the code is kept for the order unless that is paid; longer while a payment is processing.
    pub reserved_until: Instant,
    pub created_at: Instant,
    #[schema(required)]
    pub redeemed_at: Option<Instant>,
    #[schema(required)]
    pub released_at: Option<Instant>,
}

impl From<Redemption> for RedemptionView {
    fn from(row: Redemption) -> Self {
        Self {
            id: row.id,
            code: row.code.unwrap_or_default(),
            order: row.order_id,
            item: row.item_id,
            state: row.state,
            amount: Money::new(row.amount, row.currency),
            terms: row.terms.unsigned_abs(),
            reserved_until: row.reserved_until,
            created_at: row.created_at,
            redeemed_at: row.redeemed_at,
            released_at: row.released_at,
        }
    }
}

/// List the promo codes used
///
/// A code is reserved at checkout, redeemed when the order is paid, and released when the order dies or the reservation
/// ends.
#[utoipa::path(tag = "offers", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<RedemptionView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/promo-code-redemptions")]
pub async fn list_promo_code_redemptions(
    state: Data<AppState>,
    query: Then<Member<ViewBilling>, Query<ListQuery>>,
) -> Result<Page<RedemptionView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = redemptions::list(&state.services, member.organization, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.id, RedemptionView::from)
}
