//! Credit notes: an organization's own, and what finance people credit to its prepaid account (BIL-1, BIL-8).

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use manager_domain::ids::{CreditNoteId, InvoiceId, OrganizationId, ProductId};
use manager_domain::refunds::{RefundDestination, RefundState};
use manager_domain::taxes::Totals;
use manager_domain::{Instant, Money};
use manager_services::credit_notes::{self, CreditNoteFilter, Details, StoredCreditNote};
use manager_services::refunds::StoredRefund;
use manager_services::staff::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::carts::TotalsView;
use super::invoices::{BuyerView, SellerView, description};
use super::refunds::{RefundRequest, RefundView, create};
use crate::auth::permissions::{ManageRefunds, Required, StaffRequired, ViewBilling};
use crate::auth::{Member, Staff};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Json;
use crate::language::{self, Language};
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A credit note in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "crn_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra", "number": "48213977-2026-C1",
    "issued_on": "2026-03-05", "total": {"amount": 973, "currency": "CHF"}, "created_at": "2026-03-05T09:30:00Z"
})))]
pub struct CreditNoteView {
    pub id: CreditNoteId,
    /// The invoice that it corrects.
    pub invoice: InvoiceId,
    /// In a series of its own, without gaps.
    pub number: String,
    #[schema(value_type = String, format = Date)]
    pub issued_on: NaiveDate,
    /// With tax.
    pub total: Money,
    pub created_at: Instant,
}

impl From<StoredCreditNote> for CreditNoteView {
    fn from(note: StoredCreditNote) -> Self {
        Self {
            id: note.id,
            invoice: note.invoice_id,
            number: note.number,
            issued_on: note.issued_on,
            total: Money::new(note.total, note.currency),
            created_at: note.created_at,
        }
    }
}

/// A credit note with its lines, and where its money went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "credit_note": {"id": "crn_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra",
        "number": "48213977-2026-C1", "issued_on": "2026-03-05", "total": {"amount": 973, "currency": "CHF"},
        "created_at": "2026-03-05T09:30:00Z"},
    "totals": {"net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"},
        "total": {"amount": 973, "currency": "CHF"}, "notes": [],
        "rates": [{"rate": "8.1", "net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"}}]},
    "seller": {"name": "Hosting AG", "line1": "Seestrasse 1", "postal_code": "8000", "city": "Zürich", "country": "CH",
        "vat_number": "CHE-109.322.551"},
    "buyer": {"kind": "individual", "name": "Ada Lovelace", "vat_number": null,
        "address": {"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"}},
    "lines": [{"position": 1, "product": "prd_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch",
        "description": ".ch domain: example.ch", "net": {"amount": 900, "currency": "CHF"}, "tax_rate": "8.1"}],
    "money": {"state": "succeeded", "paid_back": {"amount": 573, "currency": "CHF"},
        "prepaid": {"amount": 300, "currency": "CHF"}, "promotional": {"amount": 100, "currency": "CHF"}}
})))]
pub struct CreditNoteDetails {
    pub credit_note: CreditNoteView,
    pub totals: TotalsView,
    pub seller: SellerView,
    pub buyer: BuyerView,
    pub lines: Vec<CreditNoteLineView>,
    pub money: CreditedMoney,
}

/// What is credited of a line of the invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditNoteLineView {
    /// The line's in the invoice.
    pub position: i32,
    #[schema(required)]
    pub product: Option<ProductId>,
    pub offer: String,
    pub description: String,
    pub net: Money,
    /// Percent, as on the invoice.
    pub tax_rate: String,
}

/// Where the money of a credit note went.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditedMoney {
    /// `pending` until the other method's provider said that the money went back; `failed` where it didn't, and the
    /// prepaid account has it instead.
    pub state: RefundState,
    /// Back by the method that paid beside the prepaid account.
    pub paid_back: Money,
    /// To the paid balance of the prepaid account.
    pub prepaid: Money,
    /// To its promotional balance.
    pub promotional: Money,
}

impl CreditedMoney {
    fn of(note: &StoredCreditNote, refund: Option<&StoredRefund>) -> Self {
        let state = refund.map_or(RefundState::Succeeded, |refund| refund.state);
        let back = refund.filter(|_| state != RefundState::Failed).map_or(0, |refund| refund.other);
        let money = |amount| Money::new(amount, note.currency);
        let promotional = note.prepaid_promotional;
        let prepaid = money(note.total - promotional - back);
        Self { state, paid_back: money(back), prepaid, promotional: money(promotional) }
    }
}

