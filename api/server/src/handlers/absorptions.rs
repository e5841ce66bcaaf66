//! Absorbing an old account: by its holder, and by those who approve in an organization (MEM-7).

use actix_web::{HttpResponse, delete, get, post, web};
use manager_domain::Instant;
use manager_domain::absorptions::{AbsorptionState, StepState};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::{AbsorptionId, AccountId, OrganizationId};
use manager_services::absorptions::{self, Asked, Status, Step, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::permissions::{ManageMembers, Required};
use crate::auth::{Caller, Member};
use crate::idempotency::{Answer, Key, OptionalKey, Repeatable};
use crate::json::{Json, Nothing};
use crate::paging::{ListQuery, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// The address of the new account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@new.example"})))]
pub struct AbsorptionRequest {
    /// Whoever has no account with it yet registers through the invitation.
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
}

/// Where the absorption of an old account stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "abs_01k5x9dzt4f3gsv6t1n0q8m2ra", "email": "ada@new.example", "state": "running",
    "organizations": [{"id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Analytical Engines SA",
        "state": "awaiting_approval", "updated_at": "2026-03-01T09:30:00Z"}],
    "created_at": "2026-03-01T09:30:00Z", "ended_at": null
})))]
pub struct AbsorptionView {
    pub id: AbsorptionId,
    /// The address of the new account.
    pub email: String,
    pub state: AbsorptionState,
    pub organizations: Vec<AbsorptionStep>,
    pub created_at: Instant,
    #[schema(required)]
    pub ended_at: Option<Instant>,
}

/// Where it stands in one organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbsorptionStep {
    pub id: OrganizationId,
    /// The organization's name when the absorption was asked for.
    pub name: String,
    pub state: StepState,
    pub updated_at: Instant,
}

impl From<Status> for AbsorptionView {
    fn from((row, steps): Status) -> Self {
        let step = |step: Step| AbsorptionStep {
            id: step.organization_id,
            name: step.name,
            state: step.state,
            updated_at: step.updated_at,
        };
        Self {
            id: row.id,
            email: row.target_email,
            state: row.state,
            organizations: steps.into_iter().map(step).collect(),
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

/// Have another account of mine take over this one
///
/// The address is invited into every organization with the same rights; where this account is only a member, an owner
/// or admin approves first, within seven days. The address gets one mail. Each acceptance replaces the membership of
/// this account. Needs a session authenticated within ten minutes. A new password calls it off.
#[utoipa::path(tag = "memberships", params(OptionalKey), request_body = AbsorptionRequest, responses(
    (status = 201, description = "Started", body = AbsorptionView),
    (status = 403, description = "`step_up_required`, also where the password changed meanwhile"),
    (status = 409, description = "`absorption_pending`, `absorption_target_refused` or `invitation_pending`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/me/absorption")]
pub async fn start_absorption(
    state: web::Data<AppState>,
    body: Then<Caller, Repeatable<Json<AbsorptionRequest>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Repeatable(Json(body), key)) = body;
    let target = EmailAddress::parse(&body.email).map_err(|code| Problem::fault("/email", code))?;
    let account = caller.account.clone();
    let render = |status: &Status| Answer::created(&AbsorptionView::from(status.clone())).location("/v1/me/absorption");
    key.once(&state.services, &caller.call, render, async move |services, call| {
        absorptions::start(&services, &call, account, target).await
    })
    .await
}

/// Show how the absorption of my account stands
///
/// Organization by organization: waiting for an approval or an acceptance, done, or ended otherwise (MEM-7). One that
/// ended is shown for seven days, then there is a 404.
#[utoipa::path(tag = "memberships",
    responses((status = 200, description = "The latest, running or ended within seven days", body = AbsorptionView),
        (status = 404, description = "There was none")),
    security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/absorption")]
pub async fn get_absorption(caller: Caller, state: web::Data<AppState>) -> Result<Json<AbsorptionView>, Problem> {
    let status = absorptions::get(&state.services, &caller.call, caller.account.id).await?;
    Ok(Json(status.into()))
}

/// Call the absorption of my account off
///
/// Organizations that are done stay so; invitations that nobody answered are revoked, and nothing else changes.
#[utoipa::path(tag = "memberships", responses((status = 204, description = "Called off"),
        (status = 404, description = "None is running")),
    security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/absorption")]
pub async fn cancel_absorption(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    absorptions::cancel(&state.services, &caller.call, caller.account.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A member who wants another account to take over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "abs_01k5x9dzt4f3gsv6t1n0q8m2ra", "account_id": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Ada Lovelace",
    "login_id": "ada@example.com", "email": "ada@new.example", "state": "awaiting_approval",
    "created_at": "2026-03-01T09:30:00Z"
})))]
pub struct AskedAbsorption {
    pub id: AbsorptionId,
    /// The old account.
    pub account_id: AccountId,
    pub name: String,
    pub login_id: String,
    /// The address of the new account.
    pub email: String,
    pub state: StepState,
    pub created_at: Instant,
}

impl From<Asked> for AskedAbsorption {
    fn from((step, row, account): Asked) -> Self {
        Self {
            id: row.id,
            account_id: account.id,
            name: account.name(),
            login_id: account.login_id,
            email: row.target_email,
            state: step.state,
            created_at: row.created_at,
        }
    }
}

/// List the running absorptions
///
/// Members who ask that another account of theirs takes over. Those in `awaiting_approval` need an owner or admin to
/// approve or refuse within seven days (MEM-7).
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<AskedAbsorption>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[get("/v1/organizations/{org}/absorptions")]
pub async fn list_absorptions(
    state: web::Data<AppState>,
    query: Then<Member<ManageMembers>, Query<ListQuery>>,
) -> Result<Page<AskedAbsorption>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = absorptions::list(&state.services, member.call(), member.organization, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.1.id, AskedAbsorption::from)
}

/// Approve an absorption
///
/// Invites the new address with the member's rights.
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = AbsorptionId, Path, description = "The absorption"), OptionalKey),
    responses((status = 204, description = "Approved"),
        (status = 409, description = "`invitation_closed` where it was answered before or waits no more, `invitation_pending`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[post("/v1/organizations/{org}/absorptions/{id}/approve")]
pub async fn approve_absorption(
    state: web::Data<AppState>,
    path: Then<Member<ManageMembers>, Then<Path<(OrganizationId, AbsorptionId)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Nothing, key))) = path;
    answer(&state, &member, (organization, id), Verdict::Approve, key).await
}

/// Refuse an absorption
///
/// The member keeps the membership and its rights here; what other organizations decide is theirs.
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = AbsorptionId, Path, description = "The absorption"), OptionalKey),
    responses((status = 204, description = "Refused"),
        (status = 409, description = "`invitation_closed` where it was answered before or waits no more")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[post("/v1/organizations/{org}/absorptions/{id}/refuse")]
pub async fn refuse_absorption(
    state: web::Data<AppState>,
    path: Then<Member<ManageMembers>, Then<Path<(OrganizationId, AbsorptionId)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Nothing, key))) = path;
    answer(&state, &member, (organization, id), Verdict::Refuse, key).await
}

async fn answer(
    state: &AppState,
    member: &Member<ManageMembers>,
    (organization, id): (OrganizationId, AbsorptionId),
    verdict: Verdict,
    key: Key,
) -> Result<Answer, Problem> {
    key.once(
        &state.services,
        member.call(),
        |()| Answer::no_content(),
        async move |services, call| absorptions::answer(&services, &call, organization, id, verdict).await,
    )
    .await
}
