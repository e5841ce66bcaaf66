//! Whether a version of the catalogue is sound; a malformed one is refused whole with every fault listed (CAT-4).

use std::collections::HashSet;

use serde_json::json;

use crate::catalogue::{
    Catalogue, MeteredUnit, Offer, OptionKind, OrderOption, ProductType, TerminationConfirmation, Texts,
};
use crate::money::Currency;
use crate::order_options::local_part;
use crate::refusals::{Fault, FaultCode};
use crate::terms::Frequency;

const MAX_CODE: usize = 64;
/// Minor units; keeps every sum of a cart far from overflow.
const MAX_AMOUNT: i64 = 1_000_000_000;
const MAX_QUANTITY: u32 = 1_000;

/// All that is wrong with the version, by JSON pointer.
pub fn faults(catalogue: &Catalogue) -> Vec<Fault> {
    let mut check = Check::default();
    let mut positions = HashSet::new();
    for (index, category) in catalogue.categories.iter().enumerate() {
        let at = format!("/categories/{index}");
        check.code(&format!("{at}/code"), "category", &category.code);
        check.texts(&format!("{at}/names"), &category.names);
        check.position(&format!("{at}/position"), category.position, &mut positions);
    }
    for (index, product_type) in catalogue.product_types.iter().enumerate() {
        check.product_type(&format!("/product_types/{index}"), catalogue, product_type);
    }
    check.faults
}

