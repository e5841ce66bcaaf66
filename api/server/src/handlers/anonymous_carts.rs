//! Carts of visitors, by their secret in `X-Cart-Token` or the cookie (ORD-1, ACC-3).

use std::future::{Ready, ready};

use actix_web::cookie::{Cookie, time::Duration};
use actix_web::dev::Payload;
use actix_web::http::header::LOCATION;
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, delete, get, patch, post, put, web};
use manager_domain::Currency;
use manager_domain::ids::{CartId, ItemId, OrganizationId};
use manager_domain::organizations::{DEFAULT_COUNTRY, OrganizationKind, country_of};
use manager_domain::permissions::Permission;
use manager_services::anonymous_carts::{self, Visitor};
use manager_services::carts::{Change, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::carts::{CartView, ItemPatch, ItemRequest, PaymentMethodChoice, added};
use crate::auth::{Caller, Client, cookies};
use crate::etags::{Etag, IfMatch, Tagged};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::{Json, MergePatch};
use crate::language;
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

const HEADER: &str = "X-Cart-Token";
/// Holds the cart's secret; no script can read it.
const SECRET: &str = "__Host-cart";
/// Holds the cart's id, so that a page finds its visitor's cart again.
const ID: &str = "__Host-cart-id";
const BASE: &str = "/v1/carts";

/// The secret of a visitor's cart. Without one there is no cart: 404.
#[derive(Debug, Clone)]
pub struct CartSecret(pub(super) String);

impl FromRequest for CartSecret {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(secret(request).map(Self))
    }
}

fn secret(request: &HttpRequest) -> Result<String, Problem> {
    if let Some(header) = request.headers().get(HEADER) {
        return header.to_str().map(str::to_owned).map_err(|_| Problem::not_found());
    }
    let cookie = request.cookie(SECRET).ok_or_else(Problem::not_found)?;
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reading {
        let state = request.app_data::<web::Data<AppState>>();
        cookies::check_origin(request, state.ok_or_else(|| Problem::internal("no state"))?)?;
    }
    Ok(cookie.value().to_owned())
}

/// For whom a visitor's cart is priced.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"country": "CH", "customer_kind": "individual"})))]
pub struct CartRequest {
    /// ISO 3166-1 alpha-2; CH without it.
    #[serde(default)]
    #[validate(length(min = 2, max = 2))]
    #[schema(required = false, min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// `individual` without it.
    #[serde(default)]
    #[schema(required = false)]
    pub customer_kind: Option<OrganizationKind>,
    /// The country's currency without it.
    #[serde(default)]
    #[schema(required = false)]
    pub currency: Option<Currency>,
}

/// A visitor's cart with its secret, which is told this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "token": "crt_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ",
    "cart": {"id": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "organization": null, "state": "open", "currency": "CHF",
        "country": "CH", "customer_kind": "individual", "payment_method": null, "items": [], "promo_codes": [],
        "totals": {"net": {"amount": 0, "currency": "CHF"}, "tax": {"amount": 0, "currency": "CHF"},
            "total": {"amount": 0, "currency": "CHF"}, "rates": [], "notes": []},
        "created_at": "2026-03-01T09:30:00Z", "updated_at": "2026-03-01T09:30:00Z",
        "expires_at": "2026-03-31T09:30:00Z"}
})))]
pub struct OpenedCart {
    /// To be sent as `X-Cart-Token`; browsers have it in a cookie.
    pub token: String,
    pub cart: CartView,
}

/// Open a visitor's cart
///
/// Kept for 30 days after its last change. Its secret is told this once; a browser gets it in cookies too.
#[utoipa::path(tag = "carts", request_body = CartRequest,
    responses((status = 201, description = "An empty cart and its secret", body = OpenedCart,
        headers(("ETag" = String, description = "The version of the cart")))))]
