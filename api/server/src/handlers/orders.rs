//! Orders: checkout, list, show, pay again, cancel (ORD-6).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, get, post, web};
use manager_domain::ids::{CartId, InvoiceId, OrderId, OrganizationId, ProductId};
use manager_domain::invoices::InvoiceState;
use manager_domain::orders::OrderState;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::products::ProductState;
use manager_domain::{Code, Instant, Money, Refusal};
use manager_services::orders::{self, CheckedOut, Checkout, Details, OrderFilter, PayOrder};
use manager_services::payments::Paying;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::payments::PaymentView;
use super::quotes::QuoteView;
use crate::auth::Member;
use crate::auth::permissions::{ManageBilling, Order, Required, ViewBilling};
use crate::etags::{Etag, IfMatch, Tagged};
use crate::idempotency::{Answer, Once, OptionalKey, Repeatable, RequiredKey};
use crate::json::{Json, Nothing};
use crate::language::{self, Language};
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "cart": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "paid",
    "net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"},
    "total": {"amount": 973, "currency": "CHF"}, "payment_method": "card", "created_at": "2026-03-01T09:30:00Z",
    "lapses_at": "2026-03-15T09:30:00Z", "paid_at": "2026-03-01T09:30:01Z", "closed_at": "2026-03-01T09:30:01Z"
})))]
pub struct OrderView {
    pub id: OrderId,
    /// The cart it was.
    pub cart: CartId,
    pub state: OrderState,
    pub net: Money,
    pub tax: Money,
    pub total: Money,
    /// Null where there is nothing to pay.
    #[schema(required)]
    pub payment_method: Option<PaymentMethodKind>,
    pub created_at: Instant,
    /// When it lapses if it isn't paid.
    pub lapses_at: Instant,
    #[schema(required)]
    pub paid_at: Option<Instant>,
    /// When it stopped being open.
    #[schema(required)]
    pub closed_at: Option<Instant>,
}

/// An order with what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "order": {"id": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "cart": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "paid",
        "net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"},
        "total": {"amount": 973, "currency": "CHF"}, "payment_method": "card", "created_at": "2026-03-01T09:30:00Z",
        "lapses_at": "2026-03-15T09:30:00Z", "paid_at": "2026-03-01T09:30:01Z", "closed_at": "2026-03-01T09:30:01Z"},
    "invoice": {"id": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "paid", "number": "48213977-2026-1"},
    "payments": [],
    "products": [{"id": "prd_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "example.ch", "product_type": "domain_name",
        "offer": "domain_ch", "state": "active"}]
})))]
pub struct OrderDetails {
    pub order: OrderView,
    pub invoice: InvoiceReference,
    /// Oldest first; the last one tells how it went.
    pub payments: Vec<PaymentView>,
    pub products: Vec<OrderedProduct>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceReference {
    pub id: InvoiceId,
    pub state: InvoiceState,
    /// Null until it is paid.
    #[schema(required)]
    pub number: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderedProduct {
    pub id: ProductId,
    pub name: String,
    pub product_type: String,
    pub offer: String,
    pub state: ProductState,
}

impl From<orders::Order> for OrderView {
    fn from(order: orders::Order) -> Self {
        let money = |amount| Money::new(amount, order.currency);
        Self {
            id: order.id,
            cart: order.cart_id,
            state: order.state,
            net: money(order.net),
            tax: money(order.tax),
            total: money(order.total),
            payment_method: Some(order.payment_method).filter(|_| order.total > 0),
            created_at: order.created_at,
            lapses_at: order.lapses_at,
            paid_at: order.paid_at,
            closed_at: order.closed_at,
        }
    }
}

impl From<Details> for OrderDetails {
    fn from(details: Details) -> Self {
        let Details { order, invoice, payments, products } = details;
        let product = |product: manager_services::products::Product| OrderedProduct {
            id: product.id,
            name: product.name,
            product_type: product.product_type,
            offer: product.offer,
            state: product.state,
        };
        Self {
            order: order.into(),
            invoice: InvoiceReference { id: invoice.id, state: invoice.state, number: invoice.number },
            payments: payments.into_iter().map(PaymentView::from).collect(),
            products: products.into_iter().map(product).collect(),
        }
    }
}

impl OrderDetails {
    fn answer(status: StatusCode, details: &Details) -> Answer {
        Answer::json(status, &Self::from(details.clone())).etag(&Etag::version(details.order.version))
    }

    /// After paying: what came into being is the payment.
    pub fn paid(organization: OrganizationId, details: &Details) -> Answer {
        let paid = Self::answer(StatusCode::CREATED, details);
        let location = |id| format!("/v1/organizations/{organization}/payments/{id}");
        details.payments.last().map_or(paid.clone(), |payment| paid.location(&location(payment.id)))
    }
}

/// What is ordered at which prices, and what pays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "price_token": "quo_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ", "payment_method_token": "sandbox_succeeds"
})))]
pub struct CheckoutRequest {
    /// Of the quote that was seen.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub price_token: String,
    /// The provider's name for the card or the like, never its number; not needed where nothing is to be paid, or where
    /// the prepaid account pays all.
    #[serde(default)]
    #[validate(length(max = 200))]
    #[schema(required = false, max_length = 200)]
    pub payment_method_token: Option<String>,
    /// Whether the prepaid account gives what it has, and the cart's method pays the rest.
    #[serde(default)]
    #[schema(required = false)]
    pub use_prepaid: bool,
    /// At most this from the prepaid account.
    #[serde(default)]
    #[schema(required = false)]
    pub prepaid_at_most: Option<Money>,
}

