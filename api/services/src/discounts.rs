//! What the promo codes and free offers of a cart come to, and why others don't (ORD-2, ORD-3, ORD-5).

use chrono::NaiveDate;
use manager_domain::Instant;
use manager_domain::carts::{CartContent, Customer, PricedCart, price};
use manager_domain::catalogue::Catalogue;
use manager_domain::discounts::{Benefits, ItemFacts};
use manager_domain::free_offers::{self, Asker, FreeOffer, FreeOfferReason};
use manager_domain::ids::*;
use manager_domain::pricing::price_with;
use manager_domain::promo_code_placements::{Placement, place};
use manager_domain::promo_codes::{self, CartFacts, CodeText, Judgement, Orderer, Usage};
use manager_repository::organizations::Organization;
use manager_repository::{AnyConnection, free_offers as offer_rows, orders, promo_codes as code_rows};

use crate::Services;
use crate::errors::Result;

/// Free offers of an organization that a cart looks at, the newest ones.
const OFFERS_SHOWN: i64 = 100;

/// Whose cart it is, and on which day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shopper<'a> {
    pub customer: &'a Customer,
    pub catalogue: &'a Catalogue,
    pub date: NaiveDate,
    pub now: Instant,
    /// `None` for a visitor, who isn't told reasons.
    pub organization: Option<&'a Organization>,
}

/// What lowers the prices of a cart.
#[derive(Debug, Clone, Default)]
pub struct Discounts {
    pub benefits: Benefits,
    /// In the order in which the codes came.
    pub codes: Vec<Placement>,
    /// By item, in an organization's cart.
    pub offers: Vec<(ItemId, Vec<JudgedOffer>)>,
}

/// What a free offer is good for on an item.
#[derive(Debug, Clone)]
pub struct JudgedOffer {
    pub offer: FreeOffer,
    pub is_active: bool,
    /// Why it isn't good for the item.
    pub reason: Option<FreeOfferReason>,
}

impl Discounts {
    /// The cart with each code on the item where it is now.
    pub(crate) fn placed(&self, content: &CartContent) -> CartContent {
        CartContent { promo_codes: self.codes.iter().map(Placement::placed).collect(), ..content.clone() }
    }

    /// The free offers of an item.
    pub fn of_item(&self, item: ItemId) -> &[JudgedOffer] {
        self.offers.iter().find(|(id, _)| *id == item).map_or(&[], |(_, offers)| offers)
    }
}

impl Shopper<'_> {
    /// The cart's list prices.
    fn listed(&self, services: &Services, content: &CartContent) -> PricedCart {
        let minimum = services.settings.minimum(self.customer.currency);
        price(content, self.catalogue, self.customer, minimum, self.date)
    }

    /// The cart with what its codes and free offers take off.
    pub fn priced(&self, services: &Services, content: &CartContent, discounts: &Discounts) -> PricedCart {
        let minimum = services.settings.minimum(self.customer.currency);
        price_with(content, self.catalogue, self.customer, minimum, self.date, &discounts.benefits)
    }
}

/// What the codes and free offers in a cart come to.
pub(crate) fn find(
    conn: &mut AnyConnection,
    services: &Services,
    shopper: &Shopper<'_>,
    content: &CartContent,
) -> Result<Discounts> {
    let mut found = Discounts::default();
    if content.items.is_empty() && content.promo_codes.is_empty() {
        return Ok(found);
    }
    let listed = shopper.listed(services, content);
    let mut facts: Vec<ItemFacts> =
        listed.items.iter().filter_map(|item| ItemFacts::of(item, shopper.catalogue, false)).collect();
    if let Some(owner) = shopper.organization {
        judge_offers(conn, shopper, owner, content, &mut facts, &mut found)?;
    }
    if content.promo_codes.is_empty() {
        return Ok(found);
    }
    let cart = CartFacts { currency: shopper.customer.currency, items: facts };
    let orderer = orderer(conn, shopper.organization)?;
    let (mut judgements, mut benefits) = (Vec::new(), Vec::new());
    for code in content.promo_codes.iter().map(|placed| &placed.code) {
        let Some(stored) = code_rows::find(conn, code.as_str())? else {
            judgements.push(Judgement::unknown(code.clone(), &cart));
            continue;
        };
        let (rules, usage) = (stored.rules()?, usage(conn, &stored, shopper.organization)?);
        judgements.push(promo_codes::judge(&rules, &cart, orderer, usage, shopper.now));
        benefits.push((code.clone(), rules.benefit()));
    }
    found.codes = place(&judgements, &content.promo_codes);
    for (code, benefit) in benefits {
        if let Some(item) = on(&found.codes, &code) {
            found.benefits.set(item, benefit);
        }
    }
    if shopper.organization.is_none() {
        found.codes.iter_mut().for_each(hide_reasons);
    }
    Ok(found)
}

