//! Refunds: finance people credit an invoice and the money goes back; above a limit two persons decide (BIL-8, STF-1).

use actix_web::{get, post, web};
use manager_domain::ids::{AccountId, CreditNoteId, InvoiceId, OrganizationId, RefundId};
use manager_domain::refunds::{RefundDestination, RefundState};
use manager_domain::{Instant, Money};
use manager_services::refunds::{self, LineToCredit, NewRefund, RefundFilter, StoredRefund};
use manager_services::staff::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::Staff;
use crate::auth::permissions::{ManageRefunds, StaffRequired};
use crate::idempotency::{Answer, Key, Once, OptionalKey, Repeatable, RequiredKey};
use crate::json::Json;
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A refund of an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "rfd_01k5x9dzt4f3gsv6t1n0q8m2ra", "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra", "destination": "original_methods", "state": "succeeded",
    "amount": {"amount": 973, "currency": "CHF"}, "lines": [{"position": 1, "net": {"amount": 900, "currency": "CHF"}}],
    "reason": "Ticket 4711", "credit_note": "crn_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "paid_back": {"amount": 573, "currency": "CHF"}, "prepaid": {"amount": 400, "currency": "CHF"}, "failure_code": null,
    "requested_by": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "requested_at": "2026-03-05T09:30:00Z", "decided_by": null,
    "decided_at": null, "settled_at": "2026-03-05T09:30:01Z"
})))]
pub struct RefundView {
    pub id: RefundId,
    pub organization: OrganizationId,
    pub invoice: InvoiceId,
    pub destination: RefundDestination,
    /// `requested` waits for a second person, `pending` for the provider; what `failed` went to the prepaid account.
    pub state: RefundState,
    /// With tax.
    pub amount: Money,
    pub lines: Vec<LineCreditView>,
    pub reason: String,
    /// Null until it is carried out.
    #[schema(required)]
    pub credit_note: Option<CreditNoteId>,
    /// What goes back, or went back, by the method that paid beside the prepaid account.
    pub paid_back: Money,
    /// What went to the prepaid account.
    pub prepaid: Money,
    /// Why the provider gave nothing back.
    #[schema(required)]
    pub failure_code: Option<String>,
    pub requested_by: AccountId,
    pub requested_at: Instant,
    /// The second person, where one was needed.
    #[schema(required)]
    pub decided_by: Option<AccountId>,
    #[schema(required)]
    pub decided_at: Option<Instant>,
    /// When its outcome became known.
    #[schema(required)]
    pub settled_at: Option<Instant>,
}

/// What is credited of a line of the invoice.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineCreditView {
    /// The line's in the invoice.
    pub position: i32,
    /// Without tax; at most what isn't credited yet.
    pub net: Money,
}

impl From<StoredRefund> for RefundView {
    fn from(row: StoredRefund) -> Self {
        let money = |amount| Money::new(amount, row.currency);
        let back = if row.state == RefundState::Failed { 0 } else { row.other };
        let prepaid = if row.state.is_carried_out() { row.amount - back } else { 0 };
        let line = |line: &manager_domain::credit_notes::LineCredit| LineCreditView {
            position: line.position,
            net: money(line.net),
        };
        Self {
            id: row.id,
            organization: row.organization_id,
            invoice: row.invoice_id,
            destination: row.destination,
            state: row.state,
            amount: money(row.amount),
            lines: row.lines.0.iter().map(line).collect(),
            reason: row.reason,
            credit_note: row.credit_note_id,
            paid_back: money(back),
            prepaid: money(prepaid),
            failure_code: row.failure_code,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            settled_at: row.settled_at,
        }
    }
}

/// What is to be credited, and why.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "lines": [{"position": 1, "net": {"amount": 900, "currency": "CHF"}}], "reason": "Ticket 4711"
})))]
pub struct RefundRequest {
    /// Not one you belong to.
    pub organization: OrganizationId,
    /// A paid invoice of it.
    pub invoice: InvoiceId,
    /// All that isn't credited yet, without it.
    #[serde(default)]
    #[validate(length(min = 1, max = 1000))]
    #[schema(min_items = 1, max_items = 1000)]
    pub lines: Option<Vec<LineCreditView>>,
    /// Shown in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Credits an invoice, with the money going where the operation says.
pub(super) async fn create(
    state: &AppState,
    staff: &Staff<ManageRefunds>,
    body: RefundRequest,
    destination: RefundDestination,
    key: Key,
) -> Result<Answer, Problem> {
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let line = |line: LineCreditView| LineToCredit { position: line.position, net: line.net };
    let refund = NewRefund {
        organization: body.organization,
        invoice: body.invoice,
        lines: body.lines.map(|lines| lines.into_iter().map(line).collect()),
        destination,
    };
    let render = |row: &StoredRefund| Answer::created(&RefundView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        refunds::create(&services, &call, refund, &reason).await
    })
    .await
}

