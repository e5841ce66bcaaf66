//! Value added tax (BIL-3): rates in percent from a dated table, rounded once per rate on the sum of the lines.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::organizations::OrganizationKind;
use crate::words::words;

words! {
    /// Which of a country's rates a product type falls under.
    TaxClass {
        Standard = "standard",
        /// Switzerland and Liechtenstein only; elsewhere the standard rate holds.
        Reduced = "reduced",
    }
}

words! {
    /// What an invoice must say about its tax.
    TaxNote {
        /// The buyer owes the tax where they are.
        ReverseCharge = "reverse_charge",
        /// Supplied outside Switzerland and the EU.
        OutsideScope = "outside_scope",
    }
}

/// What decides the tax of a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    pub kind: OrganizationKind,
    /// ISO 3166-1 alpha-2, of the billing address.
    pub country: String,
    /// Whether a provider or staff verified the VAT number.
    pub vat_verified: bool,
}

/// The rate that holds and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxTreatment {
    /// Percent: 8.1.
    pub rate: Decimal,
    pub reverse_charge: bool,
    pub note: Option<TaxNote>,
}

impl TaxTreatment {
    const fn taxed(rate: Decimal) -> Self {
        Self { rate, reverse_charge: false, note: None }
    }
}

/// The tax treatment of a supply on `date` (BIL-3).
pub fn treatment(buyer: &Buyer, class: TaxClass, date: NaiveDate) -> TaxTreatment {
    let country = match buyer.country.as_str() {
        "LI" => "CH",
        // Monaco belongs to France's VAT territory.
        "MC" => "FR",
        country => country,
    };
    if country == "CH" {
        return TaxTreatment::taxed(swiss_rate(class, date));
    }
    match union_rate(country, date) {
        Some(_) if buyer.kind == OrganizationKind::Company && buyer.vat_verified => {
            TaxTreatment { rate: Decimal::ZERO, reverse_charge: true, note: Some(TaxNote::ReverseCharge) }
        }
        Some(rate) => TaxTreatment::taxed(rate),
        None => TaxTreatment { rate: Decimal::ZERO, reverse_charge: false, note: Some(TaxNote::OutsideScope) },
    }
}

/// Year and month from whose first day a rate holds; `ALWAYS` opens a country's list.
type Since = (i32, u32);
const ALWAYS: Since = (0, 1);

/// Thousandths: 81 per mille is 8.1 %. Newest last.
const SWISS_STANDARD: &[(Since, i64)] = &[(ALWAYS, 77), ((2024, 1), 81)];
const SWISS_REDUCED: &[(Since, i64)] = &[(ALWAYS, 25), ((2024, 1), 26)];

/// Standard rates of the EU in thousandths, as of 2026. Newest last.
const UNION: &[(&str, &[(Since, i64)])] = &[
    ("AT", &[(ALWAYS, 200)]),
    ("BE", &[(ALWAYS, 210)]),
    ("BG", &[(ALWAYS, 200)]),
    ("CY", &[(ALWAYS, 190)]),
    ("CZ", &[(ALWAYS, 210)]),
    ("DE", &[(ALWAYS, 190)]),
    ("DK", &[(ALWAYS, 250)]),
    ("EE", &[(ALWAYS, 200), ((2024, 1), 220), ((2025, 7), 240)]),
    ("ES", &[(ALWAYS, 210)]),
    ("FI", &[(ALWAYS, 240), ((2024, 9), 255)]),
    ("FR", &[(ALWAYS, 200)]),
    ("GR", &[(ALWAYS, 240)]),
    ("HR", &[(ALWAYS, 250)]),
    ("HU", &[(ALWAYS, 270)]),
    ("IE", &[(ALWAYS, 230)]),
    ("IT", &[(ALWAYS, 220)]),
    ("LT", &[(ALWAYS, 210)]),
    ("LU", &[(ALWAYS, 160), ((2024, 1), 170)]),
    ("LV", &[(ALWAYS, 210)]),
    ("MT", &[(ALWAYS, 180)]),
    ("NL", &[(ALWAYS, 210)]),
    ("PL", &[(ALWAYS, 230)]),
    ("PT", &[(ALWAYS, 230)]),
    ("RO", &[(ALWAYS, 190), ((2025, 8), 210)]),
    ("SE", &[(ALWAYS, 250)]),
    ("SI", &[(ALWAYS, 220)]),
    ("SK", &[(ALWAYS, 200), ((2025, 1), 230)]),
];

fn swiss_rate(class: TaxClass, date: NaiveDate) -> Decimal {
    in_force(if class == TaxClass::Reduced { SWISS_REDUCED } else { SWISS_STANDARD }, date)
}

fn union_rate(country: &str, date: NaiveDate) -> Option<Decimal> {
    let (_, rates) = UNION.iter().find(|(code, _)| *code == country)?;
    Some(in_force(rates, date))
}

