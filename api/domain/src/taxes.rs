//! Value added tax: a dated table, who is taxed how, and totals per rate (BIL-3).

use chrono::NaiveDate;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::organizations::OrganizationKind;
use crate::terms::Term;
use crate::words::words;

words! {
    /// Which of a country's rates a product type is taxed at.
    TaxClass {
        Standard = "standard",
        Reduced = "reduced",
    }
}

words! {
    /// What an invoice must say about its tax.
    TaxNote {
        /// The customer owes the tax (Article 196 of Directive 2006/112/EC).
        ReverseCharge = "reverse_charge",
        /// Outside the territories that are taxed.
        Export = "export",
    }
}

/// How a customer is taxed on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// Percent: `8.1`.
    pub rate: Decimal,
    pub note: Option<TaxNote>,
}

/// A rate from a day on: year, month, tenths of a percent. `ALWAYS` opens a list; the newest comes last.
type Since = (i32, u32);
const ALWAYS: Since = (0, 1);
type Dated = &'static [(Since, i64)];

/// Switzerland, which Liechtenstein follows.
const SWISS_STANDARD: Dated = &[(ALWAYS, 77), ((2024, 1), 81)];
const SWISS_REDUCED: Dated = &[(ALWAYS, 25), ((2024, 1), 26)];

/// Standard rates of the European Union; the reduced ones don't hold for what is sold here.
const EUROPEAN: &[(&str, Dated)] = &[
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
    // Monaco is French territory for VAT.
    ("MC", &[(ALWAYS, 200)]),
    ("MT", &[(ALWAYS, 180)]),
    ("NL", &[(ALWAYS, 210)]),
    ("PL", &[(ALWAYS, 230)]),
    ("PT", &[(ALWAYS, 230)]),
    ("RO", &[(ALWAYS, 190), ((2025, 8), 210)]),
    ("SE", &[(ALWAYS, 250)]),
    ("SI", &[(ALWAYS, 220)]),
    ("SK", &[(ALWAYS, 200), ((2025, 1), 230)]),
];

/// How a customer of this kind and country is taxed on `date`.
pub fn treatment(
    kind: OrganizationKind,
    country: &str,
    vat_verified: bool,
    class: TaxClass,
    date: NaiveDate,
) -> Treatment {
    if let Some(rates) = swiss(country, class) {
        return Treatment { rate: in_force(rates, date), note: None };
    }
    match EUROPEAN.iter().find(|(code, _)| *code == country) {
        Some(_) if kind == OrganizationKind::Company && vat_verified => {
            Treatment { rate: Decimal::ZERO, note: Some(TaxNote::ReverseCharge) }
        }
        Some((_, rates)) => Treatment { rate: in_force(rates, date), note: None },
        None => Treatment { rate: Decimal::ZERO, note: Some(TaxNote::Export) },
    }
}

fn in_force(rates: Dated, date: NaiveDate) -> Decimal {
    let rate = rates.iter().rev().find(|(since, _)| day_of(*since).is_some_and(|began| began <= date));
    percent(rate.or(rates.first()).map_or(0, |(_, tenths)| *tenths))
}

fn day_of((year, month): Since) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)
}

/// The stretches of a term at one rate each. In Switzerland and Liechtenstein the days of supply decide; elsewhere the
/// day on which the payment is created, the first one here (BIL-3).
pub fn stretches(
    kind: OrganizationKind,
    country: &str,
    vat_verified: bool,
    class: TaxClass,
    term: Term,
) -> Vec<(Term, Decimal)> {
    match swiss(country, class) {
        Some(rates) => changes(rates, term),
        None => vec![(term, treatment(kind, country, vat_verified, class, term.start).rate)],
    }
}

fn changes(rates: Dated, term: Term) -> Vec<(Term, Decimal)> {
    let inside = |day: &NaiveDate| term.start < *day && *day < term.end;
    let mut stretches = Vec::new();
    let mut start = term.start;
    for end in rates.iter().filter_map(|(since, _)| day_of(*since)).filter(inside).chain([term.end]) {
        stretches.push((Term { start, end }, in_force(rates, start)));
        start = end;
    }
    stretches
}

