//! QR references: 27 digits that a bank transfer is recognised by (BIL-4).

use crate::ids::InvoiceId;

/// Digits before the check digit.
const DIGITS: usize = 26;
/// Digits of an organization's number, with which every reference of ours begins.
const ORGANIZATION: usize = 8;
/// What an invoice's id is taken modulo of: 18 digits, the rest of the reference.
const INVOICES: u128 = 10_u128.pow(18);

/// A reference with the right check digit, not of zeros only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QrReference(String);

impl QrReference {
    /// Up to 26 digits, filled up with zeros on the left, and their check digit. `None` for anything else.
    pub fn new(digits: &str) -> Option<Self> {
        let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric || digits.len() > DIGITS || digits.bytes().all(|byte| byte == b'0') {
            return None;
        }
        let body = format!("{digits:0>DIGITS$}");
        let check = check_digit(&body);
        Some(Self(format!("{body}{check}")))
    }

    /// Reads one as payers and banks write it: in groups, or without the zeros in front.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|character| *character != ' ').collect();
        let (body, _) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
        Self::new(body).filter(|reference| reference.0.ends_with(&digits))
    }

    /// The reference under which an invoice is paid: it names the organization, so that money finds its owner whatever
    /// became of the invoice (BIL-7), and within it the invoice. `None` where the number doesn't have eight digits.
    pub fn of_invoice(organization_number: &str, invoice: InvoiceId) -> Option<Self> {
        let rest = invoice.uuid().as_u128() % INVOICES;
        let digits = format!("{organization_number}{rest:018}");
        Self::new(&digits).filter(|_| organization_number.len() == ORGANIZATION)
    }

    /// The number of the organization that a reference of ours names.
    pub fn organization_number(&self) -> &str {
        self.0.get(..ORGANIZATION).unwrap_or_default()
    }

    /// 27 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people read it: 2 and five times 5 digits.
    pub fn grouped(&self) -> String {
        let (head, tail) = self.0.split_at_checked(2).unwrap_or_default();
        let groups = tail.as_bytes().chunks(5).filter_map(|group| str::from_utf8(group).ok());
        std::iter::once(head).chain(groups).collect::<Vec<_>>().join(" ")
    }
}

/// The check digit of ASCII digits, modulo 10, recursive.
fn check_digit(digits: &str) -> u32 {
    const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
    let carry = digits.bytes().fold(0, |carry, byte| TABLE[((carry + u32::from(byte - b'0')) % 10) as usize]);
    (10 - carry) % 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    #[test]
    fn check_digits_are_those_of_published_references() {
        for text in ["210000000003139471430009017", "000008207791225857421286694"] {
            assert_eq!(QrReference::new(&text[..26]).unwrap().as_str(), text);
            assert_eq!(QrReference::parse(text).unwrap().as_str(), text);
        }
        let reference = QrReference::parse("21 00000 00003 13947 14300 09017").unwrap();
        assert_eq!(reference.grouped(), "21 00000 00003 13947 14300 09017");
        assert_eq!(QrReference::parse("8207791225857421286694").unwrap().as_str(), "000008207791225857421286694");
        for bad in ["", "0", "00", "12a", "1234567890123456789012345678", "١٢", "é1", "210000000003139471430009016"]
        {
            assert_eq!(QrReference::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn any_wrong_digit_is_noticed() {
        let reference = QrReference::new("48213202600000007").unwrap();
        for index in 0..27 {
            for digit in b'0'..=b'9' {
                let mut changed = reference.as_str().to_owned().into_bytes();
                changed[index] = digit;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(QrReference::parse(&changed).is_some(), changed == reference.as_str());
            }
        }
    }

    #[test]
    fn an_invoice_and_its_organization_are_found_in_the_reference() {
        let invoice = |bits: u128| Id::from_uuid(uuid::Uuid::from_u128(bits));
        let reference = QrReference::of_invoice("48213977", invoice(u128::MAX)).unwrap();
        assert_eq!(reference.organization_number(), "48213977");
        assert_eq!(&reference.as_str()[8..26], "374607431768211455");
        assert_ne!(QrReference::of_invoice("48213977", invoice(1)), QrReference::of_invoice("48213977", invoice(2)));
        assert_eq!(QrReference::of_invoice("4821397", invoice(1)), None);
        assert_eq!(QrReference::of_invoice("M4821397", invoice(1)), None);
    }
}
