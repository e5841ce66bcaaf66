//! Invitations: by owners and admins, and as the invited person sees them (MEM-4).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, post, web};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::{InvitationId, OrganizationId};
use manager_domain::memberships::{InvitationState, ProductAccess, Rights, Role};
use manager_domain::{Instant, emails};
use manager_services::invitations::{self, NewInvitation, Sent, Which};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::permissions::{ManageMembers, Required};
use crate::auth::{Caller, Client, Member};
use crate::etags::{Etag, IfMatch, Tagged};
use crate::idempotency::{Answer, Key, OptionalKey, Repeatable};
use crate::json::{Json, Nothing};
use crate::paging::{ListQuery, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// Who is to be invited, with which rights.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "email": "grace@example.com", "role": "member", "products": {"access": "all", "level": "view"}, "billing": false
})))]
pub struct InvitationRequest {
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    pub role: Role,
    /// For members; none without it.
    #[serde(default)]
    #[schema(required = false)]
    pub products: Option<ProductAccess>,
    /// For members.
    #[serde(default)]
    #[schema(required = false)]
    pub billing: bool,
    /// When the access that it gives ends by itself; never for an owner.
    #[serde(default)]
    #[schema(required = false)]
    pub expires_at: Option<Instant>,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "ivt_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "organization": {"id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Analytical Engines SA"},
    "email": "grace@example.com", "role": "member", "products": {"access": "all", "level": "view"}, "billing": false,
    "state": "pending", "invited_by": "Ada Lovelace", "replaces_account": false, "access_expires_at": null,
    "created_at": "2026-03-01T09:30:00Z", "expires_at": "2026-03-08T09:30:00Z"
})))]
pub struct InvitationView {
    pub id: InvitationId,
    pub organization: InvitingOrganization,
    /// Null once the account of the address was deleted.
    #[schema(required)]
    pub email: Option<String>,
    pub role: Role,
    pub products: ProductAccess,
    pub billing: bool,
    pub state: InvitationState,
    /// The inviter's name.
    pub invited_by: String,
    /// Whether the acceptance ends the membership of an old account, whose rights it takes over.
    pub replaces_account: bool,
    /// When the access that it gives ends by itself.
    #[schema(required)]
    pub access_expires_at: Option<Instant>,
    pub created_at: Instant,
    pub expires_at: Instant,
}

/// The organization that invites.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitingOrganization {
    pub id: OrganizationId,
    pub name: String,
}

impl InvitationView {
    fn answer(status: StatusCode, sent: &Sent, now: Instant) -> Answer {
        Answer::json(status, &Self::of(sent.clone(), now)).etag(&Etag::version(sent.0.version))
    }

