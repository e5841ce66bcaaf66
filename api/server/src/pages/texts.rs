//! The words of the link pages, compiled in and parsed once.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::language::Language;

/// What one page says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    pub title: String,
    pub intro: String,
    pub button: String,
    pub success: String,
}

/// What all pages share.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shared {
    pub title_suffix: String,
    pub working: String,
    pub failed: String,
    pub password_label: String,
    pub current_password_label: String,
    pub new_password_label: String,
    pub missing_token: String,
}

/// For somebody who has to sign in first, or has no JavaScript.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    pub email: String,
    pub sign_in: String,
    pub script: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct Texts {
    pub page: Shared,
    #[serde(flatten)]
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

static SIGN_IN: LazyLock<HashMap<String, SignIn>> = LazyLock::new(|| parse(include_str!("../../texts/sign_in.toml")));

static NO_WORDS: Words =
    Words { title: String::new(), intro: String::new(), button: String::new(), success: String::new() };
static NO_SIGN_IN: SignIn = SignIn { email: String::new(), sign_in: String::new(), script: String::new() };

/// Held complete by a test; a broken file leaves the words empty.
fn parse<T: Default + for<'de> Deserialize<'de>>(file: &str) -> T {
    toml::from_str(file).unwrap_or_else(|error| {
        tracing::error!(%error, "a text file of pages is broken");
        T::default()
    })
}

pub fn of(language: Language) -> &'static Texts {
    &TEXTS[language as usize]
}

pub fn sign_in(language: Language) -> &'static SignIn {
    SIGN_IN.get(language.as_str()).unwrap_or(&NO_SIGN_IN)
}

impl Texts {
    /// By the page's name in links.
    pub fn of_page(&self, name: &str) -> &Words {
        self.pages.get(&name.replace('-', "_")).unwrap_or(&NO_WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PAGES;
    use super::*;

    #[test]
    fn every_page_has_its_words_in_every_language() {
        for &language in Language::ALL {
            let (texts, sign_in) = (of(language), sign_in(language));
            for page in PAGES {
                let words = texts.of_page(page.name);
                for word in [&words.title, &words.intro, &words.button, &words.success] {
                    assert!(!word.is_empty(), "{} in {}", page.name, language.as_str());
                }
            }
            let shared = &texts.page;
            for word in [
                &shared.title_suffix,
                &shared.working,
                &shared.failed,
                &shared.password_label,
                &shared.current_password_label,
                &shared.new_password_label,
                &shared.missing_token,
                &sign_in.email,
                &sign_in.sign_in,
                &sign_in.script,
            ] {
                assert!(!word.is_empty(), "{}", language.as_str());
            }
        }
    }
}