/// An amount in shares by weight that add up to it: what rounding down leaves goes to the largest remainders, to the
/// first of equal ones.
pub fn shares(amount: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole <= 0 {
        return weights.iter().enumerate().map(|(index, _)| if index == 0 { amount } else { 0 }).collect();
    }
    let exact = |weight: &i64| i128::from(amount) * i128::from(*weight);
    let mut shares: Vec<i128> = weights.iter().map(|weight| exact(weight).div_euclid(whole)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(exact(&weights[*index]).rem_euclid(whole)));
    let left = i128::from(amount) - shares.iter().sum::<i128>();
    for index in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        shares[index] += 1;
    }
    // Each lies between zero and the amount.
    shares.into_iter().map(|share| i64::try_from(share).unwrap_or(0)).collect()
}

/// A price as the stretches of its term share it, by days.
pub fn split(price: i64, stretches: &[(Term, Decimal)]) -> Vec<i64> {
    shares(price, &stretches.iter().map(|(term, _)| term.days()).collect::<Vec<_>>())
}

fn swiss(country: &str, class: TaxClass) -> Option<Dated> {
    let rates = if class == TaxClass::Standard { SWISS_STANDARD } else { SWISS_REDUCED };
    matches!(country, "CH" | "LI").then_some(rates)
}

fn percent(tenths: i64) -> Decimal {
    Decimal::new(tenths, 1).normalize()
}

/// The tax on a net amount in minor units, rounded once, half away from zero.
pub fn tax_on(net: i64, rate: Decimal) -> i64 {
    let exact = Decimal::from(net) * rate / Decimal::ONE_HUNDRED;
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(0)
}

/// What one rate comes to on a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"rate": "8.1", "net": 1000, "tax": 81})))]
pub struct TaxTotal {
    /// Percent.
    #[schema(value_type = String, pattern = r"^\d{1,2}(\.\d)?$")]
    pub rate: Decimal,
    /// Minor units.
    pub net: i64,
    /// Minor units.
    pub tax: i64,
}

/// Net, tax and total in minor units, with what each rate contributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    pub net: i64,
    pub tax: i64,
    pub total: i64,
    /// By rate, highest first.
    pub rates: Vec<TaxTotal>,
}

