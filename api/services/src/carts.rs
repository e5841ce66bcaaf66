//! Carts of visitors and of organizations (ORD-1). Prices are computed at every read.

use std::sync::Arc;

use manager_domain::carts::{CartContent, CartState, Customer, ItemChange, NewItem, PricedCart};
use manager_domain::catalogue::Catalogue;
use manager_domain::ids::*;
use manager_domain::memberships::Rights;
use manager_domain::organizations::OrganizationKind;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::permissions::{Permission, decide_order};
use manager_domain::promo_codes::CodeText;
use manager_domain::{Code, Currency, Instant, Refusal};
use manager_repository::carts::{self as rows, AnonymousCart, Cart};
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, Json};
use serde_json::json;

use crate::access::{Admission, Authority, allowed};
use crate::audit_log::{self, Entry};
use crate::discounts::{self, Discounts, Shopper};
use crate::errors::{Error, Result};
use crate::vault::{self, Purpose};
use crate::versions::fresh;
use crate::{Call, Services, catalogue, product_names, promo_codes, throttles};

/// A cart with today's prices.
#[derive(Debug, Clone)]
pub struct View {
    pub id: CartId,
    /// `None` for a visitor's cart.
    pub organization: Option<OrganizationId>,
    pub state: CartState,
    pub customer: Customer,
    pub content: CartContent,
    pub priced: PricedCart,
    /// What lowered the prices, and what didn't.
    pub discounts: Discounts,
    pub catalogue: Arc<Catalogue>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// Of a visitor's cart.
    pub expires_at: Option<Instant>,
}

/// One change of a cart.
#[derive(Debug, Clone)]
pub enum Change {
    Add(NewItem),
    Alter(ItemId, ItemChange),
    Remove(ItemId),
    PayBy(PaymentMethodKind),
    RemoveCode(CodeText),
    /// In an organization's cart.
    UseOffer(ItemId, FreeOfferId),
    DropOffer(ItemId),
}

/// What became of a promo code that was to be applied to a cart.
#[derive(Debug, Clone)]
pub enum Applied {
    Applied(Box<View>),
    /// It isn't good for the cart, which is as it was; the try counts.
    Refused(Box<Refusal>),
}

/// For whom a visitor's cart is priced.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub kind: OrganizationKind,
    pub country: String,
    pub currency: Currency,
}

/// Whom an organization is to its seller.
pub fn customer(organization: &Organization) -> Customer {
    Customer {
        kind: organization.kind,
        country: organization.country.clone(),
        vat_verified: organization.vat_verified_at.is_some(),
        currency: organization.currency,
    }
}

fn apply(
    services: &Services,
    content: &mut CartContent,
    change: &Change,
    id: ItemId,
    catalogue: &Catalogue,
    currency: Currency,
) -> Result<()> {
    let minimum = services.settings.minimum(currency);
    match change.clone() {
        Change::Add(new) => content.add(id, new, catalogue, minimum)?,
        Change::Alter(item, change) => content.change(item, change, catalogue, minimum)?,
        Change::Remove(item) => content.remove(item)?,
        Change::PayBy(kind) => content.set_payment_method(kind, currency)?,
        Change::RemoveCode(code) => content.remove_promo_code(&code)?,
        Change::UseOffer(item, offer) => content.set_free_offer(item, Some(offer))?,
        Change::DropOffer(item) => {
            content.active_offers().iter().find(|(on, _)| *on == item).ok_or(Code::NotFound)?;
            content.set_free_offer(item, None)?;
        }
    }
    Ok(())
}

/// Refuses a name that somebody has by now, where the change says one.
fn refuse_taken(
    conn: &mut AnyConnection,
    content: &CartContent,
    change: &Change,
    new: ItemId,
    catalogue: &Catalogue,
) -> Result<()> {
    match change {
        Change::Add(_) => product_names::refuse_taken(conn, content, new, catalogue),
        Change::Alter(item, change) if !change.options.is_empty() => {
            product_names::refuse_taken(conn, content, *item, catalogue)
        }
        _ => Ok(()),
    }
}

