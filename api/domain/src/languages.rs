//! The languages the panel speaks.

use crate::words::words;

words! {
    /// A language by its ISO 639-1 code.
    #[derive(Default)]
    Language {
        #[default]
        En = "en",
        Fr = "fr",
        De = "de",
        It = "it",
        Es = "es",
    }
}

impl Language {
    /// The best match for an `Accept-Language` header (RFC 9110), English where nothing fits.
    pub fn negotiate(accept_language: &str) -> Self {
        let mut best = (0, Self::En);
        for part in accept_language.split(',').take(20) {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let Some(language) = Self::parse(&primary) else { continue };
            let quality = thousandths(parameters.trim());
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }
}

/// `q=0.8` in thousandths; absent means 1000, malformed means 0.
fn thousandths(parameters: &str) -> u16 {
    let Some(value) = parameters.strip_prefix("q=") else {
        return if parameters.is_empty() { 1000 } else { 0 };
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u16>(), fraction.parse::<u16>()) {
        (Ok(whole @ 0..=1), Ok(fraction)) => (whole * 1000 + fraction).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_preferred_known_language_wins() {
        assert_eq!(Language::negotiate("fr-CH, fr;q=0.9, en;q=0.8"), Language::Fr);
        assert_eq!(Language::negotiate("pt, de;q=0.3, it;q=0.7"), Language::It);
        assert_eq!(Language::negotiate("zh"), Language::En);
        assert_eq!(Language::negotiate(""), Language::En);
    }
}
