//! Carts of organizations: items and payment method (ORD-1).

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put, web};
use manager_domain::carts::{CartState, ItemChange, NewItem, PricedItem};
use manager_domain::ids::{CartId, FreeOfferId, ItemId, OrganizationId};
use manager_domain::organizations::OrganizationKind;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::taxes::{TaxNote, Totals};
use manager_domain::terms::Frequency;
use manager_domain::{Currency, Fault, Instant, Money};
use manager_services::carts::{self, Change, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::discounts::{self, CartPromoCode, ItemFreeOffer};
use crate::auth::Member;
use crate::auth::permissions::{Order, Required};
use crate::etags::{Etag, IfMatch, Tagged};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::{Json, MergePatch, Nothing};
use crate::language::{self, Language};
use crate::paging::{ListQuery, Page};
use crate::patch;
use crate::path::Path;
use crate::problems::{Problem, fault_text, fill};
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// A cart with today's prices.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "state": "open",
    "currency": "CHF", "country": "CH", "customer_kind": "individual", "payment_method": "card",
    "items": [{"id": "itm_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch", "product_type": "domain_name",
        "name": ".ch domain", "frequency": "yearly", "quantity": 1, "options": {"domain": "example.ch"},
        "unit_price": {"amount": 900, "currency": "CHF"}, "discount": {"amount": 450, "currency": "CHF"},
        "net": {"amount": 450, "currency": "CHF"}, "gross": {"amount": 486, "currency": "CHF"}, "tax_rate": "8.1",
        "promo_code": "WELCOME-2026", "free_offer": null, "price_changed": false, "previous_unit_price": null,
        "free_offers": [{"id": "ofr_01k5x9dzt4f3gsv6t1n0q8m2ra", "usable": false, "active": false, "reason": "expired",
            "expires_at": "2026-02-01T09:30:00Z", "terms": 1, "units": 1}], "faults": []}],
    "promo_codes": [{"code": "WELCOME-2026", "item": "itm_01k5x9dzt4f3gsv6t1n0q8m2ra",
        "discount": {"amount": 450, "currency": "CHF"}, "reason": null, "elsewhere": []}],
    "totals": {"net": {"amount": 450, "currency": "CHF"}, "tax": {"amount": 36, "currency": "CHF"},
        "total": {"amount": 486, "currency": "CHF"}, "notes": [],
        "rates": [{"rate": "8.1", "net": {"amount": 450, "currency": "CHF"}, "tax": {"amount": 36, "currency": "CHF"}}]},
    "created_at": "2026-03-01T09:30:00Z", "updated_at": "2026-03-01T09:30:00Z", "expires_at": null
})))]
pub struct CartView {
    pub id: CartId,
    /// Null for a visitor's cart.
    #[schema(required)]
    pub organization: Option<OrganizationId>,
    /// Whether something can still be put into the cart.
    pub state: CartState,
    pub currency: Currency,
    pub country: String,
    pub customer_kind: OrganizationKind,
    #[schema(required)]
    pub payment_method: Option<PaymentMethodKind>,
    pub items: Vec<CartItemView>,
    /// In the order in which they were applied.
    pub promo_codes: Vec<CartPromoCode>,
    /// Of the items that have a price.
    pub totals: TotalsView,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// When a visitor's cart is thrown away unless it is changed before.
    #[schema(required)]
    pub expires_at: Option<Instant>,
}

