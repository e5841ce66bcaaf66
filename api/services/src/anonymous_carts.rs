//! Carts of visitors, found by their secret, and how they move into an organization (ORD-1, ACC-3).

use manager_domain::carts::{CartContent, CartState, Customer};
use manager_domain::ids::*;
use manager_domain::organizations::OrganizationKind;
use manager_domain::permissions::Permission;
use manager_domain::promo_codes::CodeText;
use manager_domain::{Code, Currency, Instant};
use manager_repository::carts::{self as rows, AnonymousCart, Cart};
use manager_repository::{AnyConnection, Json};

use crate::access::{Admission, Authority};
use crate::carts::{Applied, Change, View, apply, audit, may_order, refuse_taken, shopper, view, won};
use crate::discounts::{self, Discounts};
use crate::errors::{Error, Result};
use crate::vault::{self, Purpose};
use crate::versions::fresh;
use crate::{Call, Services, catalogue, promo_codes, throttles};

/// For whom a visitor's cart is priced.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub kind: OrganizationKind,
    pub country: String,
    pub currency: Currency,
}

/// Opens a visitor's cart; answers it with its secret, which is told this once.
pub async fn open(services: &Services, call: &Call, visitor: Visitor) -> Result<(View, String)> {
    let secret = vault::token("crt")?;
    let row = AnonymousCart {
        id: services.id(call.now),
        secret_hash: secret_hash(services, &secret),
        currency: visitor.currency,
        country: visitor.country,
        customer_kind: visitor.kind,
        content: Json(CartContent::default()),
        version: 1,
        created_at: call.now,
        updated_at: call.now,
        expires_at: call.now + services.settings.anonymous_cart_lifetime,
    };
    let (shared, now, network) = (services.clone(), call.now, throttles::network(&call.ip));
    let write = move |tx: &mut AnyConnection| {
        throttles::take(tx, &shared, now, throttles::CARTS_IP, &network)?;
        rows::insert_anonymous(tx, &row)?;
        view_of(tx, &shared, row.clone(), now)
    };
    Ok((services.db.write(write).await?, secret))
}

/// A visitor's cart.
///
/// # Errors
/// `not_found`, also for a wrong secret.
pub async fn get(services: &Services, call: &Call, id: CartId, secret: &str) -> Result<View> {
    let (shared, now, hash) = (services.clone(), call.now, secret_hash(services, secret));
    let read = move |conn: &mut AnyConnection| {
        let row = rows::find_anonymous(conn, id, &hash, now)?.ok_or(Code::NotFound)?;
        view_of(conn, &shared, row, now)
    };
    services.db.read(read).await
}

