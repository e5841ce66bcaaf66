//! The words of problems and faults, compiled in and parsed once.

use std::collections::HashMap;
use std::sync::LazyLock;

use manager_domain::{Code, FaultCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::language::Language;

/// How a problem is worded; `{name}` stands for one of its parameters.
#[derive(Debug, Default, Deserialize)]
pub struct Text {
    pub title: String,
    pub detail: String,
    /// What the page under `/problems/` adds; English only.
    #[serde(default)]
    pub page: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FaultText {
    text: String,
}

#[derive(Debug, Default, Deserialize)]
struct Texts {
    problems: HashMap<String, Text>,
    faults: HashMap<String, FaultText>,
}

static TEXTS: LazyLock<[Texts; 5]> = LazyLock::new(|| {
    [
        parse(include_str!("../../texts/problems/en.toml")),
        parse(include_str!("../../texts/problems/fr.toml")),
        parse(include_str!("../../texts/problems/de.toml")),
        parse(include_str!("../../texts/problems/it.toml")),
        parse(include_str!("../../texts/problems/es.toml")),
    ]
});

static NO_WORDS: Text = Text { title: String::new(), detail: String::new(), page: None };

/// The files are part of the program and held complete by a test; a broken one leaves the words empty.
fn parse(file: &str) -> Texts {
    toml::from_str(file).unwrap_or_else(|error| {
        tracing::error!(%error, "a text file of problems is broken");
        Texts::default()
    })
}

fn of(language: Language) -> &'static Texts {
    &TEXTS[language as usize]
}

pub fn text(language: Language, code: Code) -> &'static Text {
    of(language).problems.get(code.as_str()).unwrap_or(&NO_WORDS)
}

pub fn fault_text(language: Language, code: FaultCode) -> &'static str {
    of(language).faults.get(code.as_str()).map_or("", |fault| fault.text.as_str())
}

/// Puts parameters into a text; a parameter that is missing leaves a gap.
pub fn fill(text: &str, params: &Map<String, Value>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        filled.push_str(&params.get(name).map(plain).unwrap_or_default());
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_in() {
        let Value::Object(params) = serde_json::json!({"max": 5, "names": ["a", "b"]}) else { unreachable!() };
        assert_eq!(fill("at most {max}: {names}{gone}.", &params), "at most 5: a, b.");
    }
}