fn in_force(rates: &[(Since, i64)], date: NaiveDate) -> Decimal {
    let holds = |since: &Since| NaiveDate::from_ymd_opt(since.0, since.1, 1).is_some_and(|since| since <= date);
    let rate = rates.iter().rev().find(|(since, _)| holds(since)).or(rates.first());
    Decimal::new(rate.map_or(0, |(_, thousandths)| *thousandths), 1).normalize()
}

/// Net and tax at one rate, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateTotal {
    /// Percent.
    pub rate: Decimal,
    pub net: i64,
    pub tax: i64,
}

/// The totals of an invoice, cart or order, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Highest rate first.
    pub rates: Vec<RateTotal>,
    pub net: i64,
    pub tax: i64,
    pub total: i64,
}

/// Sums lines (net in minor units, rate in percent) and taxes each rate's sum once (EN 16931).
pub fn tax_per_rate(lines: impl IntoIterator<Item = (i64, Decimal)>) -> Totals {
    let mut nets: BTreeMap<Decimal, i64> = BTreeMap::new();
    for (net, rate) in lines {
        *nets.entry(rate.normalize()).or_default() += net;
    }
    let rate_total = |(rate, net): (Decimal, i64)| RateTotal { rate, net, tax: tax_on(net, rate) };
    let rates: Vec<RateTotal> = nets.into_iter().rev().map(rate_total).collect();
    let (net, tax) = rates.iter().fold((0, 0), |(net, tax), at| (net + at.net, tax + at.tax));
    Totals { rates, net, tax, total: net + tax }
}

/// The tax on a net amount in minor units, half away from zero.
pub fn tax_on(net: i64, rate: Decimal) -> i64 {
    let exact = Decimal::from(net) * rate / Decimal::ONE_HUNDRED;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(i64::MAX)
}

/// A price with its tax, as shown to consumers (CAT-1).
pub fn gross(net: i64, rate: Decimal) -> i64 {
    net + tax_on(net, rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(kind: OrganizationKind, country: &str, vat_verified: bool, date: &str) -> (String, bool) {
        let buyer = Buyer { kind, country: country.to_owned(), vat_verified };
        let treatment = treatment(&buyer, TaxClass::Standard, date.parse().expect("a date"));
        (treatment.rate.to_string(), treatment.reverse_charge)
    }

    #[test]
    fn country_kind_and_date_decide_the_rate() {
        use OrganizationKind::{Company, Individual, PublicBody};
        let taxed = |text: &str| (text.to_owned(), false);
        assert_eq!(rate(Individual, "CH", false, "2023-12-31"), taxed("7.7"));
        assert_eq!(rate(Company, "CH", true, "2024-01-01"), taxed("8.1"));
        assert_eq!(rate(Company, "LI", false, "2026-06-01"), taxed("8.1"));
        assert_eq!(rate(Individual, "FI", false, "2026-06-01"), taxed("25.5"));
        assert_eq!(rate(Individual, "EE", false, "2025-06-30"), taxed("22"));
        assert_eq!(rate(Individual, "EE", false, "2025-07-01"), taxed("24"));
        assert_eq!(rate(Company, "DE", false, "2026-06-01"), taxed("19"));
        assert_eq!(rate(Company, "DE", true, "2026-06-01"), ("0".to_owned(), true));
        assert_eq!(rate(PublicBody, "DE", true, "2026-06-01"), taxed("19"));
        assert_eq!(rate(Individual, "MC", false, "2026-06-01"), taxed("20"));
        assert_eq!(rate(Company, "US", false, "2026-06-01"), taxed("0"));
    }

    #[test]
    fn the_reduced_rate_is_swiss() {
        let date = "2026-01-01".parse().expect("a date");
        let at = |country: &str| {
            let buyer = Buyer { kind: OrganizationKind::Individual, country: country.to_owned(), vat_verified: false };
            treatment(&buyer, TaxClass::Reduced, date).rate
        };
        assert_eq!(at("CH"), Decimal::new(26, 1));
        assert_eq!(at("DE"), Decimal::from(19));
    }

    proptest! {
        #[test]
        fn a_credit_of_the_whole_mirrors_the_invoice(nets in proptest::collection::vec(0i64..1_000_000_000, 0..20)) {
            let rates = [Decimal::new(81, 1), Decimal::new(26, 1), Decimal::new(255, 1)];
            let lines = |sign: i64| nets.iter().zip(rates.iter().cycle()).map(move |(net, rate)| (sign * net, *rate));
            let (invoice, credit) = (tax_per_rate(lines(1)), tax_per_rate(lines(-1)));
            prop_assert_eq!(invoice.total, -credit.total);
            prop_assert_eq!(invoice.net, nets.iter().sum::<i64>());
            prop_assert_eq!(invoice.total, invoice.net + invoice.tax);
        }
    }
}
