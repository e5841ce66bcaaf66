//! Documents as files: invoices as PDF, by download, by link and by mail, and all of them as a table (BIL-4).

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::NaiveDate;
use futures_util::{StreamExt, stream};
use manager_domain::ids::{InvoiceId, OrganizationId};
use manager_domain::invoices::InvoiceState;
use manager_domain::{Instant, Money};
use manager_services::documents::{self, File, Link};
use manager_services::invoices::{self, EXPORTED_AT_ONCE, Exported, InvoiceFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::permissions::{Required, ViewBilling};
use crate::auth::{Client, Member};
use crate::csv::{self, Cell};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Nothing;
use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// The bytes of a PDF file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct PdfFile(#[allow(dead_code)] Vec<u8>); // for the document alone

/// A file of comma-separated values.
#[derive(Debug, ToSchema)]
#[schema(value_type = String)]
pub struct CsvFile(#[allow(dead_code)] String); // for the document alone

fn pdf(file: File) -> HttpResponse {
    let disposition = ContentDisposition::attachment(file.name);
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_DISPOSITION, disposition));
    response.content_type("application/pdf").body(file.content)
}

/// Download an invoice
///
/// As a PDF file in the organization's language. While the invoice is open it is a pro forma, with a payment part (Swiss
/// QR-bill) for what is to be paid. Files of test organizations are watermarked and have no payment part.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvoiceId, Path, description = "The invoice")),
    responses((status = 200, description = "The file", body = PdfFile, content_type = "application/pdf",
        headers(("Content-Disposition" = String, description = "Names the file, with the invoice's number")))),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/invoices/{id}/pdf")]
pub async fn get_invoice_pdf(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, InvoiceId)>>,
) -> Result<HttpResponse, Problem> {
    let Then(_, Path((organization, id))) = path;
    Ok(pdf(documents::invoice_pdf(&state.services, organization, id).await?))
}

/// A link to a document that works without login.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "url": "https://panel.example.com/v1/documents/doc_AZoq9nzB-3Uk5n0sVq6mRg", "expires_at": "2026-03-01T09:45:00Z"
})))]
pub struct DocumentLink {
    /// Whoever has it can download the document; it is a secret.
    pub url: String,
    pub expires_at: Instant,
}

/// Make a link to an invoice
///
/// It leads to the PDF file without login for 15 minutes, unless your session ends or you lose the right to see invoices
/// before.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvoiceId, Path, description = "The invoice")),
    responses((status = 201, description = "The link", body = DocumentLink)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[post("/v1/organizations/{org}/invoices/{id}/pdf-link")]
pub async fn create_invoice_pdf_link(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Then<Path<(OrganizationId, InvoiceId)>, Nothing>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Then(Path((organization, id)), Nothing)) = path;
    let link = documents::link_to_invoice(&state.services, member.call(), organization, id).await?;
    let Link { url, path, expires_at } = link;
    Ok(HttpResponse::Created().insert_header((LOCATION, path)).json(DocumentLink { url, expires_at }))
}

/// Download by a link
///
/// What the link leads to, for whoever has it.
#[utoipa::path(tag = "billing", params(("token" = String, Path, description = "The link's last part")),
    responses((status = 200, description = "The file", body = PdfFile, content_type = "application/pdf",
            headers(("Content-Disposition" = String, description = "Names the file, with the document's number"))),
        (status = 404, description = "Forged, or whoever made it may not see the document any more"),
        (status = 410, description = "`token_lapsed`")))]
#[get("/v1/documents/{token}")]
pub async fn get_document(
    client: Client,
    state: web::Data<AppState>,
    path: Path<(String,)>,
) -> Result<HttpResponse, Problem> {
    let Path((token,)) = path;
    Ok(pdf(documents::follow_link(&state.services, client.0.now, &token).await?))
}

/// Where a document is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"sent_to": "ada@example.com"})))]
pub struct DocumentSent {
    /// Your login ID.
    pub sent_to: String,
}

/// Have an invoice mailed to me
///
/// The PDF file goes to your login ID, in your language, as it stands when the mail is sent; at most 20 an hour.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = InvoiceId, Path, description = "The invoice"), OptionalKey),
    responses((status = 202, description = "It will be sent", body = DocumentSent)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[post("/v1/organizations/{org}/invoices/{id}/email")]
pub async fn email_invoice(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Then<Path<(OrganizationId, InvoiceId)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Nothing, key))) = path;
    let render = |address: &String| Answer::json(StatusCode::ACCEPTED, &DocumentSent { sent_to: address.clone() });
    key.once(&state.services, member.call(), render, async move |services, call| {
        documents::email_invoice(&services, &call, organization, id).await
    })
    .await
}

