//! Logging in and out, refreshing, stepping up, and a person's list of sessions (ACC-9).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, get, post, web};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::SessionId;
use manager_domain::{Code, FaultCode, Instant};
use manager_services::sessions::{self, Grant, Login, Mode, Session};
use manager_services::signing_keys::{self, PublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::{Caller, Client, cookies};
use crate::json::{Json, Nothing};
use crate::paging::{ListQuery, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// How a client keeps its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionMode {
    /// Tokens in the body.
    #[default]
    Token,
    /// A `__Host-session` cookie and no tokens in the body: for browsers.
    Cookie,
}

impl From<SessionMode> for Mode {
    fn from(mode: SessionMode) -> Self {
        match mode {
            SessionMode::Token => Self::Bearer,
            SessionMode::Cookie => Self::Cookie,
        }
    }
}

/// Login ID and password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com", "password": "correct battery staple horse"})))]
pub struct LoginRequest {
    #[validate(length(max = 254))]
    #[schema(max_length = 254)]
    pub email: String,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
    #[serde(default)]
    #[schema(required = false)]
    pub mode: SessionMode,
    /// What an earlier login on this device answered; strangers' wrong guesses then don't slow this login down. Browsers
    /// have it in a cookie.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(required = false, max_length = 100)]
    pub device_token: Option<String>,
}

/// A session that was opened or refreshed. In cookie mode the tokens are in cookies instead.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln", "token_type": "Bearer",
    "expires_in": 600, "refresh_token": "mrt_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ",
    "session_id": "ses_01k5x9dzt4f3gsv6t1n0q8m2ra", "device_token": "dev_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ"
})))]
pub struct SessionGrant {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub token_type: Option<&'static str>,
    /// Seconds the access token lives (in cookie mode: the session, when it isn't used).
    pub expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub refresh_token: Option<String>,
    pub session_id: SessionId,
    /// Cookie mode: to be sent as `X-CSRF-Token` with unsafe requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub csrf_token: Option<String>,
    /// To be sent with later logins from this device.
    pub device_token: String,
}

/// The answer that lets a client in.
pub fn granted(mut response: HttpResponseBuilder, grant: Grant) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, "no-store"));
    let cookie = grant.mode == Mode::Cookie;
    if cookie {
        cookies::set(&mut response, &grant);
    }
    response.json(SessionGrant {
        access_token: (!cookie).then_some(grant.access_token),
        token_type: (!cookie).then_some("Bearer"),
        expires_in: if cookie { grant.session_expires_in } else { grant.expires_in },
        refresh_token: (!cookie).then_some(grant.secret),
        session_id: grant.session,
        csrf_token: cookie.then_some(grant.csrf_token),
        device_token: grant.device_token,
    })
}

/// Log in
///
/// Opens a session: with tokens in the body, or with `"mode": "cookie"` in a `__Host-session` cookie. Unknown
/// addresses, wrong passwords and addresses that never confirmed answer alike (`invalid_credentials`). Too many wrong
/// tries for an address, from an IP address or altogether answer 429, right passwords too; a device that logged in
/// before (`device_token`) is counted for itself.
#[utoipa::path(tag = "authentication", request_body = LoginRequest, responses(
    (status = 200, description = "Signed in", body = SessionGrant),
    (status = 401, description = "`invalid_credentials`, for known and unknown addresses alike"),
    (status = 403, description = "`csrf_refused`: cookie mode from a page that is not ours"),
))]
#[post("/v1/auth/login")]
pub async fn log_in(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    body: Json<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    if body.mode == SessionMode::Cookie {
        cookies::check_origin(&request, &state)?;
    }
    // What is no address can't be an account's, and takes the same way.
    let key = EmailAddress::parse(&body.email).map_or_else(|_| body.email.clone(), |email| email.key().to_owned());
    let device_token = body.device_token.or_else(|| cookies::device(&request));
    let login = Login { login_key: key, password: body.password, mode: body.mode.into(), device_token };
    Ok(granted(HttpResponse::Ok(), sessions::login(&state.services, &client.0, login).await?))
}

/// What refreshes a session: the refresh token, or in cookie mode the cookie.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh_token": "mrt_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ"})))]
pub struct RefreshRequest {
    #[serde(default)]
    #[validate(length(max = 1024))]
    #[schema(required = false, max_length = 1024)]
    pub refresh_token: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    pub mode: SessionMode,
}

/// Refresh a session
///
/// Every refresh token works once; the immediately previous one gets the same successor again for 30 seconds. A token
/// that was used before ends the session.
#[utoipa::path(tag = "authentication", request_body = RefreshRequest, responses(
    (status = 200, description = "Refreshed", body = SessionGrant),
    (status = 401, description = "`invalid_token` or `session_ended`"),
    (status = 403, description = "`csrf_refused` in cookie mode"),
))]
#[post("/v1/auth/refresh")]
pub async fn refresh_session(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    body: Json<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    let token = match (body.0.mode, body.0.refresh_token) {
        (SessionMode::Token, Some(token)) => token,
        (SessionMode::Token, None) => return Err(Problem::fault("/refresh_token", FaultCode::Missing)),
        (SessionMode::Cookie, Some(_)) => return Err(Problem::fault("/refresh_token", FaultCode::NotAllowed)),
        (SessionMode::Cookie, None) => {
            cookies::check_origin(&request, &state)?;
            cookies::secret(&request).ok_or_else(|| Problem::new(Code::Unauthenticated))?
        }
    };
    Ok(granted(HttpResponse::Ok(), sessions::refresh(&state.services, &client.0, &token).await?))
}

