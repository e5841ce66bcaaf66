//! Carts: what is in them and what it costs (ORD-1).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Offer, ProductType, Unavailable};
use crate::ids::ItemId;
use crate::money::{Currency, Money};
use crate::order_options::{self, Options, UniqueName};
use crate::organizations::OrganizationKind;
use crate::payments::PaymentMethodKind;
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::taxes::{self, TaxNote, Totals, Treatment};
use crate::terms::{Frequency, Term};
use crate::words::words;

words! {
    /// Whether something can still be put into a cart.
    CartState {
        Open = "open",
        Ordered = "ordered",
    }
}

/// Items a cart may hold.
pub const MAX_ITEMS: usize = 50;

/// What a cart holds, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CartContent {
    pub items: Vec<CartItem>,
    #[serde(default)]
    pub payment_method: Option<PaymentMethodKind>,
}

/// One position of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartItem {
    pub id: ItemId,
    pub offer: String,
    pub frequency: Frequency,
    pub quantity: u32,
    pub options: Options,
    /// The unit price when the item was last put together; another one shows as changed.
    pub seen: Option<Money>,
}

impl CartItem {
    /// The names its product will take, over all organizations.
    pub fn names(&self, catalogue: &Catalogue) -> Vec<UniqueName> {
        let known = catalogue.offer(&self.offer);
        known.map(|(product_type, _)| order_options::unique_names(product_type, &self.options)).unwrap_or_default()
    }
}

/// Whom prices are computed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub kind: OrganizationKind,
    pub country: String,
    pub vat_verified: bool,
    pub currency: Currency,
}

impl Customer {
    /// How this customer is taxed for a product type on a day.
    pub fn treatment(&self, product_type: &ProductType, date: NaiveDate) -> Treatment {
        taxes::treatment(self.kind, &self.country, self.vat_verified, product_type.tax_class, date)
    }

    /// The price of a unit as it is taxed for a first term from `date` on: in one part, or in one for each stretch of
    /// the term that has a rate of its own.
    pub fn taxed(
        &self,
        product_type: &ProductType,
        price: i64,
        frequency: Option<Frequency>,
        date: NaiveDate,
    ) -> Vec<TaxedPart> {
        let whole = TaxedPart { price, rate: self.treatment(product_type, date).rate, period: None };
        let term = frequency.filter(|_| price != 0).and_then(|frequency| Term::first(date, frequency));
        let Some(term) = term else { return vec![whole] };
        let class = product_type.tax_class;
        let stretches = taxes::stretches(self.kind, &self.country, self.vat_verified, class, term);
        if stretches.len() < 2 {
            return vec![whole];
        }
        let shares = taxes::split(price, &stretches).into_iter().zip(&stretches);
        shares.map(|(price, (term, rate))| TaxedPart { price, rate: *rate, period: Some(*term) }).collect()
    }
}

/// A part of a unit's price that is taxed at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxedPart {
    /// Net.
    pub price: i64,
    pub rate: Decimal,
    /// The days it is for, where the term is split.
    pub period: Option<Term>,
}

/// What an item is made of before it has an id.
#[derive(Debug, Clone)]
pub struct NewItem {
    pub offer: String,
    pub frequency: Frequency,
    pub quantity: u32,
    pub options: Options,
}

/// A change of an item; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ItemChange {
    pub frequency: Option<Frequency>,
    pub quantity: Option<u32>,
    /// Merged into what is there: `None` takes a value away.
    pub options: BTreeMap<String, Option<String>>,
}

impl CartContent {
    /// Adds an item that fits the catalogue.
    ///
    /// # Errors
    /// `cart_full`; `name_taken`; faults of offer, frequency, quantity and options.
    pub fn add(&mut self, id: ItemId, new: NewItem, catalogue: &Catalogue, minimum: Money) -> Result<(), Refusal> {
        if self.items.len() >= MAX_ITEMS {
            return Err(Refusal::new(Code::CartFull).with("max", MAX_ITEMS));
        }
        let item = checked(id, new, catalogue, minimum)?;
        self.refuse_same_name(&item, catalogue)?;
        self.items.push(item);
        Ok(())
    }

