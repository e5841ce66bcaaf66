//! Topping up the prepaid account (PRE-2).

use actix_web::{get, post, web};
use manager_domain::ids::{OrganizationId, TopUpId};
use manager_domain::payments::PaymentMethodKind;
use manager_domain::top_ups::TopUpState;
use manager_domain::{Instant, Money};
use manager_services::top_ups::{self, Details, NewTopUp, TopUp, TopUpFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::payments::PaymentView;
use crate::auth::Member;
use crate::auth::permissions::{ManageBilling, Required, ViewBilling};
use crate::idempotency::{Answer, Once, Repeatable, RequiredKey};
use crate::json::Json;
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A top-up in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "top_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "succeeded", "payment_method": "card",
    "amount": {"amount": 5000, "currency": "CHF"}, "automatic": false, "created_at": "2026-03-01T09:30:00Z",
    "settled_at": "2026-03-01T09:30:01Z"
})))]
pub struct TopUpView {
    pub id: TopUpId,
    pub state: TopUpState,
    pub payment_method: PaymentMethodKind,
    /// A deposit: no tax, no invoice.
    pub amount: Money,
    /// Made because the balance fell below its threshold.
    pub automatic: bool,
    pub created_at: Instant,
    /// When its outcome became known.
    #[schema(required)]
    pub settled_at: Option<Instant>,
}

impl From<TopUp> for TopUpView {
    fn from(row: TopUp) -> Self {
        Self {
            id: row.id,
            state: row.state,
            payment_method: row.method,
            amount: Money::new(row.amount, row.currency),
            automatic: row.automatic,
            created_at: row.created_at,
            settled_at: row.settled_at,
        }
    }
}

/// A top-up with its payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "top_up": {"id": "top_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "succeeded", "payment_method": "card",
        "amount": {"amount": 5000, "currency": "CHF"}, "automatic": false, "created_at": "2026-03-01T09:30:00Z",
        "settled_at": "2026-03-01T09:30:01Z"},
    "payment": {"id": "pay_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": null, "order": null,
        "top_up": "top_01k5x9dzt4f3gsv6t1n0q8m2ra", "method": "card", "amount": {"amount": 5000, "currency": "CHF"},
        "prepaid_amount": {"amount": 0, "currency": "CHF"}, "state": "succeeded", "failure_code": null, "action": null,
        "created_at": "2026-03-01T09:30:00Z", "settled_at": "2026-03-01T09:30:01Z"}
})))]
pub struct TopUpDetails {
    pub top_up: TopUpView,
    pub payment: PaymentView,
}

impl From<Details> for TopUpDetails {
    fn from(details: Details) -> Self {
        Self { top_up: details.top_up.into(), payment: details.payment.into() }
    }
}

/// How much is paid in, and how.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "amount": {"amount": 5000, "currency": "CHF"}, "payment_method": "card", "payment_method_token": "sandbox_succeeds"
})))]
pub struct TopUpRequest {
    /// In the organization's currency, within the limits.
    pub amount: Money,
    pub payment_method: PaymentMethodKind,
    /// The provider's name for the card or the like, never its number.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub payment_method_token: String,
}

/// Top up the prepaid account
///
/// A deposit usable with this seller only: no tax and no invoice. It is credited once, when its payment succeeded.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization"), RequiredKey),
    request_body = TopUpRequest,
    responses((status = 201, description = "Credited, or its payment is processing", body = TopUpDetails),
        (status = 402, description = "`payment_failed` with `top_up` and `payment`; nothing was credited"),
        (status = 409, description = "`balance_limit_reached` with the amount that is `available`, or \
            `payment_method_unavailable`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageBilling::NAME))))]
#[post("/v1/organizations/{org}/prepaid/top-ups")]
pub async fn create_top_up(
    state: web::Data<AppState>,
    path: Then<Member<ManageBilling>, Once<Json<TopUpRequest>>>,
) -> Result<Answer, Problem> {
    let Then(member, Repeatable(Json(body), key)) = path;
    let TopUpRequest { amount, payment_method: method, payment_method_token: token } = body;
    let organization = member.organization;
    let render = move |details: &Details| {
        let location = format!("/v1/organizations/{organization}/prepaid/top-ups/{}", details.top_up.id);
        Answer::created(&TopUpDetails::from(details.clone())).location(&location)
    };
    key.once(&state.services, member.call(), render, async move |services, call| {
        top_ups::create(&services, &call, organization, NewTopUp { amount, method, token }).await
    })
    .await
}

/// Which top-ups to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TopUpQuery {
    /// Those that stand so.
    #[serde(default)]
    #[param(inline)]
    state: Option<TopUpState>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List the top-ups
///
/// Those that failed too; what they added to the balance stands in the statement.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization"), TopUpQuery),
    responses((status = 200, description = "Newest first", body = Page<TopUpView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid/top-ups")]
pub async fn list_top_ups(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<TopUpQuery>>,
) -> Result<Page<TopUpView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = TopUpFilter { state: query.state };
    let rows = top_ups::list(&state.services, member.organization, filter, before, i64::from(limit) + 1).await?;
    Page::of(rows, limit, |row| row.id, TopUpView::from)
}

/// Show a top-up
///
/// With its payment, which says what went wrong or what is still to be done.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = TopUpId, Path, description = "The top-up")),
    responses((status = 200, description = "The top-up with its payment", body = TopUpDetails)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid/top-ups/{id}")]
pub async fn get_top_up(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, TopUpId)>>,
) -> Result<Json<TopUpDetails>, Problem> {
    let Then(_, Path((organization, id))) = path;
    Ok(Json(top_ups::get(&state.services, organization, id).await?.into()))
}