fn on(codes: &[Placement], code: &CodeText) -> Option<ItemId> {
    codes.iter().find(|placement| placement.code == *code)?.on.map(|(item, _)| item)
}

fn orderer(conn: &mut AnyConnection, organization: Option<&Organization>) -> Result<Orderer> {
    Ok(match organization {
        Some(owner) => Orderer { is_test: owner.is_test, has_ordered: orders::has_living(conn, owner.id)? },
        None => Orderer::default(),
    })
}

fn usage(
    conn: &mut AnyConnection,
    code: &code_rows::StoredPromoCode,
    organization: Option<&Organization>,
) -> Result<Usage> {
    let total = if code.total_cap.is_some() { code_rows::used(conn, &code.code)? } else { 0 };
    let by_organization = match organization {
        Some(owner) if code.organization_cap.is_some() => code_rows::used_by(conn, owner.id, &code.code)?,
        _ => 0,
    };
    Ok(Usage { total: total.unsigned_abs(), by_organization: by_organization.unsigned_abs() })
}

/// Others than a signed-in organization aren't told why (ORD-3).
fn hide_reasons(placement: &mut Placement) {
    placement.refused = placement.refused.map(|reason| reason.told(false));
    placement.elsewhere.iter_mut().for_each(|(_, reason)| *reason = reason.told(false));
}

fn judge_offers(
    conn: &mut AnyConnection,
    shopper: &Shopper<'_>,
    owner: &Organization,
    content: &CartContent,
    facts: &mut [ItemFacts],
    found: &mut Discounts,
) -> Result<()> {
    let active = content.active_offers();
    let mut offers = offer_rows::list(conn, owner.id, None, OFFERS_SHOWN)?;
    for (_, id) in &active {
        if offers.iter().all(|offer| offer.id != *id) {
            offers.extend(offer_rows::find(conn, owner.id, *id)?);
        }
    }
    let asker = Asker { organization: owner.id, is_test: owner.is_test, active: &active };
    for item in facts {
        let mut judged = Vec::with_capacity(offers.len());
        for offer in offers.iter().map(offer_rows::StoredFreeOffer::rules) {
            let is_active = active.contains(&(item.id, offer.id));
            let verdict = free_offers::judge(&offer, item, asker, shopper.now);
            let reason = verdict.as_ref().err().copied();
            if let (true, Ok(benefit)) = (is_active, verdict) {
                found.benefits.set(item.id, benefit);
                item.is_free = true;
            }
            judged.push(JudgedOffer { offer, is_active, reason });
        }
        found.offers.push((item.id, judged));
    }
    Ok(())
}

/// Whether a free offer can be activated on an item of an organization's cart.
///
/// An offer of another organization and one that doesn't exist are told alike (ORG-3).
pub(crate) fn judge_offer(
    conn: &mut AnyConnection,
    services: &Services,
    shopper: &Shopper<'_>,
    content: &CartContent,
    (item, id): (ItemId, FreeOfferId),
) -> Result<std::result::Result<(), FreeOfferReason>> {
    let Some(owner) = shopper.organization else { return Ok(Err(FreeOfferReason::OtherOrganization)) };
    let Some(offer) = offer_rows::find(conn, owner.id, id)? else {
        return Ok(Err(FreeOfferReason::OtherOrganization));
    };
    let listed = shopper.listed(services, content);
    let facts = listed.items.iter().find(|priced| priced.item.id == item);
    let facts = facts.and_then(|priced| ItemFacts::of(priced, shopper.catalogue, false));
    let Some(facts) = facts else { return Ok(Err(FreeOfferReason::OtherProduct)) };
    let active = content.active_offers();
    let asker = Asker { organization: owner.id, is_test: owner.is_test, active: &active };
    Ok(free_offers::judge(&offer.rules(), &facts, asker, shopper.now).map(drop))
}