    /// Changes an item; its price is seen anew.
    ///
    /// # Errors
    /// `not_found`; faults as for adding.
    pub fn change(
        &mut self,
        id: ItemId,
        change: ItemChange,
        catalogue: &Catalogue,
        minimum: Money,
    ) -> Result<(), Refusal> {
        let item = self.items.iter().find(|item| item.id == id).ok_or(Code::NotFound)?;
        let mut options = item.options.clone();
        for (code, value) in change.options {
            match value {
                Some(value) => drop(options.insert(code, value)),
                None => drop(options.remove(&code)),
            }
        }
        let new = NewItem {
            offer: item.offer.clone(),
            frequency: change.frequency.unwrap_or(item.frequency),
            quantity: change.quantity.unwrap_or(item.quantity),
            options,
        };
        let changed = checked(id, new, catalogue, minimum)?;
        self.refuse_same_name(&changed, catalogue)?;
        self.items.iter_mut().filter(|item| item.id == id).for_each(|item| *item = changed.clone());
        Ok(())
    }

    /// Two items can't both become the one product of a name.
    fn refuse_same_name(&self, new: &CartItem, catalogue: &Catalogue) -> Result<(), Refusal> {
        let taken: Vec<_> =
            self.items.iter().filter(|item| item.id != new.id).flat_map(|i| i.names(catalogue)).collect();
        let same = |a: &UniqueName, b: &UniqueName| a.namespace == b.namespace && a.name == b.name;
        match new.names(catalogue).iter().find(|name| taken.iter().any(|other| same(name, other))) {
            Some(name) => Err(order_options::name_taken(name, "/options")),
            None => Ok(()),
        }
    }

    /// Removes an item.
    ///
    /// # Errors
    /// `not_found`.
    pub fn remove(&mut self, id: ItemId) -> Result<(), Refusal> {
        let index = self.items.iter().position(|item| item.id == id).ok_or(Code::NotFound)?;
        self.items.remove(index);
        Ok(())
    }

    /// Says how the order will be paid.
    ///
    /// # Errors
    /// `payment_method_unavailable`.
    pub fn set_payment_method(&mut self, kind: PaymentMethodKind, currency: Currency) -> Result<(), Refusal> {
        if !kind.is_offered() || !kind.pays_in(currency) {
            return Err(Refusal::new(Code::PaymentMethodUnavailable).with("payment_method", kind.as_str()));
        }
        self.payment_method = Some(kind);
        Ok(())
    }
}

fn checked(id: ItemId, new: NewItem, catalogue: &Catalogue, minimum: Money) -> Result<CartItem, Refusal> {
    let (product_type, offer) =
        catalogue.offer(&new.offer).ok_or_else(|| Refusal::fault("/offer", FaultCode::UnknownOffer))?;
    let mut faults = Vec::new();
    let price = quantity_and_price(product_type, offer, new.frequency, new.quantity, minimum, "", &mut faults);
    let options = order_options::check(product_type, offer, &new.options, "/options");
    match (price, options) {
        (Some(price), Ok(options)) if faults.is_empty() => Ok(CartItem {
            id,
            offer: new.offer,
            frequency: new.frequency,
            quantity: new.quantity,
            options,
            seen: Some(Money::new(price, minimum.currency)),
        }),
        (_, options) => {
            faults.extend(options.err().unwrap_or_default());
            Err(Refusal::invalid(faults))
        }
    }
}

