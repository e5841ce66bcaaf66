//! Who belongs to an organization, with which rights (MEM-1 to MEM-3, MEM-5, MEM-6).

use actix_web::{HttpResponse, delete, get, patch, web};
use manager_domain::Instant;
use manager_domain::ids::{AccountId, MembershipId, OrganizationId};
use manager_domain::memberships::{ProductAccess, Role};
use manager_domain::permissions::{Permission, Reason};
use manager_domain::{Code, accounts};
use manager_services::memberships::{self, Belonger, Changes};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::Member;
use crate::auth::permissions::{ManageMembers, Required, ViewMembers};
use crate::etags::{IfMatch, Tagged};
use crate::json::{Json, MergePatch};
use crate::paging::{ListQuery, Page};
use crate::patch::{self, Patch};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A member. Owners and admins see everything, members see names and roles.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "mem_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Ada Lovelace", "initials": "AL", "role": "member",
    "account_id": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "login_id": "ada@example.com",
    "products": {"access": "all", "level": "view"}, "billing": true, "joined_at": "2026-03-01T09:30:00Z"
})))]
pub struct MembershipView {
    pub id: MembershipId,
    pub name: String,
    pub initials: String,
    pub role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub account_id: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub login_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub products: Option<ProductAccess>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub billing: Option<bool>,
    /// When the access ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub expires_at: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub joined_at: Option<Instant>,
}

impl MembershipView {
    fn of((membership, account): Belonger, sees_all: bool) -> Self {
        Self {
            id: membership.id,
            name: account.name(),
            initials: accounts::initials(&account.first_name, &account.last_name),
            role: membership.role,
            account_id: sees_all.then_some(account.id),
            login_id: sees_all.then_some(account.login_id),
            products: sees_all.then_some(membership.products.0),
            billing: sees_all.then_some(membership.billing),
            expires_at: membership.expires_at.filter(|_| sees_all),
            joined_at: sees_all.then_some(membership.created_at),
        }
    }
}

/// List the members
///
/// Members see the others' names and roles only; owners and admins everything (MEM-2). Memberships that ended are left
/// out.
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "In the order of joining", body = Page<MembershipView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewMembers::NAME))))]
#[get("/v1/organizations/{org}/memberships")]
pub async fn list_memberships(
    state: web::Data<AppState>,
    query: Then<Member<ViewMembers>, Query<ListQuery>>,
) -> Result<Page<MembershipView>, Problem> {
    let Then(member, Query(query)) = query;
    let (limit, sees_all) = (query.limit(), member.rights.is_admin());
    let more = i64::from(limit) + 1;
    let rows = memberships::list(&state.services, member.call(), member.organization, query.after()?, more).await?;
    let own = member.membership.id;
    Page::of(
        rows,
        limit,
        |row| row.0.id,
        |row| {
            let sees_all = sees_all || row.0.id == own;
            MembershipView::of(row, sees_all)
        },
    )
}

/// Show a member
///
/// Members see the others' names and roles only, and of themselves everything. Its tag is needed to change the rights.
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = MembershipId, Path, description = "The membership")),
    responses((status = 200, description = "The member", body = MembershipView), (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewMembers::NAME))))]
#[get("/v1/organizations/{org}/memberships/{id}")]
pub async fn get_membership(
    state: web::Data<AppState>,
    path: Then<Member<ViewMembers>, Path<(OrganizationId, MembershipId)>>,
) -> Result<Tagged<MembershipView>, Problem> {
    let Then(member, Path((organization, id))) = path;
    let row = memberships::get(&state.services, member.call(), organization, id).await?;
    let sees_all = member.rights.is_admin() || member.membership.id == id;
    Ok(Tagged::version(row.0.version, MembershipView::of(row, sees_all)))
}

/// Rights to be changed; what is left out stays. Owners and admins have no product access of their own.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"role": "member", "products": {"access": "all", "level": "manage"}, "billing": true})))]
pub struct MembershipPatch {
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub role: Option<Role>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub products: Option<ProductAccess>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub billing: Option<bool>,
    /// When the access ends by itself; null for never.
    #[serde(default)]
    #[schema(value_type = Option<Instant>, required = false)]
    pub expires_at: Patch<Instant>,
}