/// Order a cart
///
/// At the prices of the quote. The order, its open invoice and its payment are committed, then the payment is carried
/// out; a declined order stays payable.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), RequiredKey),
    request_body = CheckoutRequest,
    responses((status = 201, description = "Ordered: paid, or its payment is processing", body = OrderDetails),
        (status = 402, description = "`payment_failed` with `order`, `invoice` and `payment`; the order stays payable"),
        (status = 409, description = "`quote_stale` with the new `preview`, `quote_used`, `cart_closed`, `name_taken`, \
            `billing_address_required`, `payment_method_required`, `payment_method_unavailable`, or \
            `insufficient_balance` where the prepaid account was to pay all"),
        (status = 410, description = "`token_lapsed`: the quote is too old")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/carts/{id}/checkout")]
pub async fn check_out(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, Once<Json<CheckoutRequest>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, cart)), Repeatable(Json(body), key))) = path;
    let CheckoutRequest { price_token, payment_method_token: token, use_prepaid, prepaid_at_most } = body;
    let checkout = Checkout { cart, price_token, paying: Paying { token, use_prepaid, prepaid_at_most } };
    let language = language::of(&request);
    let render = move |done: &CheckedOut| checked_out(done, organization, language);
    key.once(&state.services, member.call(), render, async move |services, call| {
        orders::checkout(&services, &call, organization, checkout).await
    })
    .await
}

fn checked_out(done: &CheckedOut, organization: OrganizationId, language: Language) -> Answer {
    match done {
        CheckedOut::Placed(details) => {
            let location = format!("/v1/organizations/{organization}/orders/{}", details.order.id);
            OrderDetails::answer(StatusCode::CREATED, details).location(&location)
        }
        CheckedOut::Stale(quote) => {
            let preview = QuoteView::of(quote.as_ref().clone(), language);
            Answer::refused(Refusal::new(Code::QuoteStale).with("preview", json!(preview)))
        }
    }
}

/// Which orders to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Those in this state alone.
    #[serde(default)]
    #[param(inline)]
    state: Option<OrderState>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List the orders