/// The list price if there is one; what stands in the way goes to `faults`.
fn quantity_and_price(
    product_type: &ProductType,
    offer: &Offer,
    frequency: Frequency,
    quantity: u32,
    minimum: Money,
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<i64> {
    if !(1..=product_type.quantity_max).contains(&quantity) {
        let fault = Fault::new(format!("{pointer}/quantity"), FaultCode::OutOfRange).with("min", 1);
        faults.push(fault.with("max", product_type.quantity_max));
    }
    match product_type.available(offer, frequency, quantity, minimum) {
        Ok(price) => Some(price),
        Err(Unavailable::NotOffered) => {
            faults.push(Fault::new(format!("{pointer}/frequency"), FaultCode::FrequencyUnavailable));
            None
        }
        Err(Unavailable::UnderMinimumCharge { minimum }) => {
            let fault = Fault::new(format!("{pointer}/frequency"), FaultCode::UnderMinimumCharge);
            let fault = fault.with("minimum_amount", minimum.amount).with("currency", minimum.currency.as_str());
            faults.push(fault);
            offer.price(frequency, minimum.currency)
        }
    }
}

/// What an item costs today, in minor units.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedItem {
    pub item: CartItem,
    /// `None` where the offer or its price is gone.
    pub price: Option<ItemPrice>,
    pub price_changed: bool,
    /// What keeps the item from being ordered, by pointers into the cart.
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPrice {
    /// Net, one unit for one term.
    pub unit: i64,
    /// Net, all units.
    pub net: i64,
    /// With tax, all units; totals are rounded on their own.
    pub gross: i64,
    /// Of the first day.
    pub treatment: Treatment,
    /// One unit, as it is taxed.
    pub parts: Vec<TaxedPart>,
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

/// Prices a cart by the version in force on `date`.
pub fn price(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> PricedCart {
    let priced = |(index, item)| price_item(index, item, catalogue, customer, minimum, date);
    let items: Vec<_> = content.items.iter().enumerate().map(priced).collect();
    let prices = || items.iter().filter_map(|item| item.price.as_ref().map(|price| (item.item.quantity, price)));
    let mut notes = Vec::new();
    for note in prices().filter_map(|(_, price)| price.treatment.note) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let totals = taxes::totals(prices().flat_map(|(quantity, price)| amounts(quantity, &price.parts)));
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
        return PricedItem { item: item.clone(), price: None, price_changed: false, faults };
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
        ItemPrice { unit, net, gross, treatment, parts }
    });
    let now = unit.map(|unit| Money::new(unit, customer.currency));
    let price_changed = item.seen.is_some() && now.is_some() && item.seen != now;
    PricedItem { item: item.clone(), price, price_changed, faults }
}

/// Net amounts of all units with their rates.
fn amounts(quantity: u32, parts: &[TaxedPart]) -> impl Iterator<Item = (i64, Decimal)> {
    parts.iter().map(move |part| (part.price.saturating_mul(i64::from(quantity)), part.rate))
}

/// Units with their tax, in minor units.
pub fn gross_of(quantity: u32, parts: &[TaxedPart]) -> i64 {
    taxes::totals(amounts(quantity, parts)).total
}

/// A net amount with its tax, in minor units.
pub fn gross(net: i64, rate: Decimal) -> i64 {
    net + taxes::tax_on(net, rate)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MINIMUM: Money = Money::new(500, Currency::Chf);

    fn catalogue() -> Catalogue {
        serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap()
    }

    fn item(n: u128) -> ItemId {
        ItemId::from_uuid(Uuid::from_u128(n))
    }

    fn new(offer: &str, frequency: Frequency, quantity: u32, options: &[(&str, &str)]) -> NewItem {
        let options = options.iter().map(|(code, value)| ((*code).to_owned(), (*value).to_owned())).collect();
        NewItem { offer: offer.to_owned(), frequency, quantity, options }
    }

    fn swiss() -> Customer {
        let country = "CH".to_owned();
        Customer { kind: OrganizationKind::Individual, country, vat_verified: false, currency: Currency::Chf }
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 5, 1).unwrap()
    }

    #[test]
    fn items_are_priced_net_and_gross() {
        let mut cart = CartContent::default();
        let domain = new("domain_ch", Frequency::Yearly, 1, &[("domain", "example.ch")]);
        cart.add(item(1), domain, &catalogue(), MINIMUM).unwrap();
        let priced = price(&cart, &catalogue(), &swiss(), MINIMUM, day());
        let first = priced.items[0].price.clone().unwrap();
        assert_eq!((first.unit, first.net, first.gross), (900, 900, 973));
        assert_eq!((priced.totals.net, priced.totals.tax, priced.totals.total), (900, 73, 973));
        assert!(priced.faults().is_empty() && !priced.items[0].price_changed);
    }

    #[test]
    fn a_term_over_a_change_of_rate_is_taxed_in_parts() {
        let mut cart = CartContent::default();
        let domain = new("domain_ch", Frequency::TwoYears, 1, &[("domain", "example.ch")]);
        cart.add(item(1), domain, &catalogue(), MINIMUM).unwrap();
        let of = |customer: &Customer| price(&cart, &catalogue(), customer, MINIMUM, "2023-07-01".parse().unwrap());
        let priced = of(&swiss());
        let first = priced.items[0].price.clone().unwrap();
        // 184 of 731 days at 7.7 %, the rest at 8.1 %.
        let parts: Vec<_> = first.parts.iter().map(|part| (part.price, part.rate.to_string())).collect();
        assert_eq!(parts, [(440, "7.7".to_owned()), (1310, "8.1".to_owned())]);
        assert_eq!((priced.totals.net, priced.totals.tax, first.gross), (1750, 34 + 106, 1890));
        assert_eq!(priced.totals.rates.len(), 2);
        let french = Customer { country: "FR".to_owned(), ..swiss() };
        assert_eq!(of(&french).items[0].price.as_ref().unwrap().parts.len(), 1);
    }

    #[test]
    fn a_changed_price_shows_as_such() {
        let mut cart = CartContent::default();
        let domain = new("domain_ch", Frequency::Yearly, 1, &[("domain", "example.ch")]);
        cart.add(item(1), domain, &catalogue(), MINIMUM).unwrap();
        cart.items[0].seen = Some(Money::new(850, Currency::Chf));
        assert!(price(&cart, &catalogue(), &swiss(), MINIMUM, day()).items[0].price_changed);
    }

    #[test]
    fn what_left_the_catalogue_is_a_fault_and_not_in_the_totals() {
        let mut cart = CartContent::default();
        let domain = new("domain_ch", Frequency::Yearly, 1, &[("domain", "example.ch")]);
        cart.add(item(1), domain, &catalogue(), MINIMUM).unwrap();
        cart.items[0].offer = "gone".to_owned();
        let priced = price(&cart, &catalogue(), &swiss(), MINIMUM, day());
        assert_eq!(priced.faults()[0].code, FaultCode::UnknownOffer);
        assert_eq!(priced.totals.total, 0);
    }

    #[test]
    fn every_fault_of_an_item_is_listed() {
        let mut cart = CartContent::default();
        let bad = new("domain_ch", Frequency::Monthly, 2, &[("domain", "x.com"), ("colour", "red")]);
        let refusal = cart.add(item(1), bad, &catalogue(), MINIMUM).unwrap_err();
        let codes: Vec<_> = refusal.faults.iter().map(|fault| fault.code).collect();
        use FaultCode::*;
        assert_eq!(codes, [OutOfRange, FrequencyUnavailable, UnknownOption, InvalidDomainName]);
    }

    #[test]
    fn a_cart_holds_fifty_items() {
        let mut cart = CartContent::default();
        for n in 0..50 {
            let drive = new("kdrive_team", Frequency::Yearly, 1, &[]);
            cart.add(item(n), drive, &catalogue(), MINIMUM).unwrap();
        }
        let refusal = cart.add(item(99), new("kdrive_team", Frequency::Yearly, 1, &[]), &catalogue(), MINIMUM);
        assert_eq!(refusal.unwrap_err().code, Code::CartFull);
    }

    #[test]
    fn only_an_offered_method_is_taken() {
        let mut cart = CartContent::default();
        assert!(cart.set_payment_method(PaymentMethodKind::Twint, Currency::Chf).is_err());
        assert!(cart.set_payment_method(PaymentMethodKind::Card, Currency::Eur).is_ok());
    }
}