/// An item with today's price.
#[derive(Debug, Serialize, ToSchema)]
pub struct CartItemView {
    pub id: ItemId,
    pub offer: String,
    /// Null where the offer left the catalogue.
    #[schema(required)]
    pub product_type: Option<String>,
    pub name: String,
    pub frequency: Frequency,
    pub quantity: u32,
    pub options: BTreeMap<String, String>,
    /// Net, one unit for one term; null where there is no such price any more.
    #[schema(required)]
    pub unit_price: Option<Money>,
    /// What a promo code or a free offer takes off all units, net.
    #[schema(required)]
    pub discount: Option<Money>,
    /// All units, after the discount.
    #[schema(required)]
    pub net: Option<Money>,
    /// All units with tax; the totals are rounded on their own.
    #[schema(required)]
    pub gross: Option<Money>,
    /// Percent, on the first day; a term that spans a change of rate is taxed in parts, as the totals show.
    #[schema(required)]
    pub tax_rate: Option<String>,
    /// The promo code that lowers the price.
    #[schema(required)]
    pub promo_code: Option<String>,
    /// The free offer that lowers the price.
    #[schema(required)]
    pub free_offer: Option<FreeOfferId>,
    /// The organization's free offers, and which of them are good for the item; none in a visitor's cart.
    pub free_offers: Vec<ItemFreeOffer>,
    /// The unit price isn't the one of when the item was last put together.
    pub price_changed: bool,
    /// That earlier price, where it changed.
    #[schema(required)]
    pub previous_unit_price: Option<Money>,
    /// What keeps the item from being ordered.
    pub faults: Vec<ItemFault>,
}

/// Why an item can't be ordered as it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemFault {
    /// A JSON pointer into the cart.
    pub pointer: String,
    pub code: String,
    pub detail: String,
    pub params: serde_json::Map<String, serde_json::Value>,
}

impl ItemFault {
    fn of(fault: Fault, language: Language) -> Self {
        let detail = fill(fault_text(language, fault.code), &fault.params);
        Self { pointer: fault.pointer, code: fault.code.as_str().to_owned(), detail, params: fault.params }
    }
}

/// Sums of lines; tax is computed per rate on the sum of its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotalsView {
    pub net: Money,
    pub tax: Money,
    pub total: Money,
    /// Highest rate first.
    pub rates: Vec<RateTotal>,
    /// What an invoice says about the tax.
    pub notes: Vec<TaxNote>,
}

/// What is taxed at one rate.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateTotal {
    /// Percent.
    pub rate: String,
    pub net: Money,
    pub tax: Money,
}

impl TotalsView {
    pub fn of(totals: Totals, notes: Vec<TaxNote>, currency: Currency) -> Self {
        let money = |amount| Money::new(amount, currency);
        let rates = totals.rates.iter().map(|rate| RateTotal {
            rate: rate.rate.to_string(),
            net: money(rate.net),
            tax: money(rate.tax),
        });
        let rates = rates.collect();
        Self { net: money(totals.net), tax: money(totals.tax), total: money(totals.total), rates, notes }
    }
}

impl CartView {
    pub fn of(view: View, language: Language) -> Self {
        let currency = view.priced.currency;
        let offers = &view.discounts;
        let item = |priced: PricedItem| {
            let known = view.catalogue.offer(&priced.item.offer);
            let price = priced.price.as_ref();
            CartItemView {
                id: priced.item.id,
                product_type: known.map(|(product_type, _)| product_type.code.clone()),
                name: known
                    .map_or_else(|| priced.item.offer.clone(), |(_, offer)| offer.names.get(language).to_owned()),
                offer: priced.item.offer,
                frequency: priced.item.frequency,
                quantity: priced.item.quantity,
                options: priced.item.options,
                unit_price: price.map(|price| Money::new(price.unit, currency)),
                discount: price.map(|price| Money::new(price.discount(), currency)),
                net: price.map(|price| Money::new(price.net, currency)),
                gross: price.map(|price| Money::new(price.gross, currency)),
                tax_rate: price.map(|price| price.treatment.rate.to_string()),
                promo_code: discounts::code_of(priced.benefit.as_ref()),
                free_offer: discounts::offer_of(priced.benefit.as_ref()),
                free_offers: offers.of_item(priced.item.id).iter().map(ItemFreeOffer::of).collect(),
                price_changed: priced.price_changed,
                previous_unit_price: priced.item.seen.filter(|_| priced.price_changed),
                faults: priced.faults.into_iter().map(|fault| ItemFault::of(fault, language)).collect(),
            }
        };
        Self {
            id: view.id,
            organization: view.organization,
            state: view.state,
            currency,
            country: view.customer.country,
            customer_kind: view.customer.kind,
            payment_method: view.content.payment_method,
            items: view.priced.items.into_iter().map(item).collect(),
            promo_codes: (view.discounts.codes.into_iter())
                .map(|placement| CartPromoCode::of(placement, currency))
                .collect(),
            totals: TotalsView::of(view.priced.totals, view.priced.notes, currency),
            created_at: view.created_at,
            updated_at: view.updated_at,
            expires_at: view.expires_at,
        }
    }

