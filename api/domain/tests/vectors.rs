//! The language-neutral billing cases that the pure rules must reproduce.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use manager_domain::taxes::totals;
use manager_domain::terms::{Frequency, term_end};
use rust_decimal::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    term_ends: Vec<TermEnds>,
    tax_per_rate: Vec<TaxPerRate>,
}

#[derive(Deserialize)]
struct TermEnds {
    anchor: Option<NaiveDate>,
    anchor_day: Option<u32>,
    start: Option<NaiveDate>,
    frequency: Frequency,
    ends: Vec<NaiveDate>,
}

#[derive(Deserialize)]
struct TaxPerRate {
    lines: Vec<Line>,
    tax: BTreeMap<Decimal, i64>,
    total: i64,
}

#[derive(Deserialize)]
struct Line {
    net: i64,
    rate: Decimal,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/billing.json")).expect("the vectors have this shape")
}

#[test]
fn terms_end_as_the_vectors_say() {
    for case in vectors().term_ends {
        let mut start = case.start.or(case.anchor).expect("a start");
        let anchor = case.anchor_day.unwrap_or(start.day());
        for end in case.ends {
            assert_eq!(term_end(start, anchor, case.frequency), Some(end), "from {start}, anchor {anchor}");
            start = end;
        }
    }
}

#[test]
fn tax_is_rounded_once_per_rate_as_the_vectors_say() {
    for case in vectors().tax_per_rate {
        let totals = totals(case.lines.iter().map(|line| (line.net, line.rate)));
        let tax: BTreeMap<Decimal, i64> = totals.rates.iter().map(|at| (at.rate, at.tax)).collect();
        assert_eq!((tax, totals.total), (case.tax, case.total));
    }
}
