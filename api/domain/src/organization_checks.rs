//! What is said of an organization, checked: when it is made, and when it changes (ORG-1, ACC-3).

use serde::{Deserialize, Serialize};

use crate::accounts::full_name;
use crate::languages::Language;
use crate::money::Currency;
use crate::organizations::{BillingAddress, DEFAULT_COUNTRY, OrganizationKind, country_of, currency_of, is_country};
use crate::refusals::{Fault, FaultCode};
use crate::time_zones;
use crate::vat_numbers::check_vat_number;

/// What somebody says of an organization to be; the rest follows from its founder and its country.
#[derive(Debug, Clone)]
pub struct OrganizationDraft {
    pub kind: OrganizationKind,
    pub name: Option<String>,
    pub country: Option<String>,
    pub billing_address: Option<BillingAddress>,
    pub vat_number: Option<String>,
    pub currency: Option<Currency>,
}

/// Who founds an organization, as far as it takes after them.
#[derive(Debug, Clone, Copy)]
pub struct Founder<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub locale: Language,
    pub time_zone: &'a str,
}

/// An organization to be, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrganization {
    pub kind: OrganizationKind,
    pub name: String,
    pub billing_address: Option<BillingAddress>,
    pub country: String,
    pub vat_number: Option<String>,
    pub locale: Language,
    pub time_zone: String,
    pub currency: Currency,
}

impl NewOrganization {
    /// The organization that the draft asks for, billed in one of the currencies `offered` (ORG-1, ACC-3).
    ///
    /// # Errors
    /// All that is wrong with the draft, its fields below `pointer`.
    pub fn check(
        draft: OrganizationDraft,
        founder: Founder<'_>,
        offered: &[Currency],
        pointer: &str,
    ) -> Result<Self, Vec<Fault>> {
        let at = |name: &str| format!("{pointer}/{name}");
        let OrganizationDraft { kind, name, country, billing_address, vat_number, currency } = draft;
        let mut faults =
            billing_address.as_ref().map(|address| address.faults(&at("billing_address"))).unwrap_or_default();
        let country = country_of(country.as_deref(), billing_address.as_ref(), DEFAULT_COUNTRY);
        let currency = currency_of(currency, country.as_deref().unwrap_or(DEFAULT_COUNTRY), offered);
        // A number of no country is neither right nor wrong.
        let vat_number = match (&country, vat_number) {
            (Ok(country), Some(number)) => check_vat_number(country, &number).map(Some),
            _ => Ok(None),
        };
        let name = name_of(kind, name, founder);
        let wrong = [
            ("country", country.as_ref().err()),
            ("currency", currency.as_ref().err()),
            ("vat_number", vat_number.as_ref().err()),
        ];
        let wrong = wrong.into_iter().filter_map(|(field, code)| Some(Fault::new(at(field), *code?)));
        faults.extend(wrong);
        faults.extend(name.as_ref().err().map(|code| name_fault(at("name"), *code)));
        match (name, country, vat_number, currency) {
            (Ok(name), Ok(country), Ok(vat_number), Ok(currency)) if faults.is_empty() => {
                let (locale, time_zone) = (founder.locale, founder.time_zone.to_owned());
                Ok(Self { kind, name, billing_address, country, vat_number, locale, time_zone, currency })
            }
            _ => Err(faults),
        }
    }
}

/// An individual's organization is named after the person, others have a name of their own (ACC-3).
fn name_of(kind: OrganizationKind, said: Option<String>, founder: Founder<'_>) -> Result<String, FaultCode> {
    match (kind, said.as_deref().map(str::trim)) {
        (OrganizationKind::Individual, None) => Ok(full_name(founder.first_name, founder.last_name)),
        (OrganizationKind::Individual, Some(_)) => Err(FaultCode::NotForThisKind),
        (_, None) => Err(FaultCode::Missing),
        (_, Some("")) => Err(FaultCode::TooShort),
        (_, Some(name)) => Ok(name.to_owned()),
    }
}

fn name_fault(pointer: String, code: FaultCode) -> Fault {
    let fault = Fault::new(pointer, code);
    if code == FaultCode::TooShort { fault.with("min", 1) } else { fault }
}

/// Changes of an organization's settings and legal data; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChanges {
    pub kind: Option<OrganizationKind>,
    pub name: Option<String>,
    pub billing_address: Option<Option<BillingAddress>>,
    pub country: Option<String>,
    pub vat_number: Option<Option<String>>,
    pub website: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    pub locale: Option<Language>,
    pub time_zone: Option<String>,
    pub currency: Option<Currency>,
}

impl OrganizationChanges {
    /// Takes the blanks around the name away.
    #[must_use]
    pub fn trimmed(self) -> Self {
        Self { name: self.name.map(|name| name.trim().to_owned()), ..self }
    }

