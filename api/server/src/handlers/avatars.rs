//! The signed-in person's picture (ACC-4).

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, delete, get, put, web};
use manager_domain::Code;
use manager_services::avatars::{self, MAX_BYTES, Turn};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::body::Raw;
use crate::etags::{Etag, is_known};
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

const ACCEPTED: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];
const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");

/// A picture of an accepted kind whose turn it is; nothing of it was read yet.
#[derive(Debug)]
pub struct Uploading(Turn);

impl FromRequest for Uploading {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            check_media_type(&request)?;
            let caller = Caller::extract(&request).await?;
            let state = web::Data::<AppState>::extract(&request).await?;
            let turn = Turn::take(&state.services, &caller.call, caller.account.id).await;
            Ok(Self(turn.map_err(Problem::from)?))
        })
    }
}

/// The bytes of a picture.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Picture(#[allow(dead_code)] Vec<u8>); // for the document alone

/// Set my picture
///
/// A PNG, JPEG or WebP picture of at most 2 MiB and 4096 × 4096 pixels. It is cropped to a square and encoded anew,
/// without whatever else was in the file.
#[utoipa::path(tag = "accounts",
    request_body(content((Picture = "image/png"), (Picture = "image/jpeg"), (Picture = "image/webp"))),
    responses((status = 204, description = "Set", headers(("ETag" = String, description = "Names the picture"))),
        (status = 422, description = "`avatar_refused` with the reason: `format`, `too_large` or `unreadable`")),
    security(("bearer" = []), ("cookie" = [])))]
#[put("/v1/me/avatar")]
pub async fn put_avatar(
    state: web::Data<AppState>,
    body: Then<Caller, Then<Uploading, Raw<MAX_BYTES>>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Then(Uploading(turn), Raw(bytes))) = body;
    let row = avatars::put(&state.services, &caller.call, caller.account.id, turn, bytes.to_vec()).await?;
    Ok(HttpResponse::NoContent().insert_header((ETAG, Etag::opaque(row.etag).header())).finish())
}

/// Pictures of other kinds, SVG above all, are refused as such; what is no picture is the wrong media type.
fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if ACCEPTED.contains(&media.as_str()) {
        return Ok(());
    }
    if media.starts_with("image/") {
        return Err(Problem::new(Code::AvatarRefused).with("reason", "format"));
    }
    Err(Problem::new(Code::UnsupportedMediaType).with("accepted", ACCEPTED.join(", ")))
}

/// My picture
///
/// A PNG of 256 × 256 pixels, encoded by this service. The tag changes with the picture.
#[utoipa::path(tag = "accounts", responses(
    (status = 200, description = "256 × 256 pixels", body = Picture, content_type = "image/png"),
    (status = 304, description = "You have it"),
    (status = 404, description = "There is none: the initials stand for it"),
), security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/avatar")]
pub async fn get_avatar(
    request: HttpRequest,
    caller: Caller,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let row = avatars::get(&state.services, caller.account.id).await?;
    let etag = Etag::opaque(row.etag);
    if is_known(&request, &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag.header())).finish());
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((ETAG, etag.header())).insert_header((NO_SNIFFING, "nosniff"));
    Ok(response.content_type(row.content_type).body(row.image))
}

/// Remove my picture
///
/// The initials stand for it again, everywhere at once.
#[utoipa::path(tag = "accounts", responses(
        (status = 204, description = "Removed: the initials stand for it"),
        (status = 404, description = "There is none")),
    security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/avatar")]
pub async fn delete_avatar(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    avatars::delete(&state.services, &caller.call, caller.account.id).await?;
    Ok(HttpResponse::NoContent().finish())
}