/// Opens a visitor's cart; answers it with its secret, which is told this once.
pub async fn open_anonymous(services: &Services, call: &Call, visitor: Visitor) -> Result<(View, String)> {
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
        view_anonymous(tx, &shared, row.clone(), now)
    };
    Ok((services.db.write(write).await?, secret))
}

/// A visitor's cart.
///
/// # Errors
/// `not_found`, also for a wrong secret.
pub async fn get_anonymous(services: &Services, call: &Call, id: CartId, secret: &str) -> Result<View> {
    let (shared, now, hash) = (services.clone(), call.now, secret_hash(services, secret));
    let read = move |conn: &mut AnyConnection| {
        let row = rows::find_anonymous(conn, id, &hash, now)?.ok_or(Code::NotFound)?;
        view_anonymous(conn, &shared, row, now)
    };
    services.db.read(read).await
}

/// Whether a visitor's cart is there and this is its secret, for who is about to look into what was answered before.
///
/// # Errors
/// `not_found`, also for a wrong secret.
pub async fn require_anonymous(services: &Services, call: &Call, id: CartId, secret: &str) -> Result<()> {
    let (now, hash) = (call.now, secret_hash(services, secret));
    let read = move |conn: &mut AnyConnection| Ok::<_, Error>(rows::find_anonymous(conn, id, &hash, now)?.is_some());
    if services.db.read(read).await? { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// Changes a visitor's cart.
///
/// # Errors
/// `not_found`, `precondition_failed` where `seen` is stale, and what the change is refused for.
pub async fn change_anonymous(
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
        let content = placed_anonymous(tx, &shared, &row, content, now)?.1;
        let expires_at = now + shared.settings.anonymous_cart_lifetime;
        won(rows::update_anonymous(tx, &row, &content, now, expires_at)?)?;
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        Ok::<_, Error>((view_anonymous(tx, &shared, row, now)?, item))
    };
    services.write(call.clone(), write).await
}

/// Applies a promo code to a visitor's cart.
///
/// # Errors
/// `not_found`, `precondition_failed`, `payment_method_required`, `promo_code_in_cart`, `too_many_promo_codes`,
/// `too_many_requests`.
pub async fn apply_code_anonymous(
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
        let (found, content) = placed_anonymous(tx, &shared, &row, content, now)?;
        if let Some(refusal) = found.codes.last().and_then(promo_codes::refusal) {
            return Ok::<_, Error>(Applied::Refused(Box::new(refusal)));
        }
        promo_codes::forgive_try(tx, &shared, &caller)?;
        won(rows::update_anonymous(tx, &row, &content, now, now + shared.settings.anonymous_cart_lifetime)?)?;
        let row = rows::find_anonymous(tx, id, &hash, now)?.ok_or(Code::NotFound)?;
        Ok(Applied::Applied(Box::new(view_anonymous(tx, &shared, row, now)?)))
    };
    services.write(call.clone(), write).await
}

/// Throws a visitor's cart away.
///
/// # Errors
/// `not_found`, `precondition_failed` where `seen` is stale.
pub async fn delete_anonymous(
    services: &Services,
    call: &Call,
    (id, secret): (CartId, &str),
    seen: Option<i64>,
) -> Result<()> {
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

/// Opens a cart of an organization.
pub async fn open(services: &Services, call: &Call, organization: OrganizationId) -> Result<View> {
    let (shared, call) = (services.clone(), call.clone());
    let id: CartId = services.id(call.now);
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let actor = call.actor.ok_or(Code::Unauthenticated)?;
        audit(tx, &shared, &call, organization, "cart.opened", id, 0)?;
        let row = Cart {
            organization_id: organization,
            id,
            state: CartState::Open,
            content: Json(CartContent::default()),
            created_by: actor.account,
            version: 1,
            created_at: call.now,
            updated_at: call.now,
        };
        rows::insert(tx, &row)?;
        view(tx, &shared, row, call.now)
    };
    services.write(caller, write).await
}

