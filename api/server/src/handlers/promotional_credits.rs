//! Promotional credits: finance people give an organization something to spend (PRE-1, STF-1).

use actix_web::{get, post, web};
use manager_domain::ids::{AccountId, OrganizationId, PromotionalCreditId};
use manager_domain::promotional_credits::PromotionalCreditState;
use manager_domain::{Instant, Money};
use manager_services::promotional_credits::{self, PromotionalCredit};
use manager_services::staff::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::refunds::SecondPersonDecision;
use crate::auth::Staff;
use crate::auth::permissions::{ManagePrepaid, StaffRequired};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Json;
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// What support gave an organization to spend.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "pcr_01k5x9dzt4f3gsv6t1n0q8m2ra", "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "amount": {"amount": 2000, "currency": "CHF"}, "state": "granted", "reason": "Ticket 4711",
    "requested_by": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "requested_at": "2026-03-05T09:30:00Z", "decided_by": null,
    "decided_at": null
})))]
pub struct PromotionalCreditView {
    pub id: PromotionalCreditId,
    pub organization: OrganizationId,
    pub amount: Money,
    /// `requested` waits for a second person.
    pub state: PromotionalCreditState,
    pub reason: String,
    pub requested_by: AccountId,
    pub requested_at: Instant,
    /// The second person, where one was needed.
    #[schema(required)]
    pub decided_by: Option<AccountId>,
    #[schema(required)]
    pub decided_at: Option<Instant>,
}

impl From<PromotionalCredit> for PromotionalCreditView {
    fn from(row: PromotionalCredit) -> Self {
        Self {
            id: row.id,
            organization: row.organization_id,
            amount: Money::new(row.amount, row.currency),
            state: row.state,
            reason: row.reason,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
        }
    }
}

/// What is given to whom, and why.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "amount": {"amount": 2000, "currency": "CHF"}, "reason": "Ticket 4711"})))]
pub struct PromotionalCreditRequest {
    /// Not one you belong to.
    pub organization: OrganizationId,
    /// In the organization's currency.
    pub amount: Money,
    /// Shown in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Give promotional balance
///
/// It pays like money, is spent first and never paid out. Above the limit for a second person nothing is given until
/// another person approves it.
#[utoipa::path(tag = "staff", params(OptionalKey), request_body = PromotionalCreditRequest,
    responses((status = 201, description = "Given, or `requested`: it waits for a second person",
            body = PromotionalCreditView),
        (status = 404, description = "No such organization"),
        (status = 409, description = "`balance_limit_reached` with the amount that is `available`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePrepaid::NAME))))]
#[post("/v1/admin/promotional-credits")]
pub async fn create_promotional_credit(
    state: web::Data<AppState>,
    body: Then<Staff<ManagePrepaid>, Repeatable<Json<PromotionalCreditRequest>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Repeatable(Json(body), key)) = body;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &PromotionalCredit| Answer::created(&PromotionalCreditView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        promotional_credits::create(&services, &call, body.organization, body.amount, &reason).await
    })
    .await
}

/// Which promotional credits to list, and why.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PromotionalCreditQuery {
    /// Not one you belong to. Without it, those of all that wait for a second person.
    #[serde(default)]
    organization: Option<OrganizationId>,
    /// Shown in the organization's audit log; required with one.
    #[serde(default)]
    #[param(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List promotional credits
///
/// Those of an organization, which is written into its audit log with the reason; or, without an organization, those that
/// wait for a second person.
#[utoipa::path(tag = "staff", params(PromotionalCreditQuery),
    responses((status = 200, description = "Newest first", body = Page<PromotionalCreditView>),
        (status = 404, description = "No such organization")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePrepaid::NAME))))]
#[get("/v1/admin/promotional-credits")]
pub async fn list_promotional_credits(
    state: web::Data<AppState>,
    query: Then<Staff<ManagePrepaid>, Query<PromotionalCreditQuery>>,
) -> Result<Page<PromotionalCreditView>, Problem> {
    let Then(staff, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let (services, wanted) = (&state.services, i64::from(limit) + 1);
    let rows = match query.organization {
        Some(organization) => {
            let reason = Reason { text: query.reason.unwrap_or_default(), pointer: "query:reason" };
            let page = (before, wanted);
            promotional_credits::list(services, &staff.caller.call, organization, &reason, page).await?
        }
        None => promotional_credits::list_requested(services, before, wanted).await?,
    };
    Page::of(rows, limit, |row| row.id, PromotionalCreditView::from)
}

/// Approve a promotional credit
///
/// As a second person: never the one who asked for it.
#[utoipa::path(tag = "staff",
    params(("id" = PromotionalCreditId, Path, description = "The promotional credit"), OptionalKey),
    request_body = SecondPersonDecision,
    responses((status = 200, description = "The promotional credit, given", body = PromotionalCreditView),
        (status = 403, description = "`second_person_required` for who asked for it, `own_organization`, `forbidden`"),
        (status = 409, description = "`promotional_credit_closed` with its `state`, or `balance_limit_reached`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePrepaid::NAME))))]
#[post("/v1/admin/promotional-credits/{id}/approve")]
pub async fn approve_promotional_credit(
    state: web::Data<AppState>,
    path: Then<Staff<ManagePrepaid>, Then<Path<(PromotionalCreditId,)>, Repeatable<Json<SecondPersonDecision>>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((id,)), Repeatable(Json(body), key))) = path;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &PromotionalCredit| Answer::ok(&PromotionalCreditView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        promotional_credits::approve(&services, &call, (body.organization, id), &reason).await
    })
    .await
}

/// Reject a promotional credit
///
/// One that waits for a second person: nothing was given by it. Who asked for it takes it back so.
#[utoipa::path(tag = "staff",
    params(("id" = PromotionalCreditId, Path, description = "The promotional credit"), OptionalKey),
    request_body = SecondPersonDecision,
    responses((status = 200, description = "The rejected promotional credit", body = PromotionalCreditView),
        (status = 409, description = "`promotional_credit_closed` with its `state`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePrepaid::NAME))))]
#[post("/v1/admin/promotional-credits/{id}/reject")]
pub async fn reject_promotional_credit(
    state: web::Data<AppState>,
    path: Then<Staff<ManagePrepaid>, Then<Path<(PromotionalCreditId,)>, Repeatable<Json<SecondPersonDecision>>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((id,)), Repeatable(Json(body), key))) = path;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &PromotionalCredit| Answer::ok(&PromotionalCreditView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        promotional_credits::reject(&services, &call, (body.organization, id), &reason).await
    })
    .await
}
