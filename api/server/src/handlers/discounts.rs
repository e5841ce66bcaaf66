//! Promo codes and free offers in carts: applied, explained, taken away (ORD-2, ORD-3, ORD-5).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, delete, post, put, web};
use manager_domain::discounts::AppliedBenefit;
use manager_domain::free_offers::FreeOfferReason;
use manager_domain::ids::{CartId, FreeOfferId, ItemId, OrganizationId};
use manager_domain::promo_code_placements::Placement;
use manager_domain::promo_codes::{CodeText, PromoCodeReason};
use manager_domain::{Currency, FaultCode, Instant, Money};
use manager_services::anonymous_carts;
use manager_services::carts::{self, Applied, Change};
use manager_services::discounts::JudgedOffer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::anonymous_carts::CartSecret;
use super::carts::CartView;
use crate::auth::permissions::{Order, Required};
use crate::auth::{Client, Member};
use crate::etags::{IfMatch, Tagged};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::Json;
use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// Where a promo code of the cart is, and why it isn't elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct CartPromoCode {
    pub code: String,
    /// The item it is on; null where it is on none.
    #[schema(required)]
    pub item: Option<ItemId>,
    /// What it takes off that item, net.
    #[schema(required)]
    pub discount: Option<Money>,
    /// Why it is on no item; a visitor's cart is told `code_not_usable` whatever it is.
    #[schema(required)]
    pub reason: Option<PromoCodeReason>,
    /// Why it isn't on the other items.
    pub elsewhere: Vec<ItemReason>,
}

/// Why a promo code isn't on an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemReason {
    pub item: ItemId,
    pub reason: PromoCodeReason,
}

impl CartPromoCode {
    pub fn of(placement: Placement, currency: Currency) -> Self {
        Self {
            code: placement.code.to_string(),
            item: placement.on.map(|(item, _)| item),
            discount: placement.on.map(|(_, worth)| Money::new(worth, currency)),
            reason: placement.refused,
            elsewhere: (placement.elsewhere.into_iter()).map(|(item, reason)| ItemReason { item, reason }).collect(),
        }
    }
}

/// A free offer of the organization, and whether it is good for the item.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemFreeOffer {
    pub id: FreeOfferId,
    /// Whether it can be, or is, active on the item.
    pub usable: bool,
    /// Whether it is active on the item.
    pub active: bool,
    /// Why it isn't usable.
    #[schema(required)]
    pub reason: Option<FreeOfferReason>,
    pub expires_at: Instant,
    /// Terms that it makes free.
    pub terms: u32,
    /// Units of the item that it makes free.
    pub units: u32,
}

impl ItemFreeOffer {
    pub fn of(judged: &JudgedOffer) -> Self {
        Self {
            id: judged.offer.id,
            usable: judged.reason.is_none(),
            active: judged.is_active,
            reason: judged.reason,
            expires_at: judged.offer.expires_at,
            terms: judged.offer.terms,
            units: judged.offer.units,
        }
    }
}

/// The promo code of a benefit, where it is one.
pub fn code_of(benefit: Option<&AppliedBenefit>) -> Option<String> {
    match benefit {
        Some(AppliedBenefit::PromoCode { code, .. }) => Some(code.to_string()),
        _ => None,
    }
}

/// The free offer of a benefit, where it is one.
pub fn offer_of(benefit: Option<&AppliedBenefit>) -> Option<FreeOfferId> {
    match benefit {
        Some(AppliedBenefit::FreeOffer { id, .. }) => Some(*id),
        _ => None,
    }
}

/// A promo code as somebody typed it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"code": "WELCOME-2026"})))]
pub struct PromoCodeEntry {
    /// Letters, digits and hyphens, in either case.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    pub code: String,
}

impl PromoCodeEntry {
    fn code(&self) -> Result<CodeText, Problem> {
        CodeText::parse(&self.code).map_err(|_| Problem::fault("/code", FaultCode::InvalidPromoCode))
    }
}

fn answer(applied: &Applied, language: Language) -> Answer {
    match applied {
        Applied::Applied(view) => CartView::answer(StatusCode::CREATED, view, language),
        Applied::Refused(refusal) => Answer::refused((**refusal).clone()),
    }
}

/// Apply a promo code
///
/// One code a call, after the payment method was chosen. It goes to the item where it is worth most, the first of equal
/// ones, and stays there until the item leaves or takes a free offer. A code that is good for no item is refused with the
/// reason for each, and the cart stays as it was. Tries without success are counted: after 30 in an hour they are
/// answered with 429.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw"), OptionalKey),
    request_body = PromoCodeEntry,
    responses((status = 201, description = "The cart with the code", body = CartView),
        (status = 409, description = "`payment_method_required`, `promo_code_in_cart`, `too_many_promo_codes`, \
            `cart_closed`, `code_not_usable` for a code that doesn't exist, or `promo_code_refused` with `reason` and, \
            for each item, `items`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/carts/{id}/promo-codes")]
