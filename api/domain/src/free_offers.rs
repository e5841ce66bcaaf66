//! Free offers: what support grants to an organization, and for which items of a cart it is good (ORD-5).

use crate::discounts::{Benefit, ItemFacts};
use crate::ids::{FreeOfferId, ItemId, OrganizationId};
use crate::refusals::{Fault, FaultCode};
use crate::terms::Frequency;
use crate::time::Instant;
use crate::words::words;

/// Terms and units a free offer may be for.
pub const MAX_TERMS: u32 = 120;
pub const MAX_UNITS: u32 = 1_000;

words! {
    /// Where a free offer stands; whether it expired is a matter of time.
    FreeOfferState {
        Available = "available",
        /// By an order that isn't paid.
        Reserved = "reserved",
        Used = "used",
        /// Taken back by staff.
        Withdrawn = "withdrawn",
    }
}

impl FreeOfferState {
    /// Whether an offer may move to `next`; a reservation ends with its order, paid or dead.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Available => matches!(next, Self::Reserved | Self::Used | Self::Withdrawn),
            Self::Reserved => matches!(next, Self::Used | Self::Available),
            Self::Used | Self::Withdrawn => false,
        }
    }
}

/// A free offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeOffer {
    pub id: FreeOfferId,
    pub organization: OrganizationId,
    /// The code of an offer of the catalogue.
    pub offer: String,
    pub frequency: Frequency,
    /// It must be ordered before.
    pub expires_at: Instant,
    /// Terms that are free; the products renew without payment until then (PRD-5).
    pub terms: u32,
    /// Units of an item that it covers.
    pub units: u32,
    /// For a test organization (TIM-3).
    pub is_test: bool,
    pub state: FreeOfferState,
}

impl FreeOffer {
    /// All that is wrong with an offer to be granted.
    pub fn faults(&self, now: Instant) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (pointer, value, max) in [("/terms", self.terms, MAX_TERMS), ("/units", self.units, MAX_UNITS)] {
            if !(1..=max).contains(&value) {
                faults.push(Fault::new(pointer, FaultCode::OutOfRange).with("min", 1).with("max", max));
            }
        }
        if self.expires_at <= now {
            faults.push(Fault::new("/expires_at", FaultCode::InThePast));
        }
        faults
    }

    /// Whether the `n`-th term of a product, counted from 1, is free.
    pub const fn is_for_term(&self, n: u32) -> bool {
        1 <= n && n <= self.terms
    }

    pub fn benefit(&self) -> Benefit {
        Benefit::FreeOffer { id: self.id, units: self.units, terms: self.terms }
    }
}

words! {
    /// Why a free offer isn't good for an item.
    FreeOfferReason {
        /// It was granted to another organization, which isn't named.
        OtherOrganization = "other_organization",
        /// Test offers are for test organizations, and the others for the others.
        OtherMode = "other_mode",
        Withdrawn = "withdrawn",
        Used = "used",
        Reserved = "reserved",
        Expired = "expired",
        OtherProduct = "other_product",
        OtherFrequency = "other_frequency",
        /// It is active on another item of the cart.
        OnOtherItem = "on_other_item",
        /// The item has another free offer.
        HasOtherOffer = "has_other_offer",
        /// The item costs nothing anyway.
        NothingToDiscount = "nothing_to_discount",
    }
}

/// The cart that asks, and what is active in it.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub organization: OrganizationId,
    pub is_test: bool,
    /// Items with the free offers that are active on them.
    pub active: &'a [(ItemId, FreeOfferId)],
}