/// A page of an organization's open carts, newest first.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    before: Option<CartId>,
    limit: i64,
) -> Result<Vec<View>> {
    let (shared, now) = (services.clone(), call.now);
    let read = move |conn: &mut AnyConnection| {
        let carts = rows::list_open(conn, organization, before, limit)?;
        carts.into_iter().map(|row| view(conn, &shared, row, now)).collect()
    };
    services.db.read(read).await
}

/// A cart of an organization, ordered ones too.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, call: &Call, organization: OrganizationId, id: CartId) -> Result<View> {
    let (shared, now) = (services.clone(), call.now);
    let read = move |conn: &mut AnyConnection| {
        let row = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
        view(conn, &shared, row, now)
    };
    services.db.read(read).await
}

/// Changes an organization's cart; what it holds already is no change. Who may order only some types may add only those (MEM-2).
///
/// # Errors
/// `not_found`, `cart_closed`, `forbidden`, `precondition_failed`, and what the change is refused for.
pub async fn change(
    services: &Services,
    call: &Call,
    (organization, id): (OrganizationId, CartId),
    seen: Option<i64>,
    change: Change,
) -> Result<(View, ItemId)> {
    let (shared, call) = (services.clone(), call.clone());
    let item: ItemId = services.id(call.now);
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection, authority: &Authority| {
        let row = open_cart(tx, organization, id)?;
        fresh(seen, row.version)?;
        let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
        let version = catalogue::in_force(tx, &shared, catalogue::today(&shared, call.now))?;
        if let Change::Add(new) = &change {
            may_order(&authority.rights, &version.catalogue, &new.offer)?;
        }
        let mut content = row.content.0.clone();
        if let Change::UseOffer(item, offer) = change {
            content.items.iter().find(|other| other.id == item).ok_or(Code::NotFound)?;
            let customer = customer(&owner);
            let shopper = shopper(&shared, &customer, &version.catalogue, Some(&owner), call.now);
            if let Err(reason) = discounts::judge_offer(tx, &shared, &shopper, &content, (item, offer))? {
                return Err(Refusal::new(Code::FreeOfferRefused).with("reason", reason.as_str()).into());
            }
        }
        apply(&shared, &mut content, &change, item, &version.catalogue, owner.currency)?;
        let content = placed(tx, &shared, &owner, &version.catalogue, content, call.now)?.1;
        if content == row.content.0 {
            return Ok((view(tx, &shared, row, call.now)?, item));
        }
        refuse_taken(tx, &content, &change, item, &version.catalogue)?;
        audit(tx, &shared, &call, organization, "cart.changed", id, content.items.len())?;
        won(rows::update(tx, &row, &content, call.now)?)?;
        let row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        Ok::<_, Error>((view(tx, &shared, row, call.now)?, item))
    };
    services.write_as(caller, write).await
}

/// Applies a promo code to an organization's cart, on the item where it is worth most (ORD-2).
///
/// # Errors
/// `not_found`, `cart_closed`, `precondition_failed`, `payment_method_required`, `promo_code_in_cart`,
/// `too_many_promo_codes`, `too_many_requests`.
pub async fn apply_code(
    services: &Services,
    call: &Call,
    (organization, id): (OrganizationId, CartId),
    seen: Option<i64>,
    code: CodeText,
) -> Result<Applied> {
    let (shared, caller) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        let row = open_cart(tx, organization, id)?;
        fresh(seen, row.version)?;
        let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
        let version = catalogue::in_force(tx, &shared, catalogue::today(&shared, caller.now))?;
        let mut content = row.content.0.clone();
        content.add_promo_code(code.clone())?;
        promo_codes::count_try(tx, &shared, &caller)?;
        let (found, content) = placed(tx, &shared, &owner, &version.catalogue, content, caller.now)?;
        if let Some(refusal) = found.codes.last().and_then(promo_codes::refusal) {
            return Ok::<_, Error>(Applied::Refused(Box::new(refusal)));
        }
        promo_codes::forgive_try(tx, &shared, &caller)?;
        audit(tx, &shared, &caller, organization, "cart.changed", id, content.items.len())?;
        won(rows::update(tx, &row, &content, caller.now)?)?;
        let row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        Ok(Applied::Applied(Box::new(view(tx, &shared, row, caller.now)?)))
    };
    services.write(call.clone(), write).await
}

