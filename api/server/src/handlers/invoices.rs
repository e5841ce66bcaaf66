//! Invoices: list, show, pay (BIL-1).

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use manager_domain::ids::{InvoiceId, OrderId, OrganizationId, ProductId};
use manager_domain::invoices::{Buyer, InvoiceState};
use manager_domain::organizations::{BillingAddress, OrganizationKind};
use manager_domain::taxes::Totals;
use manager_domain::terms::Frequency;
use manager_domain::{Currency, Instant, Money};
use manager_services::credit_notes::{self, Credited};
use manager_services::invoices::{self, Invoice, InvoiceFilter, InvoiceLine};
use manager_services::orders::{self, Details};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::carts::TotalsView;
use super::credit_notes::CreditNoteView;
use super::orders::{OrderDetails, OrderPayment};
use crate::auth::Member;
use crate::auth::permissions::{ManageBilling, Required, ViewBilling};
use crate::etags::Tagged;
use crate::idempotency::{Answer, Once, Repeatable, RequiredKey};
use crate::json::Json;
use crate::language::{self, Language};
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// An invoice in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra", "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "paid",
    "number": "48213977-2026-1", "issued_on": "2026-03-01", "total": {"amount": 973, "currency": "CHF"},
    "credited": {"amount": 0, "currency": "CHF"}, "created_at": "2026-03-01T09:30:00Z", "paid_at": "2026-03-01T09:30:01Z"
})))]
pub struct InvoiceView {
    pub id: InvoiceId,
    #[schema(required)]
    pub order: Option<OrderId>,
    pub state: InvoiceState,
    /// Null while it is a pro forma.
    #[schema(required)]
    pub number: Option<String>,
    #[schema(required, value_type = Option<String>, format = Date)]
    pub issued_on: Option<NaiveDate>,
    pub total: Money,
    /// What credit notes took of the total.
    pub credited: Money,
    pub created_at: Instant,
    #[schema(required)]
    pub paid_at: Option<Instant>,
}

/// An invoice with its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "invoice": {"id": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra", "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "paid",
        "number": "48213977-2026-1", "issued_on": "2026-03-01", "total": {"amount": 973, "currency": "CHF"},
        "credited": {"amount": 0, "currency": "CHF"}, "created_at": "2026-03-01T09:30:00Z", "paid_at": "2026-03-01T09:30:01Z"},
    "totals": {"net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"},
        "total": {"amount": 973, "currency": "CHF"}, "notes": [],
        "rates": [{"rate": "8.1", "net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"}}]},
    "seller": {"name": "Hosting AG", "line1": "Seestrasse 1", "postal_code": "8000", "city": "Zürich", "country": "CH",
        "vat_number": "CHE-109.322.551"},
    "buyer": {"kind": "individual", "name": "Ada Lovelace", "vat_number": null,
        "address": {"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"}},
    "lines": [{"position": 1, "product": "prd_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch",
        "description": ".ch domain: example.ch", "frequency": "yearly", "quantity": 1,
        "unit_price": {"amount": 900, "currency": "CHF"}, "discount": {"amount": 0, "currency": "CHF"},
        "net": {"amount": 900, "currency": "CHF"}, "credited": {"amount": 0, "currency": "CHF"}, "tax_rate": "8.1",
        "period_start": "2026-03-01", "period_end": "2027-03-01"}],
    "credit_notes": []
})))]
pub struct InvoiceDetails {
    pub invoice: InvoiceView,
    pub totals: TotalsView,
    pub seller: SellerView,
    pub buyer: BuyerView,
    pub lines: Vec<InvoiceLineView>,
    /// What corrects it, oldest first.
    pub credit_notes: Vec<CreditNoteView>,
}

/// The seller as of the issue date.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SellerView {
    pub name: String,
    pub line1: String,
    pub postal_code: String,
    pub city: String,
    pub country: String,
    pub vat_number: String,
}

/// The customer as of the issue date.
#[derive(Debug, Serialize, ToSchema)]
pub struct BuyerView {
    pub kind: OrganizationKind,
    pub name: String,
    #[schema(required)]
    pub address: Option<BillingAddress>,
    #[schema(required)]
    pub vat_number: Option<String>,
}

/// What one unit costs for one term; where the tax rate changes inside of it, for each stretch.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceLineView {
    /// From 1 on.
    pub position: i32,
    #[schema(required)]
    pub product: Option<ProductId>,
    pub offer: String,
    pub description: String,
    #[schema(required)]
    pub frequency: Option<Frequency>,
    pub quantity: i32,
    /// Net.
    pub unit_price: Money,
    pub discount: Money,
    /// Price times quantity less the discount.
    pub net: Money,
    /// What credit notes took of the net.
    pub credited: Money,
    /// Percent.
    pub tax_rate: String,
    /// Null until it is paid, unless the term is split, and where there is no term.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub period_start: Option<NaiveDate>,
    /// Exclusive.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub period_end: Option<NaiveDate>,
}

impl From<Invoice> for InvoiceView {
    fn from(invoice: Invoice) -> Self {
        Self {
            id: invoice.id,
            order: invoice.order_id,
            state: invoice.state,
            number: invoice.number,
            issued_on: invoice.issued_on,
            total: Money::new(invoice.total, invoice.currency),
            credited: Money::new(invoice.credited, invoice.currency),
            created_at: invoice.created_at,
            paid_at: invoice.paid_at,
        }
    }
}

