//! The recovery e-mail (ACC-8).

use actix_web::{HttpResponse, delete, post, put, web};
use manager_domain::emails::EmailAddress;
use manager_services::recovery_emails;
use serde::Deserialize;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::{Caller, Client};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// The recovery e-mail to be, with the password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@elsewhere.example", "password": "correct battery staple horse"})))]
pub struct RecoveryEmailRequest {
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
}

/// Set my recovery e-mail
///
/// It takes effect when the link mailed to it is confirmed, for as long as the session that asks lives and the password
/// stays. The login ID is told.
#[utoipa::path(tag = "accounts", request_body = RecoveryEmailRequest, responses(
    (status = 202, description = "A mail is on its way"),
    (status = 403, description = "`wrong_password`"),
    (status = 422, description = "`recovery_email_is_login_id` or `validation_failed`"),
), security(("bearer" = []), ("cookie" = [])))]
#[put("/v1/me/recovery-email")]
pub async fn set_recovery_email(
    state: web::Data<AppState>,
    body: Then<Caller, Json<RecoveryEmailRequest>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Json(body)) = body;
    let email = EmailAddress::parse(&body.email).map_err(|code| Problem::fault("/email", code))?;
    recovery_emails::put(&state.services, &caller.call, &caller.account, &body.password, &email).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Remove my recovery e-mail
///
/// A request for another one is withdrawn with it, also where there is no more than that. Needs a session authenticated
/// within ten minutes, since a DELETE has no body for the password.
#[utoipa::path(tag = "accounts", responses(
    (status = 204, description = "Removed"),
    (status = 403, description = "`step_up_required`"),
    (status = 404, description = "There is none"),
), security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/recovery-email")]
pub async fn remove_recovery_email(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    recovery_emails::delete(&state.services, &caller.call, &caller.account).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The token of the mail.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"token": "rec_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ"})))]
pub struct RecoveryEmailToken {
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
}

/// Confirm a recovery e-mail
///
/// Without login, by the link mailed to the new address. It replaces the one before, which is told. The link works for
/// as long as the session that asked lives and the password stays (ACC-8).
#[utoipa::path(tag = "accounts", request_body = RecoveryEmailToken, responses(
    (status = 204, description = "It is the recovery e-mail now"),
    (status = 410, description = "`token_lapsed`, also where the session that asked is over"),
    (status = 422, description = "`recovery_email_is_login_id` meanwhile, or `validation_failed`"),
))]
#[post("/v1/recovery-emails/confirm")]
pub async fn confirm_recovery_email(
    client: Client,
    state: web::Data<AppState>,
    body: Json<RecoveryEmailToken>,
) -> Result<HttpResponse, Problem> {
    recovery_emails::confirm(&state.services, &client.0, &body.0.token).await?;
    Ok(HttpResponse::NoContent().finish())
}
