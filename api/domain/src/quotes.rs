//! Quotes: what a price token stands for (CAT-5).

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::carts::{self, CartContent, Customer};
use crate::catalogue::{Catalogue, Texts};
use crate::ids::ItemId;
use crate::money::{Currency, Money};
use crate::order_options::Options;
use crate::refusals::{Code, FaultCode, Refusal};
use crate::taxes::{self, TaxNote, Totals};
use crate::terms::Frequency;

/// One line of a quote; amounts are net minor units. An item whose term spans a change of rate has a line for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    pub item: ItemId,
    pub offer: String,
    pub product_type: String,
    pub category: String,
    pub names: Texts,
    pub frequency: Frequency,
    pub quantity: u32,
    pub options: Options,
    pub unit_price: i64,
    /// All units.
    pub net: i64,
    pub tax_rate: Decimal,
    /// The first of the days that the line is for, where the item has several lines.
    #[serde(default)]
    pub period_start: Option<NaiveDate>,
    /// Exclusive.
    #[serde(default)]
    pub period_end: Option<NaiveDate>,
}

/// The lines of a quote with what is charged for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLines {
    pub currency: Currency,
    pub lines: Vec<QuotedLine>,
    pub notes: Vec<TaxNote>,
}

impl QuotedLines {
    pub fn totals(&self) -> Totals {
        taxes::totals(self.lines.iter().map(|line| (line.net, line.tax_rate)))
    }
}

/// Exact lines for a cart.
///
/// # Errors
/// `cart_empty`; `offer_unavailable` with the faults of the items.
pub fn quote(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> Result<QuotedLines, Refusal> {
    if content.items.is_empty() {
        return Err(Code::CartEmpty.into());
    }
    let cart = carts::price(content, catalogue, customer, minimum, date);
    let faults = cart.faults();
    if !faults.is_empty() {
        return Err(Refusal { faults, ..Refusal::new(Code::OfferUnavailable) });
    }
    let mut lines = Vec::with_capacity(cart.items.len());
    for priced in cart.items {
        let Some((price, (product_type, offer))) = priced.price.zip(catalogue.offer(&priced.item.offer)) else {
            return Err(Code::OfferUnavailable.into());
        };
        lines.extend(price.parts.iter().map(|part| QuotedLine {
            item: priced.item.id,
            offer: offer.code.clone(),
            product_type: product_type.code.clone(),
            category: product_type.category.clone(),
            names: offer.names.clone(),
            frequency: priced.item.frequency,
            quantity: priced.item.quantity,
            options: priced.item.options.clone(),
            unit_price: part.price,
            net: part.price.saturating_mul(i64::from(priced.item.quantity)),
            tax_rate: part.rate,
            period_start: part.period.map(|term| term.start),
            period_end: part.period.map(|term| term.end),
        }));
    }
    Ok(QuotedLines { currency: customer.currency, lines, notes: cart.notes })
}

/// Whether everything in the cart can still be ordered. What a new price alone would keep out (CAT-3) doesn't count:
/// a token honours what it showed.
pub fn is_eligible(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> bool {
    let faults = carts::price(content, catalogue, customer, minimum, date).faults();
    faults.iter().all(|fault| fault.code == FaultCode::UnderMinimumCharge)
}

/// What is ordered, and for whom, as bytes to be hashed: equal for equal content, whatever it costs.
pub fn fingerprint(content: &CartContent, customer: &Customer) -> Vec<u8> {
    let mut text =
        serde_json::json!([customer.kind, customer.country, customer.vat_verified, customer.currency]).to_string();
    for item in &content.items {
        let item = serde_json::json!([item.offer, item.frequency, item.quantity, item.options]);
        text.push_str(&item.to_string());
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::carts::NewItem;
    use crate::organizations::OrganizationKind;

    const MINIMUM: Money = Money::new(500, Currency::Chf);

    fn fixture() -> (CartContent, Catalogue, Customer, NaiveDate) {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap();
        let mut content = CartContent::default();
        let options = [("domain".to_owned(), "example.ch".to_owned())].into();
        let new = NewItem { offer: "domain_ch".to_owned(), frequency: Frequency::Yearly, quantity: 1, options };
        content.add(ItemId::from_uuid(Uuid::nil()), new, &catalogue, MINIMUM).unwrap();
        let kind = OrganizationKind::Company;
        let customer = Customer { kind, country: "CH".to_owned(), vat_verified: false, currency: Currency::Chf };
        (content, catalogue, customer, NaiveDate::from_ymd_opt(2026, 5, 1).unwrap())
    }

    #[test]
    fn a_quote_says_exactly_what_is_charged() {
        let (content, catalogue, customer, day) = fixture();
        let totals = quote(&content, &catalogue, &customer, MINIMUM, day).unwrap().totals();
        assert_eq!((totals.net, totals.tax, totals.total), (900, 73, 973));
    }

    #[test]
    fn nothing_is_quoted_for_an_empty_cart_or_a_vanished_offer() {
        let (mut content, mut catalogue, customer, day) = fixture();
        catalogue.product_types.remove(0);
        let refusal = quote(&content, &catalogue, &customer, MINIMUM, day).unwrap_err();
        assert_eq!((refusal.code, refusal.faults.len()), (Code::OfferUnavailable, 1));
        assert!(!is_eligible(&content, &catalogue, &customer, MINIMUM, day));
        content.items.clear();
        assert_eq!(quote(&content, &catalogue, &customer, MINIMUM, day).unwrap_err().code, Code::CartEmpty);
    }

    #[test]
    fn a_new_price_alone_changes_neither_content_nor_eligibility() {
        let (mut content, mut catalogue, customer, day) = fixture();
        let before = fingerprint(&content, &customer);
        catalogue.product_types[0].offers[0].prices.iter_mut().for_each(|price| price.amount = 1);
        content.items[0].seen = None;
        assert_eq!(fingerprint(&content, &customer), before);
        assert!(is_eligible(&content, &catalogue, &customer, MINIMUM, day));
        content.items[0].quantity = 2;
        assert_ne!(fingerprint(&content, &customer), before);
    }
}
