//! E-mail addresses and the key under which two spellings are the same address (ACC-1).

use unicode_normalization::UnicodeNormalization;

use crate::refusals::FaultCode;

/// RFC 5321: octets of the whole address and of its local part.
const MAX_ADDRESS: usize = 254;
const MAX_LOCAL: usize = 64;

/// A syntactically valid address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    stored: String,
    key: String,
}

impl EmailAddress {
    /// Reads an address: NFC, domain in lower-case ASCII by IDNA.
    ///
    /// # Errors
    /// [`FaultCode::InvalidEmail`] or [`FaultCode::TooLong`].
    pub fn parse(text: &str) -> Result<Self, FaultCode> {
        let text: String = text.trim().nfc().collect();
        let (local, domain) = text.rsplit_once('@').ok_or(FaultCode::InvalidEmail)?;
        if !is_local_part(local) {
            return Err(FaultCode::InvalidEmail);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| FaultCode::InvalidEmail)?;
        let labels = domain.split('.').count();
        let top_is_numeric = domain.rsplit('.').next().is_none_or(|top| top.bytes().all(|b| b.is_ascii_digit()));
        if labels < 2 || top_is_numeric {
            return Err(FaultCode::InvalidEmail);
        }
        let stored = format!("{local}@{domain}");
        if stored.len() > MAX_ADDRESS || local.len() > MAX_LOCAL {
            return Err(FaultCode::TooLong);
        }
        let key = format!("{}@{domain}", local_key(local));
        Ok(Self { stored, key })
    }

    /// The address as mail goes to it.
    pub fn stored(&self) -> &str {
        &self.stored
    }

    /// The comparison key; the database makes it unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Without regard to case, letter by letter: foldings that turn one letter into several (ß, ﬁ) would make different
/// mailboxes one.
fn local_key(local: &str) -> String {
    let folded = local.chars().map(|c| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(single), None) => single,
            _ => c,
        }
    });
    folded.nfc().collect()
}

/// A stored address as it may be shown where others look: `j•••@e•••.com`.
pub fn mask(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let (name, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    format!("{}•••@{}•••.{top}", first(local), first(name))
}

fn is_local_part(local: &str) -> bool {
    const SPECIAL: &str = "!#$%&'*+-/=?^_`{|}~.";
    let allowed = |c: char| c.is_ascii_alphanumeric() || SPECIAL.contains(c) || (!c.is_ascii() && c.is_alphanumeric());
    !local.is_empty()
        && local.chars().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_share_a_key() {
        let key = |text: &str| EmailAddress::parse(text).map(|address| address.key().to_owned());
        assert_eq!(key("Ada.Lovelace@Example.COM"), key("ada.lovelace@example.com"));
        assert_eq!(key("jose\u{301}@bücher.example"), key("JOSÉ@xn--bcher-kva.example"));
        assert_ne!(key("ada@example.com"), key("ada@example.org"));
        // Other letters are other mailboxes, though case folding writes them alike.
        assert_ne!(key("groß@example.com"), key("gross@example.com"));
        assert_ne!(key("\u{fb01}n@example.com"), key("fin@example.com"));
        assert_eq!(key("GROẞ@example.com"), key("groß@example.com"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a b@c.de",
            "a@b..c",
            ".a@b.ch",
            "a..b@c.de",
            "a@1.2.3.4",
            "a\u{0}@b.ch",
            "a@-b.ch",
        ] {
            assert_eq!(EmailAddress::parse(text), Err(FaultCode::InvalidEmail), "{text:?}");
        }
        assert_eq!(EmailAddress::parse(&format!("{}@b.ch", "a".repeat(65))), Err(FaultCode::TooLong));
    }

    #[test]
    fn masking_keeps_only_hints() {
        assert_eq!(mask("ada@example.com"), "a•••@e•••.com");
    }
}
