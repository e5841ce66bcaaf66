//! What a promo code or a free offer takes off the units of an item (ORD-3, ORD-5).

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::carts::PricedItem;
use crate::catalogue::Catalogue;
use crate::ids::{FreeOfferId, ItemId};
use crate::money::{Currency, Money};
use crate::promo_codes::CodeText;
use crate::refusals::{Fault, FaultCode};
use crate::taxes::shares;
use crate::terms::Frequency;

/// Minor units.
const MAX_FIXED: i64 = 1_000_000_000;

/// What a promo code takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Discount {
    /// Percent of each line's price: `33.3`.
    Percentage { percent: Decimal },
    /// Net, once per item; one amount for each currency in which the code is good.
    Fixed { amounts: Vec<Money> },
}

/// The discount on a price, both in minor units; rounded once, half away from zero.
pub fn percent_of(price: i64, percent: Decimal) -> i64 {
    let exact = Decimal::from(price) * percent / Decimal::ONE_HUNDRED;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(0)
}

impl Discount {
    /// A percentage from its decimal text; `None` for a text that is no number.
    pub fn percentage(text: &str) -> Option<Self> {
        text.parse().ok().map(|percent| Self::Percentage { percent })
    }

    /// All that is wrong with it, below `pointer`.
    pub fn faults(&self, pointer: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        match self {
            Self::Percentage { percent } => {
                if *percent <= Decimal::ZERO || *percent > Decimal::ONE_HUNDRED || percent.normalize().scale() > 4 {
                    let fault = Fault::new(format!("{pointer}/percent"), FaultCode::OutOfRange);
                    faults.push(fault.with("max", 100));
                }
            }
            Self::Fixed { amounts } => {
                if amounts.is_empty() {
                    faults.push(Fault::new(format!("{pointer}/amounts"), FaultCode::TooShort).with("min", 1));
                }
                for (index, amount) in amounts.iter().enumerate() {
                    let at = format!("{pointer}/amounts/{index}");
                    if amounts[..index].iter().any(|other| other.currency == amount.currency) {
                        faults.push(Fault::new(format!("{at}/currency"), FaultCode::InvalidValue));
                    }
                    if !(1..=MAX_FIXED).contains(&amount.amount) {
                        let fault = Fault::new(format!("{at}/amount"), FaultCode::OutOfRange);
                        faults.push(fault.with("min", 1).with("max", MAX_FIXED));
                    }
                }
            }
        }
        faults
    }

    /// What each line's price is lowered by, in minor units: never to below zero (ORD-3).
    ///
    /// `None` where the code has no amount in this currency.
    pub fn on(&self, prices: &[i64], currency: Currency) -> Option<Vec<i64>> {
        match self {
            Self::Percentage { percent } => Some(prices.iter().map(|price| percent_of(*price, *percent)).collect()),
            Self::Fixed { amounts } => {
                let fixed = amounts.iter().find(|amount| amount.currency == currency)?;
                let whole = prices.iter().fold(0_i64, |sum, price| sum.saturating_add(*price));
                Some(shares(fixed.amount.min(whole), prices))
            }
        }
    }
}

/// What an item of a cart gets: at most one of both (ORD-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Benefit {
    PromoCode {
        code: CodeText,
        discount: Discount,
        /// How many terms of the product it is for.
        terms: u32,
    },
    FreeOffer {
        id: FreeOfferId,
        /// The first so many units are free.
        units: u32,
        terms: u32,
    },
}

impl Benefit {
    /// What it takes off each of `quantity` units at this price, in minor units.
    pub fn on_units(&self, unit: i64, quantity: u32, currency: Currency) -> Vec<i64> {
        match self {
            Self::PromoCode { discount, .. } => {
                discount.on(&vec![unit; usize::try_from(quantity).unwrap_or(0)], currency).unwrap_or_default()
            }
            Self::FreeOffer { units, .. } => (0..quantity).map(|index| if index < *units { unit } else { 0 }).collect(),
        }
    }

    /// As a quote keeps it.
    pub fn applied(&self) -> AppliedBenefit {
        match self {
            Self::PromoCode { code, terms, .. } => AppliedBenefit::PromoCode { code: code.clone(), terms: *terms },
            Self::FreeOffer { id, units, terms } => AppliedBenefit::FreeOffer { id: *id, units: *units, terms: *terms },
        }
    }
}

/// Which benefit a line was priced with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AppliedBenefit {
    PromoCode { code: CodeText, terms: u32 },
    FreeOffer { id: FreeOfferId, units: u32, terms: u32 },
}

