//! Numbers and dates as they are printed: amounts in the Swiss way, `1'234.50`, in every language.

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// Minor units as `1'234.50`; negative ones with a minus sign.
pub fn amount(minor: i64) -> String {
    let units = minor.unsigned_abs();
    let sign = if minor < 0 { "−" } else { "" };
    format!("{sign}{}.{:02}", grouped(&(units / 100).to_string(), "'"), units % 100)
}

/// Minor units as `1 234.50`, as payment parts ask.
pub fn payment_amount(minor: i64) -> String {
    let units = minor.unsigned_abs();
    format!("{}.{:02}", grouped(&(units / 100).to_string(), " "), units % 100)
}

/// A price in minor units, with two decimals or as many as it has.
pub fn price(minor: Decimal) -> String {
    let major = (minor / Decimal::ONE_HUNDRED).normalize();
    decimal(major, 2)
}

/// A quantity, with as many decimals as it has.
pub fn quantity(quantity: Decimal) -> String {
    decimal(quantity.normalize(), 0)
}

fn decimal(number: Decimal, at_least: usize) -> String {
    let sign = if number.is_sign_negative() && !number.is_zero() { "−" } else { "" };
    let text = number.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = grouped(whole, "'");
    if fraction.is_empty() && at_least == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction:0<at_least$}")
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(separator)
}

/// A date by a pattern of the language's texts.
pub fn date(date: NaiveDate, pattern: &str) -> String {
    date.format(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped() {
        for (minor, expected) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "−0.05"),
            (123_450, "1'234.50"),
            (99_999_999_999, "999'999'999.99"),
            (i64::MIN, "−92'233'720'368'547'758.08"),
        ] {
            assert_eq!(amount(minor), expected);
        }
        assert_eq!(payment_amount(194_975), "1 949.75");
    }

    #[test]
    fn prices_and_quantities_keep_their_decimals() {
        let of = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(
            (price(of("1250")), price(of("0.05")), price(of("1e5"))),
            ("12.50".into(), "0.0005".into(), "1'000.00".into())
        );
        assert_eq!((quantity(of("1.00")), quantity(of("1234.5"))), ("1".into(), "1'234.5".into()));
    }
}
