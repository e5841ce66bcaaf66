//! What a person is called.

/// The name to show: the one chosen, else "First Last".
pub fn display_name(chosen: Option<&str>, first: &str, last: &str) -> String {
    chosen.map_or_else(|| full_name(first, last), str::to_owned)
}

/// "First Last", also the name of an individual's organization (ACC-3).
pub fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}

/// Up to two initials, in upper case where the script has one.
pub fn initials(first: &str, last: &str) -> String {
    let initial = |name: &str| name.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().collect::<String>());
    let letters: String = [initial(first), initial(last)].into_iter().flatten().collect();
    if letters.is_empty() { "?".to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_work_in_any_script() {
        assert_eq!(initials("Ada", "Lovelace"), "AL");
        assert_eq!(initials("élodie", "ßtrom"), "ÉSS");
        assert_eq!(initials("محمد", "علي"), "مع");
        assert_eq!(initials("🦀", "🦀"), "?");
    }
}