/// The benefits of a cart, by item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Benefits(Vec<(ItemId, Benefit)>);

impl Benefits {
    pub const NONE: Self = Self(Vec::new());

    /// Gives an item its benefit; one that it had goes.
    pub fn set(&mut self, item: ItemId, benefit: Benefit) {
        self.0.retain(|(other, _)| *other != item);
        self.0.push((item, benefit));
    }

    pub fn of(&self, item: ItemId) -> Option<&Benefit> {
        self.0.iter().find(|(other, _)| *other == item).map(|(_, benefit)| benefit)
    }

    pub fn iter(&self) -> impl Iterator<Item = (ItemId, &Benefit)> {
        self.0.iter().map(|(item, benefit)| (*item, benefit))
    }
}

/// What codes and free offers look at in an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFacts {
    pub id: ItemId,
    pub offer: String,
    pub product_type: String,
    pub frequency: Frequency,
    pub quantity: u32,
    /// Net list price of a unit for one term, in minor units.
    pub unit: i64,
    /// Whether a free offer is active on it.
    pub is_free: bool,
}

impl ItemFacts {
    /// `None` for an item that has no price.
    pub fn of(priced: &PricedItem, catalogue: &Catalogue, is_free: bool) -> Option<Self> {
        let (product_type, _) = catalogue.offer(&priced.item.offer)?;
        Some(Self {
            id: priced.item.id,
            offer: priced.item.offer.clone(),
            product_type: product_type.code.clone(),
            frequency: priced.item.frequency,
            quantity: priced.item.quantity,
            unit: priced.price.as_ref()?.unit,
            is_free,
        })
    }

    /// All units before discounts.
    pub fn list_price(&self) -> i64 {
        self.unit.saturating_mul(i64::from(self.quantity))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(amount: i64) -> Discount {
        Discount::Fixed { amounts: vec![Money::new(amount, Currency::Chf)] }
    }

    #[test]
    fn a_fixed_amount_is_partial_up_to_the_price() {
        assert_eq!(fixed(1000).on(&[3333, 3333, 3334], Currency::Chf).unwrap(), [333, 333, 334]);
        assert_eq!(fixed(5000).on(&[900, 900], Currency::Chf).unwrap(), [900, 900]);
        assert_eq!(fixed(5000).on(&[0, 0], Currency::Chf).unwrap(), [0, 0]);
        assert_eq!(fixed(5000).on(&[900], Currency::Eur), None);
    }

    #[test]
    fn a_free_offer_frees_the_units_it_covers() {
        let id = FreeOfferId::from_uuid(uuid::Uuid::nil());
        let of = |units| Benefit::FreeOffer { id, units, terms: 1 }.on_units(500, 3, Currency::Chf);
        assert_eq!((of(1), of(2), of(9)), (vec![500, 0, 0], vec![500, 500, 0], vec![500, 500, 500]));
    }

    #[test]
    fn what_is_no_discount_is_refused() {
        let percent = |text: &str| Discount::Percentage { percent: text.parse().unwrap() };
        for (discount, faults) in [
            (percent("0"), 1),
            (percent("100.01"), 1),
            (percent("0.00001"), 1),
            (percent("33.3"), 0),
            (percent("100.000000"), 0),
            (fixed(0), 1),
            (fixed(1), 0),
            (Discount::Fixed { amounts: vec![Money::new(-5, Currency::Chf), Money::new(5, Currency::Chf)] }, 2),
            (Discount::Fixed { amounts: Vec::new() }, 1),
        ] {
            assert_eq!(discount.faults("/discount").len(), faults, "{discount:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_falls_below_zero(
            prices in prop::collection::vec(0_i64..100_000, 1..20),
            amount in 1_i64..2_000_000,
            tenths in 1_i64..=1000,
        ) {
            let whole: i64 = prices.iter().sum();
            for (discount, most) in [
                (fixed(amount), amount.min(whole)),
                (Discount::Percentage { percent: Decimal::new(tenths, 1) }, whole),
            ] {
                let off = discount.on(&prices, Currency::Chf).unwrap();
                prop_assert!(off.iter().zip(&prices).all(|(off, price)| (0..=*price).contains(off)));
                prop_assert!(off.iter().sum::<i64>() <= most);
            }
            prop_assert_eq!(fixed(amount).on(&prices, Currency::Chf).unwrap().iter().sum::<i64>(), amount.min(whole));
        }
    }
}
