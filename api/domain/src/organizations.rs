//! Organizations: kinds, addresses, currencies and VAT numbers (ORG-1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Currency;
use crate::refusals::{Fault, FaultCode};
use crate::words::words;

words! {
    /// What an organization is; it decides how prices are shown and taxed.
    OrganizationKind {
        Individual = "individual",
        Company = "company",
        PublicBody = "public_body",
    }
}

/// Where invoices go. The country decides tax and the default currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"})))]
pub struct BillingAddress {
    #[schema(min_length = 1, max_length = 100)]
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, max_length = 100)]
    pub line2: Option<String>,
    #[schema(min_length = 1, max_length = 16)]
    pub postal_code: String,
    #[schema(min_length = 1, max_length = 80)]
    pub city: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, max_length = 80)]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    pub country: String,
}

impl BillingAddress {
    /// All that is wrong with the address, its fields below `pointer`.
    pub fn faults(&self, pointer: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut bounded = |name: &str, text: &str, max: usize| {
            if text.trim().is_empty() {
                faults.push(Fault::new(format!("{pointer}/{name}"), FaultCode::TooShort).with("min", 1));
            } else if text.chars().count() > max {
                faults.push(Fault::new(format!("{pointer}/{name}"), FaultCode::TooLong).with("max", max));
            }
        };
        bounded("line1", &self.line1, 100);
        bounded("postal_code", &self.postal_code, 16);
        bounded("city", &self.city, 80);
        if let Some(line2) = &self.line2 {
            bounded("line2", line2, 100);
        }
        if let Some(region) = &self.region {
            bounded("region", region, 80);
        }
        if !is_country(&self.country) {
            faults.push(Fault::new(format!("{pointer}/country"), FaultCode::InvalidCountry));
        }
        faults
    }
}

/// ISO 3166-1 alpha-2 codes in use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
    FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ \
    IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
    PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL \
    TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether this is the code of a country.
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && COUNTRIES.split_whitespace().any(|country| country == code)
}

/// What an organization of this country is billed in unless it says otherwise.
pub fn default_currency(country: &str) -> Currency {
    if matches!(country, "CH" | "LI") { Currency::Chf } else { Currency::Eur }
}

/// A VAT number in its canonical spelling, checked for the country's form and, where there is one that can be computed,
/// its check digit (BIL-3).
///
/// # Errors
/// [`FaultCode::InvalidVatNumber`].
pub fn check_vat_number(country: &str, text: &str) -> Result<String, FaultCode> {
    let number: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).flat_map(char::to_uppercase).collect();
    if !(4..=16).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(FaultCode::InvalidVatNumber);
    }
    let valid = match country {
        "CH" | "LI" => is_swiss(&number),
        _ => match european_form(country) {
            Some((prefix, lengths)) => number.strip_prefix(prefix).is_some_and(|body| {
                lengths.contains(&body.len())
                    && body.bytes().filter(u8::is_ascii_digit).count() >= body.len().min(7) - 2
                    && checksum(prefix, body)
            }),
            None => true,
        },
    };
    if !valid {
        return Err(FaultCode::InvalidVatNumber);
    }
    if matches!(country, "CH" | "LI") {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        return Ok(format!("CHE-{}.{}.{}", &digits[..3], &digits[3..6], &digits[6..]));
    }
    Ok(number)
}

/// `CHE` and nine digits, the last by modulus 11 (eCH-0097); a suffix such as MWST may follow.
fn is_swiss(number: &str) -> bool {
    let Some(rest) = number.strip_prefix("CHE") else { return false };
    let digits = rest.trim_end_matches("MWST").trim_end_matches("TVA").trim_end_matches("IVA");
    digits.len() == 9
        && weighted(&digits[..8], &[5, 4, 3, 2, 7, 6, 5, 4]).is_some_and(|sum| {
            let check = (11 - sum % 11) % 11;
            check < 10 && digits.as_bytes()[8] == b'0' + u8::try_from(check).unwrap_or(0)
        })
}

/// The prefix and the lengths behind it of the EU members' numbers.
fn european_form(country: &str) -> Option<(&'static str, &'static [usize])> {
    Some(match country {
        "AT" => ("ATU", &[8]),
        "BE" => ("BE", &[10]),
        "BG" => ("BG", &[9, 10]),
        "CY" => ("CY", &[9]),
        "CZ" => ("CZ", &[8, 9, 10]),
        "DE" => ("DE", &[9]),
        "DK" => ("DK", &[8]),
        "EE" => ("EE", &[9]),
        "GR" => ("EL", &[9]),
        "ES" => ("ES", &[9]),
        "FI" => ("FI", &[8]),
        "FR" | "MC" => ("FR", &[11]),
        "HR" => ("HR", &[11]),
        "HU" => ("HU", &[8]),
        "IE" => ("IE", &[8, 9]),
        "IT" => ("IT", &[11]),
        "LT" => ("LT", &[9, 12]),
        "LU" => ("LU", &[8]),
        "LV" => ("LV", &[11]),
        "MT" => ("MT", &[8]),
        "NL" => ("NL", &[12]),
        "PL" => ("PL", &[10]),
        "PT" => ("PT", &[9]),
        "RO" => ("RO", &[2, 3, 4, 5, 6, 7, 8, 9, 10]),
        "SE" => ("SE", &[12]),
        "SI" => ("SI", &[8]),
        "SK" => ("SK", &[10]),
        _ => return None,
    })
}

