//! The password policy (ACC-6): length and strength, no composition rules.

use serde_json::{Value, json};

use crate::refusals::{Fault, FaultCode};

/// zxcvbn's cost grows with length; what lies beyond adds no doubt about strength.
const ESTIMATED: usize = 64;

/// How long a password may be, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    pub min: usize,
    pub max: usize,
}

/// All that is wrong with a password for the person whose names and addresses are `context`.
pub fn check(password: &str, context: &[&str], policy: PasswordPolicy, pointer: &str) -> Vec<Fault> {
    let length = password.chars().count();
    if length < policy.min {
        return vec![Fault::new(pointer, FaultCode::TooShort).with("min", policy.min)];
    }
    if length > policy.max {
        return vec![Fault::new(pointer, FaultCode::TooLong).with("max", policy.max)];
    }
    let estimated: String = password.chars().take(ESTIMATED).collect();
    let estimate = zxcvbn::zxcvbn(&estimated, &with_parts(context));
    if estimate.score() >= zxcvbn::Score::Three {
        return Vec::new();
    }
    let mut reasons: Vec<Value> = Vec::new();
    if let Some(feedback) = estimate.feedback() {
        reasons.extend(feedback.warning().map(|warning| json!(snake(&format!("{warning:?}")))));
        reasons.extend(feedback.suggestions().iter().map(|suggestion| json!(snake(&format!("{suggestion:?}")))));
    }
    if reasons.is_empty() {
        reasons.push(json!("too_easy_to_guess"));
    }
    vec![Fault::new(pointer, FaultCode::PasswordTooWeak).with("reasons", reasons)]
}

/// The context and the words in it, so that parts of an address count as guessable too.
fn with_parts<'a>(context: &[&'a str]) -> Vec<&'a str> {
    let parts = context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let mut known: Vec<&str> = context.iter().copied().chain(parts).filter(|word| !word.is_empty()).collect();
    known.sort_unstable();
    known.dedup();
    known
}

/// A variant's name as a stable word.
fn snake(name: &str) -> String {
    let mut word = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: PasswordPolicy = PasswordPolicy { min: 12, max: 128 };

    #[test]
    fn strength_decides_and_reasons_are_given() {
        assert!(check("correct battery staple horse", &[], POLICY, "/password").is_empty());
        assert!(check(&"päßwörter sind schwer zu raten 🦀".repeat(3), &[], POLICY, "/password").is_empty());
        let faults = check("password1234", &[], POLICY, "/password");
        assert_eq!(faults[0].code, FaultCode::PasswordTooWeak);
        assert!(faults[0].params["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()));
    }

    #[test]
    fn the_persons_own_names_count_as_guessable() {
        let faults = check("ada@lovelace.example", &["Ada", "Lovelace", "ada@lovelace.example"], POLICY, "/password");
        assert_eq!(faults[0].code, FaultCode::PasswordTooWeak);
    }

    #[test]
    fn parts_of_the_address_count_as_guessable() {
        let alone = check("oktoberschnee", &[], POLICY, "/password");
        let known = check("oktoberschnee", &["pernelle@oktoberschnee.example"], POLICY, "/password");
        assert!(alone.is_empty(), "{alone:?}");
        assert_eq!(known[0].code, FaultCode::PasswordTooWeak);
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(check("éééééééé", &[], POLICY, "/p")[0].code, FaultCode::TooShort);
        assert_eq!(check(&"x".repeat(129), &[], POLICY, "/p")[0].code, FaultCode::TooLong);
    }
}
