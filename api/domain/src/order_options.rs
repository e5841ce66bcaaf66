//! What a customer says with an order, such as the domain name (CAT-2).

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use crate::catalogue::{Offer, OptionKind, OrderOption, ProductType};
use crate::languages::Language;
use crate::refusals::{Code, Fault, FaultCode, Refusal};

/// Values by option code.
pub type Options = BTreeMap<String, String>;

/// The options in their canonical spelling.
///
/// # Errors
/// Every fault, below `pointer`.
pub fn check(product_type: &ProductType, offer: &Offer, given: &Options, pointer: &str) -> Result<Options, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut checked = Options::new();
    for code in given.keys() {
        if product_type.options.iter().all(|option| option.code != *code) {
            faults.push(Fault::new(format!("{pointer}/{}", escape(code)), FaultCode::UnknownOption));
        }
    }
    for option in &product_type.options {
        let at = format!("{pointer}/{}", option.code);
        match given.get(&option.code) {
            None if option.required => faults.push(Fault::new(at, FaultCode::Missing)),
            None => {}
            Some(text) => match value(option, offer, text, &at) {
                Ok(value) => drop(checked.insert(option.code.clone(), value)),
                Err(fault) => faults.push(fault),
            },
        }
    }
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

/// A member name as a JSON pointer writes it (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn value(option: &OrderOption, offer: &Offer, text: &str, at: &str) -> Result<String, Fault> {
    let fault = |code| Fault::new(at, code);
    let text: String = text.trim().nfc().collect();
    if text.is_empty() {
        return Err(fault(FaultCode::TooShort).with("min", 1));
    }
    let value = match option.kind {
        OptionKind::DomainName => domain_name(&text, offer.domain_suffix.as_deref(), at)?,
        OptionKind::Text if text.chars().any(char::is_control) => return Err(fault(FaultCode::ControlCharacter)),
        OptionKind::Text => text,
        OptionKind::Choice if option.choices.iter().any(|choice| choice.value == text) => text,
        OptionKind::Choice => return Err(fault(FaultCode::InvalidValue)),
        OptionKind::EmailLocalPart => local_part(&text).ok_or_else(|| fault(FaultCode::InvalidValue))?,
    };
    if option.reserved.contains(&value) {
        return Err(fault(FaultCode::Reserved));
    }
    match option.max_length {
        Some(max) if value.chars().count() > max as usize => Err(fault(FaultCode::TooLong).with("max", max)),
        _ => Ok(value),
    }
}

/// A host name in lower-case ASCII (IDNA) with at least two labels; under a suffix, exactly one label before it.
fn domain_name(text: &str, suffix: Option<&str>, at: &str) -> Result<String, Fault> {
    let fault = || Fault::new(at, FaultCode::InvalidDomainName);
    let name = idna::domain_to_ascii_strict(text).map_err(|_| fault())?;
    let (label, rest) = name.split_once('.').ok_or_else(fault)?;
    let top = name.rsplit('.').next().unwrap_or_default();
    let host = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !name.split('.').all(host) || label.is_empty() || top.len() < 2 || top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault());
    }
    match suffix {
        Some(suffix) if rest != suffix => Err(fault().with("suffix", suffix)),
        _ => Ok(name),
    }
}

/// Lower-case ASCII letters, digits and single `.`, `-` or `_` inside.
pub(crate) fn local_part(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let inner = |b: u8| matches!(b, b'.' | b'-' | b'_');
    let allowed = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || inner(b));
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|b| !inner(*b)) && bytes.last().is_some_and(|b| !inner(*b));
    let doubled = bytes.windows(2).any(|pair| inner(pair[0]) && inner(pair[1]));
    (allowed && ends && !doubled).then_some(text)
}

/// What a product is called: its domain as people write it, its address, the text given to it, else its offer.
pub fn product_name(product_type: &ProductType, offer: &Offer, options: &Options, language: Language) -> String {
    let of = |kind| product_type.options.iter().find(|o| o.kind == kind).and_then(|o| options.get(&o.code));
    let address = of(OptionKind::EmailLocalPart).zip(of(OptionKind::Choice));
    let address = address.map(|(local, domain)| format!("{local}@{domain}"));
    let domain = of(OptionKind::DomainName).map(|domain| readable(domain));
    let given = domain.or(address).or_else(|| of(OptionKind::Text).cloned());
    given.unwrap_or_else(|| offer.names.get(language).to_owned())
}

/// What a product is found by: its name, and its domain as the net writes it where that is another spelling.
pub fn searched_by(product_type: &ProductType, name: &str, options: &Options) -> String {
    let domain = product_type.options.iter().find(|option| option.kind == OptionKind::DomainName);
    match domain.and_then(|option| options.get(&option.code)) {
        Some(ascii) if ascii != name => format!("{name} {ascii}"),
        _ => name.to_owned(),
    }
}

/// A domain with its letters instead of their ASCII form, where it has one that is sound.
fn readable(domain: &str) -> String {
    match idna::domain_to_unicode(domain) {
        (unicode, Ok(())) => unicode,
        (_, Err(_)) => domain.to_owned(),
    }
}

/// What only one live product may be called, over all organizations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UniqueName {
    pub namespace: String,
    /// In its canonical spelling.
    pub name: String,
    /// The option that says it.
    pub option: String,
}