/// Refund an invoice
///
/// Issues a credit note over the named lines, or over all that isn't credited yet, and gives the money back: first by the
/// other method, then to the paid and the promotional balance of the prepaid account, each at most what it paid. Above the
/// limit for a second person nothing happens until another person approves it. What the provider doesn't take goes to the
/// prepaid account.
#[utoipa::path(tag = "staff", params(RequiredKey), request_body = RefundRequest,
    responses((status = 201, description = "Refunded, `pending` at the provider, or `requested`: it waits for a second \
            person", body = RefundView),
        (status = 404, description = "No such organization, or no such invoice of it"),
        (status = 409, description = "`invoice_closed` with its `state`, `nothing_to_credit`, or `refund_too_large` with \
            the `max` in minor units")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[post("/v1/admin/refunds")]
pub async fn create_refund(
    state: web::Data<AppState>,
    body: Then<Staff<ManageRefunds>, Once<Json<RefundRequest>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Repeatable(Json(body), key)) = body;
    create(&state, &staff, body, RefundDestination::OriginalMethods, key).await
}

/// Which refunds to list, and why.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefundQuery {
    /// Not one you belong to. Without it, those of all that wait for a second person.
    #[serde(default)]
    organization: Option<OrganizationId>,
    /// Shown in the organization's audit log; required with one.
    #[serde(default)]
    #[param(min_length = 1, max_length = 500)]
    reason: Option<String>,
    /// Of the organization: those that stand so.
    #[serde(default)]
    #[param(inline)]
    state: Option<RefundState>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List refunds
///
/// Those of an organization, which is written into its audit log with the reason; or, without an organization, those that
/// wait for a second person.
#[utoipa::path(tag = "staff", params(RefundQuery),
    responses((status = 200, description = "Newest first", body = Page<RefundView>),
        (status = 404, description = "No such organization")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[get("/v1/admin/refunds")]
pub async fn list_refunds(
    state: web::Data<AppState>,
    query: Then<Staff<ManageRefunds>, Query<RefundQuery>>,
) -> Result<Page<RefundView>, Problem> {
    let Then(staff, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let (services, wanted) = (&state.services, i64::from(limit) + 1);
    let rows = match query.organization {
        Some(organization) => {
            let reason = Reason { text: query.reason.unwrap_or_default(), pointer: "query:reason" };
            let filter = RefundFilter { state: query.state };
            refunds::list(services, &staff.caller.call, organization, &reason, filter, (before, wanted)).await?
        }
        None => refunds::list_requested(services, before, wanted).await?,
    };
    Page::of(rows, limit, |row| row.id, RefundView::from)
}

/// Whose request it is, and why it is decided so.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "reason": "Ticket 4711"})))]
pub struct SecondPersonDecision {
    /// Not one you belong to.
    pub organization: OrganizationId,
    /// Shown in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Approve a refund
///
/// As a second person: never the one who asked for it. It is carried out with the lines that were asked for.
#[utoipa::path(tag = "staff", params(("id" = RefundId, Path, description = "The refund"), OptionalKey),
    request_body = SecondPersonDecision,
    responses((status = 200, description = "The refund, carried out", body = RefundView),
        (status = 403, description = "`second_person_required` for who asked for it, `own_organization`, `forbidden`"),
        (status = 409, description = "`refund_closed` with its `state`; `refund_too_large` where its lines were credited \
            meanwhile; `invoice_closed`, `nothing_to_credit`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[post("/v1/admin/refunds/{id}/approve")]
pub async fn approve_refund(
    state: web::Data<AppState>,
    path: Then<Staff<ManageRefunds>, Then<Path<(RefundId,)>, Repeatable<Json<SecondPersonDecision>>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((id,)), Repeatable(Json(body), key))) = path;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &StoredRefund| Answer::ok(&RefundView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        refunds::approve(&services, &call, (body.organization, id), &reason).await
    })
    .await
}

/// Reject a refund
///
/// One that waits for a second person: nothing was credited by it. Who asked for it takes it back so.
#[utoipa::path(tag = "staff", params(("id" = RefundId, Path, description = "The refund"), OptionalKey),
    request_body = SecondPersonDecision,
    responses((status = 200, description = "The rejected refund", body = RefundView),
        (status = 409, description = "`refund_closed` with its `state`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[post("/v1/admin/refunds/{id}/reject")]
pub async fn reject_refund(
    state: web::Data<AppState>,
    path: Then<Staff<ManageRefunds>, Then<Path<(RefundId,)>, Repeatable<Json<SecondPersonDecision>>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((id,)), Repeatable(Json(body), key))) = path;
    let reason = Reason { text: body.reason, pointer: "/reason" };
    let render = |row: &StoredRefund| Answer::ok(&RefundView::from(row.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        refunds::reject(&services, &call, (body.organization, id), &reason).await
    })
    .await
}
