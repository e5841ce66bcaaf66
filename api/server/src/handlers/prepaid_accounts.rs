//! The prepaid account: balance, limits, statement (PRE-1, PRE-2, PRE-5).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use manager_domain::ids::{LedgerTransferId, OrganizationId};
use manager_domain::ledger::TransferKind;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::{Currency, Instant, Money};
use manager_services::prepaid_accounts::{self, BookedTransfer, PrepaidAccount, StatementFilter, TopUpLimits};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::Member;
use crate::auth::permissions::{Required, ViewBilling};
use crate::csv::{self, Cell};
use crate::json::Json;
use crate::paging::{Cursor, Limit, Page};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// What the prepaid account holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "currency": "CHF", "available": {"amount": 5000, "currency": "CHF"}, "paid": {"amount": 4000, "currency": "CHF"},
    "promotional": {"amount": 1000, "currency": "CHF"}, "held": {"amount": 0, "currency": "CHF"},
    "owed": {"amount": 0, "currency": "CHF"}, "top_ups_under_way": {"amount": 0, "currency": "CHF"},
    "withdrawable": {"amount": 4000, "currency": "CHF"}
})))]
pub struct PrepaidAccountView {
    pub currency: Currency,
    /// What can be spent: paid and promotional together.
    pub available: Money,
    /// What was paid in.
    pub paid: Money,
    /// What was given: spent first, never paid out.
    pub promotional: Money,
    /// Set aside for payments and withdrawals under way.
    pub held: Money,
    /// Owed after a disputed payment.
    pub owed: Money,
    /// Top-ups whose payment is processing.
    pub top_ups_under_way: Money,
    /// What can be taken back today.
    pub withdrawable: Money,
}

impl From<PrepaidAccount> for PrepaidAccountView {
    fn from(account: PrepaidAccount) -> Self {
        let money = |amount| Money::new(amount, account.currency);
        let available = account.balances.available();
        Self {
            currency: account.currency,
            available: money(available.total()),
            paid: money(available.paid),
            promotional: money(available.promotional),
            held: money(account.balances.held),
            owed: money(account.balances.receivable),
            top_ups_under_way: money(account.under_way),
            withdrawable: money(account.withdrawable),
        }
    }
}

/// Show the prepaid account
///
/// Its balance is the sum of its entries in the ledger; `available` pays orders and invoices, promotional money first.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization")),
    responses((status = 200, description = "The account", body = PrepaidAccountView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid")]
pub async fn get_prepaid_account(
    state: web::Data<AppState>,
    member: Member<ViewBilling>,
) -> Result<Json<PrepaidAccountView>, Problem> {
    let account = prepaid_accounts::get(&state.services, member.organization, member.call().now).await?;
    Ok(Json(account.into()))
}

/// How much can be topped up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "methods": [{"payment_method": "card", "minimum": {"amount": 1000, "currency": "CHF"},
        "maximum": {"amount": 500000, "currency": "CHF"}}],
    "balance_maximum": {"amount": 2000000, "currency": "CHF"}
})))]
pub struct TopUpLimitsView {
    /// The methods that top up in the organization's currency.
    pub methods: Vec<MethodLimitsView>,
    /// What the account may hold, with what is held and under way.
    pub balance_maximum: Money,
}

/// How much a method takes at a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct MethodLimitsView {
    pub payment_method: PaymentMethodKind,
    pub minimum: Money,
    pub maximum: Money,
}

impl From<TopUpLimits> for TopUpLimitsView {
    fn from(limits: TopUpLimits) -> Self {
        let method = |limits: manager_domain::prepaid_accounts::MethodLimits| MethodLimitsView {
            payment_method: limits.method,
            minimum: limits.minimum,
            maximum: limits.maximum,
        };
        Self { methods: limits.methods.into_iter().map(method).collect(), balance_maximum: limits.balance }
    }
}