/// Totals of lines given as net amount and rate: per rate on the sum of its lines (EN 16931).
pub fn totals(lines: impl IntoIterator<Item = (i64, Decimal)>) -> Totals {
    let mut rates: Vec<TaxTotal> = Vec::new();
    for (net, rate) in lines {
        match rates.iter_mut().find(|total| total.rate == rate) {
            Some(total) => total.net += net,
            None => rates.push(TaxTotal { rate, net, tax: 0 }),
        }
    }
    rates.sort_by_key(|total| std::cmp::Reverse(total.rate));
    let mut sum = Totals::default();
    for total in &mut rates {
        total.tax = tax_on(total.net, total.rate);
        sum.net += total.net;
        sum.tax += total.tax;
    }
    Totals { total: sum.net + sum.tax, rates, ..sum }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rate(kind: OrganizationKind, country: &str, verified: bool, date: &str) -> String {
        treatment(kind, country, verified, TaxClass::Standard, day(date)).rate.to_string()
    }

    #[test]
    fn swiss_rates_change_with_the_date() {
        let company = OrganizationKind::Company;
        assert_eq!(rate(company, "CH", true, "2023-12-31"), "7.7");
        assert_eq!(rate(company, "LI", true, "2024-01-01"), "8.1");
        let reduced = |date| treatment(company, "CH", false, TaxClass::Reduced, day(date)).rate.to_string();
        assert_eq!((reduced("2023-12-31"), reduced("2026-01-01")), ("2.5".to_owned(), "2.6".to_owned()));
    }

    /// A rise in the midst of terms; the tables above hold only what is law.
    const MADE_UP: Dated = &[(ALWAYS, 81), ((2028, 1), 85), ((2030, 3), 90)];

    #[test]
    fn a_line_that_spans_a_change_of_rate_is_split_by_days() {
        let term = |start, end| Term { start: day(start), end: day(end) };
        for (start, end, price, expected) in [
            ("2026-11-25", "2027-11-25", 900, vec![("2027-11-25", "8.1", 900)]),
            ("2027-01-01", "2028-01-01", 900, vec![("2028-01-01", "8.1", 900)]),
            ("2028-01-01", "2029-01-01", 900, vec![("2029-01-01", "8.5", 900)]),
            // 402 and 694 of 1096 days: 935.40… and 1614.59…
            ("2026-11-25", "2029-11-25", 2550, vec![("2028-01-01", "8.1", 935), ("2029-11-25", "8.5", 1615)]),
            // 1 and 30 of 31 days.
            ("2027-12-31", "2028-01-31", 5, vec![("2028-01-01", "8.1", 0), ("2028-01-31", "8.5", 5)]),
            ("2027-12-16", "2028-01-17", 101, vec![("2028-01-01", "8.1", 51), ("2028-01-17", "8.5", 50)]),
            (
                "2027-07-01",
                "2030-07-01",
                10_000,
                // 184, 790 and 122 of 1096 days.
                vec![("2028-01-01", "8.1", 1679), ("2030-03-01", "8.5", 7208), ("2030-07-01", "9", 1113)],
            ),
        ] {
            let stretches = changes(MADE_UP, term(start, end));
            let shares = split(price, &stretches);
            let found = stretches.iter().zip(&shares);
            let found: Vec<_> = found.map(|((term, rate), share)| (term.end, rate.to_string(), *share)).collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(end, rate, net)| (day(end), rate.to_owned(), net)).collect();
            assert_eq!(found, expected, "{start} to {end}");
            assert_eq!(stretches[0].0.start, day(start));
        }
    }

    #[test]
    fn the_day_of_supply_splits_in_switzerland_only() {
        let term = Term { start: day("2023-12-01"), end: day("2025-12-01") };
        let company = OrganizationKind::Company;
        let of = |country, verified| stretches(company, country, verified, TaxClass::Standard, term);
        let rates: Vec<_> = of("LI", false).iter().map(|(term, rate)| (term.days(), rate.to_string())).collect();
        assert_eq!(rates, [(31, "7.7".to_owned()), (700, "8.1".to_owned())]);
        for (country, verified, rate) in [("EE", false, "20"), ("EE", true, "0"), ("US", false, "0")] {
            assert_eq!(of(country, verified), [(term, rate.parse().unwrap())]);
        }
    }

    #[test]
    fn european_companies_with_a_verified_number_owe_the_tax_themselves() {
        let verified = treatment(OrganizationKind::Company, "FR", true, TaxClass::Standard, day("2026-05-01"));
        assert!(verified.rate.is_zero() && verified.note == Some(TaxNote::ReverseCharge));
        assert_eq!(rate(OrganizationKind::Company, "FR", false, "2026-05-01"), "20");
        assert_eq!(rate(OrganizationKind::PublicBody, "DE", true, "2026-05-01"), "19");
        assert_eq!(rate(OrganizationKind::Individual, "FI", true, "2026-05-01"), "25.5");
        assert_eq!(rate(OrganizationKind::Individual, "EE", true, "2025-06-30"), "22");
        assert_eq!(rate(OrganizationKind::Individual, "EE", true, "2025-07-01"), "24");
    }

    #[test]
    fn elsewhere_nothing_is_taxed() {
        let elsewhere = treatment(OrganizationKind::Individual, "US", false, TaxClass::Standard, day("2026-05-01"));
        assert!(elsewhere.rate.is_zero() && elsewhere.note == Some(TaxNote::Export));
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let rate = "8.1".parse().unwrap();
        assert_eq!((tax_on(500, rate), tax_on(-500, rate)), (41, -41));
    }

    proptest! {
        #[test]
        fn shares_add_up(amount in -1_000_000_000_i64..1_000_000_000, weights in prop::collection::vec(0_i64..2_000, 1..9)) {
            let shares = shares(amount, &weights);
            prop_assert_eq!(shares.iter().sum::<i64>(), amount);
            let whole: i64 = weights.iter().sum();
            for (share, weight) in shares.iter().zip(&weights).filter(|_| whole > 0) {
                prop_assert!((share * whole - amount * weight).abs() < whole);
            }
        }

        #[test]
        fn totals_add_up(lines in prop::collection::vec((0_i64..10_000_000, 0_i64..300), 0..60)) {
            let lines: Vec<_> = lines.into_iter().map(|(net, tenths)| (net, percent(tenths))).collect();
            let totals = totals(lines.clone());
            prop_assert_eq!(totals.net, lines.iter().map(|(net, _)| net).sum::<i64>());
            prop_assert_eq!(totals.tax, totals.rates.iter().map(|rate| rate.tax).sum::<i64>());
            prop_assert_eq!(totals.total, totals.net + totals.tax);
        }
    }
}
