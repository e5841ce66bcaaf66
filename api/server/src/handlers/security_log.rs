//! What happened to the person's account.

use actix_web::{get, web};
use manager_domain::Instant;
use manager_domain::ids::{EventId, SessionId};
use manager_services::security_log::{self, SecurityEvent};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::paging::{ListQuery, Page};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// One event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "evt_01k5x9dzt4f3gsv6t1n0q8m2ra", "at": "2026-03-01T09:30:00Z", "action": "session.opened",
    "session_id": null, "ip": "192.0.2.7", "device": "Mozilla/5.0", "details": {"mode": "cookie"}
})))]
pub struct SecurityEventView {
    pub id: EventId,
    pub at: Instant,
    /// What happened: `noun.verb`.
    pub action: String,
    /// The session it happened in.
    #[schema(required)]
    pub session_id: Option<SessionId>,
    pub ip: String,
    pub device: String,
    #[schema(value_type = Object)]
    pub details: Value,
}

impl From<SecurityEvent> for SecurityEventView {
    fn from(row: SecurityEvent) -> Self {
        Self {
            id: row.id,
            at: row.at,
            action: row.action,
            session_id: row.session_id,
            ip: row.ip,
            device: row.device,
            details: row.details.0,
        }
    }
}

/// Read my security log
///
/// What happened to this account and its sessions: logins, passwords, addresses, with device and IP address. Only the
/// person sees it. Older entries go; `GET /v1/settings` says after how long.
#[utoipa::path(tag = "accounts", params(ListQuery), responses(
    (status = 200, description = "Newest first", body = Page<SecurityEventView>),
), security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me/security-log")]
pub async fn list_security_log(
    state: web::Data<AppState>,
    query: Then<Caller, Query<ListQuery>>,
) -> Result<Page<SecurityEventView>, Problem> {
    let Then(caller, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = security_log::list(&state.services, caller.account.id, query.after()?, more).await?;
    Page::of(rows, limit, |row| row.id, SecurityEventView::from)
}