#[post("/v1/carts")]
pub async fn create_cart(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    body: Json<CartRequest>,
) -> Result<HttpResponse, Problem> {
    let country = country_of(body.0.country.as_deref(), None, DEFAULT_COUNTRY);
    let country = country.map_err(|code| Problem::fault("/country", code))?;
    let currency = state.services.settings.currency(body.0.currency, &country);
    let visitor = Visitor {
        kind: body.0.customer_kind.unwrap_or(OrganizationKind::Individual),
        currency: currency.map_err(|code| Problem::fault("/currency", code))?,
        country,
    };
    let (view, token) = anonymous_carts::open(&state.services, &client.0, visitor).await?;
    let lifetime = Duration::seconds(state.services.settings.anonymous_cart_lifetime.num_seconds());
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{BASE}/{}", view.id)));
    response.insert_header(("ETag", Etag::version(view.version).header()));
    response.cookie(cookies::cookie(SECRET, token.clone(), true, lifetime));
    response.cookie(cookies::cookie(ID, view.id.to_string(), false, lifetime));
    Ok(response.json(OpenedCart { token, cart: CartView::of(view, language::of(&request)) }))
}

/// Show a visitor's cart
///
/// Prices and taxes are those of this moment, for the country and kind of customer that the cart was opened for; what
/// can't be ordered any more says so at its item.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart")),
    responses((status = 200, description = "The cart with today's prices", body = CartView), (status = 304, description = "You have it")),
    security(("cart_token" = [])))]
#[get("/v1/carts/{id}")]
pub async fn get_cart(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Path<(CartId,)>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(CartSecret(secret), Path((id,))) = path;
    let view = anonymous_carts::get(&state.services, &client.0, id, &secret).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Throw a visitor's cart away
///
/// With all its items; the secret is dead from then on, and a browser's cookies for it go.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 204, description = "Gone")), security(("cart_token" = [])))]
#[delete("/v1/carts/{id}")]
pub async fn delete_cart(
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId,)>, IfMatch>>,
) -> Result<HttpResponse, Problem> {
    let Then(CartSecret(secret), Then(Path((id,)), if_match)) = path;
    anonymous_carts::delete(&state.services, &client.0, (id, &secret), if_match.expected_version()?).await?;
    let mut response = HttpResponse::NoContent();
    for gone in forgotten() {
        response.cookie(gone);
    }
    Ok(response.finish())
}

/// Takes the cookies of a cart that is gone away.
fn forgotten() -> [Cookie<'static>; 2] {
    [
        cookies::cookie(SECRET, String::new(), true, Duration::ZERO),
        cookies::cookie(ID, String::new(), false, Duration::ZERO),
    ]
}

/// Put an item into a visitor's cart
///
/// The offer, its frequency and its options are checked against the catalogue in force; all faults are listed. The
/// answer is the whole cart, priced anew. Reading is no reservation: a name may be taken by somebody else until the
/// order is placed.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw"), OptionalKey),
    request_body = ItemRequest,
    responses((status = 201, description = "The cart with the item", body = CartView),
        (status = 409, description = "`cart_full` or `name_taken`")),
    security(("cart_token" = [])))]
#[post("/v1/carts/{id}/items")]
pub async fn add_cart_item(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId,)>, Then<IfMatch, Repeatable<Json<ItemRequest>>>>>,
) -> Result<Answer, Problem> {
    let Then(CartSecret(secret), Then(Path((id,)), Then(if_match, Repeatable(Json(body), key)))) = path;
    let (change, seen) = (Change::Add(body.into()), if_match.expected_version()?);
    let language = language::of(&request);
    let render = move |done: &(View, ItemId)| added(done, language, BASE);
    let key = key.of_cart(&state.services, &client.0, (id, &secret)).await?;
    key.once(&state.services, &client.0, render, async move |services, call| {
        anonymous_carts::change(&services, &call, (id, &secret), seen, change).await
    })
    .await
}

/// Change an item of a visitor's cart
///
/// What is left out stays. The item is checked against the catalogue in force as a new one is; the answer is the whole
/// cart, priced anew.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body(content = ItemPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The changed cart", body = CartView)),
    security(("cart_token" = [])))]