/// The names that a product with these options takes; `options` are in their canonical spelling.
pub fn unique_names(product_type: &ProductType, options: &Options) -> Vec<UniqueName> {
    let unique = |option: &OrderOption| {
        let (namespace, value) = option.unique_as.clone().zip(options.get(&option.code))?;
        let name = match option.kind {
            OptionKind::EmailLocalPart => format!("{value}@{}", options.get(&mail_domain(product_type)?.code)?),
            OptionKind::DomainName | OptionKind::Text | OptionKind::Choice => value.clone(),
        };
        Some(UniqueName { namespace, name, option: option.code.clone() })
    };
    product_type.options.iter().filter_map(unique).collect()
}

/// The choice that follows the `@`.
fn mail_domain(product_type: &ProductType) -> Option<&OrderOption> {
    product_type.options.iter().find(|option| option.kind == OptionKind::Choice)
}

/// A name is taken: by another product, or by another item of the same cart. `pointer` leads to the options.
pub fn name_taken(name: &UniqueName, pointer: &str) -> Refusal {
    let fault = Fault::new(format!("{pointer}/{}", name.option), FaultCode::NameTaken).with("name", name.name.as_str());
    Refusal { faults: vec![fault], ..Refusal::new(Code::NameTaken) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn check_offer(offer: &str, given: &[(&str, &str)]) -> Result<Options, Vec<Fault>> {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap();
        let (product_type, offer) = catalogue.offer(offer).unwrap();
        let given = given.iter().map(|(code, value)| ((*code).to_owned(), (*value).to_owned())).collect();
        check(product_type, offer, &given, "/options")
    }

    fn codes(result: Result<Options, Vec<Fault>>) -> Vec<FaultCode> {
        result.unwrap_err().into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn a_domain_is_kept_in_ascii_and_must_fit_its_ending() {
        assert_eq!(check_offer("domain_ch", &[("domain", "Bücher.CH")]).unwrap()["domain"], "xn--bcher-kva.ch");
        for text in ["example.com", "www.example.ch", "ch", "exa mple.ch", "-a.ch", ".ch", "a..ch", "a_b.ch"] {
            assert_eq!(codes(check_offer("domain_ch", &[("domain", text)])), [FaultCode::InvalidDomainName], "{text}");
        }
        assert!(check_offer("mail_service_1", &[("domain", "mail.example.com")]).is_ok());
    }

    #[test]
    fn addresses_that_speak_for_a_domain_are_reserved() {
        for offer in ["free_email_address", "infomaniak_mail_plus"] {
            for name in ["postmaster", "Admin", "HOSTMASTER", "webmaster", "administrator", "abuse", "security"] {
                let given = [("local_part", name), ("mail_domain", "ik.me")];
                assert_eq!(codes(check_offer(offer, &given)), [FaultCode::Reserved], "{name}");
            }
            assert!(check_offer(offer, &[("local_part", "ada.admin"), ("mail_domain", "ik.me")]).is_ok());
        }
    }

    #[test]
    fn every_faulty_option_is_listed() {
        let faults =
            check_offer("infomaniak_mail_plus", &[("local_part", "a..b"), ("mail_domain", "x.y"), ("a/b", "c")]);
        let pointers: Vec<_> = faults.unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/options/a~1b", "/options/local_part", "/options/mail_domain"]);
        assert_eq!(codes(check_offer("domain_ch", &[])), [FaultCode::Missing]);
    }

    #[test]
    fn domains_and_addresses_are_unique_and_nothing_else() {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap();
        let names = |offer: &str, given: &[(&str, &str)]| {
            let options = check_offer(offer, given).unwrap();
            let names = unique_names(catalogue.offer(offer).unwrap().0, &options);
            names.into_iter().map(|name| (name.namespace, name.name)).collect::<Vec<_>>()
        };
        let named = |namespace: &str, name: &str| vec![(namespace.to_owned(), name.to_owned())];
        assert_eq!(names("domain_ch", &[("domain", "Example.CH")]), named("domain", "example.ch"));
        let address = [("local_part", "Ada"), ("mail_domain", "ik.me")];
        assert_eq!(names("free_email_address", &address), named("address", "ada@ik.me"));
        assert_eq!(names("infomaniak_mail_plus", &address), named("address", "ada@ik.me"));
        assert_eq!(names("mail_service_1", &[("domain", "example.ch")]), []);
    }

    #[test]
    fn a_product_is_called_by_what_its_customer_knows() {
        let catalogue: Catalogue = serde_json::from_str(include_str!("../../services/catalogue/default.json")).unwrap();
        let name = |offer: &str, given: &[(&str, &str)]| {
            let options = check_offer(offer, given).unwrap();
            let (product_type, offer) = catalogue.offer(offer).unwrap();
            product_name(product_type, offer, &options, Language::En)
        };
        assert_eq!(name("free_email_address", &[("local_part", "Ada"), ("mail_domain", "ik.me")]), "ada@ik.me");
        assert_eq!(name("domain_ch", &[("domain", "example.ch")]), "example.ch");
        assert_eq!(name("domain_ch", &[("domain", "XN--bcher-KVA.ch")]), "bücher.ch");
        let (domain, _) = catalogue.offer("domain_ch").unwrap();
        let options = check_offer("domain_ch", &[("domain", "Bücher.ch")]).unwrap();
        assert_eq!(searched_by(domain, "bücher.ch", &options), "bücher.ch xn--bcher-kva.ch");
        assert_eq!(name("kdrive_solo", &[]), catalogue.offer("kdrive_solo").unwrap().1.names.en);
    }
}
