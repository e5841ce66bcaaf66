//! Carts of organizations, and what they share with those of visitors (ORD-1). Prices are computed at every read.

use std::sync::Arc;

use manager_domain::carts::{CartContent, CartState, Customer, ItemChange, NewItem, PricedCart};
use manager_domain::catalogue::Catalogue;
use manager_domain::ids::*;
use manager_domain::memberships::Rights;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::permissions::decide_order;
use manager_domain::promo_codes::CodeText;
use manager_domain::{Code, Currency, Instant, Refusal};
use manager_repository::carts::{self as rows, Cart};
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, Json};
use serde_json::json;

use crate::access::{Authority, allowed};
use crate::audit_log::{self, Entry};
use crate::discounts::{self, Discounts, Shopper};
use crate::errors::{Error, Result};
use crate::versions::fresh;
use crate::{Call, Services, catalogue, product_names, promo_codes};

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

/// Whom an organization is to its seller.
pub fn customer(organization: &Organization) -> Customer {
    Customer {
        kind: organization.kind,
        country: organization.country.clone(),
        vat_verified: organization.vat_verified_at.is_some(),
        currency: organization.currency,
    }
}

pub(crate) fn apply(
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
pub(crate) fn refuse_taken(
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

pub(crate) fn view(conn: &mut AnyConnection, services: &Services, row: Cart, now: Instant) -> Result<View> {
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

pub(crate) fn audit(
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
