//! Swiss QR-bills (BIL-4): the account, the reference and the payload of the QR code, after the Swiss Implementation
//! Guidelines QR-bill, version 2.3. Pure text; drawing is the documents' business.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::Money;

/// The QR code holds at most this many bytes (version 25, error correction M).
pub const MAX_PAYLOAD: usize = 997;

/// Digits of a QR reference before its check digit.
const QR_REFERENCE_DIGITS: usize = 26;
/// Bounds of the bank number in an account that takes QR references.
const QR_BANKS: std::ops::RangeInclusive<u32> = 30_000..=31_999;

/// Why there can be no QR-bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QrBillFault {
    /// The account is no IBAN, or its check digits are wrong.
    NotAnIban,
    /// Only accounts in Switzerland and Liechtenstein can be paid into.
    ForeignIban,
    /// The reference's form or check digit is wrong.
    NotAReference,
    /// A QR reference needs a QR-IBAN, and a QR-IBAN needs one.
    ReferenceUnfitForAccount,
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
            Self::NotAnIban => "the account is no valid IBAN",
            Self::ForeignIban => "the account is neither in Switzerland nor in Liechtenstein",
            Self::NotAReference => "the reference is not valid",
            Self::ReferenceUnfitForAccount => "the kind of reference doesn't go with the account",
            Self::IncompleteCreditor => "the creditor's address is incomplete",
            Self::AmountOutOfRange => "the amount is out of range",
            Self::TooLong => "the payload is too long",
        })
    }
}

impl std::error::Error for QrBillFault {}

/// What the payment is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// 27 digits, the last one a check digit; for QR-IBANs.
    Qr(String),
    /// `RF` reference (ISO 11649), up to 25 characters.
    Creditor(String),
    None,
}

impl Reference {
    /// The type as the payload names it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Qr(_) => "QRR",
            Self::Creditor(_) => "SCOR",
            Self::None => "NON",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Qr(text) | Self::Creditor(text) => text,
            Self::None => "",
        }
    }

    /// As people read it: a QR reference as 2 and five times 5 digits, a creditor reference in fours.
    pub fn grouped(&self) -> String {
        match self {
            Self::Qr(text) => {
                let (head, tail) = text.split_at_checked(text.len() % 5).unwrap_or(("", text));
                [head.to_owned(), in_groups(tail, 5)].join(" ").trim().to_owned()
            }
            Self::Creditor(text) => in_groups(text, 4),
            Self::None => String::new(),
        }
    }
}

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
    account: String,
    creditor: Address,
    amount: Money,
    debtor: Option<Address>,
    reference: Reference,
    message: String,
}