///
/// All orders of the organization, also those that were cancelled or lapsed unpaid. Products are those of the whole
/// order, whatever the caller's grants.
#[utoipa::path(tag = "orders", params(("org" = OrganizationId, Path, description = "The organization"), OrderQuery),
    responses((status = 200, description = "Newest first", body = Page<OrderView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/orders")]
pub async fn list_orders(
    state: web::Data<AppState>,
    query: Then<Member<ViewBilling>, Query<OrderQuery>>,
) -> Result<Page<OrderView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = OrderFilter { state: query.state };
    let rows = orders::list(&state.services, member.organization, filter, before, i64::from(limit) + 1).await?;
    Page::of(rows, limit, |row| row.id, OrderView::from)
}

/// Show an order
///
/// With its invoice, every try to pay it, oldest first, and its products. After a checkout or a payment that is
/// `processing`, this is what to ask until it is settled.
#[utoipa::path(tag = "orders", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = OrderId, Path, description = "The order")),
    responses((status = 200, description = "The order with invoice, payments and products", body = OrderDetails),
        (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/orders/{id}")]
pub async fn get_order(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, OrderId)>>,
) -> Result<Tagged<OrderDetails>, Problem> {
    let Then(_, Path((organization, id))) = path;
    let details = orders::get(&state.services, organization, id).await?;
    Ok(Tagged::version(details.order.version, details.into()))
}

/// What pays an open order.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"payment_method_token": "sandbox_succeeds"})))]
pub struct OrderPayment {
    /// The order's without it.
    #[serde(default)]
    #[schema(required = false)]
    pub payment_method: Option<PaymentMethodKind>,
    /// The provider's name for the card or the like, never its number; not needed where the prepaid account pays all.
    #[serde(default)]
    #[validate(length(min = 1, max = 200))]
    #[schema(required = false, min_length = 1, max_length = 200)]
    pub payment_method_token: Option<String>,
    /// Whether the prepaid account gives what it has, and the method pays the rest.
    #[serde(default)]
    #[schema(required = false)]
    pub use_prepaid: bool,
    /// At most this from the prepaid account.
    #[serde(default)]
    #[schema(required = false)]
    pub prepaid_at_most: Option<Money>,
    /// What the payer was shown: taxes follow the day and the billing address, so that it may be another by now.
    #[serde(default)]
    #[schema(required = false)]
    pub expected_total: Option<Money>,
}

impl From<OrderPayment> for PayOrder {
    fn from(body: OrderPayment) -> Self {
        let OrderPayment { payment_method, payment_method_token: token, use_prepaid, prepaid_at_most, .. } = body;
        let paying = Paying { token, use_prepaid, prepaid_at_most };
        Self { payment_method, paying, expected_total: body.expected_total }
    }
}

/// Pay an open order
///
/// A new payment of an order that was declined or never paid. It is committed first and carried out then: where the
/// provider doesn't answer in time, the payment is `processing` and settles by itself. A decline leaves the order
/// payable until it lapses. Only one payment of an order is under way at a time. Products come to life with it.
#[utoipa::path(tag = "orders", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = OrderId, Path, description = "The order"), RequiredKey),
    request_body = OrderPayment,
    responses((status = 201, description = "Paid, or the payment is processing", body = OrderDetails),
        (status = 402, description = "`payment_failed` with `order`, `invoice` and `payment`; the order stays payable"),
        (status = 409, description = "`order_closed`, `payment_in_progress`, `payment_method_unavailable`, \
            `insufficient_balance`, `billing_address_required`, `reservation_ended` with the `promo_codes` and \
            `free_offers` that went to others meanwhile, or `quote_stale` with the `total` where it isn't `expected_total`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManageBilling::NAME))))]
#[post("/v1/organizations/{org}/orders/{id}/pay")]
pub async fn pay_order(
    state: web::Data<AppState>,
    path: Then<Member<ManageBilling>, Then<Path<(OrganizationId, OrderId)>, Once<Json<OrderPayment>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Repeatable(Json(body), key))) = path;
    let request = body.into();
    let render = move |details: &Details| OrderDetails::paid(organization, details);
    key.once(&state.services, member.call(), render, async move |services, call| {
        orders::pay(&services, &call, organization, id, request).await
    })
    .await
}

/// Cancel an open order
///
/// Its invoice is void, its products are cancelled. Needs the right to order each of them.
#[utoipa::path(tag = "orders", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = OrderId, Path, description = "The order"),
        ("If-Match" = Option<String>, Header, description = "The version you saw"), OptionalKey),
    responses((status = 200, description = "Cancelled", body = OrderDetails),
        (status = 409, description = "`order_closed` or `payment_in_progress`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/orders/{id}/cancel")]
pub async fn cancel_order(
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, OrderId)>, Then<IfMatch, Repeatable<Nothing>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path((organization, id)), Then(if_match, Repeatable(Nothing, key)))) = path;
    let seen = if_match.expected_version()?;
    let render = |details: &Details| OrderDetails::answer(StatusCode::OK, details);
    key.once(&state.services, member.call(), render, async move |services, call| {
        orders::cancel(&services, &call, organization, id, seen).await
    })
    .await
}
