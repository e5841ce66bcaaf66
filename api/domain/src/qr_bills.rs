//! Swiss QR-bills (BIL-4): account, addresses and the payload of the QR code, after the Swiss Implementation Guidelines
//! QR-bill, version 2.3. Pure text; drawing is the documents' business.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::Money;
use crate::ibans::Iban;
use crate::qr_references::QrReference;

/// The QR code holds at most this many bytes (version 25, error correction M).
pub const MAX_PAYLOAD: usize = 997;

/// Why there can be no QR-bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrBillFault {
    /// QR references are taken by QR-IBANs only.
    NotAQrIban,
    /// Name, postal code, town or country of the creditor is missing.
    IncompleteCreditor,
    /// Outside 0.01 to 999 999 999.99.
    AmountOutOfRange,
    /// More than a QR code of the largest permitted size holds.
    TooLong,
}

impl fmt::Display for QrBillFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAQrIban => "the account takes no QR references",
            Self::IncompleteCreditor => "the creditor's address is incomplete",
            Self::AmountOutOfRange => "the amount is out of range",
            Self::TooLong => "the payload is too long",
        })
    }
}

impl std::error::Error for QrBillFault {}

/// A structured address, cleaned of characters that QR-bills don't permit and cut to their lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// At most 70 characters.
    pub name: String,
    /// At most 70 characters.
    pub street: String,
    /// At most 16 characters.
    pub house_number: String,
    /// At most 16 characters, without a country's prefix.
    pub postal_code: String,
    /// At most 35 characters.
    pub town: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

impl Address {
    /// An address from the usual lines; a house number that ends the street line gets its own field. `None` where name,
    /// postal code, town or country is missing, for then the address can't be structured.
    pub fn new(name: &str, street_line: &str, postal_code: &str, town: &str, country: &str) -> Option<Self> {
        let line = permitted(street_line, usize::MAX);
        let (street, house_number) = split_street(&line);
        let address = Self {
            name: permitted(name, 70),
            street: permitted(street, 70),
            house_number: permitted(house_number, 16),
            postal_code: permitted(postal_code, 16),
            town: permitted(town, 35),
            country: country.to_owned(),
        };
        let known = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let complete = ![&address.name, &address.postal_code, &address.town].iter().any(|text| text.is_empty());
        (known && complete).then_some(address)
    }

    fn fields(&self) -> [&str; 7] {
        ["S", &self.name, &self.street, &self.house_number, &self.postal_code, &self.town, &self.country]
    }
}

/// What a payment part says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrBill {
    account: Iban,
    creditor: Address,
    amount: Money,
    debtor: Option<Address>,
    reference: QrReference,
    message: String,
}

impl QrBill {
    /// A bill for `amount`, which must be positive, to be paid into `account`, a QR-IBAN.
    ///
    /// `message` is cleaned and cut to 140 characters, further where the code would not hold it.
    ///
    /// # Errors
    /// A [`QrBillFault`] where a bank would refuse the bill.
    pub fn new(
        account: Iban,
        creditor: Option<Address>,
        amount: Money,
        debtor: Option<Address>,
        reference: QrReference,
        message: &str,
    ) -> Result<Self, QrBillFault> {
        if !account.is_qr() {
            return Err(QrBillFault::NotAQrIban);
        }
        if !(1..=99_999_999_999).contains(&amount.amount) {
            return Err(QrBillFault::AmountOutOfRange);
        }
        let creditor = creditor.ok_or(QrBillFault::IncompleteCreditor)?;
        let mut bill = Self { account, creditor, amount, debtor, reference, message: permitted(message, 140) };
        // Accented letters take two bytes; the message is what a payment can do without.
        while bill.payload().len() > MAX_PAYLOAD {
            bill.message.pop().ok_or(QrBillFault::TooLong)?;
        }
        Ok(bill)
    }

    /// The text of the QR code: lines that end in LF, except for the last one.
    pub fn payload(&self) -> String {
        let amount = format!("{}.{:02}", self.amount.amount / 100, self.amount.amount % 100);
        let mut lines = vec!["SPC", "0200", "1", self.account.as_str()];
        lines.extend(self.creditor.fields());
        // The ultimate creditor is reserved for later use.
        lines.extend([""; 7]);
        lines.extend([amount.as_str(), self.amount.currency.as_str()]);
        lines.extend(self.debtor.as_ref().map_or([""; 7], Address::fields));
        lines.extend(["QRR", self.reference.as_str(), &self.message, "EPD"]);
        lines.join("\n")
    }

    pub const fn account(&self) -> &Iban {
        &self.account
    }

    pub const fn creditor(&self) -> &Address {
        &self.creditor
    }

    pub const fn debtor(&self) -> Option<&Address> {
        self.debtor.as_ref()
    }

    pub const fn reference(&self) -> &QrReference {
        &self.reference
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub const fn amount(&self) -> Money {
        self.amount
    }
}

/// Street and house number of one line: `Rue du Lac 12b` has both; `12 rue du Lac` and `Place du Marché` stay whole, as
/// the guidelines permit.
fn split_street(line: &str) -> (&str, &str) {
    match line.rsplit_once(' ') {
        Some((street, number))
            if number.starts_with(|first: char| first.is_ascii_digit())
                && number.chars().count() <= 8
                && street.contains(char::is_alphabetic) =>
        {
            (street.trim_end_matches([',', ' ']), number)
        }
        _ => (line, ""),
    }
}

/// Whether the guidelines permit the character: Basic Latin, Latin-1 Supplement, Latin Extended-A, and five more.
fn is_permitted(character: char) -> bool {
    matches!(character, '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{17f}' | 'Ș' | 'ș' | 'Ț' | 'ț' | '€')
}

/// The text in permitted characters, blanks made single, cut to `max` characters.
///
/// Characters outside lose their accents where that helps, typographic marks become plain ones, all others `?`.
fn permitted(text: &str, max: usize) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.nfc() {
        match character {
            _ if character.is_whitespace() || character.is_control() => clean.push(' '),
            _ if is_permitted(character) => clean.push(character),
            '‘' | '’' | '‚' | '′' => clean.push('\''),
            '“' | '”' | '„' | '″' => clean.push('"'),
            '‐'..='―' | '−' => clean.push('-'),
            '…' => clean.push_str("..."),
            _ if unicode_normalization::char::is_combining_mark(character) => {}
            _ => {
                let before = clean.len();
                clean.extend(std::iter::once(character).nfkd().filter(|base| is_permitted(*base)));
                if clean.len() == before {
                    clean.push('?');
                }
            }
        }
    }
    let single = clean.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    single.chars().take(max).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;