/// Whether a visitor's cart is there and this is its secret, for who is about to look into what was answered before.
///
/// # Errors
/// `not_found`, also for a wrong secret.
pub async fn require(services: &Services, call: &Call, id: CartId, secret: &str) -> Result<()> {
    let (now, hash) = (call.now, secret_hash(services, secret));
    let read = move |conn: &mut AnyConnection| Ok::<_, Error>(rows::find_anonymous(conn, id, &hash, now)?.is_some());
    if services.db.read(read).await? { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// Changes a visitor's cart.
///
/// # Errors
/// `not_found`, `precondition_failed` where `seen` is stale, and what the change is refused for.
pub async fn change(
    services: &Services,
    call: &Call,
    (id, secret): (CartId, &str),
    seen: Option<i64>,
    change: Change,
) -> Result<(View, ItemId)> {
    let (shared, now, hash) = (services.clone(), call.now, secret_hash(services, secret));
    let item: ItemId = services.id(now);
    let write = move |tx: &mut AnyConnection| {
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        fresh(seen, row.version)?;
        let version = catalogue::in_force(tx, &shared, catalogue::today(&shared, now))?;
        let mut content = row.content.0.clone();
        apply(&shared, &mut content, &change, item, &version.catalogue, row.currency)?;
        refuse_taken(tx, &content, &change, item, &version.catalogue)?;
        let content = placed(tx, &shared, &row, content, now)?.1;
        let expires_at = now + shared.settings.anonymous_cart_lifetime;
        won(rows::update_anonymous(tx, &row, &content, now, expires_at)?)?;
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        Ok::<_, Error>((view_of(tx, &shared, row, now)?, item))
    };
    services.write(call.clone(), write).await
}

/// Applies a promo code to a visitor's cart.
///
/// # Errors
/// `not_found`, `precondition_failed`, `payment_method_required`, `promo_code_in_cart`, `too_many_promo_codes`,
/// `too_many_requests`.
pub async fn apply_code(
    services: &Services,
    call: &Call,
    (id, secret): (CartId, &str),
    seen: Option<i64>,
    code: CodeText,
) -> Result<Applied> {
    let (shared, caller, hash) = (services.clone(), call.clone(), secret_hash(services, secret));
    let write = move |tx: &mut AnyConnection| {
        let now = caller.now;
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        fresh(seen, row.version)?;
        let mut content = row.content.0.clone();
        content.add_promo_code(code.clone())?;
        promo_codes::count_try(tx, &shared, &caller)?;
        let (found, content) = placed(tx, &shared, &row, content, now)?;
        if let Some(refusal) = found.codes.last().and_then(promo_codes::refusal) {
            return Ok::<_, Error>(Applied::Refused(Box::new(refusal)));
        }
        promo_codes::forgive_try(tx, &shared, &caller)?;
        won(rows::update_anonymous(tx, &row, &content, now, now + shared.settings.anonymous_cart_lifetime)?)?;
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        Ok(Applied::Applied(Box::new(view_of(tx, &shared, row, now)?)))
    };
    services.write(call.clone(), write).await
}

/// Throws a visitor's cart away.
///
/// # Errors
/// `not_found`, `precondition_failed` where `seen` is stale.
pub async fn delete(services: &Services, call: &Call, (id, secret): (CartId, &str), seen: Option<i64>) -> Result<()> {
    let (now, hash) = (call.now, secret_hash(services, secret));
    let write = move |tx: &mut AnyConnection| {
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        fresh(seen, row.version)?;
        won(rows::delete_anonymous(tx, id, row.version)?)
    };
    services.db.write(write).await
}

/// Moves a visitor's cart into an organization, where it keeps its id; its secret is dead from then on.
///
/// # Errors
/// `not_found` for an unknown cart, a wrong secret, or a cart that was claimed or expired; nothing was written then.
pub(crate) fn claim_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: CartId,
    secret: &str,
) -> Result<CartId> {
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let hash = secret_hash(services, secret);
    let row = rows::find_anonymous(tx, id, &hash, call.now)?.ok_or(Code::NotFound)?;
    audit(tx, services, call, organization, "cart.claimed", id, row.content.0.items.len())?;
    won(rows::delete_anonymous(tx, id, row.version)?)?;
    let cart = Cart {
        organization_id: organization,
        id,
        state: CartState::Open,
        content: row.content,
        created_by: actor.account,
        version: row.version + 1,
        created_at: row.created_at,
        updated_at: call.now,
    };
    rows::insert(tx, &cart)?;
    Ok(id)
}

/// Claims a visitor's cart for an organization in which the caller may order everything that is in it.
///
/// # Errors
/// As [`claim_in`]; `not_found` for strangers to the organization; `forbidden`.
pub async fn claim(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: CartId,
    secret: &str,
) -> Result<View> {
    let admission = Admission { organization, product: None, permission: Permission::Order };
    let (shared, call, secret) = (services.clone(), call.admitted(Some(admission)), secret.to_owned());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection, authority: &Authority| {
        claim_in(tx, &shared, &call, organization, id, &secret)?;
        let row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        let version = catalogue::in_force(tx, &shared, catalogue::today(&shared, call.now))?;
        for item in &row.content.0.items {
            may_order(&authority.rights, &version.catalogue, &item.offer)?;
        }
        view(tx, &shared, row, call.now)
    };
    services.write_as(caller, write).await
}

/// What the promo codes of a cart come to, and the cart with each code where it is.
fn placed(
    conn: &mut AnyConnection,
    services: &Services,
    row: &AnonymousCart,
    content: CartContent,
    now: Instant,
) -> Result<(Discounts, CartContent)> {
    let customer = visitor(row);
    let catalogue = catalogue::in_force(conn, services, catalogue::today(services, now))?.catalogue;
    let found = discounts::find(conn, services, &shopper(services, &customer, &catalogue, None, now), &content)?;
    let content = found.placed(&content);
    Ok((found, content))
}

fn visitor(row: &AnonymousCart) -> Customer {
    let (kind, country, currency) = (row.customer_kind, row.country.clone(), row.currency);
    Customer { kind, country, vat_verified: false, currency }
}

fn view_of(conn: &mut AnyConnection, services: &Services, row: AnonymousCart, now: Instant) -> Result<View> {
    let customer = visitor(&row);
    let catalogue = catalogue::in_force(conn, services, catalogue::today(services, now))?.catalogue;
    let shopper = shopper(services, &customer, &catalogue, None, now);
    let discounts = discounts::find(conn, services, &shopper, &row.content.0)?;
    Ok(View {
        id: row.id,
        organization: None,
        state: CartState::Open,
        priced: shopper.priced(services, &row.content.0, &discounts),
        discounts,
        customer,
        content: row.content.0,
        catalogue,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        expires_at: Some(row.expires_at),
    })
}

fn secret_hash(services: &Services, secret: &str) -> Vec<u8> {
    services.vault.mac(Purpose::CartSecrets, secret.as_bytes()).to_vec()
}