pub async fn apply_organization_cart_promo_code(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, Then<IfMatch, Repeatable<Json<PromoCodeEntry>>>>>,
) -> Result<Answer, Problem> {
    let Then(member, Then(Path(cart), Then(if_match, Repeatable(Json(body), key)))) = path;
    let (code, seen, language) = (body.code()?, if_match.expected_version()?, language::of(&request));
    let render = move |applied: &Applied| answer(applied, language);
    key.once(&state.services, member.call(), render, async move |services, call| {
        carts::apply_code(&services, &call, cart, seen, code).await
    })
    .await
}

/// Take a promo code out of a cart
///
/// The other codes are placed again: one that had no item may get the one that is free now.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), ("code" = String, Path, description = "The code"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "The cart without it", body = CartView),
        (status = 409, description = "`cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[delete("/v1/organizations/{org}/carts/{id}/promo-codes/{code}")]
pub async fn remove_organization_cart_promo_code(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId, CodeText)>, IfMatch>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path((organization, id, code)), if_match)) = path;
    let (change, seen) = (Change::RemoveCode(code), if_match.expected_version()?);
    let (view, _) = carts::change(&state.services, member.call(), (organization, id), seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Apply a promo code to a visitor's cart
///
/// As in an organization's cart, but why a code can't be used isn't told here, so that codes can't be found by trying.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw"), OptionalKey),
    request_body = PromoCodeEntry,
    responses((status = 201, description = "The cart with the code", body = CartView),
        (status = 409, description = "`payment_method_required`, `promo_code_in_cart`, `too_many_promo_codes`, or \
            `code_not_usable`")),
    security(("cart_token" = [])))]
#[post("/v1/carts/{id}/promo-codes")]
pub async fn apply_cart_promo_code(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId,)>, Then<IfMatch, Repeatable<Json<PromoCodeEntry>>>>>,
) -> Result<Answer, Problem> {
    let Then(CartSecret(secret), Then(Path((id,)), Then(if_match, Repeatable(Json(body), key)))) = path;
    let (code, seen, language) = (body.code()?, if_match.expected_version()?, language::of(&request));
    let render = move |applied: &Applied| answer(applied, language);
    let key = key.of_cart(&state.services, &client.0, (id, &secret)).await?;
    key.once(&state.services, &client.0, render, async move |services, call| {
        anonymous_carts::apply_code(&services, &call, (id, &secret), seen, code).await
    })
    .await
}

/// Take a promo code out of a visitor's cart
///
/// The other codes are placed again: one that had no item may get the one that is free now.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("code" = String, Path, description = "The code"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "The cart without it", body = CartView)),
    security(("cart_token" = [])))]
#[delete("/v1/carts/{id}/promo-codes/{code}")]
pub async fn remove_cart_promo_code(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId, CodeText)>, IfMatch>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(CartSecret(secret), Then(Path((id, code)), if_match)) = path;
    let (cart, change) = ((id, secret.as_str()), Change::RemoveCode(code));
    let seen = if_match.expected_version()?;
    let (view, _) = anonymous_carts::change(&state.services, &client.0, cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Which free offer to use.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"free_offer": "ofr_01k5x9dzt4f3gsv6t1n0q8m2ra"})))]
pub struct FreeOfferChoice {
    /// One of the organization's; the cart lists for each item which it can use.
    pub free_offer: FreeOfferId,
}

/// Activate a free offer on an item
///
/// Makes as many units of the item free as the offer covers. A promo code that was on the item is placed again.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body = FreeOfferChoice,
    responses((status = 200, description = "The changed cart", body = CartView),
        (status = 409, description = "`free_offer_refused` with the `reason`: `other_organization` also for an offer that \
            doesn't exist; or `cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[put("/v1/organizations/{org}/carts/{id}/items/{item}/free-offer")]
pub async fn set_item_free_offer(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId, ItemId)>, Then<IfMatch, Json<FreeOfferChoice>>>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path((organization, id, item)), Then(if_match, Json(body)))) = path;
    let (cart, change) = ((organization, id), Change::UseOffer(item, body.free_offer));
    let seen = if_match.expected_version()?;
    let (view, _) = carts::change(&state.services, member.call(), cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Take the free offer off an item
///
/// The item costs its price again, and a promo code that fits may be placed on it; the offer stays usable.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart"), ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "The changed cart", body = CartView),
        (status = 409, description = "`cart_closed`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[delete("/v1/organizations/{org}/carts/{id}/items/{item}/free-offer")]
pub async fn remove_item_free_offer(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId, ItemId)>, IfMatch>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(member, Then(Path((organization, id, item)), if_match)) = path;
    let (cart, change) = ((organization, id), Change::DropOffer(item));
    let seen = if_match.expected_version()?;
    let (view, _) = carts::change(&state.services, member.call(), cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}