/// Log out
///
/// Ends this session; its tokens are refused from now on.
#[utoipa::path(tag = "authentication", responses((status = 204, description = "The session is over")),
    security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/auth/logout")]
pub async fn log_out(state: web::Data<AppState>, caller: Then<Caller, Nothing>) -> Result<HttpResponse, Problem> {
    let Then(caller, Nothing) = caller;
    sessions::end(&state.services, &caller.call, caller.account.id, caller.session.id).await?;
    let mut response = HttpResponse::NoContent();
    cookies::clear(&mut response, &caller.session);
    Ok(response.finish())
}

/// The password once more.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"password": "correct battery staple horse"})))]
pub struct StepUpRequest {
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
}

/// Prove the password again
///
/// What needs a fresh login (`step_up_required`) is allowed for the next ten minutes.
#[utoipa::path(tag = "authentication", request_body = StepUpRequest, responses(
    (status = 204, description = "The session counts as freshly authenticated"),
    (status = 403, description = "`wrong_password`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/auth/step-up")]
pub async fn step_up(
    state: web::Data<AppState>,
    body: Then<Caller, Json<StepUpRequest>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Json(body)) = body;
    let (account, session) = (&caller.account, caller.session.id);
    sessions::step_up(&state.services, &caller.call, account, session, &body.password).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A session as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "ses_01k5x9dzt4f3gsv6t1n0q8m2ra", "device": "Mozilla/5.0", "ip": "192.0.2.7", "mode": "cookie",
    "created_at": "2026-03-01T09:30:00Z", "last_used_at": "2026-03-02T08:00:00Z",
    "expires_at": "2026-04-01T08:00:00Z", "current": true
})))]
pub struct SessionItem {
    pub id: SessionId,
    /// What the client calls itself.
    pub device: String,
    pub ip: String,
    pub mode: SessionMode,
    pub created_at: Instant,
    /// When it was opened, refreshed or (in cookie mode) used last, to ten minutes.
    pub last_used_at: Instant,
    pub expires_at: Instant,
    /// Whether it is the session that asks.
    pub current: bool,
}

impl SessionItem {
    fn of(session: Session, current: SessionId) -> Self {
        Self {
            current: session.id == current,
            mode: if session.is_cookie() { SessionMode::Cookie } else { SessionMode::Token },
            id: session.id,
            device: session.device,
            ip: session.ip,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// List my sessions
///
/// Those that live, with device, IP address and last use; `current` is the one that asks. Whoever finds one they don't
/// know ends it and changes the password.
#[utoipa::path(tag = "accounts", params(ListQuery),
    responses((status = 200, description = "Newest first", body = Page<SessionItem>)),
    security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/sessions")]
pub async fn list_sessions(
    state: web::Data<AppState>,
    query: Then<Caller, Query<ListQuery>>,
) -> Result<Page<SessionItem>, Problem> {
    let Then(caller, Query(query)) = query;
    let limit = query.limit();
    let (account, more) = (caller.account.id, i64::from(limit) + 1);
    let rows = sessions::list(&state.services, account, query.after()?, more, caller.call.now).await?;
    Page::of(rows, limit, |row| row.id, |row| SessionItem::of(row, caller.session.id))
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"ended": 3})))]
pub struct SessionsEnded {
    pub ended: usize,
}

/// End all my other sessions
///
/// All but the one that asks; their access and refresh tokens are refused from then on. What those sessions asked for
/// and wasn't confirmed yet is void with them.
#[utoipa::path(tag = "accounts", responses((status = 200, description = "Ended", body = SessionsEnded)),
    security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/sessions")]
pub async fn end_other_sessions(caller: Caller, state: web::Data<AppState>) -> Result<Json<SessionsEnded>, Problem> {
    let ended = sessions::end_others(&state.services, &caller.call, caller.account.id, caller.session.id).await?;
    Ok(Json(SessionsEnded { ended }))
}

/// End one of my sessions
///
/// Its tokens are refused from then on. It may be the one that asks, which then is a logout. A session that is over or
/// somebody else's is a 404.
#[utoipa::path(tag = "accounts", params(("id" = SessionId, Path, description = "The session")),
    responses((status = 204, description = "Ended")), security(("bearer" = []), ("cookie" = [])))]
#[delete("/v1/me/sessions/{id}")]
pub async fn end_session(
    state: web::Data<AppState>,
    path: Then<Caller, Path<(SessionId,)>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Path((id,))) = path;
    sessions::end(&state.services, &caller.call, caller.account.id, id).await?;
    let mut response = HttpResponse::NoContent();
    if id == caller.session.id {
        cookies::clear(&mut response, &caller.session);
    }
    Ok(response.finish())
}

/// The public keys that verify access tokens (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"keys": [{
    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "q8m2raJ4f3gs",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}]})))]
pub struct KeySet {
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<PublicKey>,
}

/// The keys that verify access tokens
///
/// Anyone can verify an access token with them, without asking here: EdDSA, by the `kid` of its header. A key that was
/// retired stays in the list until its last token is over; a token that verifies may still belong to a session that
/// was ended.
#[utoipa::path(tag = "authentication", responses((status = 200, description = "RFC 7517", body = KeySet)))]
#[get("/.well-known/jwks.json")]
pub async fn get_jwks(client: Client, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let keys = signing_keys::public(&state.services, client.0.now).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(KeySet { keys }))
}
