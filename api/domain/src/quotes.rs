//! Quotes: what a price token stands for (CAT-5).

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::carts::{self, CartContent, Customer};
use crate::catalogue::{Catalogue, Texts};
use crate::discounts::{AppliedBenefit, Benefits};
use crate::ids::ItemId;
use crate::money::{Currency, Money};
use crate::order_options::Options;
use crate::pricing::{price_with, shared_discounts};
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
    /// What each unit's price is lowered by; empty where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<i64>,
    /// What lowers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benefit: Option<AppliedBenefit>,
    /// All units, after discounts.
    pub net: i64,
    pub tax_rate: Decimal,
    /// The first of the days that the line is for, where the item has several lines.
    #[serde(default)]
    pub period_start: Option<NaiveDate>,
    /// Exclusive.
    #[serde(default)]
    pub period_end: Option<NaiveDate>,
}

impl QuotedLine {
    /// The discount on all units.
    pub fn discount(&self) -> i64 {
        self.discounts.iter().sum()
    }

    /// Discount and net of a unit, counted from 0: each becomes a line of the invoice (ORD-1).
    pub fn unit(&self, index: usize) -> (i64, i64) {
        let discount = self.discounts.get(index).copied().unwrap_or(0);
        (discount, self.unit_price - discount)
    }
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

/// Exact lines for a cart without codes and free offers.
///
/// # Errors
/// As for [`quote_with`].
pub fn quote(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
) -> Result<QuotedLines, Refusal> {
    quote_with(content, catalogue, customer, minimum, date, &Benefits::NONE)
}

/// Exact lines for a cart.
///
/// # Errors
/// `cart_empty`; `offer_unavailable` with the faults of the items.
pub fn quote_with(
    content: &CartContent,
    catalogue: &Catalogue,
    customer: &Customer,
    minimum: Money,
    date: NaiveDate,
    benefits: &Benefits,
) -> Result<QuotedLines, Refusal> {
    if content.items.is_empty() {
        return Err(Code::CartEmpty.into());
    }
    let cart = price_with(content, catalogue, customer, minimum, date, benefits);
    let faults = cart.faults();
    if !faults.is_empty() {
        return Err(Refusal { faults, ..Refusal::new(Code::OfferUnavailable) });
    }
    let mut lines = Vec::with_capacity(cart.items.len());
    for priced in cart.items {
        let Some((price, (product_type, offer))) = priced.price.zip(catalogue.offer(&priced.item.offer)) else {
            return Err(Code::OfferUnavailable.into());
        };
        let discounts = shared_discounts(&price.parts, &price.discounts);
        lines.extend(price.parts.iter().zip(discounts).map(|(part, discounts)| QuotedLine {
            item: priced.item.id,
            offer: offer.code.clone(),
            product_type: product_type.code.clone(),
            category: product_type.category.clone(),
            names: offer.names.clone(),
            frequency: priced.item.frequency,
            quantity: priced.item.quantity,
            options: priced.item.options.clone(),
            unit_price: part.price,
            net: part.price.saturating_mul(i64::from(priced.item.quantity)).saturating_sub(discounts.iter().sum()),
            discounts,
            benefit: priced.benefit.clone(),
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

/// Whether the cart's codes and free offers are those of the quote, on the same items: a token is refused where one of
/// them isn't good any more (CAT-5).
pub fn has_same_benefits(lines: &QuotedLines, benefits: &Benefits) -> bool {
    let holds = |line: &QuotedLine| benefits.of(line.item).map(|benefit| benefit.applied()) == line.benefit;
    let quoted = |item: ItemId| lines.lines.iter().any(|line| line.item == item);
    lines.lines.iter().all(holds) && benefits.iter().all(|(item, _)| quoted(item))
}

/// What is ordered, and for whom, as bytes to be hashed: equal for equal content, whatever it costs.
pub fn fingerprint(content: &CartContent, customer: &Customer) -> Vec<u8> {
    let mut text =
        serde_json::json!([customer.kind, customer.country, customer.vat_verified, customer.currency]).to_string();
    for item in &content.items {
        let code = content.promo_codes.iter().find(|placed| placed.item == Some(item.id)).map(|placed| &placed.code);
        let item = serde_json::json!([item.offer, item.frequency, item.quantity, item.options, item.free_offer, code]);
        text.push_str(&item.to_string());
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::carts::NewItem;
    use crate::discounts::{Benefit, Discount};
    use crate::ids::FreeOfferId;
    use crate::organizations::OrganizationKind;
    use crate::promo_code_placements::PlacedCode;
    use crate::promo_codes::CodeText;

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
    fn a_quote_says_what_each_unit_is_lowered_by() {
        let (mut content, catalogue, customer, day) = fixture();
        let drive = ItemId::from_uuid(Uuid::from_u128(1));
        let options = Options::new();
        let new = NewItem { offer: "kdrive_team".to_owned(), frequency: Frequency::Yearly, quantity: 3, options };
        content.add(drive, new, &catalogue, MINIMUM).unwrap();
        let mut benefits = Benefits::default();
        let discount = Discount::Fixed { amounts: vec![Money::new(100, Currency::Chf)] };
        let code = CodeText::parse("WELCOME").unwrap();
        benefits.set(drive, Benefit::PromoCode { code, discount, terms: 1 });
        let lines = quote_with(&content, &catalogue, &customer, MINIMUM, day, &benefits).unwrap();
        let line = &lines.lines[1];
        assert_eq!((line.discounts.as_slice(), line.discount()), (&[34, 33, 33][..], 100));
        let units: Vec<_> = (0..3).map(|index| line.unit(index)).collect();
        assert_eq!(units[0], (34, line.unit_price - 34));
        assert_eq!(units.iter().map(|(_, net)| net).sum::<i64>(), line.net);
        assert!(has_same_benefits(&lines, &benefits) && !has_same_benefits(&lines, &Benefits::NONE));
        let plain = quote(&content, &catalogue, &customer, MINIMUM, day).unwrap();
        assert!(has_same_benefits(&plain, &Benefits::NONE) && !has_same_benefits(&plain, &benefits));
        // As it is stored, and as one without benefits was stored before there were any.
        let stored = serde_json::to_value(&lines).unwrap();
        assert_eq!(serde_json::from_value::<QuotedLines>(stored).unwrap(), lines);
        assert!(serde_json::to_value(&plain.lines[0]).unwrap().get("discounts").is_none());
    }

    #[test]
    fn codes_and_free_offers_are_content() {
        let (mut content, _, customer, _) = fixture();
        let item = content.items[0].id;
        let plain = fingerprint(&content, &customer);
        content.promo_codes.push(PlacedCode { code: CodeText::parse("WELCOME").unwrap(), item: None });
        assert_eq!(fingerprint(&content, &customer), plain);
        content.promo_codes[0].item = Some(item);
        let coded = fingerprint(&content, &customer);
        content.set_free_offer(item, Some(FreeOfferId::from_uuid(Uuid::nil()))).unwrap();
        let free = fingerprint(&content, &customer);
        assert!(plain != coded && coded != free && plain != free);
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
