//! Changing the login ID, with confirmation, cancellation and undo (ACC-5).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, post, web};
use manager_domain::Instant;
use manager_domain::emails::EmailAddress;
use manager_services::login_id_changes::{self, LoginIdChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::{Caller, Client, cookies};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// The login ID to be, with the password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"login_id": "ada@engines.example", "password": "correct battery staple horse"})))]
pub struct LoginIdChangeRequest {
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub login_id: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
}

/// A change that waits for its confirmation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "login_id": "ada@engines.example", "requested_at": "2026-03-01T09:30:00Z", "expires_at": "2026-03-01T10:30:00Z"
})))]
pub struct PendingLoginId {
    pub login_id: String,
    pub requested_at: Instant,
    pub expires_at: Instant,
}

impl From<LoginIdChange> for PendingLoginId {
    fn from(row: LoginIdChange) -> Self {
        Self { login_id: row.new_login_id, requested_at: row.created_at, expires_at: row.expires_at }
    }
}

/// Ask for another login ID
///
/// The new address gets a link, to be confirmed in a session of this account; the old one is told, with a link to
/// cancel. Until then the old login ID goes on working. A newer request supersedes an older one.
#[utoipa::path(tag = "accounts", params(OptionalKey), request_body = LoginIdChangeRequest, responses(
    (status = 202, description = "Mails are on their way", body = PendingLoginId),
    (status = 403, description = "`wrong_password`"),
    (status = 409, description = "`login_id_taken`, with the way out"),
    (status = 422, description = "`login_id_unchanged`, `login_id_is_recovery_email`, or `validation_failed`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/me/login-id-change")]
pub async fn request_login_id_change(
    state: web::Data<AppState>,
    body: Then<Caller, Repeatable<Json<LoginIdChangeRequest>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Repeatable(Json(body), key)) = body;
    let new = EmailAddress::parse(&body.login_id).map_err(|code| Problem::fault("/login_id", code))?;
    let (account, session) = (caller.account, caller.session.id);
    let render = |row: &LoginIdChange| Answer::json(StatusCode::ACCEPTED, &PendingLoginId::from(row.clone()));
    key.once(&state.services, &caller.call, render, async move |services, call| {
        login_id_changes::request(&services, &call, &account, session, &body.password, &new).await
    })
    .await
}

/// Show my pending login ID
///
/// The address that waits for the confirmation by its mailed link. It is gone when the link lapses, when a newer
/// request supersedes it, or when the session that asked ends (ACC-5).
#[utoipa::path(tag = "accounts", responses(
    (status = 200, description = "The pending change", body = PendingLoginId),
    (status = 404, description = "None is pending"),
), security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/login-id-change")]
pub async fn get_login_id_change(caller: Caller, state: web::Data<AppState>) -> Result<Json<PendingLoginId>, Problem> {
    let row = login_id_changes::get(&state.services, caller.account.id, &caller.call).await?;
    Ok(Json(row.into()))
}

/// Call off my pending login ID
///
/// The mailed links are dead from then on; the login ID stays as it is.
#[utoipa::path(tag = "accounts", responses(
    (status = 204, description = "Called off"),
    (status = 404, description = "None is pending"),
), security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/login-id-change")]
pub async fn cancel_my_login_id_change(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    login_id_changes::cancel(&state.services, &caller.call, caller.account.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A token of a mail about a login ID.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"token": "lic_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ"})))]
pub struct LoginIdToken {
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
}

/// Confirm a login ID
///
/// In a session of the account that asked, by the link mailed to the new address. The old address is told, with a link
/// that undoes it (ACC-5).
#[utoipa::path(tag = "accounts", params(OptionalKey), request_body = LoginIdToken, responses(
    (status = 204, description = "It is the login ID now"),
    (status = 409, description = "`login_id_taken` meanwhile"),
    (status = 410, description = "`token_lapsed`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/login-id-changes/confirm")]
pub async fn confirm_login_id_change(
    state: web::Data<AppState>,
    body: Then<Caller, Repeatable<Json<LoginIdToken>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Repeatable(Json(body), key)) = body;
    let account = caller.account.id;
    key.once(
        &state.services,
        &caller.call,
        |()| Answer::no_content(),
        async move |services, call| login_id_changes::confirm(&services, &call, account, &body.token).await,
    )
    .await
}

/// Cancel a login ID change by the old address's token
///
/// Without login, for the holder of the old address, who got the link when the change was asked for (ACC-5). The login
/// ID stays as it is, and the link mailed to the new address is dead.
#[utoipa::path(tag = "accounts", request_body = LoginIdToken, responses(
    (status = 204, description = "Called off"),
    (status = 410, description = "`token_lapsed`"),
))]
#[post("/v1/login-id-changes/cancel")]
pub async fn cancel_login_id_change(
    client: Client,
    state: web::Data<AppState>,
    body: Json<LoginIdToken>,
) -> Result<HttpResponse, Problem> {
    login_id_changes::cancel_by_token(&state.services, &client.0, &body.0.token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The old address's token, the password that was valid when the change was asked for, and a new one.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "token": "liu_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ", "password": "correct battery staple horse",
    "new_password": "seventeen otters juggle quietly"
})))]
pub struct LoginIdUndo {
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub new_password: String,
}

/// Undo a login ID change
///
/// Reverts it and every later change of login ID and recovery e-mail, sets the new password, and ends every session.
#[utoipa::path(tag = "accounts", request_body = LoginIdUndo, responses(
    (status = 204, description = "Undone"),
    (status = 403, description = "`wrong_password`"),
    (status = 410, description = "`token_lapsed`"),
    (status = 422, description = "`password_refused`, `password_unchanged`, or `validation_failed`"),
))]
#[post("/v1/login-id-changes/undo")]
pub async fn undo_login_id_change(
    client: Client,
    state: web::Data<AppState>,
    body: Json<LoginIdUndo>,
) -> Result<HttpResponse, Problem> {
    let LoginIdUndo { token, password, new_password } = body.0;
    let device = login_id_changes::undo(&state.services, &client.0, &token, &password, &new_password).await?;
    let mut response = HttpResponse::NoContent();
    cookies::set_device(&mut response, device);
    Ok(response.finish())
}
