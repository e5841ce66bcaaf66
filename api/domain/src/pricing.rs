//! What a cart costs: list prices, discounts and taxes (ORD-1, ORD-3, ORD-5, BIL-3).

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::carts::{CartContent, CartItem, Customer, quantity_and_price};
use crate::catalogue::Catalogue;
use crate::discounts::{AppliedBenefit, Benefit, Benefits};
use crate::money::{Currency, Money};
use crate::order_options;
use crate::refusals::{Fault, FaultCode};
use crate::taxes::{self, TaxNote, Totals, Treatment};
use crate::terms::Term;

/// A part of a unit's price that is taxed at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxedPart {
    /// Net.
    pub price: i64,
    pub rate: Decimal,
    /// The days it is for, where the term is split.
    pub period: Option<Term>,
}

/// What an item costs today, in minor units.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedItem {
    pub item: CartItem,
    /// `None` where the offer or its price is gone.
    pub price: Option<ItemPrice>,
    pub price_changed: bool,
    /// What the price was lowered by.
    pub benefit: Option<AppliedBenefit>,
    /// What keeps the item from being ordered, by pointers into the cart.
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPrice {
    /// Net, one unit for one term.
    pub unit: i64,
    /// What benefits take off each unit; empty where there is none.
    pub discounts: Vec<i64>,
    /// Net, all units, after discounts.
    pub net: i64,
    /// With tax, all units; totals are rounded on their own.
    pub gross: i64,
    /// Of the first day.
    pub treatment: Treatment,
    /// One unit before discounts, as it is taxed.
    pub parts: Vec<TaxedPart>,
}

impl ItemPrice {
    /// All units.
    pub fn discount(&self) -> i64 {
        self.discounts.iter().sum()
    }
}

/// A cart with today's prices.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedCart {
    pub currency: Currency,
    pub items: Vec<PricedItem>,
    /// Of the items that have a price.
    pub totals: Totals,
    pub notes: Vec<TaxNote>,
}

impl PricedCart {
    pub fn faults(&self) -> Vec<Fault> {
        self.items.iter().flat_map(|item| item.faults.iter().cloned()).collect()
    }
}