    pub fn answer(status: StatusCode, view: &View, language: Language) -> Answer {
        Answer::json(status, &Self::of(view.clone(), language)).etag(&Etag::version(view.version))
    }

    pub fn tagged(view: View, language: Language) -> Tagged<Self> {
        Tagged::version(view.version, Self::of(view, language))
    }
}

/// An item to be put into a cart.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "example.ch"}})))]
pub struct ItemRequest {
    /// An offer's code.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub offer: String,
    pub frequency: Frequency,
    /// Each unit becomes a product of its own; 1 without it.
    #[serde(default = "one")]
    #[validate(range(min = 1, max = 1000))]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub quantity: u32,
    /// By option code, as the product type asks.
    #[serde(default)]
    #[validate(length(max = 32))]
    #[schema(required = false)]
    pub options: BTreeMap<String, String>,
}

const fn one() -> u32 {
    1
}

impl From<ItemRequest> for NewItem {
    fn from(item: ItemRequest) -> Self {
        Self { offer: item.offer, frequency: item.frequency, quantity: item.quantity, options: item.options }
    }
}

/// Changes of an item.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"quantity": 2})))]
pub struct ItemPatch {
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub frequency: Option<Frequency>,
    #[serde(default, deserialize_with = "patch::set")]
    #[validate(range(min = 1, max = 1000))]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub quantity: Option<u32>,
    /// Merged into the item's; null takes a value away.
    #[serde(default)]
    #[validate(length(max = 32))]
    #[schema(required = false)]
    pub options: BTreeMap<String, Option<String>>,
}

impl From<ItemPatch> for ItemChange {
    fn from(patch: ItemPatch) -> Self {
        Self { frequency: patch.frequency, quantity: patch.quantity, options: patch.options }
    }
}

/// How an order will be paid.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"kind": "card"})))]
pub struct PaymentMethodChoice {
    pub kind: PaymentMethodKind,
}

/// A cart after an item was put into it: 201 with the item's address.
pub(super) fn added((view, item): &(View, ItemId), language: Language, base: &str) -> Answer {
    let location = format!("{base}/{}/items/{item}", view.id);
    CartView::answer(StatusCode::CREATED, view, language).location(&location)
}

fn base(organization: OrganizationId) -> String {
    format!("/v1/organizations/{organization}/carts")
}

