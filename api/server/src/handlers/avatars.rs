//! The person's picture (ACC-4).

use actix_web::{HttpRequest, HttpResponse, delete, get, put, web};
use manager_services::avatars;

use crate::auth::Caller;
use crate::body::Raw;
use crate::etags::{Etag, is_known};
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// Show my picture
#[utoipa::path(tag = "accounts", responses(
    (status = 200, description = "The picture", content_type = "image/png", body = Vec<u8>),
    (status = 304, description = "You have it"),
    (status = 404, description = "There is none: show the initials"),
), security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/avatar")]
pub async fn get_avatar(
    caller: Caller,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let avatar = avatars::get(&state.services, caller.account.id).await?;
    let etag = Etag::opaque(avatar.etag);
    if is_known(&request, &etag) {
        return Ok(HttpResponse::NotModified().insert_header(("ETag", etag.header())).finish());
    }
    Ok(HttpResponse::Ok().insert_header(("ETag", etag.header())).content_type(avatar.content_type).body(avatar.image))
}

/// Set my picture
///
/// PNG, JPEG or WebP, at most 2 MiB and 4096 pixels a side; it is cropped to a square and encoded anew.
#[utoipa::path(tag = "accounts",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The picture"),
    responses((status = 204, description = "Set"), (status = 422, description = "`avatar_refused`")),
    security(("bearer" = []), ("cookie" = [])))]
#[put("/v1/me/avatar")]
pub async fn set_avatar(
    state: web::Data<AppState>,
    body: Then<Caller, Raw<{ avatars::MAX_BYTES }>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Raw(body)) = body;
    let avatar = avatars::put(&state.services, &caller.call, caller.account.id, body.to_vec()).await?;
    Ok(HttpResponse::NoContent().insert_header(("ETag", Etag::opaque(avatar.etag).header())).finish())
}

/// Remove my picture
#[utoipa::path(tag = "accounts", responses(
    (status = 204, description = "Removed"),
    (status = 404, description = "There is none"),
), security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/avatar")]
pub async fn remove_avatar(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    avatars::delete(&state.services, &caller.call, caller.account.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
