//! References that a payer passes on, and the QR reference's check digit.

/// What a payment refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// 27 digits, the last one right (QRR).
    Qr(String),
    /// Anything else that was given as a reference (SCOR, wrong check digits), without spaces; at most 140 characters.
    Other(String),
}

impl Reference {
    /// Reads a structured reference. Banks write QR references without the zeros in front, or in groups.
    pub(super) fn read(text: &str) -> Option<Self> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).take(140).collect();
        if compact.is_empty() {
            return None;
        }
        let is_number = compact.len() <= 27 && compact.bytes().all(|byte| byte.is_ascii_digit());
        let padded = format!("{compact:0>27}");
        // Zeros alone would have a right check digit.
        if is_number && compact.bytes().any(|byte| byte != b'0') && has_right_check_digit(&padded) {
            return Some(Self::Qr(padded));
        }
        Some(Self::Other(compact))
    }
}

/// Modulo 10, recursive: the last digit follows from those before it.
fn has_right_check_digit(digits: &str) -> bool {
    const TABLE: [u8; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
    let Some((last, rest)) = digits.as_bytes().split_last() else { return false };
    let carry = rest.iter().fold(0_u8, |carry, digit| {
        let index = (carry + digit.saturating_sub(b'0')) % 10;
        TABLE.get(usize::from(index)).copied().unwrap_or(0)
    });
    (10 - carry) % 10 == last.saturating_sub(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qr_references_are_padded_and_checked() {
        // The example of the style guide for QR-bills.
        let example = Reference::Qr("210000000003139471430009017".to_owned());
        assert_eq!(Reference::read("21 00000 00003 13947 14300 09017"), Some(example));
        assert_eq!(Reference::read("3139471430009017").map(|r| matches!(r, Reference::Qr(_))), Some(false));
        let wrong = "210000000003139471430009018";
        assert_eq!(Reference::read(wrong), Some(Reference::Other(wrong.to_owned())));
        assert_eq!(Reference::read(" RF18 5390 0754 7034 "), Some(Reference::Other("RF18539007547034".to_owned())));
        assert_eq!(Reference::read("0000"), Some(Reference::Other("0000".to_owned())));
        assert_eq!(Reference::read(" \n"), None);
    }

    #[test]
    fn leading_zeros_may_be_missing() {
        let padded = Reference::Qr("000000000000000000012345676".to_owned());
        assert_eq!(Reference::read("12345676"), Some(padded));
        assert_eq!(Reference::read(&"1".repeat(28)), Some(Reference::Other("1".repeat(28))));
    }
}