/// Prices a cart by the version in force on `date`, without codes and free offers.
pub fn price(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> PricedCart {
    price_with(content, catalogue, customer, minimum, date, &Benefits::NONE)
}

/// Prices a cart by the version in force on `date`. The minimum charge looks at list prices (CAT-3), so that no benefit
/// makes a frequency unavailable.
pub fn price_with(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
    benefits: &Benefits,
) -> PricedCart {
    let list = |(index, item)| price_item(index, item, catalogue, customer, minimum, date);
    let priced = |item: PricedItem| match benefits.of(item.item.id) {
        Some(benefit) => lowered(item, benefit, customer.currency),
        None => item,
    };
    let items: Vec<_> = content.items.iter().enumerate().map(list).map(priced).collect();
    let prices = || items.iter().filter_map(|item| item.price.as_ref().map(|price| (item.item.quantity, price)));
    let mut notes = Vec::new();
    for note in prices().filter_map(|(_, price)| price.treatment.note) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let totals =
        taxes::totals(prices().flat_map(|(quantity, price)| amounts(quantity, &price.parts, &price.discounts)));
    PricedCart { currency: customer.currency, items, totals, notes }
}

fn price_item(
    index: usize,
    item: &CartItem,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> PricedItem {
    let pointer = format!("/items/{index}");
    let mut faults = Vec::new();
    let Some((product_type, offer)) = catalogue.offer(&item.offer) else {
        faults.push(Fault::new(format!("{pointer}/offer"), FaultCode::UnknownOffer));
        return PricedItem { item: item.clone(), price: None, price_changed: false, benefit: None, faults };
    };
    let unit = quantity_and_price(product_type, offer, item.frequency, item.quantity, minimum, &pointer, &mut faults);
    if let Err(of_options) = order_options::check(product_type, offer, &item.options, &format!("{pointer}/options")) {
        faults.extend(of_options);
    }
    let price = unit.map(|unit| {
        let treatment = customer.treatment(product_type, date);
        let parts = customer.taxed(product_type, unit, Some(item.frequency), date);
        let net = unit.saturating_mul(i64::from(item.quantity));
        let gross = gross_of(item.quantity, &parts);
        ItemPrice { unit, discounts: Vec::new(), net, gross, treatment, parts }
    });
    let now = unit.map(|unit| Money::new(unit, customer.currency));
    let price_changed = item.seen.is_some() && now.is_some() && item.seen != now;
    PricedItem { item: item.clone(), price, price_changed, benefit: None, faults }
}

/// The item with what a benefit takes off each unit.
fn lowered(mut item: PricedItem, benefit: &Benefit, currency: Currency) -> PricedItem {
    let quantity = item.item.quantity;
    if let Some(price) = &mut item.price {
        price.discounts = benefit.on_units(price.unit, quantity, currency);
        price.net = price.net.saturating_sub(price.discount());
        price.gross = taxes::totals(amounts(quantity, &price.parts, &price.discounts)).total;
        item.benefit = Some(benefit.applied());
    }
    item
}

/// The discounts of units as the parts of their price share them: for each part, one for each unit.
pub fn shared_discounts(parts: &[TaxedPart], discounts: &[i64]) -> Vec<Vec<i64>> {
    if parts.len() < 2 || discounts.is_empty() {
        return vec![discounts.to_vec(); parts.len()];
    }
    let prices: Vec<_> = parts.iter().map(|part| part.price).collect();
    let by_unit: Vec<_> = discounts.iter().map(|discount| taxes::shares(*discount, &prices)).collect();
    (0..parts.len()).map(|part| by_unit.iter().filter_map(|shares| shares.get(part).copied()).collect()).collect()
}

/// Net amounts of all units with their rates.
fn amounts(quantity: u32, parts: &[TaxedPart], discounts: &[i64]) -> Vec<(i64, Decimal)> {
    let discounts = shared_discounts(parts, discounts);
    let net = |part: &TaxedPart, discounts: Vec<i64>| {
        part.price.saturating_mul(i64::from(quantity)).saturating_sub(discounts.iter().sum())
    };
    parts.iter().zip(discounts).map(|(part, discounts)| (net(part, discounts), part.rate)).collect()
}

/// Units with their tax, in minor units.
pub fn gross_of(quantity: u32, parts: &[TaxedPart]) -> i64 {
    taxes::totals(amounts(quantity, parts, &[])).total
}

/// A net amount with its tax, in minor units.
pub fn gross(net: i64, rate: Decimal) -> i64 {
    net + taxes::tax_on(net, rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::carts::NewItem;
    use crate::discounts::Discount;
    use crate::ids::{FreeOfferId, ItemId};
    use crate::organizations::OrganizationKind;
    use crate::promo_codes::CodeText;
    use crate::terms::Frequency;

    const MINIMUM: Money = Money::new(500, Currency::Chf);

    fn item(n: u128) -> ItemId {
        ItemId::from_uuid(Uuid::from_u128(n))
    }

    fn code(discount: Discount) -> Benefit {
        Benefit::PromoCode { code: CodeText::parse("WELCOME").unwrap(), discount, terms: 1 }
    }

    /// A domain for two years (17.50) and three drives for a year.
    fn priced(date: &str, benefits: &Benefits) -> PricedCart {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap();
        let mut content = CartContent::default();
        let options = [("domain".to_owned(), "example.ch".to_owned())].into();
        let domain = NewItem { offer: "domain_ch".to_owned(), frequency: Frequency::TwoYears, quantity: 1, options };
        content.add(item(1), domain, &catalogue, MINIMUM).unwrap();
        let options = Default::default();
        let drives = NewItem { offer: "kdrive_team".to_owned(), frequency: Frequency::Yearly, quantity: 3, options };
        content.add(item(2), drives, &catalogue, MINIMUM).unwrap();
        let (kind, country) = (OrganizationKind::Individual, "CH".to_owned());
        let customer = Customer { kind, country, vat_verified: false, currency: Currency::Chf };
        price_with(&content, &catalogue, &customer, MINIMUM, date.parse().unwrap(), benefits)
    }

    #[test]
    fn benefits_lower_single_units() {
        let mut benefits = Benefits::default();
        let list = priced("2026-05-01", &benefits);
        let unit = list.items[1].price.as_ref().unwrap().unit;
        benefits.set(item(1), code(Discount::Percentage { percent: 50.into() }));
        let offer = Benefit::FreeOffer { id: FreeOfferId::from_uuid(Uuid::nil()), units: 2, terms: 1 };
        benefits.set(item(2), offer.clone());
        let cart = priced("2026-05-01", &benefits);
        let prices: Vec<_> = cart.items.iter().filter_map(|item| item.price.clone()).collect();
        assert_eq!(
            (prices[0].unit, &prices[0].discounts[..], prices[0].net, prices[0].gross),
            (1750, &[875][..], 875, 946)
        );
        assert_eq!((&prices[1].discounts[..], prices[1].net), (&[unit, unit, 0][..], unit));
        assert_eq!(cart.items[1].benefit, Some(offer.applied()));
        assert_eq!(cart.totals.net, 875 + unit);
        assert_eq!(cart.totals.tax, taxes::tax_on(875 + unit, "8.1".parse().unwrap()));
        assert!(cart.faults().is_empty());
    }

    #[test]
    fn the_discount_of_a_unit_is_shared_by_its_parts() {
        let mut benefits = Benefits::default();
        benefits.set(item(1), code(Discount::Percentage { percent: 33.into() }));
        let cart = priced("2023-07-01", &benefits);
        let price = cart.items[0].price.as_ref().unwrap();
        // 577.5 of 1750, shared by 440 at 7.7 % and 1310 at 8.1 %.
        assert_eq!(shared_discounts(&price.parts, &price.discounts), [[145], [433]]);
        assert_eq!((price.discount(), price.net), (578, 1172));
        assert_eq!(shared_discounts(&price.parts, &[]), [Vec::<i64>::new(), Vec::new()]);
    }

    proptest! {
        /// No part of a unit is ever below zero, and the parts' discounts are the unit's.
        #[test]
        fn shared_discounts_fit(
            prices in prop::collection::vec(0_i64..10_000, 1..5),
            parts_of_whole in prop::collection::vec(0_i64..=1000, 1..5),
        ) {
            let rate = Decimal::ZERO;
            let parts: Vec<_> = prices.iter().map(|price| TaxedPart { price: *price, rate, period: None }).collect();
            let unit: i64 = prices.iter().sum();
            let discounts: Vec<_> = parts_of_whole.iter().map(|share| unit * share / 1000).collect();
            let shared = shared_discounts(&parts, &discounts);
            for (index, discount) in discounts.iter().enumerate() {
                prop_assert_eq!(shared.iter().map(|part| part[index]).sum::<i64>(), *discount);
                prop_assert!(shared.iter().zip(&parts).all(|(part, of)| (0..=of.price).contains(&part[index])));
            }
        }
    }
}