    fn of((row, organization, inviter): Sent, now: Instant) -> Self {
        Self {
            id: row.id,
            organization: InvitingOrganization { id: organization.id, name: organization.name },
            state: row.state_at(now),
            replaces_account: row.replaces_account_id.is_some(),
            email: Some(row.email).filter(|email| !email.is_empty()),
            role: row.role,
            products: row.products.0,
            billing: row.billing,
            invited_by: inviter.name(),
            access_expires_at: row.access_expires_at,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Invite somebody
///
/// A mail with a link goes to the address; who has no account registers through it. An address has one open invitation
/// in an organization (MEM-4). Nobody grants more than they have: only an owner invites owners, and only within ten
/// minutes of a login or step-up. It expires by itself, and is written to the audit log.
#[utoipa::path(tag = "invitations", params(("org" = OrganizationId, Path, description = "The organization"), OptionalKey),
    request_body = InvitationRequest,
    responses((status = 201, description = "Invited; a mail is on its way", body = InvitationView),
        (status = 403, description = "`forbidden` with the reason, or `step_up_required` to invite an owner"),
        (status = 409, description = "`already_member` or `invitation_pending`"),
        (status = 422, description = "`validation_failed` or `owner_cannot_expire`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[post("/v1/organizations/{org}/invitations")]
pub async fn create_invitation(
    state: web::Data<AppState>,
    body: Then<Member<ManageMembers>, Repeatable<Json<InvitationRequest>>>,
) -> Result<Answer, Problem> {
    let Then(member, Repeatable(Json(body), key)) = body;
    let email = EmailAddress::parse(&body.email).map_err(|code| Problem::fault("/email", code))?;
    let products = body.products.unwrap_or(ProductAccess::NONE);
    let rights = Rights { role: body.role, products, billing: body.billing };
    let new = NewInvitation { email, rights, access_expires_at: body.expires_at };
    let (organization, now) = (member.organization, member.call().now);
    let render = move |sent: &Sent| {
        let location = format!("/v1/organizations/{organization}/invitations/{}", sent.0.id);
        InvitationView::answer(StatusCode::CREATED, sent, now).location(&location)
    };
    key.once(&state.services, member.call(), render, async move |services, call| {
        invitations::invite(&services, &call, organization, new).await
    })
    .await
}

/// List the invitations
///
/// All of them, also those that were answered, revoked or have expired; `state` tells. An address is null once its
/// account was deleted.
#[utoipa::path(tag = "invitations", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<InvitationView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[get("/v1/organizations/{org}/invitations")]
pub async fn list_invitations(
    state: web::Data<AppState>,
    query: Then<Member<ManageMembers>, Query<ListQuery>>,
) -> Result<Page<InvitationView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = invitations::list(&state.services, member.organization, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.0.id, |row| InvitationView::of(row, member.call().now))
}

/// Show an invitation
///
/// In whatever state it is. Its tag is the version that a revocation may name.
#[utoipa::path(tag = "invitations", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvitationId, Path, description = "The invitation")),
    responses((status = 200, description = "The invitation", body = InvitationView),
        (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[get("/v1/organizations/{org}/invitations/{id}")]
pub async fn get_invitation(
    state: web::Data<AppState>,
    path: Then<Member<ManageMembers>, Path<(OrganizationId, InvitationId)>>,
) -> Result<Tagged<InvitationView>, Problem> {
    let Then(member, Path((organization, id))) = path;
    let sent = invitations::get(&state.services, organization, id).await?;
    Ok(Tagged::version(sent.0.version, InvitationView::of(sent, member.call().now)))
}

/// Revoke an invitation
///
/// The mailed link is dead from then on. One that was answered, revoked or has expired is `invitation_closed`; only an
/// owner revokes what invites an owner.
#[utoipa::path(tag = "invitations", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvitationId, Path, description = "The invitation"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 204, description = "Revoked"), (status = 409, description = "`invitation_closed`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[delete("/v1/organizations/{org}/invitations/{id}")]
pub async fn revoke_invitation(
    state: web::Data<AppState>,
    path: Then<Member<ManageMembers>, Then<Path<(OrganizationId, InvitationId)>, IfMatch>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Then(Path((organization, id)), if_match)) = path;
    invitations::revoke(&state.services, member.call(), organization, id, if_match.expected_version()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Send an invitation again
///
/// With a new link and a new end; the earlier link stops working.
#[utoipa::path(tag = "invitations", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvitationId, Path, description = "The invitation"), OptionalKey),
    responses((status = 200, description = "Sent again", body = InvitationView),
        (status = 403, description = "`forbidden` with the reason, or `step_up_required` for an owner's"),
        (status = 409, description = "`invitation_closed`")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageMembers::NAME))))]
#[post("/v1/organizations/{org}/invitations/{id}/resend")]
pub async fn resend_invitation(
    state: web::Data<AppState>,
    path: Then<Member<ManageMembers>, Then<Path<(OrganizationId, InvitationId)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Nothing, key))) = path;
    let now = member.call().now;
    let render = move |sent: &Sent| InvitationView::answer(StatusCode::OK, sent, now);
    key.once(&state.services, member.call(), render, async move |services, call| {
        invitations::resend(&services, &call, organization, id).await
    })
    .await
}

/// List the invitations for me
///
/// Those to the login ID of this account that wait for an answer, from whatever organization; answered, revoked and
/// expired ones are left out.
#[utoipa::path(tag = "invitations", params(ListQuery),
    responses((status = 200, description = "Those that wait for an answer, newest first", body = Page<InvitationView>)),
    security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/invitations")]
pub async fn list_my_invitations(
    state: web::Data<AppState>,
    query: Then<Caller, Query<ListQuery>>,
) -> Result<Page<InvitationView>, Problem> {
    let Then(caller, Query(query)) = query;
    let limit = query.limit();
    let (account, more) = (caller.account.id, i64::from(limit) + 1);
    let rows = invitations::list_mine(&state.services, &caller.call, account, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.0.id, |row| InvitationView::of(row, caller.call.now))
}

/// The organization that was joined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"organization_id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra"})))]
pub struct Joined {
    pub organization_id: OrganizationId,
}

/// Accept an invitation for me
///
/// Joins the organization with the invited rights (MEM-4). What the inviter may grant is checked once more: who lost
/// the right meanwhile can't let anybody in. Of several acceptances exactly one wins. Where the invitation is part of
/// an absorption, the old account's membership ends in the same moment (MEM-7).
#[utoipa::path(tag = "invitations", params(("id" = InvitationId, Path, description = "The invitation"), OptionalKey),
    responses((status = 200, description = "Joined", body = Joined),
        (status = 403, description = "`inviter_not_allowed`: the inviter may not grant this any more"),
        (status = 409, description = "`invitation_closed` or `already_member`")),
    security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/me/invitations/{id}/accept")]