impl CreditNoteDetails {
    fn of(details: Details, language: Language) -> Result<Self, Problem> {
        let Details { note, lines, refund } = details;
        let taxes = note.taxes.0.clone();
        let totals = Totals { net: note.net, tax: note.tax, total: note.total, rates: taxes.rates };
        Ok(Self {
            totals: TotalsView::of(totals, taxes.notes, note.currency),
            seller: serde_json::from_value(note.seller.0.clone()).map_err(Problem::internal)?,
            buyer: note.buyer.0.clone().into(),
            lines: (lines.into_iter())
                .map(|(credit, line)| CreditNoteLineView {
                    position: credit.position,
                    product: line.product_id,
                    description: description(&line, language),
                    offer: line.offer,
                    net: Money::new(credit.net, note.currency),
                    tax_rate: line.tax_rate,
                })
                .collect(),
            money: CreditedMoney::of(&note, refund.as_ref()),
            credit_note: note.into(),
        })
    }
}

/// Which credit notes to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CreditNoteQuery {
    /// Those of this invoice.
    #[serde(default)]
    invoice: Option<InvoiceId>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List the credit notes
///
/// Each corrects an invoice that was paid: what is credited stands on the invoice too.
#[utoipa::path(tag = "billing",
    params(("org" = OrganizationId, Path, description = "The organization"), CreditNoteQuery),
    responses((status = 200, description = "Newest first", body = Page<CreditNoteView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/credit-notes")]
pub async fn list_credit_notes(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<CreditNoteQuery>>,
) -> Result<Page<CreditNoteView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = CreditNoteFilter { invoice: query.invoice };
    let wanted = i64::from(limit) + 1;
    let rows = credit_notes::list(&state.services, member.organization, filter, before, wanted).await?;
    Page::of(rows, limit, |row| row.id, CreditNoteView::from)
}

/// Show a credit note
///
/// With the lines it credits, the tax at their rates, and where the money went.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CreditNoteId, Path, description = "The credit note")),
    responses((status = 200, description = "The credit note with its lines", body = CreditNoteDetails)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/credit-notes/{id}")]
pub async fn get_credit_note(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, CreditNoteId)>>,
) -> Result<Json<CreditNoteDetails>, Problem> {
    let Then(_, Path((organization, id))) = path;
    let details = credit_notes::get(&state.services, organization, id).await?;
    Ok(Json(CreditNoteDetails::of(details, language::of(&request))?))
}

/// Credit an invoice to the prepaid account
///
/// As a refund, but the whole money goes to the prepaid account, whatever paid: what promotional balance paid to the
/// promotional balance, the rest to the paid one. Above the limit for a second person it waits for
/// `/v1/admin/refunds/{id}/approve`.
#[utoipa::path(tag = "staff", params(OptionalKey), request_body = RefundRequest,
    responses((status = 201, description = "Credited, or `requested`: it waits for a second person", body = RefundView),
        (status = 404, description = "No such organization, or no such invoice of it"),
        (status = 409, description = "`invoice_closed` with its `state`, `nothing_to_credit`, or `refund_too_large` with \
            the `max` in minor units")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[post("/v1/admin/credit-notes")]
pub async fn create_credit_note(
    state: web::Data<AppState>,
    body: Then<Staff<ManageRefunds>, Repeatable<Json<RefundRequest>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Repeatable(Json(body), key)) = body;
    create(&state, &staff, body, RefundDestination::PrepaidAccount, key).await
}

/// Whose credit notes to list, and why.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StaffCreditNoteQuery {
    /// Not one you belong to.
    organization: OrganizationId,
    /// Shown in the organization's audit log.
    #[param(min_length = 1, max_length = 500)]
    reason: String,
    /// Those of this invoice.
    #[serde(default)]
    invoice: Option<InvoiceId>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List an organization's credit notes, for finance people
///
/// Written into the organization's audit log with the reason.
#[utoipa::path(tag = "staff", params(StaffCreditNoteQuery),
    responses((status = 200, description = "Newest first", body = Page<CreditNoteView>),
        (status = 404, description = "No such organization")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageRefunds::NAME))))]
#[get("/v1/admin/credit-notes")]
pub async fn list_issued_credit_notes(
    state: web::Data<AppState>,
    query: Then<Staff<ManageRefunds>, Query<StaffCreditNoteQuery>>,
) -> Result<Page<CreditNoteView>, Problem> {
    let Then(staff, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let reason = Reason { text: query.reason, pointer: "query:reason" };
    let filter = CreditNoteFilter { invoice: query.invoice };
    let (call, page) = (&staff.caller.call, (before, i64::from(limit) + 1));
    let rows = credit_notes::list_for_staff(&state.services, call, query.organization, &reason, filter, page).await?;
    Page::of(rows, limit, |row| row.id, CreditNoteView::from)
}