/// Throws an organization's open cart away.
///
/// # Errors
/// `not_found`, `cart_closed`, `precondition_failed` where `seen` is stale.
pub async fn delete(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: CartId,
    seen: Option<i64>,
) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let row = open_cart(tx, organization, id)?;
        fresh(seen, row.version)?;
        audit(tx, &shared, &call, organization, "cart.deleted", id, row.content.0.items.len())?;
        won(rows::delete(tx, &row)?)
    };
    services.write(caller, write).await
}

/// The organization's cart, if nothing was ordered from it yet.
pub(crate) fn open_cart(conn: &mut AnyConnection, organization: OrganizationId, id: CartId) -> Result<Cart> {
    let row = rows::find(conn, organization, id)?.ok_or(Code::NotFound)?;
    if !row.is_open() {
        let order = manager_repository::orders::find_by_cart(conn, organization, id)?;
        return Err(Refusal::new(Code::CartClosed).with("order", json!(order)).into());
    }
    Ok(row)
}

/// Whether these rights reach to ordering an offer; offers that don't exist are another matter's fault.
pub(crate) fn may_order(rights: &Rights, catalogue: &Catalogue, offer: &str) -> Result<()> {
    let Some((product_type, _)) = catalogue.offer(offer) else { return Ok(()) };
    allowed(decide_order(rights, &product_type.code, &product_type.category))
}

/// Whose cart it is, and which prices hold for it.
pub(crate) fn shopper<'a>(
    services: &Services,
    customer: &'a Customer,
    catalogue: &'a Catalogue,
    organization: Option<&'a Organization>,
    now: Instant,
) -> Shopper<'a> {
    Shopper { customer, catalogue, date: catalogue::today(services, now), now, organization }
}

/// What the codes and free offers of an organization's cart come to, and the cart with each code where it is.
pub(crate) fn placed(
    conn: &mut AnyConnection,
    services: &Services,
    owner: &Organization,
    catalogue: &Catalogue,
    content: CartContent,
    now: Instant,
) -> Result<(Discounts, CartContent)> {
    let customer = customer(owner);
    let found = discounts::find(conn, services, &shopper(services, &customer, catalogue, Some(owner), now), &content)?;
    let content = found.placed(&content);
    Ok((found, content))
}

/// As [`placed`], for a visitor's cart.
fn placed_anonymous(
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

fn view_anonymous(conn: &mut AnyConnection, services: &Services, row: AnonymousCart, now: Instant) -> Result<View> {
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

fn view(conn: &mut AnyConnection, services: &Services, row: Cart, now: Instant) -> Result<View> {
    let owner = organizations::find(conn, row.organization_id)?.ok_or(Code::NotFound)?;
    let customer = customer(&owner);
    let catalogue = catalogue::in_force(conn, services, catalogue::today(services, now))?.catalogue;
    let shopper = shopper(services, &customer, &catalogue, Some(&owner), now);
    let discounts = discounts::find(conn, services, &shopper, &row.content.0)?;
    Ok(View {
        id: row.id,
        organization: Some(row.organization_id),
        state: row.state,
        priced: shopper.priced(services, &row.content.0, &discounts),
        discounts,
        customer,
        content: row.content.0,
        catalogue,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        expires_at: None,
    })
}

fn audit(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    action: &'static str,
    id: CartId,
    items: usize,
) -> Result<()> {
    audit_log::append(tx, services, call, organization, Entry::new(action, id).after(json!({ "items": items })))
}

/// A guarded write that somebody else overtook is done again on what they left.
pub(crate) fn won(won: bool) -> Result<()> {
    if won { Ok(()) } else { Err(Error::Conflict) }
}

fn secret_hash(services: &Services, secret: &str) -> Vec<u8> {
    services.vault.mac(Purpose::CartSecrets, secret.as_bytes()).to_vec()
}