/// What a line is for, in the reader's language.
pub(super) fn description(line: &InvoiceLine, language: Language) -> String {
    let (name, product) = (line.description.0.names.get(language), &line.description.0.product);
    let known = name == product || product.is_empty();
    if known { name.to_owned() } else { format!("{name}: {product}") }
}

fn line_view(line: InvoiceLine, credited: i64, currency: Currency, language: Language) -> InvoiceLineView {
    InvoiceLineView {
        position: line.position,
        product: line.product_id,
        description: description(&line, language),
        offer: line.offer,
        frequency: line.frequency,
        quantity: line.quantity,
        unit_price: Money::new(line.unit_price, currency),
        discount: Money::new(line.discount, currency),
        net: Money::new(line.net, currency),
        credited: Money::new(credited, currency),
        tax_rate: line.tax_rate,
        period_start: line.period_start,
        period_end: line.period_end,
    }
}

impl From<Buyer> for BuyerView {
    fn from(buyer: Buyer) -> Self {
        let Buyer { kind, name, address, vat_number } = buyer;
        Self { kind, name, address, vat_number }
    }
}

impl InvoiceDetails {
    fn of(invoice: Invoice, lines: Vec<InvoiceLine>, credited: Credited, language: Language) -> Result<Self, Problem> {
        let currency = invoice.currency;
        let of_line = |line: &InvoiceLine| credited.lines.get(&line.position).copied().unwrap_or_default();
        let taxes = invoice.taxes.0.clone();
        let totals = Totals { net: invoice.net, tax: invoice.tax, total: invoice.total, rates: taxes.rates };
        Ok(Self {
            totals: TotalsView::of(totals, taxes.notes, currency),
            seller: serde_json::from_value(invoice.seller.0.clone()).map_err(Problem::internal)?,
            buyer: invoice.buyer.0.clone().into(),
            lines: (lines.into_iter())
                .map(|line| {
                    let credited = of_line(&line);
                    line_view(line, credited, currency, language)
                })
                .collect(),
            credit_notes: credited.notes.iter().cloned().map(CreditNoteView::from).collect(),
            invoice: invoice.into(),
        })
    }
}

/// Which invoices to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceQuery {
    /// Those in this state alone.
    #[serde(default)]
    #[param(inline)]
    state: Option<InvoiceState>,
    /// Issued on this day or later.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    from: Option<NaiveDate>,
    /// Issued on this day or earlier.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    to: Option<NaiveDate>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List the invoices
///
/// Those of the organization by state and day of issue. A number and a day have only those that were issued; a void
/// one keeps both.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"), InvoiceQuery),
    responses((status = 200, description = "Newest first", body = Page<InvoiceView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/invoices")]
pub async fn list_invoices(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<InvoiceQuery>>,
) -> Result<Page<InvoiceView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = InvoiceFilter { state: query.state, from: query.from, to: query.to };
    let rows = invoices::list(&state.services, member.organization, filter, before, i64::from(limit) + 1).await?;
    Page::of(rows, limit, |row| row.id, InvoiceView::from)
}

/// Show an invoice
///
/// With its lines, taxes, seller and buyer as they were when it was issued. Lines are in the caller's language, the
/// amounts are what was agreed.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvoiceId, Path, description = "The invoice")),
    responses((status = 200, description = "The invoice with its lines", body = InvoiceDetails),
        (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/invoices/{id}")]
pub async fn get_invoice(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, InvoiceId)>>,
) -> Result<Tagged<InvoiceDetails>, Problem> {
    let Then(_, Path((organization, id))) = path;
    let (invoice, lines) = invoices::get(&state.services, organization, id).await?;
    let version = invoice.version;
    let credited = credit_notes::of_invoice(&state.services, organization, id).await?;
    Ok(Tagged::version(version, InvoiceDetails::of(invoice, lines, credited, language::of(&request))?))
}

/// Pay an open invoice
///
/// The invoice of an order: its order is paid with it, and the answer shows both. A declined one stays payable.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvoiceId, Path, description = "The invoice"), RequiredKey),
    request_body = OrderPayment,
    responses((status = 201, description = "Paid, or the payment is processing", body = OrderDetails),
        (status = 402, description = "`payment_failed` with `order`, `invoice` and `payment`; the order stays payable"),
        (status = 409, description = "`invoice_closed`, `payment_in_progress`, `payment_method_unavailable`, \
            `insufficient_balance`, `billing_address_required`, or `quote_stale` with the `total` where it isn't \
            `expected_total`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageBilling::NAME))))]
#[post("/v1/organizations/{org}/invoices/{id}/pay")]
pub async fn pay_invoice(
    state: web::Data<AppState>,
    path: Then<Member<ManageBilling>, Then<Path<(OrganizationId, InvoiceId)>, Once<Json<OrderPayment>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Json(body), key))) = path;
    let request = body.into();
    let render = move |details: &Details| OrderDetails::paid(organization, details);
    key.once(&state.services, member.call(), render, async move |services, call| {
        let order = invoices::order_to_pay(&services, organization, id).await?;
        orders::pay(&services, &call, organization, order, request).await
    })
    .await
}