pub async fn accept_my_invitation(
    state: web::Data<AppState>,
    path: Then<Caller, Then<Path<(InvitationId,)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Then(Path((id,)), Repeatable(Nothing, key))) = path;
    accept(&state, caller, Which::Mine(id), key).await
}

async fn accept(state: &AppState, caller: Caller, chosen: Which, key: Key) -> Result<Answer, Problem> {
    let render = |organization: &OrganizationId| Answer::ok(&Joined { organization_id: *organization });
    key.once(&state.services, &caller.call, render, async move |services, call| {
        invitations::accept(&services, &call, &caller.account, chosen).await
    })
    .await
}

/// Decline an invitation for me
///
/// The inviting organization sees that it was declined; a new invitation may follow (MEM-4).
#[utoipa::path(tag = "invitations", params(("id" = InvitationId, Path, description = "The invitation"), OptionalKey),
    responses((status = 204, description = "Declined"), (status = 409, description = "`invitation_closed`")),
    security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/me/invitations/{id}/decline")]
pub async fn decline_my_invitation(
    state: web::Data<AppState>,
    path: Then<Caller, Then<Path<(InvitationId,)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Then(Path((id,)), Repeatable(Nothing, key))) = path;
    let account = caller.account;
    key.once(
        &state.services,
        &caller.call,
        |()| Answer::no_content(),
        async move |services, call| invitations::decline(&services, &call, &account, Which::Mine(id)).await,
    )
    .await
}

/// The token of an invitation's mail.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"token": "ivt_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ"})))]
pub struct InvitationToken {
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
}

/// What the holder of a mailed token may know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": "Analytical Engines SA", "invited_by": "Ada Lovelace", "email": "g•••@e•••.com", "role": "member",
    "expires_at": "2026-03-08T09:30:00Z"
})))]
pub struct InvitationPreview {
    pub organization: String,
    pub invited_by: String,
    /// Masked.
    pub email: String,
    pub role: Role,
    pub expires_at: Instant,
}

/// Look an invitation up by its token
///
/// Without login, for whoever holds the mailed link: who invites into what, before registering, logging in or
/// declining. It changes nothing. Whoever is not the invited person learns no address: it is masked.
#[utoipa::path(tag = "invitations", request_body = InvitationToken, responses(
    (status = 200, description = "The invitation", body = InvitationPreview),
    (status = 410, description = "`token_lapsed`"),
))]
#[post("/v1/invitations/lookup")]
pub async fn look_up_invitation(
    client: Client,
    state: web::Data<AppState>,
    body: Json<InvitationToken>,
) -> Result<Json<InvitationPreview>, Problem> {
    let (row, organization, inviter) = invitations::look_up(&state.services, &client.0, &body.0.token).await?;
    Ok(Json(InvitationPreview {
        organization: organization.name,
        invited_by: inviter.name(),
        email: emails::mask(&row.email),
        role: row.role,
        expires_at: row.expires_at,
    }))
}

/// Accept an invitation by its token
///
/// Signed in with the invited address as login ID. Whoever has no account registers with the token instead.
#[utoipa::path(tag = "invitations", params(OptionalKey), request_body = InvitationToken, responses(
    (status = 200, description = "Joined", body = Joined),
    (status = 403, description = "`invitation_not_for_you` or `inviter_not_allowed`"),
    (status = 409, description = "`invitation_closed` or `already_member`"),
    (status = 410, description = "`token_lapsed`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/invitations/accept")]
pub async fn accept_invitation(
    state: web::Data<AppState>,
    body: Then<Caller, Repeatable<Json<InvitationToken>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Repeatable(Json(body), key)) = body;
    accept(&state, caller, Which::Token(body.token), key).await
}

/// Decline an invitation by its token
///
/// Without login, for whoever holds the mailed link. The inviting organization sees that it was declined; the link is
/// dead from then on, and a new invitation may follow (MEM-4).
#[utoipa::path(tag = "invitations", request_body = InvitationToken, responses(
    (status = 204, description = "Declined"),
    (status = 409, description = "`invitation_closed`"),
    (status = 410, description = "`token_lapsed`"),
))]
#[post("/v1/invitations/decline")]
pub async fn decline_invitation(
    client: Client,
    state: web::Data<AppState>,
    body: Json<InvitationToken>,
) -> Result<HttpResponse, Problem> {
    invitations::decline_by_token(&state.services, &client.0, &body.0.token).await?;
    Ok(HttpResponse::NoContent().finish())
}
