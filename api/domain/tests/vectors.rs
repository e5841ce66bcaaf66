//! The language-neutral billing cases that the pure rules must reproduce.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use manager_domain::credit_notes::{CreditableInvoice, CreditableLine, LineCredit, prorated, unused_credit};
use manager_domain::discounts::{Discount, percent_of};
use manager_domain::invoices::InvoiceState;
use manager_domain::promo_codes::{CodeText, PromoCode, Scope};
use manager_domain::taxes::{shares, totals};
use manager_domain::terms::{Frequency, Term, term_end};
use manager_domain::{Currency, Money};
use rust_decimal::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    term_ends: Vec<TermEnds>,
    unused_credit: Vec<UnusedCredit>,
    discount_terms: Vec<DiscountTerms>,
    tax_per_rate: Vec<TaxPerRate>,
    largest_remainder: Vec<LargestRemainder>,
    percent_discount: Vec<PercentDiscount>,
    change_at_once: Vec<ChangeAtOnce>,
}

#[derive(Deserialize)]
struct UnusedCredit {
    start: NaiveDate,
    end: NaiveDate,
    change: NaiveDate,
    paid: i64,
    credit: i64,
}

#[derive(Deserialize)]
struct DiscountTerms {
    price: i64,
    percent: Decimal,
    terms: u32,
    charged: Vec<i64>,
}

#[derive(Deserialize)]
struct LargestRemainder {
    amount: i64,
    weights: Vec<i64>,
    split: Vec<i64>,
}

#[derive(Deserialize)]
struct PercentDiscount {
    price: i64,
    percent: Decimal,
    discount: i64,
    net: i64,
}

#[derive(Deserialize)]
struct ChangeAtOnce {
    start: NaiveDate,
    end: NaiveDate,
    change: NaiveDate,
    old_net: i64,
    new_price: i64,
    rate: Decimal,
    credit_note: Sums,
    invoice: Sums,
    to_pay: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Sums {
    net: i64,
    tax: i64,
    total: i64,
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

/// A paid line of so much at this rate.
fn line(net: i64, tax_rate: Decimal) -> CreditableLine {
    CreditableLine { position: 1, net, tax_rate, credited: 0 }
}

#[test]
fn unused_days_are_credited_as_the_vectors_say() {
    for case in vectors().unused_credit {
        let term = Term { start: case.start, end: case.end };
        assert_eq!(unused_credit(&line(case.paid, Decimal::ZERO), term, case.change), case.credit, "{}", case.change);
    }
}

#[test]
fn a_change_at_once_is_charged_as_the_vectors_say() {
    for case in vectors().change_at_once {
        let term = Term { start: case.start, end: case.end };
        let rates = totals([(case.old_net, case.rate)]).rates;
        let lines = vec![line(case.old_net, case.rate)];
        let old = CreditableInvoice { state: InvoiceState::Paid, lines, rates, credited_taxes: Vec::new() };
        let credit = LineCredit { position: 1, net: unused_credit(&old.lines[0], term, case.change) };
        let note = old.credit(vec![credit]).expect("a credit note").totals;
        let invoice = totals([(prorated(case.new_price, term, case.change), case.rate)]);
        assert_eq!(Sums { net: note.net, tax: note.tax, total: note.total }, case.credit_note);
        assert_eq!(Sums { net: invoice.net, tax: invoice.tax, total: invoice.total }, case.invoice);
        assert_eq!(invoice.total - note.total, case.to_pay);
    }
}

#[test]
fn a_percentage_is_rounded_per_line_as_the_vectors_say() {
    for case in vectors().percent_discount {
        let discount = percent_of(case.price, case.percent);
        assert_eq!((discount, case.price - discount), (case.discount, case.net), "{} of {}", case.percent, case.price);
        let on = Discount::Percentage { percent: case.percent }.on(&[case.price, case.price], Currency::Chf);
        assert_eq!(on, Some(vec![case.discount, case.discount]));
    }
}

#[test]
fn a_fixed_amount_is_spread_as_the_vectors_say() {
    for case in vectors().largest_remainder {
        assert_eq!(shares(case.amount, &case.weights), case.split);
        let discount = Discount::Fixed { amounts: vec![Money::new(case.amount, Currency::Chf)] };
        if case.weights.iter().sum::<i64>() >= case.amount {
            assert_eq!(discount.on(&case.weights, Currency::Chf), Some(case.split));
        }
    }
}

#[test]
fn a_code_lowers_so_many_terms_as_the_vectors_say() {
    for case in vectors().discount_terms {
        let code = PromoCode {
            code: CodeText::parse("WELCOME").expect("a code"),
            discount: Discount::Percentage { percent: case.percent },
            scope: Scope::default(),
            terms: case.terms,
            valid_from: None,
            valid_until: None,
            total_cap: None,
            organization_cap: None,
            first_order_only: false,
            minimum_net: Vec::new(),
            is_test: false,
            is_withdrawn: false,
        };
        let off = |n| if code.is_for_term(n) { percent_of(case.price, case.percent) } else { 0 };
        let charged: Vec<_> = (1..).zip(&case.charged).map(|(n, _)| case.price - off(n)).collect();
        assert_eq!(charged, case.charged);
    }
}
