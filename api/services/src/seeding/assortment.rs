//! What is ordered: anything the catalogue offers whose first term still runs.

use chrono::NaiveDate;
use manager_domain::Money;
use manager_domain::carts::NewItem;
use manager_domain::catalogue::{Catalogue, Offer, OptionKind, OrderOption, ProductType};
use manager_domain::order_options::Options;
use manager_domain::terms::{Frequency, Term};

use super::chance::Dice;

/// An offer at a frequency that can be ordered.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    offer: String,
    frequency: Frequency,
    is_free: bool,
    /// Whether a customer may want several.
    in_numbers: bool,
}

/// Everything that can be ordered in the minimum's currency.
pub(super) fn picks(catalogue: &Catalogue, minimum: Money) -> Vec<Pick> {
    let mut picks = Vec::new();
    for product_type in &catalogue.product_types {
        for offer in &product_type.offers {
            for frequency in offer.frequencies() {
                if let Ok(price) = product_type.available(offer, frequency, 1, minimum) {
                    let in_numbers = product_type.quantity_max > 1;
                    picks.push(Pick { offer: offer.code.clone(), frequency, is_free: price == 0, in_numbers });
                }
            }
        }
    }
    picks
}

impl Pick {
    /// Whether what is bought on `day` is still paid for on `today`.
    pub fn lasts(&self, day: NaiveDate, today: NaiveDate) -> bool {
        self.is_free || Term::first(day, self.frequency).is_some_and(|term| term.end > today)
    }

    /// The item for a cart; `name` tells it from the others of the same organization, and from everybody else's.
    pub fn item(&self, dice: &mut Dice, catalogue: &Catalogue, name: &str, most: u64) -> NewItem {
        let quantity = if self.in_numbers && dice.below(8) == 0 { most.min(2) } else { 1 };
        let known = catalogue.offer(&self.offer);
        let options = known.map(|(product_type, offer)| options(dice, product_type, offer, name)).unwrap_or_default();
        NewItem { offer: self.offer.clone(), frequency: self.frequency, quantity: quantity as u32, options }
    }
}

const WORDS: &[&str] = &[
    "alpenblick",
    "atelier",
    "bergquell",
    "boulangerie",
    "cascade",
    "chalet",
    "edelweiss",
    "fondue",
    "gletscher",
    "horloge",
    "kiosk",
    "lacrive",
    "libreria",
    "mosaik",
    "nordwind",
    "orchidee",
    "panorama",
    "quartier",
    "riviera",
    "sentier",
    "tramway",
    "velo",
    "werkstatt",
    "zephyr",
];

fn options(dice: &mut Dice, product_type: &ProductType, offer: &Offer, name: &str) -> Options {
    let word = dice.word(WORDS);
    let value = |dice: &mut Dice, option: &OrderOption| match option.kind {
        OptionKind::DomainName => format!("{word}-{name}.{}", offer.domain_suffix.as_deref().unwrap_or("ch")),
        OptionKind::EmailLocalPart => format!("{word}.{name}"),
        OptionKind::Text => format!("{word} {name}"),
        OptionKind::Choice => dice.one_of(&option.choices).map(|choice| choice.value.clone()).unwrap_or_default(),
    };
    product_type.options.iter().map(|option| (option.code.clone(), value(dice, option))).collect()
}