#[patch("/v1/carts/{id}/items/{item}")]
pub async fn update_cart_item(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId, ItemId)>, Then<IfMatch, MergePatch<ItemPatch>>>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(CartSecret(secret), Then(Path((id, item)), Then(if_match, MergePatch(body)))) = path;
    let (cart, change) = ((id, secret.as_str()), Change::Alter(item, body.into()));
    let seen = if_match.expected_version()?;
    let (view, _) = anonymous_carts::change(&state.services, &client.0, cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Take an item out of a visitor's cart
///
/// The answer is the whole cart, priced anew. Removing what isn't there any more is a 404.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("item" = ItemId, Path, description = "The item"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "The cart without it", body = CartView)),
    security(("cart_token" = [])))]
#[delete("/v1/carts/{id}/items/{item}")]
pub async fn remove_cart_item(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId, ItemId)>, IfMatch>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(CartSecret(secret), Then(Path((id, item)), if_match)) = path;
    let (cart, change) = ((id, secret.as_str()), Change::Remove(item));
    let seen = if_match.expected_version()?;
    let (view, _) = anonymous_carts::change(&state.services, &client.0, cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Choose how to pay, in a visitor's cart
///
/// A kind only; a visitor has no saved methods. It comes before promo codes, since a code may hold for some methods
/// alone, and can be chosen again until the order is placed.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body = PaymentMethodChoice,
    responses((status = 200, description = "The changed cart", body = CartView),
        (status = 409, description = "`payment_method_unavailable`")),
    security(("cart_token" = [])))]
#[put("/v1/carts/{id}/payment-method")]
pub async fn set_cart_payment_method(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Then<CartSecret, Then<Path<(CartId,)>, Then<IfMatch, Json<PaymentMethodChoice>>>>,
) -> Result<Tagged<CartView>, Problem> {
    let Then(CartSecret(secret), Then(Path((id,)), Then(if_match, Json(body)))) = path;
    let (cart, change) = ((id, secret.as_str()), Change::PayBy(body.kind));
    let seen = if_match.expected_version()?;
    let (view, _) = anonymous_carts::change(&state.services, &client.0, cart, seen, change).await?;
    Ok(CartView::tagged(view, language::of(&request)))
}

/// Where a cart goes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra"})))]
pub struct CartClaimRequest {
    /// One the caller may order for.
    pub organization: OrganizationId,
}

/// Claim a visitor's cart
///
/// Moves it into an organization, where it keeps its id; its secret is dead from then on. Signed in, with the cart's
/// secret; needs the permission `order` in that organization, for everything in the cart.
#[utoipa::path(tag = "carts", params(("id" = CartId, Path, description = "The cart"),
        ("X-Cart-Token" = Option<String>, Header, description = "The cart's secret, unless it is in the cookie"),
        OptionalKey),
    request_body = CartClaimRequest,
    responses((status = 200, description = "The organization's cart", body = CartView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Permission::Order.as_str()))))]
#[post("/v1/carts/{id}/claim")]
pub async fn claim_cart(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Caller, Then<CartSecret, Then<Path<(CartId,)>, Repeatable<Json<CartClaimRequest>>>>>,
) -> Result<HttpResponse, Problem> {
    let Then(caller, Then(CartSecret(secret), Then(Path((id,)), Repeatable(Json(body), key)))) = path;
    let (call, organization) = (&caller.call, body.organization);
    let language = language::of(&request);
    let render = move |view: &View| CartView::answer(StatusCode::OK, view, language);
    let claimed = key.once(&state.services, call, render, async move |services, call| {
        anonymous_carts::claim(&services, &call, organization, id, &secret).await
    });
    let mut response = claimed.await?.respond_to(&request);
    for gone in forgotten() {
        response.add_cookie(&gone).map_err(Problem::internal)?;
    }
    Ok(response)
}