impl QrBill {
    /// A bill for `amount`, which must be positive, to be paid into `account`.
    ///
    /// `message` is cleaned and cut to 140 characters, further where the code would not hold it.
    ///
    /// # Errors
    /// A [`QrBillFault`] where a bank would refuse the bill.
    pub fn new(
        account: &str,
        creditor: Option<Address>,
        amount: Money,
        debtor: Option<Address>,
        reference: Reference,
        message: &str,
    ) -> Result<Self, QrBillFault> {
        let account: String = account.chars().filter(|character| !character.is_whitespace()).collect();
        if !is_iban(&account) {
            return Err(QrBillFault::NotAnIban);
        }
        if !matches!(account.get(..2), Some("CH" | "LI")) || account.len() != 21 {
            return Err(QrBillFault::ForeignIban);
        }
        let (valid, fits) = match &reference {
            Reference::Qr(text) => (is_qr_reference(text), is_qr_iban(&account)),
            Reference::Creditor(text) => (is_creditor_reference(text), !is_qr_iban(&account)),
            Reference::None => (true, !is_qr_iban(&account)),
        };
        if !valid {
            return Err(QrBillFault::NotAReference);
        }
        if !fits {
            return Err(QrBillFault::ReferenceUnfitForAccount);
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
        let mut lines = vec!["SPC", "0200", "1", &self.account];
        lines.extend(self.creditor.fields());
        // The ultimate creditor is reserved for later use.
        lines.extend([""; 7]);
        lines.extend([amount.as_str(), self.amount.currency.as_str()]);
        lines.extend(self.debtor.as_ref().map_or([""; 7], Address::fields));
        lines.extend([self.reference.kind(), self.reference.text(), &self.message, "EPD"]);
        lines.join("\n")
    }

    /// The account in groups of four.
    pub fn grouped_account(&self) -> String {
        in_groups(&self.account, 4)
    }

    pub const fn creditor(&self) -> &Address {
        &self.creditor
    }

    pub const fn debtor(&self) -> Option<&Address> {
        self.debtor.as_ref()
    }

    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub const fn amount(&self) -> Money {
        self.amount
    }
}

/// A QR reference of 27 digits: up to 26 digits, filled up with zeros on the left, and their check digit. `None` for
/// anything else, and for zeros only.
pub fn qr_reference(digits: &str) -> Option<String> {
    let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric || digits.len() > QR_REFERENCE_DIGITS || digits.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let body = format!("{digits:0>QR_REFERENCE_DIGITS$}");
    Some(format!("{body}{}", check_digit(&body)))
}

/// Whether this is a QR reference with the right check digit, not of zeros only.
pub fn is_qr_reference(text: &str) -> bool {
    let body = text.get(..QR_REFERENCE_DIGITS).unwrap_or_default();
    text.len() == QR_REFERENCE_DIGITS + 1 && qr_reference(body).as_deref() == Some(text)
}

/// The check digit of ASCII digits, modulo 10, recursive.
fn check_digit(digits: &str) -> u32 {
    const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
    let carry = digits.bytes().fold(0, |carry, byte| TABLE[((carry + u32::from(byte - b'0')) % 10) as usize]);
    (10 - carry) % 10
}

/// An ISO 11649 reference: `RF`, two check digits, and up to 21 letters and digits. `None` for anything else.
pub fn creditor_reference(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    if !(1..=21).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let check = 98 - remainder_97(&format!("{text}RF00"))?;
    Some(format!("RF{check:02}{text}"))
}

/// Whether this is an ISO 11649 reference with the right check digits.
pub fn is_creditor_reference(text: &str) -> bool {
    let body = text.get(4..).unwrap_or_default();
    text.starts_with("RF") && creditor_reference(body).as_deref() == Some(text)
}

/// Whether this has the form of an IBAN, without blanks, and its check digits are right.
pub fn is_iban(text: &str) -> bool {
    let form = text.bytes().enumerate().all(|(index, byte)| match index {
        0 | 1 => byte.is_ascii_uppercase(),
        2 | 3 => byte.is_ascii_digit(),
        _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
    });
    (15..=34).contains(&text.len()) && form && remainder_97(&format!("{}{}", &text[4..], &text[..4])) == Some(1)
}

/// Whether the account is a QR-IBAN: of a bank number from 30000 to 31999.
pub fn is_qr_iban(iban: &str) -> bool {
    let bank = iban.get(4..9).and_then(|bank| bank.parse().ok());
    matches!(iban.get(..2), Some("CH" | "LI")) && bank.is_some_and(|bank| QR_BANKS.contains(&bank))
}

/// ISO 7064 modulo 97 of letters (10 to 35) and digits. `None` for other characters.
fn remainder_97(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |rest, character| {
        let value = character.to_digit(36)?;
        Some((rest * if value < 10 { 10 } else { 100 } + value) % 97)
    })
}

