//! Carts: what is in them and what it costs (ORD-1).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Offer, ProductType, Unavailable};
use crate::ids::{FreeOfferId, ItemId};
use crate::money::{Currency, Money};
use crate::order_options::{self, Options, UniqueName};
use crate::organizations::OrganizationKind;
use crate::payment_methods::PaymentMethodKind;
use crate::promo_code_placements::{MAX_CODES, PlacedCode};
use crate::promo_codes::CodeText;
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::taxes::{self, Treatment};
use crate::terms::{Frequency, Term};
use crate::words::words;

words! {
    /// Whether something can still be put into a cart.
    CartState {
        Open = "open",
        Ordered = "ordered",
    }
}

pub use crate::pricing::{ItemPrice, PricedCart, PricedItem, TaxedPart, gross, gross_of, price};

/// Items a cart may hold.
pub const MAX_ITEMS: usize = 50;

/// What a cart holds, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CartContent {
    pub items: Vec<CartItem>,
    #[serde(default)]
    pub payment_method: Option<PaymentMethodKind>,
    /// In the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promo_codes: Vec<PlacedCode>,
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
    /// What makes it free, as long as it is good for it (ORD-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_offer: Option<FreeOfferId>,
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
        let changed = CartItem { free_offer: item.free_offer, ..checked(id, new, catalogue, minimum)? };
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
        self.promo_codes.iter_mut().filter(|code| code.item == Some(id)).for_each(|code| code.item = None);
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

    /// Puts a code into the cart; on which item it is, [`crate::promo_code_placements::place`] says (ORD-2).
    ///
    /// # Errors
    /// `payment_method_required`: that is chosen first; `promo_code_in_cart`; `too_many_promo_codes`.
    pub fn add_promo_code(&mut self, code: CodeText) -> Result<(), Refusal> {
        if self.payment_method.is_none() {
            return Err(Code::PaymentMethodRequired.into());
        }
        if self.promo_codes.iter().any(|placed| placed.code == code) {
            return Err(Code::PromoCodeInCart.into());
        }
        if self.promo_codes.len() >= MAX_CODES {
            return Err(Refusal::new(Code::TooManyPromoCodes).with("max", MAX_CODES));
        }
        self.promo_codes.push(PlacedCode { code, item: None });
        Ok(())
    }

    /// # Errors
    /// `not_found`.
    pub fn remove_promo_code(&mut self, code: &CodeText) -> Result<(), Refusal> {
        let index = self.promo_codes.iter().position(|placed| placed.code == *code).ok_or(Code::NotFound)?;
        self.promo_codes.remove(index);
        Ok(())
    }

    /// Activates a free offer on an item, or with `None` ends that. A code on the item leaves it, to be placed again.
    ///
    /// # Errors
    /// `not_found`.
    pub fn set_free_offer(&mut self, id: ItemId, offer: Option<FreeOfferId>) -> Result<(), Refusal> {
        let item = self.items.iter_mut().find(|item| item.id == id).ok_or(Code::NotFound)?;
        item.free_offer = offer;
        if offer.is_some() {
            self.promo_codes.iter_mut().filter(|code| code.item == Some(id)).for_each(|code| code.item = None);
        }
        Ok(())
    }

    /// Items with the free offers that are active on them.
    pub fn active_offers(&self) -> Vec<(ItemId, FreeOfferId)> {
        self.items.iter().filter_map(|item| Some((item.id, item.free_offer?))).collect()
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
            free_offer: None,
        }),
        (_, options) => {
            faults.extend(options.err().unwrap_or_default());
            Err(Refusal::invalid(faults))
        }
    }
}

/// The list price if there is one; what stands in the way goes to `faults`.
pub(crate) fn quantity_and_price(
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
    fn only_a_method_that_pays_in_the_currency_is_taken() {
        let mut cart = CartContent::default();
        assert!(cart.set_payment_method(PaymentMethodKind::Twint, Currency::Eur).is_err());
        assert!(cart.set_payment_method(PaymentMethodKind::Card, Currency::Eur).is_ok());
    }

    #[test]
    fn codes_come_after_the_payment_method() {
        let mut cart = CartContent::default();
        let code = |n: usize| CodeText::parse(&format!("CODE{n}")).unwrap();
        assert_eq!(cart.add_promo_code(code(0)).unwrap_err().code, Code::PaymentMethodRequired);
        cart.set_payment_method(PaymentMethodKind::Card, Currency::Chf).unwrap();
        (0..MAX_CODES).for_each(|n| cart.add_promo_code(code(n)).unwrap());
        assert_eq!(cart.add_promo_code(code(0)).unwrap_err().code, Code::PromoCodeInCart);
        assert_eq!(cart.add_promo_code(code(99)).unwrap_err().code, Code::TooManyPromoCodes);
        assert_eq!(cart.remove_promo_code(&code(0)), Ok(()));
        assert_eq!(cart.remove_promo_code(&code(0)).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_code_leaves_its_item_with_it_or_for_a_free_offer() {
        let mut cart = CartContent::default();
        cart.add(item(1), new("kdrive_team", Frequency::Yearly, 1, &[]), &catalogue(), MINIMUM).unwrap();
        cart.add(item(2), new("kdrive_team", Frequency::Yearly, 1, &[]), &catalogue(), MINIMUM).unwrap();
        let placed = |n| PlacedCode { code: CodeText::parse("WELCOME").unwrap(), item: Some(item(n)) };
        let offer = FreeOfferId::from_uuid(Uuid::nil());
        cart.promo_codes = vec![placed(1)];
        cart.set_free_offer(item(1), Some(offer)).unwrap();
        assert_eq!((cart.promo_codes[0].item, cart.active_offers()), (None, vec![(item(1), offer)]));
        let more = ItemChange { quantity: Some(2), ..ItemChange::default() };
        cart.change(item(1), more, &catalogue(), MINIMUM).unwrap();
        assert_eq!(cart.items[0].free_offer, Some(offer));
        cart.promo_codes = vec![placed(2)];
        cart.remove(item(2)).unwrap();
        assert_eq!(cart.promo_codes[0].item, None);
        assert_eq!(cart.set_free_offer(item(2), None).unwrap_err().code, Code::NotFound);
    }
}
