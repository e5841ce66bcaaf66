//! IBANs (ISO 13616): form, length by country, check digits; Swiss QR-IBANs (PRE-4, BIL-4).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusals::FaultCode;

/// Characters of an IBAN by country, from the registry that SWIFT keeps.
#[rustfmt::skip]
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22),
    ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27),
    ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27),
    ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27), ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28),
    ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28),
    ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22),
    ("MK", 19), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23),
    ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24),
    ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28),
    ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20), ("YE", 30),
];

/// A checked IBAN, as computers write it: upper case, without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Iban(String);

impl Iban {
    /// Reads an IBAN, spaced or not, in either case.
    ///
    /// # Errors
    /// [`FaultCode::InvalidIban`].
    pub fn parse(text: &str) -> Result<Self, FaultCode> {
        let iban: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
        let alphanumeric = iban.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let length = LENGTHS.iter().find(|(country, _)| iban.starts_with(country)).map(|(_, length)| *length);
        // Check digits are 02 to 98; others may be divisible and are still wrong.
        let digits = iban.get(2..4).and_then(|digits| digits.parse::<u8>().ok());
        let sound = digits.is_some_and(|digits| (2..=98).contains(&digits));
        if !alphanumeric || length != Some(iban.len()) || !sound || remainder(&iban) != 1 {
            return Err(FaultCode::InvalidIban);
        }
        Ok(Self(iban))
    }

    /// Without spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// ISO 3166-1 alpha-2.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }

    /// In groups of four, as people read it.
    pub fn printed(&self) -> String {
        let groups: Vec<_> = self.0.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect();
        groups.join(" ")
    }

    /// As it may be shown where others look: country and the last four characters.
    pub fn masked(&self) -> String {
        format!("{} •••• {}", self.country(), &self.0[self.0.len() - 4..])
    }

    /// The number of a Swiss or Liechtenstein bank.
    fn institution(&self) -> Option<u32> {
        matches!(self.country(), "CH" | "LI").then(|| self.0[4..9].parse().ok())?
    }

    /// Whether it only receives payments with a QR reference (IID 30000 to 31999). Nothing can be paid out to it.
    pub fn is_qr(&self) -> bool {
        self.institution().is_some_and(|iid| (30_000..=31_999).contains(&iid))
    }
}

/// Modulo 97 of the number that the rearranged letters and digits make (ISO 7064).
fn remainder(iban: &str) -> u32 {
    let rearranged = iban.bytes().skip(4).chain(iban.bytes().take(4));
    rearranged.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    })
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Iban {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Iban {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_examples_are_valid() {
        for text in [
            "CH93 0076 2011 6238 5295 7",
            "ch9300762011623852957",
            "LI21 0881 0000 2324 013A A",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "NO93 8601 1117 947",
        ] {
            let iban = Iban::parse(text).unwrap();
            assert!(!iban.is_qr() && iban.printed().replace(' ', "") == iban.as_str(), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "CH",
            "CH94 0076 2011 6238 5295 7",
            "CH93 0076 2011 6238 5295",
            "CH93 0076 2011 6238 5295 70",
            "XX93 0076 2011 6238 5295 7",
            "CH93-0076-2011-6238-5295-7",
            "CHé3 0076 2011 6238 5295 7",
            "0000 0000 0000 0000 0000 0",
        ] {
            assert_eq!(Iban::parse(text), Err(FaultCode::InvalidIban), "{text}");
        }
    }

    #[test]
    fn the_bank_number_tells_a_qr_iban() {
        assert!(Iban::parse("CH44 3199 9123 0008 8901 2").unwrap().is_qr());
        let iban = Iban::parse("CH93 0076 2011 6238 5295 7").unwrap();
        assert_eq!((iban.printed().as_str(), iban.masked().as_str()), ("CH93 0076 2011 6238 5295 7", "CH •••• 2957"));
    }

    proptest! {
        #[test]
        fn no_single_wrong_digit_goes_unnoticed(place in 4_usize..21, digit in 0_u8..10) {
            let mut other = "CH9300762011623852957".to_owned().into_bytes();
            let before = std::mem::replace(&mut other[place], b'0' + digit);
            let parsed = Iban::parse(std::str::from_utf8(&other).unwrap());
            prop_assert_eq!(parsed.is_ok(), before == b'0' + digit);
        }
    }
}
