//! Organizations: kinds, addresses, currencies and VAT numbers (ORG-1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Currency;
use crate::refusals::{Fault, FaultCode};
use crate::words::words;

pub use crate::organization_checks::{Founder, NewOrganization, OrganizationChanges, OrganizationDraft};
pub use crate::vat_numbers::check_vat_number;

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

/// The country of those who say none.
pub const DEFAULT_COUNTRY: &str = "CH";

/// The country that decides an organization's tax: the one said, else that of its billing address, else `otherwise`.
///
/// # Errors
/// [`FaultCode::InvalidCountry`] where there is no such country, or where the billing address is in another.
pub fn country_of(said: Option<&str>, address: Option<&BillingAddress>, otherwise: &str) -> Result<String, FaultCode> {
    let of_address = address.map(|address| address.country.as_str());
    let country = said.or(of_address).unwrap_or(otherwise);
    if !is_country(country) || of_address.is_some_and(|of_address| of_address != country) {
        return Err(FaultCode::InvalidCountry);
    }
    Ok(country.to_owned())
}

/// The currency somebody of this country is billed in: the one they ask for, if it is among those `offered`, else the
/// country's.
///
/// # Errors
/// [`FaultCode::InvalidValue`] for a currency that isn't offered.
pub fn currency_of(asked: Option<Currency>, country: &str, offered: &[Currency]) -> Result<Currency, FaultCode> {
    let currency = match asked {
        Some(asked) => offered.contains(&asked).then_some(asked),
        None => default_currency(country, offered),
    };
    currency.ok_or(FaultCode::InvalidValue)
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

/// What a customer of this country is billed in unless they say otherwise: of the currencies `offered`, the country's
/// own, else the first. `None` where nothing is offered.
pub fn default_currency(country: &str, offered: &[Currency]) -> Option<Currency> {
    let own = if matches!(country, "CH" | "LI") { Currency::Chf } else { Currency::Eur };
    if offered.contains(&own) { Some(own) } else { offered.first().copied() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn address(country: &str) -> BillingAddress {
        let text = |text: &str| text.to_owned();
        let (line1, postal_code, city) = (text("Rue du Lac 1"), text("1207"), text("Genève"));
        BillingAddress { line1, line2: None, postal_code, city, region: None, country: text(country) }
    }

    #[test]
    fn a_country_is_billed_in_its_own_currency_where_that_is_offered() {
        let (chf, eur) = (Currency::Chf, Currency::Eur);
        assert_eq!(default_currency("LI", &[eur, chf]), Some(chf));
        assert_eq!(default_currency("FR", &[chf, eur]), Some(eur));
        assert_eq!(default_currency("FR", &[chf]), Some(chf));
        assert_eq!(default_currency("FR", &[]), None);
    }

    #[test]
    fn the_country_is_that_of_the_address_and_no_other() {
        assert_eq!(country_of(None, Some(&address("FR")), "CH").as_deref(), Ok("FR"));
        assert_eq!(country_of(Some("LI"), None, "CH").as_deref(), Ok("LI"));
        assert_eq!(country_of(None, None, "AT").as_deref(), Ok("AT"));
        assert_eq!(country_of(Some("CH"), Some(&address("FR")), "CH"), Err(FaultCode::InvalidCountry));
        assert_eq!(country_of(Some("QQ"), None, "CH"), Err(FaultCode::InvalidCountry));
    }

    #[test]
    fn countries_are_known() {
        assert!(is_country("CH") && is_country("ZW") && !is_country("XX") && !is_country("ch") && !is_country("CH LI"));
    }
}