/// Open a cart
///
/// Priced for the organization's country, kind and currency. Everybody who may order in the organization sees and
/// fills it.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"), OptionalKey),
    responses((status = 201, description = "An empty cart", body = CartView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/carts")]
pub async fn create_organization_cart(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Repeatable<Nothing>>,
) -> Result<Answer, Problem> {
    let Then(member, Repeatable(Nothing, key)) = path;
    let (organization, language) = (member.organization, language::of(&request));
    let render = move |view: &View| {
        CartView::answer(StatusCode::CREATED, view, language).location(&format!("{}/{}", base(organization), view.id))
    };
    key.once(&state.services, member.call(), render, async move |services, call| {
        carts::open(&services, &call, organization).await
    })
    .await
}

/// List the open carts
///
/// Those that can still be filled and ordered, whoever of the organization opened them; prices are those of this
/// moment.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"), ListQuery),
    responses((status = 200, description = "Newest first", body = Page<CartView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[get("/v1/organizations/{org}/carts")]
pub async fn list_organization_carts(
    request: HttpRequest,
    state: web::Data<AppState>,
    query: Then<Member<Order>, Query<ListQuery>>,
) -> Result<Page<CartView>, Problem> {
    let Then(member, Query(query)) = query;
    let limit = query.limit();
    let more = i64::from(limit) + 1;
    let rows = carts::list(&state.services, member.call(), member.organization, query.after()?, more).await?;
    let language = language::of(&request);
    Page::of(rows, limit, |view| view.id, |view| CartView::of(view, language))
}

/// Show a cart
///
/// Prices and taxes are those of this moment; what can't be ordered any more says so at its item. Only a quote is a
/// promise.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart")),
    responses((status = 200, description = "The cart with today's prices", body = CartView), (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[get("/v1/organizations/{org}/carts/{id}")]
pub async fn get_organization_cart(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Path<(OrganizationId, CartId)>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Path((organization, id))) = path;
    let view = carts::get(&state.services, member.call(), organization, id).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Throw a cart away
///
/// With all its items. A cart that was ordered stays as it is.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 204, description = "Gone"), (status = 409, description = "`cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[delete("/v1/organizations/{org}/carts/{id}")]
pub async fn delete_organization_cart(
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, IfMatch>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Then(Path((organization, id)), if_match)) = path;
    carts::delete(&state.services, member.call(), organization, id, if_match.expected_version()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Put an item into a cart
///
/// The offer, its frequency and its options are checked against the catalogue in force; all faults are listed. Needs
/// the right to order that type of product. The answer is the whole cart, priced anew. Nothing is reserved: a name may
/// be taken by somebody else until the order is placed.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw"), OptionalKey),
    request_body = ItemRequest,
    responses((status = 201, description = "The cart with the item", body = CartView),
        (status = 409, description = "`cart_full`, `name_taken` or `cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/carts/{id}/items")]
pub async fn add_organization_cart_item(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, Then<IfMatch, Repeatable<Json<ItemRequest>>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path(cart), Then(if_match, Repeatable(Json(body), key)))) = path;
    let (change, seen) = (Change::Add(body.into()), if_match.expected_version()?);
    let language = language::of(&request);
    let render = move |done: &(View, ItemId)| added(done, language, &base(cart.0));
    key.once(&state.services, member.call(), render, async move |services, call| {
        carts::change(&services, &call, cart, seen, change).await
    })
    .await
}

/// Change an item of a cart
///
/// What is left out stays. The item is checked against the catalogue in force as a new one is; the answer is the whole
/// cart, priced anew. Quotes of the cart as it was are stale.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body(content = ItemPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The changed cart", body = CartView),
        (status = 409, description = "`name_taken` or `cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[patch("/v1/organizations/{org}/carts/{id}/items/{item}")]
pub async fn update_organization_cart_item(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId, ItemId)>, Then<IfMatch, MergePatch<ItemPatch>>>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path((organization, id, item)), Then(if_match, MergePatch(body)))) = path;
    let (cart, change) = ((organization, id), Change::Alter(item, body.into()));
    let seen = if_match.expected_version()?;
    let (view, _) = carts::change(&state.services, member.call(), cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Take an item out of a cart
///
/// The answer is the whole cart, priced anew. Quotes of the cart as it was are stale.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "The cart without it", body = CartView),
        (status = 409, description = "`cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[delete("/v1/organizations/{org}/carts/{id}/items/{item}")]
pub async fn remove_organization_cart_item(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId, ItemId)>, IfMatch>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path((organization, id, item)), if_match)) = path;
    let (cart, change) = ((organization, id), Change::Remove(item));
    let seen = if_match.expected_version()?;
    let (view, _) = carts::change(&state.services, member.call(), cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Choose how to pay
///
/// It comes before promo codes, since a code may hold for some methods alone, and can be chosen again until the order
/// is placed.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body = PaymentMethodChoice,
    responses((status = 200, description = "The changed cart", body = CartView),
        (status = 409, description = "`payment_method_unavailable` or `cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[put("/v1/organizations/{org}/carts/{id}/payment-method")]
pub async fn set_organization_cart_payment_method(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, Then<IfMatch, Json<PaymentMethodChoice>>>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path(cart), Then(if_match, Json(body)))) = path;
    let (change, seen) = (Change::PayBy(body.kind), if_match.expected_version()?);
    let (view, _) = carts::change(&state.services, member.call(), cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}