/// Which invoices to export.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
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
}

const COLUMNS: [&str; 20] = [
    "invoice",
    "number",
    "state",
    "issued_on",
    "currency",
    "invoice_net",
    "invoice_tax",
    "invoice_total",
    "line",
    "offer",
    "description",
    "product_name",
    "period_start",
    "period_end",
    "quantity",
    "unit_price",
    "discount",
    "net",
    "tax_rate",
    "product",
];

/// Export the invoices
///
/// Comma-separated values (RFC 4180, UTF-8), newest first, a row a line of an invoice; amounts are decimals. The invoice's
/// own amounts stand in the row of its first line only, so that columns can be summed. Texts that a spreadsheet would take
/// for a formula begin with an apostrophe.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"), ExportQuery),
    responses((status = 200, description = "All that match", body = CsvFile, content_type = "text/csv",
        headers(("Content-Disposition" = String, description = "Names the file")),
        example = json!("invoice,number,state,issued_on,currency,invoice_net,invoice_tax,invoice_total,line,offer,\
            description,product_name,period_start,period_end,quantity,unit_price,discount,net,tax_rate,product\r\n\
            inv_01k5x9dzt4f3gsv6t1n0q8m2ra,48213977-2026-1,paid,2026-03-01,CHF,9.00,0.73,9.73,1,domain_ch,\
            .ch domain,example.ch,2026-03-01,2027-03-01,1,9.00,0.00,9.00,8.1,prd_01k5x9dzt4f3gsv6t1n0q8m2ra\r\n"))),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/invoices.csv")]
pub async fn export_invoices(
    request: HttpRequest,
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<ExportQuery>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Query(query)) = query;
    let (services, organization, language) = (state.services.clone(), member.organization, language::of(&request));
    let filter = InvoiceFilter { state: query.state, from: query.from, to: query.to };
    // What goes wrong before the first row is still a problem; later it breaks the answer off.
    let first = invoices::export(&services, organization, filter, None).await?;
    let pages = stream::try_unfold(Some(first), move |page| {
        let services = services.clone();
        async move {
            let Some(page) = page else { return Ok(None) };
            let last = page.last().filter(|_| page.len() == EXPORTED_AT_ONCE).map(|(invoice, _)| invoice.id);
            let next = match last {
                Some(last) => Some(invoices::export(&services, organization, filter, Some(last)).await?),
                None => None,
            };
            Ok::<_, manager_services::Error>(Some((rows(&page, language), next)))
        }
    });
    let pages = pages.inspect(|page| {
        if let Err(error) = page {
            tracing::error!(%error, "an export broke off");
        }
    });
    let head = csv::line(&COLUMNS.map(|name| Cell::Plain(name.to_owned())));
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_DISPOSITION, ContentDisposition::attachment("invoices.csv")));
    response.content_type("text/csv; charset=utf-8; header=present");
    Ok(response.streaming(stream::iter([Ok(Bytes::from(head))]).chain(pages)))
}

/// The rows of invoices, each line one.
fn rows(page: &[Exported], language: Language) -> Bytes {
    let mut text = String::new();
    for (invoice, lines) in page {
        let optional = |text: Option<String>| text.map_or(Cell::Plain(String::new()), Cell::Plain);
        let day = |day: Option<NaiveDate>| optional(day.map(|day| day.to_string()));
        for (index, line) in lines.iter().enumerate() {
            let amount = |minor: i64| csv::amount(Money::new(minor, invoice.currency));
            let of_invoice = |minor: i64| if index == 0 { amount(minor) } else { optional(None) };
            let cells: [Cell; COLUMNS.len()] = [
                Cell::Plain(invoice.id.to_string()),
                optional(invoice.number.clone()),
                Cell::Plain(invoice.state.as_str().to_owned()),
                day(invoice.issued_on),
                Cell::Plain(invoice.currency.as_str().to_owned()),
                of_invoice(invoice.net),
                of_invoice(invoice.tax),
                of_invoice(invoice.total),
                Cell::Plain(line.position.to_string()),
                Cell::Text(line.offer.clone()),
                Cell::Text(line.description.0.names.get(language).to_owned()),
                Cell::Text(line.description.0.product.clone()),
                day(line.period_start),
                day(line.period_end),
                Cell::Plain(line.quantity.to_string()),
                amount(line.unit_price),
                amount(line.discount),
                amount(line.net),
                Cell::Plain(line.tax_rate.clone()),
                optional(line.product_id.map(|product| product.to_string())),
            ];
            text.push_str(&csv::line(&cells));
        }
    }
    Bytes::from(text)
}
