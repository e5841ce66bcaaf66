//! The catalogue: categories, product types, offers and prices (CAT-1 to CAT-3). The format is described in
//! `services/catalogue/FORMAT.md`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::languages::Language;
use crate::money::{Currency, Money};
use crate::taxes::TaxClass;
use crate::terms::Frequency;
use crate::words::words;

words! {
    /// How a product's termination is confirmed.
    TerminationConfirmation {
        Email = "email",
        None = "none",
    }
}

words! {
    /// What an order option holds.
    OptionKind {
        /// A host name with at least two labels.
        DomainName = "domain_name",
        Text = "text",
        Choice = "choice",
        /// The part before the `@`.
        EmailLocalPart = "email_local_part",
    }
}

words! {
    /// Why a frequency can't be ordered, as it is shown (CAT-3).
    UnavailableReason {
        /// One period comes to less than the minimum charge.
        UnderMinimumCharge = "under_minimum_charge",
    }
}

/// A text in all five languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    pub en: String,
    pub fr: String,
    pub de: String,
    pub it: String,
    pub es: String,
}

impl Texts {
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
            Language::De => &self.de,
            Language::It => &self.it,
            Language::Es => &self.es,
        }
    }
}

/// One whole version of the catalogue, in force from `valid_from` until the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub valid_from: NaiveDate,
    pub categories: Vec<Category>,
    pub product_types: Vec<ProductType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub code: String,
    pub position: u32,
    pub names: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductType {
    pub code: String,
    pub category: String,
    pub names: Texts,
    pub descriptions: Texts,
    pub termination_confirmation: TerminationConfirmation,
    pub grace_days: u32,
    pub suspension_days: u32,
    pub deletes_data: bool,
    pub metered: Vec<MeteredUnit>,
    pub changes_only_at_term_end: bool,
    pub tax_class: TaxClass,
    pub quantity_max: u32,
    pub options: Vec<OrderOption>,
    pub offers: Vec<Offer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeteredUnit {
    pub unit: String,
    pub names: Texts,
    /// Units per product and calendar month without charge.
    pub included: u64,
    pub prices: Vec<MeteredPrice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeteredPrice {
    pub currency: Currency,
    /// Net, in minor units, for `per` units.
    pub amount: i64,
    pub per: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderOption {
    pub code: String,
    pub names: Texts,
    pub kind: OptionKind,
    pub required: bool,
    /// Characters; absent for choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// The namespace in which its value exists once over all live products; of an e-mail address, with its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_as: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// Of an address's first part: those that nobody may order, because who holds them speaks for the domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub value: String,
    pub names: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub code: String,
    pub names: Texts,
    pub descriptions: Texts,
    pub position: u32,
    /// The ending that the ordered domain name must have, without its dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_suffix: Option<String>,
    pub prices: Vec<Price>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub frequency: Frequency,
    pub currency: Currency,
    /// Net, in minor units, for one term.
    pub amount: i64,
}

impl Offer {
    /// The net price of one term in minor units.
    pub fn price(&self, frequency: Frequency, currency: Currency) -> Option<i64> {
        let price = self.prices.iter().find(|price| price.frequency == frequency && price.currency == currency);
        price.map(|price| price.amount)
    }

    /// The frequencies it has prices for, shortest first.
    pub fn frequencies(&self) -> impl Iterator<Item = Frequency> {
        let priced = |frequency: &Frequency| self.prices.iter().any(|price| price.frequency == *frequency);
        Frequency::ALL.iter().copied().filter(priced)
    }
}

/// Why a frequency can't be ordered (CAT-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// One period comes to less than the minimum charge.
    UnderMinimumCharge { minimum: Money },
    /// There is no such price.
    NotOffered,
}

impl ProductType {
    /// The longest frequency any of its offers has.
    pub fn longest_frequency(&self) -> Option<Frequency> {
        self.offers.iter().flat_map(Offer::frequencies).max_by_key(|frequency| frequency.months())
    }

    /// The list price of one unit for one term, in minor units, if the frequency is offered for this quantity.
    ///
    /// Price zero and the type's longest frequency are exempt from the minimum charge (CAT-3).
    ///
    /// # Errors
    /// Why it isn't.
    pub fn available(
        &self,
        offer: &Offer,
        frequency: Frequency,
        quantity: u32,
        minimum: Money,
    ) -> Result<i64, Unavailable> {
        let price = offer.price(frequency, minimum.currency).ok_or(Unavailable::NotOffered)?;
        let exempt = price == 0 || self.longest_frequency() == Some(frequency);
        if exempt || price.saturating_mul(i64::from(quantity)) >= minimum.amount {
            return Ok(price);
        }
        Err(Unavailable::UnderMinimumCharge { minimum })
    }
}

impl Catalogue {
    pub fn product_type(&self, code: &str) -> Option<&ProductType> {
        self.product_types.iter().find(|product_type| product_type.code == code)
    }

    /// An offer and the type it belongs to.
    pub fn offer(&self, code: &str) -> Option<(&ProductType, &Offer)> {
        self.product_types.iter().find_map(|product_type| {
            let offer = product_type.offers.iter().find(|offer| offer.code == code)?;
            Some((product_type, offer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap()
    }

    fn available(offer: &str, frequency: Frequency, quantity: u32) -> Result<i64, Unavailable> {
        let catalogue = catalogue();
        let (product_type, offer) = catalogue.offer(offer).unwrap();
        product_type.available(offer, frequency, quantity, Money::new(500, Currency::Chf))
    }

    #[test]
    fn a_frequency_under_the_minimum_charge_shows_the_reason() {
        let catalogue = catalogue();
        let minimum = Money::new(500, Currency::Chf);
        let mut refused = 0;
        for product_type in &catalogue.product_types {
            for offer in &product_type.offers {
                for frequency in offer.frequencies() {
                    let price = offer.price(frequency, Currency::Chf).unwrap();
                    let verdict = product_type.available(offer, frequency, 1, minimum);
                    let exempt = price == 0 || product_type.longest_frequency() == Some(frequency);
                    assert_eq!(verdict.is_ok(), price >= 500 || exempt, "{} {frequency:?}", offer.code);
                    refused += usize::from(verdict == Err(Unavailable::UnderMinimumCharge { minimum }));
                }
            }
        }
        assert!(refused > 0);
    }

    #[test]
    fn enough_units_reach_the_minimum_charge() {
        let catalogue = catalogue();
        let (product_type, offer) = catalogue.offer("kdrive_solo").unwrap();
        let minimum = Money::new(offer.price(Frequency::Monthly, Currency::Chf).unwrap() + 1, Currency::Chf);
        assert!(product_type.available(offer, Frequency::Monthly, 1, minimum).is_err());
        assert!(product_type.available(offer, Frequency::Monthly, 2, minimum).is_ok());
    }

    #[test]
    fn a_frequency_without_a_price_is_not_offered() {
        assert_eq!(available("domain_ch", Frequency::Monthly, 1), Err(Unavailable::NotOffered));
        assert_eq!(available("domain_ch", Frequency::Yearly, 1), Ok(900));
        assert_eq!(available("free_email_address", Frequency::Yearly, 1), Ok(0));
    }
}
