//! The characters that the Swiss Payment Standards allow in a payment file, and how others are written in them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Writes a text in the allowed characters: Latin letters with their accents as they are, others by the nearest letters,
/// Greek and Cyrillic by sound, what remains as a full stop. Cut to `max` characters; surrounding and double spaces go.
pub(super) fn written(text: &str, max: usize) -> String {
    let mut plain = String::new();
    for character in text.nfc() {
        write(character, &mut plain);
    }
    let spaced: Vec<&str> = plain.split_whitespace().collect();
    let cut: String = spaced.join(" ").chars().take(max).collect();
    cut.trim_end().to_owned()
}

/// Whether a text has anything that can be read.
pub(super) fn is_readable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Whether a text can be an identifier of a message or a payment: letters, digits and some punctuation, no slash at
/// either end, no two of them.
pub(super) fn is_identifier(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "+?/-:().,' ".contains(c);
    let slashes = text.starts_with('/') || text.ends_with('/') || text.contains("//");
    (1..=35).contains(&text.len()) && text.chars().all(fits) && !slashes && text.trim() == text
}

/// Basic Latin, Latin-1 and Latin Extended-A without controls, the Romanian commas below and the euro.
fn is_allowed(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{17f}' | 'Ș' | 'ș' | 'Ț' | 'ț' | '€')
}

fn write(character: char, out: &mut String) {
    if is_allowed(character) {
        return out.push(character);
    }
    if character.is_whitespace() || character.is_control() {
        return out.push(' ');
    }
    if let Some(replacement) = replacement(character) {
        return out.push_str(replacement);
    }
    // Soft hyphens, joiners and marks that no letter took up have no width.
    if is_combining_mark(character) || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    {
        return;
    }
    let before = out.len();
    for part in character.nfkd().filter(|part| !is_combining_mark(*part)) {
        match replacement(part) {
            Some(replacement) => out.push_str(replacement),
            None if is_allowed(part) => out.push(part),
            None => {}
        }
    }
    if out.len() == before {
        out.push('.');
    }
}

#[rustfmt::skip]
fn replacement(character: char) -> Option<&'static str> {
    let lower = character.to_lowercase().next().unwrap_or(character);
    let text = match lower {
        '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' | 'ʻ' => "'",
        '“' | '”' | '„' | '‟' | '″' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => "-",
        '…' => "...", '•' | '∙' => ".", '⁄' => "/", '‹' => "<", '›' => ">",
        'ə' => "e", 'ɓ' => "b", 'ɖ' | 'ɗ' => "d", 'ƒ' => "f", 'ɣ' => "g", 'ƙ' => "k", 'ɛ' => "e", 'ɔ' => "o",
        'ʋ' => "v", 'ƴ' => "y", 'ɨ' => "i", 'ʉ' => "u", 'ȷ' => "j", 'ǥ' => "g", 'ƶ' => "z", 'ʒ' | 'ǯ' => "z",
        'α' | 'ά' => "a", 'β' => "v", 'γ' => "g", 'δ' => "d", 'ε' | 'έ' => "e", 'ζ' => "z", 'η' | 'ή' => "i",
        'θ' => "th", 'ι' | 'ί' | 'ϊ' | 'ΐ' => "i", 'κ' => "k", 'λ' => "l", 'μ' => "m", 'ν' => "n", 'ξ' => "x",
        'ο' | 'ό' => "o", 'π' => "p", 'ρ' => "r", 'σ' | 'ς' => "s", 'τ' => "t", 'υ' | 'ύ' | 'ϋ' | 'ΰ' => "y",
        'φ' => "f", 'χ' => "ch", 'ψ' => "ps", 'ω' | 'ώ' => "o",
        'а' => "a", 'б' => "b", 'в' => "v", 'г' | 'ґ' => "g", 'д' => "d", 'е' | 'э' | 'ѐ' => "e", 'ё' => "yo",
        'ж' => "zh", 'з' => "z", 'и' | 'ѝ' => "i", 'й' => "y", 'к' => "k", 'л' => "l", 'м' => "m", 'н' => "n",
        'о' => "o", 'п' => "p", 'р' => "r", 'с' => "s", 'т' => "t", 'у' => "u", 'ў' => "u", 'ф' => "f", 'х' => "kh",
        'ц' => "ts", 'ч' => "ch", 'ш' => "sh", 'щ' => "shch", 'ъ' | 'ь' => "", 'ы' => "y", 'ю' => "yu", 'я' => "ya",
        'є' => "ye", 'і' => "i", 'ї' => "yi", 'ђ' => "dj", 'ј' => "j", 'љ' => "lj", 'њ' => "nj", 'ћ' => "c",
        'џ' => "dz", 'ѓ' => "gj", 'ќ' => "kj", 'ѕ' => "dz",
        _ => return None,
    };
    // Capitals of two letters become one and a small one.
    Some(if lower == character { text } else { capital(text) })
}

