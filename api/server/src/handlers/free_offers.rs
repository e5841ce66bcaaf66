//! Free offers: an organization's own, and what support grants (ORD-5).

use actix_web::{get, post, web};
use manager_domain::Instant;
use manager_domain::free_offers::FreeOfferState;
use manager_domain::ids::{FreeOfferId, OrderId, OrganizationId};
use manager_domain::terms::Frequency;
use manager_services::free_offers::{self, Grant, StoredFreeOffer};
use manager_services::staff::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::permissions::{ManageFreeOffers, Required, StaffRequired, ViewBilling};
use crate::auth::{Member, Staff};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Json;
use crate::paging::{Cursor, Limit, ListQuery, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A free offer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "ofr_01k5x9dzt4f3gsv6t1n0q8m2ra", "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch",
    "frequency": "yearly", "expires_at": "2026-12-31T23:00:00Z", "terms": 1, "units": 1, "test": false,
    "state": "available", "order": null, "granted_at": "2026-03-01T09:30:00Z", "withdrawn_at": null
})))]
pub struct FreeOfferView {
    pub id: FreeOfferId,
    pub organization: OrganizationId,
    /// The offer's code in the catalogue.
    pub offer: String,
    pub frequency: Frequency,
    /// It must be ordered before.
    pub expires_at: Instant,
    /// Terms that are free.
    pub terms: u32,
    /// Units of an item that are free.
    pub units: u32,
    /// For a test organization.
    pub test: bool,
    /// An available one can't be used once it expired.
    pub state: FreeOfferState,
    /// The order that reserved or used it.
    #[schema(required)]
    pub order: Option<OrderId>,
    pub granted_at: Instant,
    #[schema(required)]
    pub withdrawn_at: Option<Instant>,
}

impl From<StoredFreeOffer> for FreeOfferView {
    fn from(row: StoredFreeOffer) -> Self {
        Self {
            id: row.id,
            organization: row.organization_id,
            offer: row.offer,
            frequency: row.frequency,
            expires_at: row.expires_at,
            terms: row.terms.unsigned_abs(),
            units: row.units.unsigned_abs(),
            test: row.is_test,
            state: row.state,
            order: row.order_id,
            granted_at: row.granted_at,
            withdrawn_at: row.withdrawn_at,
        }
    }
}

/// List the free offers
///
/// What support granted, used or not. A cart tells for each item which of them can be activated.
#[utoipa::path(tag = "offers", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<FreeOfferView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/free-offers")]
pub async fn list_free_offers(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<ListQuery>>,
) -> Result<Page<FreeOfferView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = free_offers::list(&state.services, member.organization, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.id, FreeOfferView::from)
}

/// A free offer to be granted.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch",
    "frequency": "yearly", "expires_at": "2026-12-31T23:00:00Z", "terms": 1, "units": 1, "reason": "Ticket 4711"})))]
pub struct FreeOfferGrant {
    /// Not one you belong to.
    pub organization: OrganizationId,
    /// An offer's code in the catalogue.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub offer: String,
    pub frequency: Frequency,
    /// It must be ordered before.
    pub expires_at: Instant,
    /// Terms that are free; 1 without it.
    #[serde(default = "one")]
    #[schema(required = false, minimum = 1, maximum = 120)]
    pub terms: u32,
    /// Units of an item that are free; 1 without it.
    #[serde(default = "one")]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub units: u32,
    /// Shown in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

const fn one() -> u32 {
    1
}

/// Grant a free offer
///
/// Written into the organization's audit log with the reason. Nobody grants to an organization they belong to.
#[utoipa::path(tag = "staff", params(OptionalKey), request_body = FreeOfferGrant,
    responses((status = 201, description = "The free offer", body = FreeOfferView),
        (status = 404, description = "No such organization")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageFreeOffers::NAME))))]
#[post("/v1/admin/free-offers")]
pub async fn grant_free_offer(
    state: web::Data<AppState>,
    body: Then<Staff<ManageFreeOffers>, Repeatable<Json<FreeOfferGrant>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Repeatable(Json(body), key)) = body;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let grant = Grant {
        organization: body.organization,
        offer: body.offer,
        frequency: body.frequency,
        expires_at: body.expires_at,
        terms: body.terms,
        units: body.units,
    };
    let render = |row: &StoredFreeOffer| Answer::created(&FreeOfferView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        free_offers::grant(&services, &call, grant, &reason).await
    })
    .await
}

/// Whose free offers to list, and why.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FreeOfferQuery {
    /// Not one you belong to.
    organization: OrganizationId,
    /// Shown in the organization's audit log.
    #[param(min_length = 1, max_length = 500)]
    reason: String,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List an organization's free offers, for support
///
/// Written into the organization's audit log with the reason.
#[utoipa::path(tag = "staff", params(FreeOfferQuery),
    responses((status = 200, description = "Newest first", body = Page<FreeOfferView>),
        (status = 404, description = "No such organization")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageFreeOffers::NAME))))]
#[get("/v1/admin/free-offers")]
pub async fn list_granted_free_offers(
    state: web::Data<AppState>,
    query: Then<Staff<ManageFreeOffers>, Query<FreeOfferQuery>>,
) -> Result<Page<FreeOfferView>, Problem> {
    let Then(staff, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let reason = Reason { text: query.reason, pointer: "query:reason" };
    let (call, page) = (&staff.caller.call, (before, i64::from(limit) + 1));
    let rows = free_offers::list_for_staff(&state.services, call, query.organization, &reason, page).await?;
    Page::of(rows, limit, |row| row.id, FreeOfferView::from)
}

/// Whose free offer it is, and why it is taken back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "reason": "Ticket 4711"})))]
pub struct FreeOfferWithdrawal {
    /// Not one you belong to.
    pub organization: OrganizationId,
    /// Shown in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Withdraw a free offer
///
/// One that no order reserved or used. Written into the organization's audit log with the reason.
#[utoipa::path(tag = "staff", params(("id" = FreeOfferId, Path, description = "The free offer"), OptionalKey),
    request_body = FreeOfferWithdrawal,
    responses((status = 200, description = "The withdrawn free offer", body = FreeOfferView),
        (status = 409, description = "`free_offer_closed` with its `state`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageFreeOffers::NAME))))]
#[post("/v1/admin/free-offers/{id}/withdraw")]
pub async fn withdraw_free_offer(
    state: web::Data<AppState>,
    path: Then<Staff<ManageFreeOffers>, Then<Path<(FreeOfferId,)>, Repeatable<Json<FreeOfferWithdrawal>>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((id,)), Repeatable(Json(body), key))) = path;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &StoredFreeOffer| Answer::ok(&FreeOfferView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        free_offers::withdraw(&services, &call, (body.organization, id), &reason).await
    })
    .await
}
