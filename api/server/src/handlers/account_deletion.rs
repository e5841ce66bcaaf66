//! Deleting one's account (ACC-10).

use actix_web::{HttpResponse, post, web};
use manager_services::account_deletion;

use super::sessions::StepUpRequest;
use crate::auth::{Caller, cookies};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// Delete my account
///
/// Refused while it is the last owner of an organization; the problem lists those.
#[utoipa::path(tag = "accounts", request_body = StepUpRequest, responses(
    (status = 204, description = "Gone"),
    (status = 403, description = "`wrong_password`"),
    (status = 409, description = "`account_owns_organizations`, with the list, or `login_id_undo_open`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/me/deletion")]
pub async fn delete_account(
    state: web::Data<AppState>,
    body: Then<Caller, Json<StepUpRequest>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Json(body)) = body;
    account_deletion::delete(&state.services, &caller.call, &caller.account, &body.password).await?;
    let mut response = HttpResponse::NoContent();
    cookies::clear(&mut response, &caller.session);
    Ok(response.finish())
}