/// Whether an offer can be, or is, active on an item (ORD-5). A promo code on the item gives way.
///
/// # Errors
/// Why it can't. What concerns the offer itself comes before what concerns the item.
pub fn judge(offer: &FreeOffer, item: &ItemFacts, asker: Asker<'_>, now: Instant) -> Result<Benefit, FreeOfferReason> {
    use FreeOfferReason::*;
    let elsewhere = asker.active.iter().any(|(on, active)| *active == offer.id && *on != item.id);
    let taken = asker.active.iter().any(|(on, active)| *on == item.id && *active != offer.id);
    let reasons = [
        (offer.organization != asker.organization, OtherOrganization),
        (offer.is_test != asker.is_test, OtherMode),
        (offer.state == FreeOfferState::Withdrawn, Withdrawn),
        (offer.state == FreeOfferState::Used, Used),
        (offer.state == FreeOfferState::Reserved, Reserved),
        (offer.expires_at <= now, Expired),
        (offer.offer != item.offer, OtherProduct),
        (offer.frequency != item.frequency, OtherFrequency),
        (elsewhere, OnOtherItem),
        (taken, HasOtherOffer),
        (item.unit == 0, NothingToDiscount),
    ];
    match reasons.into_iter().find(|(refuses, _)| *refuses) {
        Some((_, reason)) => Err(reason),
        None => Ok(offer.benefit()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn now() -> Instant {
        Instant::from_micros(1_800_000_000_000_000).unwrap()
    }

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::from_uuid(Uuid::from_u128(n))
    }

    fn item(n: u128) -> ItemId {
        ItemId::from_uuid(Uuid::from_u128(n))
    }

    fn offer() -> FreeOffer {
        FreeOffer {
            id: FreeOfferId::from_uuid(Uuid::from_u128(1)),
            organization: organization(1),
            offer: "domain_ch".to_owned(),
            frequency: Frequency::Yearly,
            expires_at: now() + chrono::Duration::days(1),
            terms: 2,
            units: 1,
            is_test: false,
            state: FreeOfferState::Available,
        }
    }

    fn facts() -> ItemFacts {
        ItemFacts {
            id: item(1),
            offer: "domain_ch".to_owned(),
            product_type: "domain_name".to_owned(),
            frequency: Frequency::Yearly,
            quantity: 1,
            unit: 900,
            is_free: false,
        }
    }

    #[test]
    fn every_reason_is_told() {
        use FreeOfferReason::*;
        let another = FreeOfferId::from_uuid(Uuid::from_u128(2));
        let elsewhere = [(item(2), offer().id)];
        let taken = [(item(1), another)];
        let of = |offer: FreeOffer, facts: ItemFacts, active: &[_]| {
            judge(&offer, &facts, Asker { organization: organization(1), is_test: false, active }, now()).err()
        };
        let state = |state| FreeOffer { state, ..offer() };
        assert_eq!(of(offer(), facts(), &[]), None);
        assert_eq!(of(offer(), facts(), &[(item(1), offer().id)]), None);
        assert_eq!(of(FreeOffer { organization: organization(2), ..offer() }, facts(), &[]), Some(OtherOrganization));
        assert_eq!(of(FreeOffer { is_test: true, ..offer() }, facts(), &[]), Some(OtherMode));
        assert_eq!(of(state(FreeOfferState::Withdrawn), facts(), &[]), Some(Withdrawn));
        assert_eq!(of(state(FreeOfferState::Used), facts(), &[]), Some(Used));
        assert_eq!(of(state(FreeOfferState::Reserved), facts(), &[]), Some(Reserved));
        assert_eq!(of(FreeOffer { expires_at: now(), ..offer() }, facts(), &[]), Some(Expired));
        assert_eq!(of(offer(), ItemFacts { offer: "domain_com".to_owned(), ..facts() }, &[]), Some(OtherProduct));
        assert_eq!(of(offer(), ItemFacts { frequency: Frequency::TwoYears, ..facts() }, &[]), Some(OtherFrequency));
        assert_eq!(of(offer(), facts(), &elsewhere), Some(OnOtherItem));
        assert_eq!(of(offer(), facts(), &taken), Some(HasOtherOffer));
        assert_eq!(of(offer(), ItemFacts { unit: 0, ..facts() }, &[]), Some(NothingToDiscount));
    }

    #[test]
    fn it_is_for_so_many_terms_and_expires_in_the_future() {
        assert!(offer().is_for_term(1) && offer().is_for_term(2) && !offer().is_for_term(3) && !offer().is_for_term(0));
        assert!(offer().faults(now()).is_empty());
        let wrong = FreeOffer { terms: 0, units: 1_001, expires_at: now(), ..offer() };
        assert_eq!(wrong.faults(now()).len(), 3);
    }

    #[test]
    fn a_used_offer_stays_used() {
        assert!(FreeOfferState::Reserved.may_become(FreeOfferState::Available));
        assert!(FreeOfferState::ALL.iter().all(|next| !FreeOfferState::Used.may_become(*next)));
    }
}
