//! Changing and resetting the password (ACC-6, ACC-8).

use actix_web::{HttpRequest, HttpResponse, post, put, web};
use manager_domain::emails::EmailAddress;
use manager_services::credentials;
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::{Caller, Client, cookies};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// The present password and the one to be.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "current_password": "correct battery staple horse", "new_password": "seventeen otters juggle quietly"
})))]
pub struct PasswordChange {
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub current_password: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub new_password: String,
}

/// Change my password
///
/// Every other session ends, the person is told by mail, and devices that logged in before aren't known any more: a
/// browser that changes it gets a new `__Host-device`, others a new `device_token` when they refresh.
#[utoipa::path(tag = "accounts", request_body = PasswordChange, responses(
    (status = 204, description = "Changed"),
    (status = 403, description = "`wrong_password`"),
    (status = 422, description = "`password_refused` with reasons, `password_unchanged`, or `validation_failed`"),
), security(("bearer" = []), ("cookie" = [])))]
#[put("/v1/me/password")]
pub async fn change_password(
    state: web::Data<AppState>,
    body: Then<Caller, Json<PasswordChange>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Json(body)) = body;
    let (account, session) = (&caller.account, caller.session.id);
    let (current, new) = (&body.current_password, &body.new_password);
    let device = credentials::change_password(&state.services, &caller.call, account, session, current, new).await?;
    let mut response = HttpResponse::NoContent();
    cookies::set_device(&mut response, device);
    Ok(response.finish())
}

/// Whose password was forgotten.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com"})))]
pub struct PasswordResetRequest {
    /// The login ID or the recovery e-mail.
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    /// What an earlier login on this device answered; what strangers ask for then doesn't count. Browsers have it in a
    /// cookie.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(required = false, max_length = 100)]
    pub device_token: Option<String>,
}

/// Ask for a new password
///
/// The answer is the same for known and unknown addresses.
#[utoipa::path(tag = "authentication", request_body = PasswordResetRequest, responses(
    (status = 202, description = "If the address is known, a mail is on its way"),
))]
#[post("/v1/auth/password-reset")]
pub async fn request_password_reset(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    body: Json<PasswordResetRequest>,
) -> Result<HttpResponse, Problem> {
    let email = EmailAddress::parse(&body.0.email).map_err(|code| Problem::fault("/email", code))?;
    let device_token = body.0.device_token.or_else(|| cookies::device(&request));
    credentials::request_reset(&state.services, &client.0, &email, device_token.as_deref()).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// The token of the mail and the password to be.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "token": "pwr_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ", "password": "seventeen otters juggle quietly"
})))]
pub struct PasswordResetConfirmation {
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
}

/// Set a new password by the mailed token
///
/// Every session ends. A browser is known from now on (`__Host-device`), so that strangers' wrong guesses don't keep it
/// from logging in.
#[utoipa::path(tag = "authentication", request_body = PasswordResetConfirmation, responses(
    (status = 204, description = "Set"),
    (status = 410, description = "`token_lapsed`"),
    (status = 422, description = "`password_refused` with reasons, or `validation_failed`"),
))]
#[post("/v1/auth/password-reset/confirm")]
pub async fn confirm_password_reset(
    client: Client,
    state: web::Data<AppState>,
    body: Json<PasswordResetConfirmation>,
) -> Result<HttpResponse, Problem> {
    let device = credentials::confirm_reset(&state.services, &client.0, &body.0.token, &body.0.password).await?;
    let mut response = HttpResponse::NoContent();
    cookies::set_device(&mut response, device);
    Ok(response.finish())
}
