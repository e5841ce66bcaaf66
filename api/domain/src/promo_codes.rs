//! Promo codes: what they are, and whether they are good for a cart (ORD-3).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::discounts::{Benefit, Discount, ItemFacts};
use crate::ids::ItemId;
use crate::money::{Currency, Money};
use crate::refusals::{Fault, FaultCode};
use crate::terms::Frequency;
use crate::time::Instant;
use crate::words::words;

/// Terms a code may be for.
pub const MAX_TERMS: u32 = 120;
/// Characters of a generated code: at least 8 (ORD-3); 12 of them can't be guessed.
pub const GENERATED: usize = 12;
const MIN_TEXT: usize = 4;
const MAX_TEXT: usize = 32;
/// Without 0 and O, 1, I and L, and U, which looks like V.
const UNAMBIGUOUS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code as it is compared and shown: letters in upper case, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeText(String);

impl CodeText {
    /// Reads a code without regard to case.
    ///
    /// # Errors
    /// [`FaultCode::InvalidPromoCode`].
    pub fn parse(text: &str) -> Result<Self, FaultCode> {
        let text = text.trim();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let framed = text.starts_with('-') || text.ends_with('-');
        if !(MIN_TEXT..=MAX_TEXT).contains(&text.len()) || framed || !text.bytes().all(allowed) {
            return Err(FaultCode::InvalidPromoCode);
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// A code made of random bytes, each character equally likely.
    ///
    /// `None` where the bytes don't suffice; 64 practically always do.
    pub fn generated(random: &[u8]) -> Option<Self> {
        let fair = |byte: &&u8| usize::from(**byte) < 256 / UNAMBIGUOUS.len() * UNAMBIGUOUS.len();
        let letter = |byte: &u8| char::from(UNAMBIGUOUS[usize::from(*byte) % UNAMBIGUOUS.len()]);
        let text: String = random.iter().filter(fair).take(GENERATED).map(letter).collect();
        (text.len() == GENERATED).then_some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CodeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CodeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a code is good for; an empty list says "any". An item fits by its product type or by its offer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    #[serde(default)]
    pub product_types: Vec<String>,
    #[serde(default)]
    pub offers: Vec<String>,
    #[serde(default)]
    pub frequencies: Vec<Frequency>,
}

impl Scope {
    fn refuses(&self, item: &ItemFacts) -> Option<PromoCodeReason> {
        let any = self.product_types.is_empty() && self.offers.is_empty();
        if !any && !self.product_types.contains(&item.product_type) && !self.offers.contains(&item.offer) {
            return Some(PromoCodeReason::OtherProduct);
        }
        let frequency = self.frequencies.is_empty() || self.frequencies.contains(&item.frequency);
        (!frequency).then_some(PromoCodeReason::OtherFrequency)
    }
}

/// A promo code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromoCode {
    pub code: CodeText,
    pub discount: Discount,
    pub scope: Scope,
    /// Terms of a product that it is for: 1 is the first one only.
    pub terms: u32,
    pub valid_from: Option<Instant>,
    /// Exclusive.
    pub valid_until: Option<Instant>,
    /// Redemptions by all; without one, no counter is written (ORD-4).
    pub total_cap: Option<u32>,
    /// Redemptions by one organization; likewise.
    pub organization_cap: Option<u32>,
    pub first_order_only: bool,
    /// Net of the cart before discounts that it needs, where one is set for the currency.
    pub minimum_net: Vec<Money>,
    /// For test organizations, and for them only (TIM-3).
    pub is_test: bool,
    /// Taken out of use by staff.
    pub is_withdrawn: bool,
}

impl PromoCode {
    /// All that is wrong with a code to be made.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = self.discount.faults("/discount");
        if !(1..=MAX_TERMS).contains(&self.terms) {
            faults.push(Fault::new("/terms", FaultCode::OutOfRange).with("min", 1).with("max", MAX_TERMS));
        }
        if self.valid_from.zip(self.valid_until).is_some_and(|(from, until)| from >= until) {
            faults.push(Fault::new("/valid_until", FaultCode::OutOfRange));
        }
        for (pointer, cap) in [("/total_cap", self.total_cap), ("/organization_cap", self.organization_cap)] {
            if cap == Some(0) {
                faults.push(Fault::new(pointer, FaultCode::OutOfRange).with("min", 1));
            }
        }
        for (index, minimum) in self.minimum_net.iter().enumerate() {
            let twice = self.minimum_net[..index].iter().any(|other| other.currency == minimum.currency);
            if minimum.amount < 1 || twice {
                faults.push(Fault::new(format!("/minimum_net/{index}"), FaultCode::OutOfRange).with("min", 1));
            }
        }
        faults
    }

    /// Whether it is for the `n`-th term of a product, counted from 1.
    pub const fn is_for_term(&self, n: u32) -> bool {
        1 <= n && n <= self.terms
    }

    pub fn benefit(&self) -> Benefit {
        Benefit::PromoCode { code: self.code.clone(), discount: self.discount.clone(), terms: self.terms }
    }
}

words! {
    /// Why a code doesn't apply, to a cart or to an item.
    PromoCodeReason {
        /// Unknown, or not to be told here.
        CodeNotUsable = "code_not_usable",
        Withdrawn = "withdrawn",
        NotYetValid = "not_yet_valid",
        Expired = "expired",
        /// The total cap is reached.
        UsedUp = "used_up",
        /// The organization's own cap is reached.
        AlreadyUsed = "already_used",
        NotFirstOrder = "not_first_order",
        MinimumNotReached = "minimum_not_reached",
        OtherCurrency = "other_currency",
        NoMatchingItem = "no_matching_item",
        OtherProduct = "other_product",
        OtherFrequency = "other_frequency",
        /// A free offer is active on the item.
        HasFreeOffer = "has_free_offer",
        /// Another code is on the item.
        HasOtherCode = "has_other_code",
        NothingToDiscount = "nothing_to_discount",
        /// The code is on an item where it is worth more, or was first.
        OnOtherItem = "on_other_item",
    }
}

impl PromoCodeReason {
    /// The reason as it may be told: only in the cart of a signed-in organization (ORD-3).
    #[must_use]
    pub const fn told(self, to_signed_in_organization: bool) -> Self {
        if to_signed_in_organization { self } else { Self::CodeNotUsable }
    }
}

/// What codes look at in a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartFacts {
    pub currency: Currency,
    /// In the cart's order.
    pub items: Vec<ItemFacts>,
}