/// Show the limits of top-ups
///
/// Per method, in the organization's currency; a balance beyond its maximum can't be topped up.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization")),
    responses((status = 200, description = "The limits", body = TopUpLimitsView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid/limits")]
pub async fn get_prepaid_limits(
    state: web::Data<AppState>,
    member: Member<ViewBilling>,
) -> Result<Json<TopUpLimitsView>, Problem> {
    Ok(Json(prepaid_accounts::limits(&state.services, member.organization).await?.into()))
}

/// A change of the balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "led_01k5x9dzt4f3gsv6t1n0q8m2ra", "kind": "top_up", "about": "top_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "amount": {"amount": 5000, "currency": "CHF"}, "balance": {"amount": 5000, "currency": "CHF"},
    "at": "2026-03-01T09:30:01Z"
})))]
pub struct TransactionView {
    pub id: LedgerTransferId,
    pub kind: TransferKind,
    /// The id of what it is about: an invoice, a payment, a top-up, a withdrawal.
    pub about: String,
    /// What it added, negative where it took.
    pub amount: Money,
    /// What could be spent afterwards.
    pub balance: Money,
    pub at: Instant,
}

impl From<BookedTransfer> for TransactionView {
    fn from(row: BookedTransfer) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            about: row.about,
            amount: Money::new(row.prepaid_change, row.currency),
            balance: Money::new(row.prepaid_balance, row.currency),
            at: row.created_at,
        }
    }
}

/// Which transactions to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransactionQuery {
    /// Those of this kind.
    #[serde(default)]
    #[param(inline)]
    kind: Option<TransferKind>,
    /// On this day of the billing time zone or later.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    from: Option<NaiveDate>,
    /// On this day or earlier.
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

/// List the transactions of the prepaid account
///
/// The statement: every change of what can be spent, with the balance after it.
#[utoipa::path(tag = "prepaid",
    params(("org" = OrganizationId, Path, description = "The organization"), TransactionQuery),
    responses((status = 200, description = "Newest first", body = Page<TransactionView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid/transactions")]
pub async fn list_transactions(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<TransactionQuery>>,
) -> Result<Page<TransactionView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = StatementFilter { kind: query.kind, from: query.from, to: query.to };
    let wanted = i64::from(limit) + 1;
    let rows = prepaid_accounts::statement(&state.services, member.organization, filter, before, wanted).await?;
    Page::of(rows, limit, |row| row.sequence, TransactionView::from)
}

/// Which transactions to export.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Those of this kind.
    #[serde(default)]
    #[param(inline)]
    kind: Option<TransferKind>,
    /// On this day of the billing time zone or later.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    from: Option<NaiveDate>,
    /// On this day or earlier.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    to: Option<NaiveDate>,
}

/// Rows of an export at most; periods divide what is more.
const EXPORTED: i64 = 10_000;

/// Export the transactions of the prepaid account
///
/// The statement as CSV with a header, newest first; at most 10 000 rows: narrow the period for the others.
#[utoipa::path(tag = "prepaid", params(("org" = OrganizationId, Path, description = "The organization"), ExportQuery),
    responses((status = 200, description = "The statement", body = String, content_type = "text/csv",
        example = json!("at,kind,about,amount,balance,currency\r\n2026-03-01T09:30:01Z,top_up,\
            top_01k5x9dzt4f3gsv6t1n0q8m2ra,50.00,50.00,CHF\r\n"))),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/prepaid/transactions.csv")]
pub async fn export_transactions(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<ExportQuery>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Query(query)) = query;
    let filter = StatementFilter { kind: query.kind, from: query.from, to: query.to };
    let rows = prepaid_accounts::statement(&state.services, member.organization, filter, None, EXPORTED).await?;
    let plain = |text: &str| Cell::Plain(text.to_owned());
    let mut text = csv::line(&["at", "kind", "about", "amount", "balance", "currency"].map(plain));
    for row in rows {
        let amount = |minor| csv::amount(Money::new(minor, row.currency));
        text.push_str(&csv::line(&[
            Cell::Plain(row.created_at.to_string()),
            plain(row.kind.as_str()),
            Cell::Plain(row.about),
            amount(row.prepaid_change),
            amount(row.prepaid_balance),
            plain(row.currency.as_str()),
        ]));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"prepaid-transactions.csv\""))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text))
}