/// The check digits of the larger members; where none is computed here, the form decides.
fn checksum(prefix: &str, body: &str) -> bool {
    let digit = |index: usize| body.as_bytes().get(index).map(|b| u32::from(b.wrapping_sub(b'0')));
    let number = |text: &str| text.parse::<u64>().ok();
    match prefix {
        "BE" => number(&body[..8]).zip(number(&body[8..])).is_some_and(|(n, check)| 97 - n % 97 == check),
        "DE" => iso7064_mod11_10(body),
        "HR" => iso7064_mod11_10(body),
        "LU" => number(&body[..6]).zip(number(&body[6..])).is_some_and(|(n, check)| n % 89 == check),
        "PL" => weighted(&body[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]).is_some_and(|sum| Some(sum % 11) == digit(9)),
        "PT" => weighted(&body[..8], &[9, 8, 7, 6, 5, 4, 3, 2]).is_some_and(|sum| {
            let check = 11 - sum % 11;
            Some(if check > 9 { 0 } else { check }) == digit(8)
        }),
        "DK" => weighted(body, &[2, 7, 6, 5, 4, 3, 2, 1]).is_some_and(|sum| sum % 11 == 0),
        "FI" => weighted(body, &[7, 9, 10, 5, 8, 4, 2, 1]).is_some_and(|sum| sum % 11 == 0),
        "IT" => luhn(body),
        // Numbers with letters in the key follow another, unpublished scheme.
        "FR" => number(&body[2..])
            .is_some_and(|siren| number(&body[..2]).is_none_or(|key| key == (12 + 3 * (siren % 97)) % 97)),
        _ => true,
    }
}

fn weighted(digits: &str, weights: &[u32]) -> Option<u32> {
    let mut sum = 0;
    for (c, weight) in digits.chars().zip(weights) {
        sum += c.to_digit(10)? * weight;
    }
    (digits.len() == weights.len()).then_some(sum)
}

fn iso7064_mod11_10(digits: &str) -> bool {
    let mut product = 10;
    let (body, check) = digits.split_at(digits.len() - 1);
    for c in body.chars() {
        let Some(digit) = c.to_digit(10) else { return false };
        let sum = match (digit + product) % 10 {
            0 => 10,
            sum => sum,
        };
        product = sum * 2 % 11;
    }
    check.parse::<u32>().is_ok_and(|check| (11 - product) % 10 == check)
}

fn luhn(digits: &str) -> bool {
    let mut sum = 0;
    for (index, c) in digits.chars().rev().enumerate() {
        let Some(digit) = c.to_digit(10) else { return false };
        let digit = if index % 2 == 1 { digit * 2 } else { digit };
        sum += digit / 10 + digit % 10;
    }
    sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_numbers_are_checked_and_spelled_alike() {
        assert_eq!(check_vat_number("CH", "CHE-109.322.551 MWST"), Ok("CHE-109.322.551".to_owned()));
        assert_eq!(check_vat_number("CH", "CHE-109.322.552"), Err(FaultCode::InvalidVatNumber));
        assert_eq!(check_vat_number("DE", "DE 136695976"), Ok("DE136695976".to_owned()));
        assert_eq!(check_vat_number("DE", "DE136695975"), Err(FaultCode::InvalidVatNumber));
        assert_eq!(check_vat_number("BE", "BE0411905847"), Ok("BE0411905847".to_owned()));
        assert_eq!(check_vat_number("IT", "IT00743110157"), Ok("IT00743110157".to_owned()));
        assert_eq!(check_vat_number("FR", "FR40303265045"), Ok("FR40303265045".to_owned()));
        assert_eq!(check_vat_number("PL", "PL8567346215"), Ok("PL8567346215".to_owned()));
        assert_eq!(check_vat_number("FR", "DE136695976"), Err(FaultCode::InvalidVatNumber));
        assert_eq!(check_vat_number("FR", "💶💶💶💶"), Err(FaultCode::InvalidVatNumber));
    }

    #[test]
    fn countries_are_known() {
        assert!(is_country("CH") && is_country("ZW") && !is_country("XX") && !is_country("ch") && !is_country("CH LI"));
    }
}