impl CartFacts {
    /// Net before discounts, in minor units.
    pub fn net(&self) -> i64 {
        self.items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.list_price()))
    }
}

/// What codes look at in whoever orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orderer {
    pub is_test: bool,
    /// Whether it ordered before; open orders count, dead ones don't.
    pub has_ordered: bool,
}

/// How often a code was reserved or redeemed. Not looked at where the code has no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub total: u32,
    pub by_organization: u32,
}

/// What a code comes to on each item: minor units, or why nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub code: CodeText,
    pub items: Vec<(ItemId, Result<i64, PromoCodeReason>)>,
    /// Why it is good for no item at all.
    pub refused: Option<PromoCodeReason>,
}

impl Judgement {
    /// For a code that doesn't exist.
    pub fn unknown(code: CodeText, cart: &CartFacts) -> Self {
        Self::refused(code, cart, PromoCodeReason::CodeNotUsable)
    }

    fn refused(code: CodeText, cart: &CartFacts, reason: PromoCodeReason) -> Self {
        Self { code, items: cart.items.iter().map(|item| (item.id, Err(reason))).collect(), refused: Some(reason) }
    }

    pub(crate) fn worth(&self, item: ItemId) -> Option<i64> {
        self.items.iter().find(|(id, _)| *id == item).and_then(|(_, verdict)| verdict.ok())
    }
}

/// Whether a code is good for a cart and for which of its items.
pub fn judge(code: &PromoCode, cart: &CartFacts, orderer: Orderer, usage: Usage, now: Instant) -> Judgement {
    if let Some(reason) = refused_whole(code, cart, orderer, usage, now) {
        return Judgement::refused(code.code.clone(), cart, reason);
    }
    let items: Vec<_> = cart.items.iter().map(|item| (item.id, on_item(code, item, cart.currency))).collect();
    let reasons: Vec<_> = items.iter().filter_map(|(_, verdict)| verdict.err()).collect();
    let refused = match reasons.first() {
        _ if reasons.len() < items.len() => None,
        Some(first) if reasons.iter().all(|reason| reason == first) => Some(*first),
        _ => Some(PromoCodeReason::NoMatchingItem),
    };
    Judgement { code: code.code.clone(), items, refused }
}

fn refused_whole(
    code: &PromoCode,
    cart: &CartFacts,
    orderer: Orderer,
    usage: Usage,
    now: Instant,
) -> Option<PromoCodeReason> {
    let capped = |cap: Option<u32>, used: u32| cap.is_some_and(|cap| used >= cap);
    let minimum = code.minimum_net.iter().find(|minimum| minimum.currency == cart.currency);
    let discounts_in_currency = code.discount.on(&[], cart.currency).is_some();
    // In this order, so that whom the code isn't for learns nothing else of it.
    [
        (code.is_test != orderer.is_test, PromoCodeReason::CodeNotUsable),
        (code.is_withdrawn, PromoCodeReason::Withdrawn),
        (code.valid_from.is_some_and(|from| now < from), PromoCodeReason::NotYetValid),
        (code.valid_until.is_some_and(|until| now >= until), PromoCodeReason::Expired),
        (capped(code.total_cap, usage.total), PromoCodeReason::UsedUp),
        (capped(code.organization_cap, usage.by_organization), PromoCodeReason::AlreadyUsed),
        (code.first_order_only && orderer.has_ordered, PromoCodeReason::NotFirstOrder),
        (!discounts_in_currency, PromoCodeReason::OtherCurrency),
        (minimum.is_some_and(|minimum| cart.net() < minimum.amount), PromoCodeReason::MinimumNotReached),
    ]
    .into_iter()
    .find(|(refuses, _)| *refuses)
    .map(|(_, reason)| reason)
}

fn on_item(code: &PromoCode, item: &ItemFacts, currency: Currency) -> Result<i64, PromoCodeReason> {
    if let Some(reason) = code.scope.refuses(item) {
        return Err(reason);
    }
    if item.is_free {
        return Err(PromoCodeReason::HasFreeOffer);
    }
    let worth = code.benefit().on_units(item.unit, item.quantity, currency).iter().sum();
    if worth > 0 { Ok(worth) } else { Err(PromoCodeReason::NothingToDiscount) }
}