    fn account() -> Iban {
        Iban::parse("CH44 3199 9123 0008 8901 2").unwrap()
    }

    fn reference() -> QrReference {
        QrReference::parse("210000000003139471430009017").unwrap()
    }

    fn seller() -> Option<Address> {
        Address::new("Robert Schneider AG", "Rue du Lac 1268", "2501", "Biel", "CH")
    }

    fn bill(account: Iban, amount: i64) -> Result<QrBill, QrBillFault> {
        QrBill::new(account, seller(), Money::new(amount, Currency::Chf), None, reference(), "")
    }

    #[test]
    fn the_payload_has_every_line_in_its_place() {
        let debtor = Address::new("Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse 28", "9400", "Rorschach", "CH");
        let amount = Money::new(194_975, Currency::Chf);
        let bill = QrBill::new(account(), seller(), amount, debtor, reference(), "Auftrag vom 15.06.2020").unwrap();
        assert_eq!(
            bill.payload(),
            "SPC\n0200\n1\nCH4431999123000889012\nS\nRobert Schneider AG\nRue du Lac\n1268\n2501\nBiel\nCH\n\n\n\n\n\n\n\n\
             1949.75\nCHF\nS\nPia-Maria Rutschmann-Schnyder\nGrosse Marktgasse\n28\n9400\nRorschach\nCH\n\
             QRR\n210000000003139471430009017\nAuftrag vom 15.06.2020\nEPD"
        );
        assert_eq!(bill.payload().split('\n').count(), 31);
    }

    #[test]
    fn a_bill_without_debtor_keeps_its_lines() {
        let payload = bill(account(), 5).unwrap().payload();
        let lines: Vec<&str> = payload.split('\n').collect();
        assert_eq!((lines.len(), lines[18], lines[19]), (31, "0.05", "CHF"));
        assert!(lines[20..27].iter().all(|line| line.is_empty()));
        assert_eq!(lines[27..], ["QRR", "210000000003139471430009017", "", "EPD"]);
    }

    #[test]
    fn the_account_takes_references_and_the_amount_is_one() {
        for (iban, amount, fault) in [
            ("CH58 0079 1123 0008 8901 2", 100, QrBillFault::NotAQrIban),
            ("DE89 3704 0044 0532 0130 00", 100, QrBillFault::NotAQrIban),
            ("CH44 3199 9123 0008 8901 2", 0, QrBillFault::AmountOutOfRange),
            ("CH44 3199 9123 0008 8901 2", 100_000_000_000, QrBillFault::AmountOutOfRange),
        ] {
            assert_eq!(bill(Iban::parse(iban).unwrap(), amount), Err(fault), "{iban} {amount}");
        }
        assert!(bill(account(), 99_999_999_999).is_ok());
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        assert_eq!(permitted("Zoe\u{308}  Müller\n„AG“ – ‚x‘…", 70), "Zoë Müller \"AG\" - 'x'...");
        assert_eq!(permitted("Nguyễn Đức, Łódź, Ștefan, 東京, ﬁn", 70), "Nguyen Đuc, Łódź, Ștefan, ??, fin");
        assert_eq!(permitted(&"é".repeat(100), 70).chars().count(), 70);
        let long = Address::new(&"n".repeat(99), &"s ".repeat(80), &"1".repeat(20), &"t".repeat(50), "CH").unwrap();
        let lengths = [&long.name, &long.street, &long.postal_code, &long.town].map(|text| text.chars().count());
        assert!(lengths.iter().zip([70, 70, 16, 35]).all(|(length, max)| *length <= max), "{lengths:?}");
    }

    #[test]
    fn house_numbers_are_told_from_streets() {
        for (line, street, number) in [
            ("Rue du Lac 1268", "Rue du Lac", "1268"),
            ("Via San Gottardo 12b", "Via San Gottardo", "12b"),
            ("Calle Mayor, 7", "Calle Mayor", "7"),
            ("12 rue du Lac", "12 rue du Lac", ""),
            ("Place du Marché", "Place du Marché", ""),
            ("", "", ""),
            ("25 30", "25 30", ""),
        ] {
            assert_eq!(split_street(line), (street, number), "{line}");
        }
        assert_eq!(Address::new("A", "", "", "Biel", "CH"), None);
        assert_eq!(Address::new("A", "", "1", "Biel", "ch"), None);
    }

    #[test]
    fn the_longest_bill_fits_into_the_code() {
        let wide = |count| "ÿ".repeat(count);
        let long = || Address::new(&wide(70), &wide(70), &wide(16), &wide(35), "CH");
        let amount = Money::new(99_999_999_999, Currency::Eur);
        let bill = QrBill::new(account(), long(), amount, long(), reference(), &wide(140));
        assert!(bill.is_ok_and(|bill| bill.payload().len() <= MAX_PAYLOAD));
    }
}