    /// All that is wrong with the changes by themselves; whether they fit what stays is seen when both are there.
    pub fn faults(&self) -> Vec<Fault> {
        let said = |text: &Option<Option<String>>, is_right: fn(&str) -> bool| {
            text.as_ref().and_then(Option::as_deref).is_some_and(|text| !is_right(text))
        };
        let mut faults = match &self.billing_address {
            Some(Some(address)) => address.faults("/billing_address"),
            _ => Vec::new(),
        };
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            faults.push(name_fault("/name".to_owned(), FaultCode::TooShort));
        }
        let wrong = [
            ("/country", self.country.as_deref().is_some_and(|code| !is_country(code)), FaultCode::InvalidCountry),
            (
                "/time_zone",
                self.time_zone.as_deref().is_some_and(|zone| time_zones::parse(zone).is_none()),
                FaultCode::InvalidTimeZone,
            ),
            ("/website", said(&self.website, is_web_address), FaultCode::InvalidUrl),
            ("/phone", said(&self.phone, is_phone_number), FaultCode::InvalidPhone),
        ];
        faults.extend(wrong.into_iter().filter(|(_, wrong, _)| *wrong).map(|(at, _, code)| Fault::new(at, code)));
        faults
    }
}

/// Whether this is an address of the web: `http` or `https`, a host, and no characters that a URL escapes.
fn is_web_address(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (host, ""),
    };
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || "-._~%[:]".contains(c);
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
        && !host.is_empty()
        && host.chars().all(is_of_host)
        && (port.is_empty() || port.parse::<u16>().is_ok())
        && text.chars().all(|c| c.is_ascii_graphic() && !r#"<>"\^`{|}"#.contains(c))
}

/// Whether this can be called: 5 to 15 digits, and what people put between them.
fn is_phone_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (5..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+ ()-./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organizations::tests::address;

    const ADA: Founder<'_> =
        Founder { first_name: "Ada", last_name: "Lovelace", locale: Language::En, time_zone: "Europe/Zurich" };

    fn draft(kind: OrganizationKind) -> OrganizationDraft {
        OrganizationDraft { kind, name: None, country: None, billing_address: None, vat_number: None, currency: None }
    }

    fn faults(draft: OrganizationDraft) -> Vec<(String, FaultCode)> {
        let faults = NewOrganization::check(draft, ADA, &[Currency::Chf], "/organization").unwrap_err();
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn an_individual_s_organization_takes_after_its_founder() {
        let new = NewOrganization::check(draft(OrganizationKind::Individual), ADA, &[Currency::Chf], "").unwrap();
        assert_eq!((new.name.as_str(), new.country.as_str(), new.currency), ("Ada Lovelace", "CH", Currency::Chf));
        let named = OrganizationDraft { name: Some("Ada".to_owned()), ..draft(OrganizationKind::Individual) };
        assert_eq!(faults(named), [("/organization/name".to_owned(), FaultCode::NotForThisKind)]);
    }

    #[test]
    fn everything_wrong_with_a_draft_is_told_at_once() {
        let wrong = OrganizationDraft {
            name: Some("  ".to_owned()),
            country: Some("CH".to_owned()),
            billing_address: Some(BillingAddress { line1: String::new(), ..address("FR") }),
            currency: Some(Currency::Eur),
            ..draft(OrganizationKind::Company)
        };
        let pointers: Vec<String> = faults(wrong).into_iter().map(|(pointer, _)| pointer).collect();
        let all = ["billing_address/line1", "country", "currency", "name"];
        assert_eq!(pointers, all.map(|name| format!("/organization/{name}")));
        let nameless = OrganizationDraft { vat_number: Some("CHE-1".to_owned()), ..draft(OrganizationKind::Company) };
        let found = faults(nameless);
        assert_eq!(found[0].0, "/organization/vat_number");
        assert_eq!(found[1], ("/organization/name".to_owned(), FaultCode::Missing));
    }

    #[test]
    fn addresses_of_the_web_and_phone_numbers_are_told_from_other_texts() {
        for right in ["https://ada.example", "HTTP://ada.example:8080/a?b=c#d", "https://[::1]/", "http://[::1]:80"] {
            assert!(is_web_address(right), "{right}");
        }
        let wrong = ["ada.example", "javascript:alert(1)", "ftp://ada.example", "https://", "https:///a", "http://a b"];
        for wrong in wrong.into_iter().chain(["https://ada.example:port", "https://é.example", "https://a/<b>"]) {
            assert!(!is_web_address(wrong), "{wrong}");
        }
        assert!(is_phone_number("+41 22 555 00 00") && is_phone_number("(022) 555-00.00"));
        assert!(!is_phone_number("call me") && !is_phone_number("1234") && !is_phone_number("1234567890123456"));
    }
}
