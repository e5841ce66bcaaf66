//! Keys for uniqueness, search and sorting, computed here so that both engines agree.

use unicode_normalization::UnicodeNormalization;

/// The text without regard to case and composition (Unicode NFC, full case folding).
pub fn search_key(text: &str) -> String {
    caseless::default_case_fold_str(&text.nfc().collect::<String>()).nfc().collect()
}
