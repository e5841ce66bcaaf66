//! Keys for uniqueness, search and sorting, computed here so that both engines agree.

use unicode_normalization::UnicodeNormalization;

/// The text without regard to case and composition (full case folding, NFC).
pub fn search_key(text: &str) -> String {
    // Folding wants decomposed text: composed letters may hide marks that fold to letters (U+0345).
    caseless::default_case_fold_str(&text.nfd().collect::<String>()).nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_composition_make_no_difference() {
        assert_eq!(search_key("E\u{301}COLE Straße"), search_key("école STRASSE"));
        assert_ne!(search_key("école"), search_key("ecole"));
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,20}") {
            let key = search_key(&text);
            prop_assert_eq!(search_key(&key), key);
        }

        #[test]
        fn composition_makes_no_difference(text in "\\PC{0,20}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(search_key(&decomposed), search_key(&text));
        }
    }
}