/// In groups of `size` characters, ASCII only.
fn in_groups(text: &str, size: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(size).map(String::from_iter).collect::<Vec<_>>().join(" ")
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

    const QR_IBAN: &str = "CH44 3199 9123 0008 8901 2";
    const IBAN: &str = "CH58 0079 1123 0008 8901 2";

    fn seller() -> Option<Address> {
        Address::new("Robert Schneider AG", "Rue du Lac 1268", "2501", "Biel", "CH")
    }

    fn bill(account: &str, reference: Reference, amount: i64) -> Result<QrBill, QrBillFault> {
        QrBill::new(account, seller(), Money::new(amount, Currency::Chf), None, reference, "")
    }

    #[test]
    fn the_payload_has_every_line_in_its_place() {
        let debtor = Address::new("Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse 28", "9400", "Rorschach", "CH");
        let reference = Reference::Qr("210000000003139471430009017".to_owned());
        let amount = Money::new(194_975, Currency::Chf);
        let bill = QrBill::new(QR_IBAN, seller(), amount, debtor, reference, "Auftrag vom 15.06.2020").unwrap();
        assert_eq!(
            bill.payload(),
            "SPC\n0200\n1\nCH4431999123000889012\nS\nRobert Schneider AG\nRue du Lac\n1268\n2501\nBiel\nCH\n\n\n\n\n\n\n\n\
             1949.75\nCHF\nS\nPia-Maria Rutschmann-Schnyder\nGrosse Marktgasse\n28\n9400\nRorschach\nCH\n\
             QRR\n210000000003139471430009017\nAuftrag vom 15.06.2020\nEPD"
        );
        assert_eq!(bill.payload().split('\n').count(), 31);
        assert_eq!(bill.grouped_account(), "CH44 3199 9123 0008 8901 2");
        assert_eq!(bill.reference().grouped(), "21 00000 00003 13947 14300 09017");
    }

    #[test]
    fn a_bill_without_debtor_keeps_its_lines() {
        let reference = Reference::Creditor("RF18539007547034".to_owned());
        let payload = bill(IBAN, reference, 5).unwrap().payload();
        let lines: Vec<&str> = payload.split('\n').collect();
        assert_eq!((lines.len(), lines[18], lines[19]), (31, "0.05", "CHF"));
        assert!(lines[20..27].iter().all(|line| line.is_empty()));
        assert_eq!(lines[27..], ["SCOR", "RF18539007547034", "", "EPD"]);
    }

    #[test]
    fn check_digits_are_those_of_published_references() {
        for reference in ["210000000003139471430009017", "000008207791225857421286694"] {
            assert_eq!(qr_reference(&reference[..26]).as_deref(), Some(reference));
        }
        assert_eq!(qr_reference("21000000000313947143000901").unwrap(), "210000000003139471430009017");
        assert!(is_qr_reference("210000000003139471430009017") && !is_qr_reference("210000000003139471430009016"));
        assert_eq!(qr_reference("42").unwrap().len(), 27);
        for bad in ["", "0", "12a", "123456789012345678901234567", "١٢"] {
            assert_eq!(qr_reference(bad), None, "{bad}");
        }
        assert_eq!(creditor_reference("539007547034").as_deref(), Some("RF18539007547034"));
        assert!(is_creditor_reference("RF18539007547034") && !is_creditor_reference("RF19539007547034"));
        assert!(!is_creditor_reference("RF") && !is_creditor_reference("RFé8"));
    }

    #[test]
    fn any_wrong_digit_is_noticed() {
        let reference = qr_reference("48213202600000007").unwrap();
        for index in 0..27 {
            for digit in b'0'..=b'9' {
                let mut changed = reference.clone().into_bytes();
                changed[index] = digit;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(is_qr_reference(&changed), changed == reference);
            }
        }
    }

    #[test]
    fn reference_and_account_must_go_together() {
        let qr = || Reference::Qr("210000000003139471430009017".to_owned());
        let creditor = || Reference::Creditor("RF18539007547034".to_owned());
        for (account, reference, amount, fault) in [
            (IBAN, qr(), 100, QrBillFault::ReferenceUnfitForAccount),
            (QR_IBAN, creditor(), 100, QrBillFault::ReferenceUnfitForAccount),
            (QR_IBAN, Reference::None, 100, QrBillFault::ReferenceUnfitForAccount),
            (QR_IBAN, Reference::Qr("1".to_owned()), 100, QrBillFault::NotAReference),
            ("CH45 3199 9123 0008 8901 2", qr(), 100, QrBillFault::NotAnIban),
            ("", qr(), 100, QrBillFault::NotAnIban),
            ("DE89 3704 0044 0532 0130 00", Reference::None, 100, QrBillFault::ForeignIban),
            (QR_IBAN, qr(), 0, QrBillFault::AmountOutOfRange),
            (QR_IBAN, qr(), 100_000_000_000, QrBillFault::AmountOutOfRange),
        ] {
            assert_eq!(bill(account, reference, amount), Err(fault), "{account} {amount}");
        }
        assert!(bill(IBAN, Reference::None, 99_999_999_999).is_ok());
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
        let reference = Reference::Qr("210000000003139471430009017".to_owned());
        let amount = Money::new(99_999_999_999, Currency::Eur);
        let bill = QrBill::new(QR_IBAN, long(), amount, long(), reference, &wide(140));
        assert!(bill.is_ok_and(|bill| bill.payload().len() <= MAX_PAYLOAD));
    }
}
