//! The words of the link pages, compiled in and parsed once.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::language::Language;

#[derive(Debug, Default, Deserialize)]
pub struct Words {
    pub title: String,
    pub text: String,
    pub button: String,
    pub done: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Texts {
    labels: HashMap<String, String>,
    pages: HashMap<String, Words>,
}

static TEXTS: LazyLock<[Texts; 5]> = LazyLock::new(|| {
    [
        parse(include_str!("../../texts/pages/en.toml")),
        parse(include_str!("../../texts/pages/fr.toml")),
        parse(include_str!("../../texts/pages/de.toml")),
        parse(include_str!("../../texts/pages/it.toml")),
        parse(include_str!("../../texts/pages/es.toml")),
    ]
});

static NO_WORDS: Words =
    Words { title: String::new(), text: String::new(), button: String::new(), done: String::new() };

/// Held complete by a test; a broken file leaves the words empty.
fn parse(file: &str) -> Texts {
    toml::from_str(file).unwrap_or_else(|error| {
        tracing::error!(%error, "a text file of pages is broken");
        Texts::default()
    })
}

pub fn of(language: Language) -> &'static Texts {
    &TEXTS[language as usize]
}

impl Texts {
    pub fn page(&self, name: &str) -> &Words {
        self.pages.get(name).unwrap_or(&NO_WORDS)
    }

    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PAGES;
    use super::*;

    #[test]
    fn every_page_has_its_words_in_every_language() {
        for language in Language::ALL {
            let texts = of(language);
            for page in PAGES {
                let words = texts.page(page.name);
                for word in [&words.title, &words.text, &words.button, &words.done] {
                    assert!(!word.is_empty(), "{} in {}", page.name, language.as_str());
                }
            }
            for label in ["password", "new_password", "email", "sign_in", "missing", "failed", "script"] {
                assert!(!texts.label(label).is_empty(), "{label} in {}", language.as_str());
            }
        }
    }
}
