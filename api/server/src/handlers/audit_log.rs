//! An organization's audit log and the proof that nothing was changed in it (ORG-5).

use actix_web::{get, web};
use manager_domain::ids::{AccountId, EventId, OrganizationId, SessionId};
use manager_domain::{FaultCode, Instant};
use manager_services::audit_log;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::Member;
use crate::auth::permissions::{Required, ViewAuditLog};
use crate::json::Json;
use crate::paging::{ListQuery, Page};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// One change of state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "evt_01k5x9dzt4f3gsv6t1n0q8m2ra", "sequence": 7, "at": "2026-03-01T09:30:00Z", "actor": "member",
    "account_id": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "session_id": "ses_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "action": "invitation.sent", "subject": "ivt_01k5x9dzt4f3gsv6t1n0q8m2ra", "before": null,
    "after": {"role": "member"}, "personal": "grace@example.com", "reason": null
})))]
pub struct AuditEntryView {
    pub id: EventId,
    /// Its place in the organization's chain, from 1 on.
    pub sequence: i64,
    pub at: Instant,
    /// `member`, `support`, `system`, or `link_holder`: whoever had the mailed link, without a session.
    pub actor: String,
    #[schema(required)]
    pub account_id: Option<AccountId>,
    #[schema(required)]
    pub session_id: Option<SessionId>,
    /// What happened: `noun.verb`.
    pub action: String,
    /// The id of what it happened to.
    pub subject: String,
    #[schema(required, value_type = Option<Object>)]
    pub before: Option<Value>,
    #[schema(required, value_type = Option<Object>)]
    pub after: Option<Value>,
    /// A name or an address, where it wasn't erased. Of `organization.changed`: JSON with what was changed of name, billing
    /// address, VAT number, website and phone, `before` and `after`.
    #[schema(required)]
    pub personal: Option<String>,
    /// Why support did it.
    #[schema(required)]
    pub reason: Option<String>,
}

/// Read the audit log
///
/// Every change of state in the organization: who, from which session, what, before and after, when (ORG-5). Entries
/// are never changed; personal text in them can be erased and is null then.
#[utoipa::path(tag = "organizations", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<AuditEntryView>)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewAuditLog::NAME))))]
#[get("/v1/organizations/{org}/audit-log")]
pub async fn list_audit_log(
    state: web::Data<AppState>,
    query: Then<Member<ViewAuditLog>, Query<ListQuery>>,
) -> Result<Page<AuditEntryView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = audit_log::list(&state.services, member.organization, query.after()?, more).await?;
    Page::of(
        rows,
        limit,
        |row| row.0.sequence,
        |(row, personal)| AuditEntryView {
            id: row.id,
            sequence: row.sequence,
            at: row.at,
            actor: row.actor_kind,
            account_id: row.account_id,
            session_id: row.session_id,
            action: row.action,
            subject: row.subject,
            before: row.before,
            after: row.after,
            personal,
            reason: row.reason,
        },
    )
}

/// An earlier answer to compare with.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerificationQuery {
    /// The sequence that an earlier verification answered; with `head`.
    #[serde(default)]
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    sequence: Option<i64>,
    /// The head that it answered.
    #[serde(default)]
    #[validate(length(max = 64))]
    #[param(max_length = 64, pattern = "^[0-9a-f]{64}$")]
    head: Option<String>,
}

/// What verifying the chain told. Note sequence and head somewhere else: a later call can compare with them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "valid": true, "sequence": 7, "head": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
    "first_broken_sequence": null, "matches_earlier": true
})))]
pub struct VerificationView {
    pub valid: bool,
    /// The last entry.
    pub sequence: i64,
    /// The last entry's MAC, in hexadecimal.
    pub head: String,
    /// The first entry that was changed, or after which some are missing.
    #[schema(required)]
    pub first_broken_sequence: Option<i64>,
    /// Whether the chain still holds the earlier pair; null where none was given.
    #[schema(required)]
    pub matches_earlier: Option<bool>,
}

/// Verify the audit log
///
/// Walks the chain from its first entry on. With the sequence and head of an earlier answer it also shows whether the
/// log was cut off or rewritten since.
#[utoipa::path(tag = "organizations",
    params(("org" = OrganizationId, Path, description = "The organization"), VerificationQuery),
    responses((status = 200, description = "What it told", body = VerificationView)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewAuditLog::NAME))))]
#[get("/v1/organizations/{org}/audit-log/verification")]
pub async fn verify_audit_log(
    state: web::Data<AppState>,
    query: Then<Member<ViewAuditLog>, Query<VerificationQuery>>,
) -> Result<Json<VerificationView>, Problem> {
    let Then(member, Query(query)) = query;
    let earlier = match (query.sequence, query.head) {
        (Some(sequence), Some(head)) => {
            let bytes = unhex(&head).ok_or_else(|| Problem::fault("query:head", FaultCode::InvalidValue))?;
            Some((sequence, bytes))
        }
        (None, None) => None,
        (None, Some(_)) => return Err(Problem::fault("query:sequence", FaultCode::Missing)),
        (Some(_), None) => return Err(Problem::fault("query:head", FaultCode::Missing)),
    };
    let told = audit_log::verify(&state.services, member.organization, earlier).await?;
    Ok(Json(VerificationView {
        valid: told.is_valid(),
        sequence: told.sequence,
        head: told.head.iter().map(|byte| format!("{byte:02x}")).collect(),
        first_broken_sequence: told.first_broken,
        matches_earlier: told.matches_earlier,
    }))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32).map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()).collect()
}