fn is_code(code: &str) -> bool {
    let form = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    form && code.len() <= MAX_CODE && code.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Only what has one canonical spelling can be unique, and only one unit can have it.
fn can_be_unique(product_type: &ProductType, option: &OrderOption) -> bool {
    let whole = match option.kind {
        OptionKind::DomainName => true,
        OptionKind::EmailLocalPart => product_type.options.iter().any(|o| o.kind == OptionKind::Choice && o.required),
        OptionKind::Text | OptionKind::Choice => false,
    };
    whole && product_type.quantity_max == 1
}

#[derive(Default)]
struct Check {
    faults: Vec<Fault>,
    seen: HashSet<(String, String)>,
}

impl Check {
    fn fault(&mut self, at: impl Into<String>, code: FaultCode) {
        self.faults.push(Fault::new(at, code));
    }

    fn require(&mut self, holds: bool, at: impl Into<String>, code: FaultCode) {
        if !holds {
            self.fault(at, code);
        }
    }

    /// A code of the right form, unique in its scope.
    fn code(&mut self, at: &str, scope: &str, code: &str) {
        self.require(is_code(code), at, FaultCode::InvalidValue);
        if !self.seen.insert((scope.to_owned(), code.to_owned())) {
            self.faults.push(Fault::new(at, FaultCode::InvalidValue).with("duplicate", code));
        }
    }

    fn texts(&mut self, at: &str, texts: &Texts) {
        let all = [("en", &texts.en), ("fr", &texts.fr), ("de", &texts.de), ("it", &texts.it), ("es", &texts.es)];
        for (language, text) in all {
            let at = format!("{at}/{language}");
            self.require(!text.trim().is_empty(), at.as_str(), FaultCode::TooShort);
            self.require(!text.chars().any(char::is_control), at, FaultCode::ControlCharacter);
        }
    }

    fn position(&mut self, at: &str, position: u32, taken: &mut HashSet<u32>) {
        self.require(position >= 1, at, FaultCode::OutOfRange);
        if !taken.insert(position) {
            self.faults.push(Fault::new(at, FaultCode::InvalidValue).with("duplicate", position));
        }
    }

    fn amount(&mut self, at: &str, amount: i64) {
        if !(0..=MAX_AMOUNT).contains(&amount) {
            self.faults.push(Fault::new(at, FaultCode::OutOfRange).with("min", 0).with("max", MAX_AMOUNT));
        }
    }

    fn product_type(&mut self, at: &str, catalogue: &Catalogue, product_type: &ProductType) {
        self.code(&format!("{at}/code"), "product_type", &product_type.code);
        let known = catalogue.categories.iter().any(|category| category.code == product_type.category);
        self.require(known, format!("{at}/category"), FaultCode::InvalidValue);
        self.texts(&format!("{at}/names"), &product_type.names);
        self.texts(&format!("{at}/descriptions"), &product_type.descriptions);
        let free = product_type.offers.iter().flat_map(|offer| &offer.prices).all(|price| price.amount == 0);
        let silent = free && product_type.metered.is_empty() && !product_type.deletes_data;
        let confirmed = product_type.termination_confirmation == TerminationConfirmation::Email;
        self.require(confirmed || silent, format!("{at}/termination_confirmation"), FaultCode::NotAllowed);
        if free {
            self.require(product_type.grace_days == 0, format!("{at}/grace_days"), FaultCode::OutOfRange);
            self.require(product_type.suspension_days == 0, format!("{at}/suspension_days"), FaultCode::OutOfRange);
        }
        let quantity = (1..=MAX_QUANTITY).contains(&product_type.quantity_max);
        self.require(quantity, format!("{at}/quantity_max"), FaultCode::OutOfRange);
        for (index, unit) in product_type.metered.iter().enumerate() {
            self.metered(&format!("{at}/metered/{index}"), &product_type.code, unit);
        }
        for (index, option) in product_type.options.iter().enumerate() {
            self.option(&format!("{at}/options/{index}"), product_type, option);
        }
        self.require(!product_type.offers.is_empty(), format!("{at}/offers"), FaultCode::TooShort);
        let mut positions = HashSet::new();
        for (index, offer) in product_type.offers.iter().enumerate() {
            let at = format!("{at}/offers/{index}");
            self.position(&format!("{at}/position"), offer.position, &mut positions);
            self.offer(&at, product_type, offer);
        }
    }

    fn metered(&mut self, at: &str, product_type: &str, unit: &MeteredUnit) {
        self.code(&format!("{at}/unit"), &format!("unit of {product_type}"), &unit.unit);
        self.texts(&format!("{at}/names"), &unit.names);
        for currency in Currency::ALL {
            let count = unit.prices.iter().filter(|price| price.currency == currency).count();
            if count != 1 {
                let code = if count == 0 { FaultCode::Missing } else { FaultCode::InvalidValue };
                self.faults.push(Fault::new(format!("{at}/prices"), code).with("currency", currency.as_str()));
            }
        }
        for (index, price) in unit.prices.iter().enumerate() {
            self.amount(&format!("{at}/prices/{index}/amount"), price.amount);
            self.require(price.per >= 1, format!("{at}/prices/{index}/per"), FaultCode::OutOfRange);
        }
    }

    fn option(&mut self, at: &str, product_type: &ProductType, option: &OrderOption) {
        self.code(&format!("{at}/code"), &format!("option of {}", product_type.code), &option.code);
        self.texts(&format!("{at}/names"), &option.names);
        let choice = option.kind == OptionKind::Choice;
        self.require(choice == option.max_length.is_none(), format!("{at}/max_length"), FaultCode::InvalidValue);
        self.require(option.max_length != Some(0), format!("{at}/max_length"), FaultCode::OutOfRange);
        self.require(choice != option.choices.is_empty(), format!("{at}/choices"), FaultCode::InvalidValue);
        if let Some(namespace) = &option.unique_as {
            let fits = can_be_unique(product_type, option) && is_code(namespace);
            self.require(fits, format!("{at}/unique_as"), FaultCode::NotAllowed);
        }
        let mut values = HashSet::new();
        for (index, choice) in option.choices.iter().enumerate() {
            let at = format!("{at}/choices/{index}");
            self.texts(&format!("{at}/names"), &choice.names);
            let fine = !choice.value.trim().is_empty() && values.insert(choice.value.as_str());
            self.require(fine, format!("{at}/value"), FaultCode::InvalidValue);
        }
        for (index, reserved) in option.reserved.iter().enumerate() {
            let canonical = local_part(reserved).as_ref() == Some(reserved);
            let fine = canonical && option.kind == OptionKind::EmailLocalPart;
            self.require(fine, format!("{at}/reserved/{index}"), FaultCode::InvalidValue);
        }
    }

    fn offer(&mut self, at: &str, product_type: &ProductType, offer: &Offer) {
        self.code(&format!("{at}/code"), "offer", &offer.code);
        self.texts(&format!("{at}/names"), &offer.names);
        self.texts(&format!("{at}/descriptions"), &offer.descriptions);
        if let Some(suffix) = &offer.domain_suffix {
            let known = idna::domain_to_ascii_strict(suffix).is_ok_and(|ascii| ascii == *suffix);
            let asks = product_type.options.iter().any(|o| o.kind == OptionKind::DomainName && o.required);
            self.require(known && asks, format!("{at}/domain_suffix"), FaultCode::InvalidValue);
        }
        self.require(!offer.prices.is_empty(), format!("{at}/prices"), FaultCode::TooShort);
        for frequency in offer.frequencies() {
            for currency in Currency::ALL {
                let same =
                    |price: &&crate::catalogue::Price| price.frequency == frequency && price.currency == currency;
                let count = offer.prices.iter().filter(same).count();
                if count != 1 {
                    let code = if count == 0 { FaultCode::Missing } else { FaultCode::InvalidValue };
                    let fault = Fault::new(format!("{at}/prices"), code).with("frequency", frequency.as_str());
                    self.faults.push(fault.with("currency", json!(currency)));
                }
            }
        }
        let free = offer.prices.iter().any(|price| price.amount == 0);
        for (index, price) in offer.prices.iter().enumerate() {
            let at = format!("{at}/prices/{index}");
            self.amount(&format!("{at}/amount"), price.amount);
            if free {
                self.require(price.amount == 0, format!("{at}/amount"), FaultCode::InvalidValue);
                self.require(price.frequency == Frequency::Yearly, format!("{at}/frequency"), FaultCode::InvalidValue);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap()
    }

    #[test]
    fn the_default_catalogue_is_sound() {
        assert_eq!(faults(&catalogue()), Vec::new());
    }

    #[test]
    fn every_fault_is_listed() {
        let mut broken = catalogue();
        broken.categories[1].position = broken.categories[0].position;
        broken.product_types[0].category = "nowhere".to_owned();
        broken.product_types[0].offers[0].prices.remove(0);
        broken.product_types[0].offers[1].prices[0].amount = -1;
        broken.product_types[1].code = "Web Hosting".to_owned();
        broken.product_types[1].names.de = " ".to_owned();
        let found: Vec<_> = faults(&broken).into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(
            found,
            [
                "/categories/1/position",
                "/product_types/0/category",
                "/product_types/0/offers/0/prices",
                "/product_types/0/offers/1/prices/0/amount",
                "/product_types/1/code",
                "/product_types/1/names/de",
            ]
        );
    }

    #[test]
    fn reserved_addresses_are_written_as_they_are_compared() {
        let mut broken = catalogue();
        let options = broken.product_types.iter_mut().flat_map(|product_type| &mut product_type.options);
        for option in options {
            option.reserved = vec!["Postmaster".to_owned()];
        }
        let options = broken.product_types.iter().map(|product_type| product_type.options.len()).sum::<usize>();
        assert_eq!(faults(&broken).len(), options);
    }

    #[test]
    fn only_a_domain_or_an_address_of_one_unit_can_be_unique() {
        let mut broken = catalogue();
        broken.product_types[0].quantity_max = 2;
        let unique = |option: &mut OrderOption| option.unique_as = Some("name".to_owned());
        let text = |option: &&mut OrderOption| option.kind == OptionKind::Text;
        unique(broken.product_types.iter_mut().flat_map(|of| &mut of.options).find(text).unwrap());
        let found = faults(&broken);
        assert_eq!(found.iter().filter(|fault| fault.pointer.ends_with("/unique_as")).count(), 2, "{found:?}");
    }

    #[test]
    fn an_offer_code_is_unique_over_the_whole_version() {
        let mut broken = catalogue();
        broken.product_types[1].offers[0].code = broken.product_types[0].offers[0].code.clone();
        assert_eq!(faults(&broken).len(), 1);
    }
}