fn capital(text: &'static str) -> &'static str {
    const CAPITALS: &[(&str, &str)] = &[
        ("a", "A"),
        ("b", "B"),
        ("c", "C"),
        ("d", "D"),
        ("e", "E"),
        ("f", "F"),
        ("g", "G"),
        ("i", "I"),
        ("j", "J"),
        ("k", "K"),
        ("l", "L"),
        ("m", "M"),
        ("n", "N"),
        ("o", "O"),
        ("p", "P"),
        ("r", "R"),
        ("s", "S"),
        ("t", "T"),
        ("u", "U"),
        ("v", "V"),
        ("x", "X"),
        ("y", "Y"),
        ("z", "Z"),
        ("th", "Th"),
        ("ch", "Ch"),
        ("ps", "Ps"),
        ("yo", "Yo"),
        ("zh", "Zh"),
        ("kh", "Kh"),
        ("ts", "Ts"),
        ("sh", "Sh"),
        ("shch", "Shch"),
        ("yu", "Yu"),
        ("ya", "Ya"),
        ("ye", "Ye"),
        ("yi", "Yi"),
        ("dj", "Dj"),
        ("lj", "Lj"),
        ("nj", "Nj"),
        ("dz", "Dz"),
        ("gj", "Gj"),
        ("kj", "Kj"),
    ];
    CAPITALS.iter().find(|(small, _)| *small == text).map_or(text, |(_, capital)| capital)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_readable() {
        for (text, expected) in [
            ("Zoë Müller-Lüdenscheidt", "Zoë Müller-Lüdenscheidt"),
            ("Zoe\u{308} Mu\u{308}ller", "Zoë Müller"),
            ("Łukasz Żółć", "Łukasz Żółć"),
            ("Ștefan Țepeș", "Ștefan Țepeș"),
            ("Nguyễn Thị Hương", "Nguyen Thi Huong"),
            ("O’Neill – „Söhne“ & Co…", "O'Neill - \"Söhne\" & Co..."),
            ("Юлия Щербакова", "Yuliya Shcherbakova"),
            ("Γιώργος Θεοδωράκης", "Giorgos Theodorakis"),
            ("ﬁnance ½ ™", "finance ½ TM"),
            ("  tab\tand\nline\u{a0}end ", "tab and line end"),
            ("山田", ".."),
            ("zero\u{200b}width\u{ad}", "zerowidth"),
        ] {
            assert_eq!(written(text, 70), expected, "{text}");
        }
        assert_eq!(written(&"ab ".repeat(40), 6), "ab ab");
        assert!(!is_readable(&written("山田", 70)) && is_readable("é"));
    }

    #[test]
    fn identifiers() {
        for good in ["wdr_01k".replace('_', "-"), "A/B".into(), "0".into(), "x".repeat(35)] {
            assert!(is_identifier(&good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "wdr_1", "ü", " a", &"x".repeat(36)] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_ever_written(text in "\\PC*", max in 1_usize..80) {
            let written = written(&text, max);
            prop_assert!(written.chars().all(is_allowed) && written.chars().count() <= max);
            prop_assert_eq!(written.trim(), &written);
        }
    }
}