/// Change a member's rights
///
/// They hold from the next request on. Whatever touches an owner needs an owner, and granting *owner* a session
/// authenticated within ten minutes. The last owner stays: who would leave the organization without one gets
/// `last_owner`, also where several owners are demoted at once (MEM-3).
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = MembershipId, Path, description = "The membership"),
        ("If-Match" = String, Header, description = "The version you saw")),
    request_body(content = MembershipPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Changed", body = MembershipView),
        (status = 403, description = "`forbidden` with the reason, or `step_up_required`"),
        (status = 409, description = "`last_owner`"),
        (status = 422, description = "`validation_failed` or `owner_cannot_expire`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[patch("/v1/organizations/{org}/memberships/{id}")]
pub async fn update_membership(
    state: web::Data<AppState>,
    path: Then<
        Member<ManageMembers>,
        Then<Path<(OrganizationId, MembershipId)>, Then<IfMatch, MergePatch<MembershipPatch>>>,
    >,
) -> Result<Tagged<MembershipView>, Problem> {
    let Then(member, Then(Path((organization, id)), Then(seen, MergePatch(body)))) = path;
    let seen = seen.require()?.expected_version()?;
    let changes = Changes {
        role: body.role,
        products: body.products,
        billing: body.billing,
        expires_at: body.expires_at.into_option(),
    };
    let row = memberships::change(&state.services, member.call(), organization, id, seen, changes).await?;
    Ok(Tagged::version(row.0.version, MembershipView::of(row, true)))
}

/// Remove a member, or leave
///
/// Everybody may end their own membership; others need `manage_members`, and an owner to remove an owner. The last
/// owner can neither leave nor be removed: `last_owner` (MEM-3).
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = MembershipId, Path, description = "The membership"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 204, description = "Gone"), (status = 409, description = "`last_owner`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewMembers::NAME))))]
#[delete("/v1/organizations/{org}/memberships/{id}")]
pub async fn remove_membership(
    state: web::Data<AppState>,
    path: Then<Member<ViewMembers>, Then<Path<(OrganizationId, MembershipId)>, IfMatch>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Then(Path((organization, id)), seen)) = path;
    memberships::remove(&state.services, member.call(), organization, id, seen.expected_version()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whether to explain.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PermissionsQuery {
    /// Tell why each action is allowed or refused.
    #[serde(default)]
    explain: Option<bool>,
}

/// What a member may do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"permissions": [{"action": "order", "allowed": false, "reason": "billing_required"}]})))]
pub struct PermissionsView {
    pub permissions: Vec<PermissionItem>,
}

/// One action.
#[derive(Debug, Serialize, ToSchema)]
pub struct PermissionItem {
    pub action: Permission,
    /// For product actions: whether there is a product it is allowed on.
    pub allowed: bool,
    /// With `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub reason: Option<Reason>,
}

/// Explain what a member may do
///
/// For oneself; for others by owners and admins.
#[utoipa::path(tag = "memberships", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = MembershipId, Path, description = "The membership"), PermissionsQuery),
    responses((status = 200, description = "Every action with its verdict", body = PermissionsView)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewMembers::NAME))))]
#[get("/v1/organizations/{org}/memberships/{id}/permissions")]
pub async fn get_permissions(
    state: web::Data<AppState>,
    path: Then<Member<ViewMembers>, Then<Path<(OrganizationId, MembershipId)>, Query<PermissionsQuery>>>,
) -> Result<Json<PermissionsView>, Problem> {
    let Then(member, Then(Path((organization, id)), Query(query))) = path;
    let (membership, _) = memberships::get(&state.services, member.call(), organization, id).await?;
    if !member.rights.is_admin() && member.membership.id != id {
        return Err(Problem::new(Code::Forbidden).with("reason", Reason::AdminRequired.as_str()));
    }
    let explain = query.explain.unwrap_or(false);
    let permissions = memberships::explain(&membership.rights()).into_iter().map(|(action, decision)| PermissionItem {
        action,
        allowed: decision.allowed,
        reason: explain.then_some(decision.reason),
    });
    Ok(Json(PermissionsView { permissions: permissions.collect() }))
}
