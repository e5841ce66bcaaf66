//! Values of a bank's file: amounts, dates, flags, texts.

use chrono::NaiveDate;
use manager_domain::{Currency, Money};

use super::Direction;
use super::errors::{FaultKind, quoted};
use super::xml_tree::Element;

/// More than any bank sends; a text beyond it is cut.
const MAX_TEXT: usize = 1_000;

/// `12.50`, `12.5` or `12` with its currency, in minor units. Not negative, no part of a minor unit.
pub(super) fn money(element: &Element) -> Result<Money, FaultKind> {
    let code = element.currency.as_deref().unwrap_or_default().trim();
    let currency = Currency::parse(code).ok_or_else(|| FaultKind::UnknownCurrency(quoted(code)))?;
    let amount = minor_units(&element.text).ok_or_else(|| FaultKind::BadAmount(quoted(&element.text)))?;
    Ok(Money::new(amount, currency))
}

/// Both currencies have hundredths.
fn minor_units(text: &str) -> Option<i64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |part: &str| part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let hundredths: i64 = match fraction.len() {
        0 => 0,
        1 | 2 => format!("{fraction:0<2}").parse().ok()?,
        _ => return None,
    };
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    whole.checked_mul(100)?.checked_add(hundredths)
}

pub(super) fn direction(text: &str) -> Result<Direction, FaultKind> {
    match text {
        "CRDT" => Ok(Direction::Credit),
        "DBIT" => Ok(Direction::Debit),
        _ => Err(FaultKind::BadDirection(quoted(text))),
    }
}

pub(super) fn flag(text: &str) -> Result<bool, FaultKind> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(FaultKind::BadFlag(quoted(text))),
    }
}

/// The civil date of a `Dt` or `DtTm`, as it stands there: the bank's own day, whatever zone is written behind it.
pub(super) fn date(element: Option<&Element>) -> Result<Option<NaiveDate>, FaultKind> {
    let Some(element) = element else { return Ok(None) };
    let Some(text) = element.text_at(&["Dt"]).or_else(|| element.text_at(&["DtTm"])) else {
        return Err(FaultKind::Missing("Dt"));
    };
    let day = text.get(..10).unwrap_or(text);
    let rest_fits = text.get(10..).is_none_or(|rest| rest.is_empty() || rest.starts_with(['T', 'Z', '+', '-']));
    let date = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().filter(|_| day.len() == 10 && rest_fits);
    date.map(Some).ok_or_else(|| FaultKind::BadDate(quoted(text)))
}

/// A text that means something: banks write `NOTPROVIDED` where they have none.
pub(super) fn meant(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_nothing = text.is_empty() || text.eq_ignore_ascii_case("NOTPROVIDED");
    (!is_nothing).then_some(text)
}

/// A text of bounded length without control characters.
pub(super) fn tidy(text: &str) -> Option<String> {
    let words: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect();
    meant(&words).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, expected) in [
            ("12.50", Some(1250)),
            ("12.5", Some(1250)),
            ("12", Some(1200)),
            ("12.", Some(1200)),
            (".05", Some(5)),
            ("0012.340000", Some(1234)),
            ("+1", Some(100)),
            ("0", Some(0)),
            ("92233720368547758.07", Some(i64::MAX)),
            ("92233720368547758.08", None),
            ("12.345", None),
            ("-1.00", None),
            ("1'000.00", None),
            ("1,00", None),
            ("1e3", None),
            ("", None),
            (".", None),
            ("١٢", None),
            (&"9".repeat(400), None),
        ] {
            assert_eq!(minor_units(text), expected, "{text}");
        }
    }
}
