//! The configuration: read once at start from the environment and `.env`, checked, and never looked up again.

mod checks;
mod parse;
mod table;

use std::collections::BTreeMap;
use std::fmt;

pub use parse::{ForwardedHeader, LogFormat, Mode, Payments, Secret};
pub use table::{Config, SETTINGS, Setting};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    Environment,
    DotEnv,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
        })
    }
}

/// One line that names the setting, what it holds and what it may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(crate) fn holds(name: &str, value: &str, may_hold: &str) -> Self {
        Self(format!("{name} holds `{}`; it may hold {may_hold}", shown(name, value)))
    }
}

/// The variables as they were found, and where.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, (String, Source)>,
}

impl Variables {
    /// The process environment, over a `.env` file in the working directory.
    pub fn read() -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        if std::path::Path::new(".env").exists() {
            let unreadable = |error| ConfigError(format!(".env cannot be read: {error}"));
            for pair in dotenvy::from_path_iter(".env").map_err(unreadable)? {
                let (name, value) = pair.map_err(unreadable)?;
                values.insert(name, (value, Source::DotEnv));
            }
        }
        #[allow(clippy::disallowed_methods)] // the one place that reads the environment
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            let value = value.into_string().map_err(|_| ConfigError(format!("{name} holds text that is not UTF-8")))?;
            values.insert(name.to_owned(), (value, Source::Environment));
        }
        values.retain(|name, _| is_ours(name));
        Ok(Self { values })
    }

    /// The value that counts; an empty one counts as absent, except where empty says "none".
    pub(crate) fn get(&self, setting: &Setting) -> Option<&str> {
        let (value, _) = self.values.get(setting.name)?;
        (setting.empty_means_none || !value.is_empty()).then_some(value.as_str())
    }

    fn source(&self, setting: &Setting) -> Source {
        match self.get(setting) {
            Some(_) => self.values.get(setting.name).map_or(Source::Default, |(_, source)| *source),
            None => Source::Default,
        }
    }

    /// What only builds for tests know: where to die, and how far ahead the clock is.
    #[cfg(feature = "failpoints")]
    fn take_failpoints(&mut self) -> Result<(), ConfigError> {
        use manager_services::failpoints;
        if let Some((point, _)) = self.values.remove("MANAGER_FAILPOINT")
            && !failpoints::arm(&point)
        {
            let known = failpoints::ALL.join(", ");
            return Err(ConfigError::holds("MANAGER_FAILPOINT", &point, &format!("name or name:n of {known}")));
        }
        if let Some((seconds, _)) = self.values.remove("MANAGER_CLOCK_AHEAD") {
            let number = seconds.parse();
            failpoints::set_clock_ahead(
                number.map_err(|_| ConfigError::holds("MANAGER_CLOCK_AHEAD", &seconds, "seconds"))?,
            );
        }
        Ok(())
    }

    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let known = |name: &String| SETTINGS.iter().any(|setting| setting.name == name);
        let Some(unknown) = self.values.keys().find(|name| !known(name)) else { return Ok(()) };
        let nearest = SETTINGS.iter().map(|setting| setting.name).min_by_key(|name| distance(name, unknown));
        Err(ConfigError(format!("{unknown} is no setting; the nearest is {}", nearest.unwrap_or("none"))))
    }
}

impl From<&BTreeMap<String, String>> for Variables {
    fn from(map: &BTreeMap<String, String>) -> Self {
        let found = |(name, value): (&String, &String)| (name.clone(), (value.clone(), Source::Environment));
        Self { values: map.iter().map(found).collect() }
    }
}

impl Config {
    /// Reads and checks what the environment says.
    pub fn from_environment() -> Result<Self, ConfigError> {
        #[allow(unused_mut, reason = "changed by builds for tests alone")]
        let mut variables = Variables::read()?;
        #[cfg(feature = "failpoints")]
        variables.take_failpoints()?;
        Self::from_variables(&variables)
    }

    /// The same from values alone.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::from_variables(&Variables::from(map))
    }

    pub fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        variables.refuse_unknown()?;
        let config = Self::unchecked(variables)?;
        config.check_mode(variables)?;
        Ok(config)
    }

    /// Each value by itself is right.
    fn unchecked(variables: &Variables) -> Result<Self, ConfigError> {
        let mut config = Self::parse(variables)?;
        config.complete();
        Ok(config)
    }

    /// Development on a free port of the loopback, without limits, metrics or background work.
    #[allow(clippy::expect_used)] // constant values, and tests alone call it
    pub fn for_tests(database_url: &str) -> Self {
        let map = [
            ("DATABASE_URL", database_url),
            ("MANAGER_LISTEN", "127.0.0.1:0"),
            ("MANAGER_METRICS_LISTEN", ""),
            ("MANAGER_DEV_MAIL_LISTEN", "127.0.0.1:0"),
            ("MANAGER_RATE_LIMITS", "off"),
            ("MANAGER_HTTP_THREADS", "1"),
            ("MANAGER_DB_CONNECTIONS", "2"),
            ("MANAGER_WORKERS", "0"),
        ];
        let map = map.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::from_map(&BTreeMap::from(map)).expect("the settings for tests are valid")
    }
}

/// `manager config`: every setting, its value with secrets masked, and where it came from; and what is wrong with them.
///
/// Values that depend on others are missing where one can't be read.
pub fn report(variables: &Variables) -> (String, Result<(), ConfigError>) {
    let config = Config::unchecked(variables);
    let effective = |name: &str| config.as_ref().ok()?.effective(name);
    let mut lines = String::new();
    for setting in SETTINGS {
        let value = variables.get(setting).map(str::to_owned);
        let value = value.unwrap_or_else(|| effective(setting.name).unwrap_or_else(|| setting.default.to_owned()));
        let value = shown(setting.name, &value);
        lines.push_str(&format!("{:<34} {value:<44} {}\n", setting.name, variables.source(setting)));
    }
    (lines, Config::from_variables(variables).map(|_| ()))
}

fn is_ours(name: &str) -> bool {
    name == "DATABASE_URL" || name.starts_with("MANAGER_")
}

/// Masks secrets, and passwords inside URLs.
fn shown(name: &str, value: &str) -> String {
    let secret = SETTINGS.iter().any(|setting| setting.name == name && setting.secret);
    if secret {
        return if value.is_empty() { String::new() } else { "********".to_owned() };
    }
    parse::mask_password(value)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let map = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_map(&map).map_err(|error| error.0)
    }

    #[test]
    fn the_defaults_are_those_of_the_handbook() {
        let config = config(&[]).unwrap();
        assert_eq!(config.database_url.expose(), "sqlite://data/manager.db");
        assert_eq!(config.public_url(), "http://127.0.0.1:8080");
        assert_eq!(config.frontend_url(), "http://127.0.0.1:8080/links");
        assert_eq!(config.root_key_file(), std::path::PathBuf::from("data/root.key"));
        assert_eq!(config.metrics_listen.unwrap().port(), 9464);
        assert_eq!(config.password_min, 12);
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest_known_one() {
        let error = config(&[("MANAGER_LISTENN", "1")]).unwrap_err();
        assert_eq!(error, "MANAGER_LISTENN is no setting; the nearest is MANAGER_LISTEN");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_allowed() {
        let error = config(&[("MANAGER_MODE", "prod")]).unwrap_err();
        assert_eq!(error, "MANAGER_MODE holds `prod`; it may hold development or production");
        let error = config(&[("MANAGER_SMTP_URL", "http://a:geheim@b")]).unwrap_err();
        assert!(!error.contains("geheim"), "{error}");
    }

    #[test]
    fn development_stays_on_the_loopback() {
        for (name, value) in [("MANAGER_LISTEN", "0.0.0.0:80"), ("MANAGER_PUBLIC_URL", "https://panel.example.com")] {
            let error = config(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name) && error.contains("MANAGER_ROOT_KEY_FILE"), "{error}");
        }
    }

    #[test]
    fn production_names_what_it_lacks() {
        let mut pairs = vec![("MANAGER_MODE", "production")];
        for (name, value) in [
            ("MANAGER_ROOT_KEY_FILE", "/run/secrets/root.key"),
            ("MANAGER_SMTP_URL", "smtps://user:secret@mail.example.com:465"),
            ("MANAGER_PUBLIC_URL", "https://panel.example.com"),
            ("MANAGER_PAYMENTS", "sandbox"),
            ("MANAGER_PRODUCT_NAME", "Panel"),
            ("MANAGER_SELLER_NAME", "Hosting Ltd"),
            ("MANAGER_SELLER_LINE1", "Main Street 1"),
            ("MANAGER_SELLER_POSTAL_CODE", "1207"),
            ("MANAGER_SELLER_CITY", "Genève"),
            ("MANAGER_SELLER_COUNTRY", "CH"),
            ("MANAGER_SELLER_VAT_NUMBER", "CHE-109.322.551"),
        ] {
            assert!(config(&pairs).unwrap_err().starts_with(name), "{name}");
            pairs.push((name, value));
        }
        config(&pairs).unwrap();
        pairs.push(("MANAGER_RATE_LIMITS", "off"));
        assert!(config(&pairs).unwrap_err().starts_with("MANAGER_RATE_LIMITS"));
    }

    #[test]
    fn the_seller_has_a_vat_number_of_its_country() {
        assert!(config(&[]).unwrap().seller().name.contains("NOT A REAL COMPANY"));
        let said =
            |country, number| config(&[("MANAGER_SELLER_COUNTRY", country), ("MANAGER_SELLER_VAT_NUMBER", number)]);
        assert_eq!(said("DE", "DE 136 695 976").unwrap().seller().vat_number, "DE136695976");
        for (country, number) in [("DE", "CHE-123.456.788"), ("CH", "CHE-123.456.789"), ("FR", "FR40303265046")] {
            let error = said(country, number).unwrap_err();
            assert!(error.starts_with("MANAGER_SELLER_VAT_NUMBER holds") && error.contains(country), "{error}");
        }
        assert!(said("XX", "CHE-123.456.788").unwrap_err().starts_with("MANAGER_SELLER_COUNTRY holds"));
    }

    #[test]
    fn the_report_has_all_settings_whatever_is_wrong_with_them() {
        let report = |pairs: &[(&str, &str)]| {
            let map = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let (lines, checked) = report(&Variables::from(&map));
            assert_eq!(lines.lines().count(), SETTINGS.len());
            let line = |name: &str| lines.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
            (line("MANAGER_DRAIN_SECONDS"), line("MANAGER_MODE"), checked.err().map(|error| error.0))
        };
        let (drain, mode, complaint) = report(&[("MANAGER_MODE", "production")]);
        assert!(drain.contains(" 2 ") && mode.contains(" production "), "{drain}{mode}");
        assert!(complaint.unwrap().starts_with("MANAGER_ROOT_KEY_FILE"));
        let (drain, mode, complaint) = report(&[("MANAGER_MODE", "prod")]);
        assert!(!drain.contains(['0', '2']) && mode.contains(" prod "), "{drain}{mode}");
        assert!(complaint.unwrap().starts_with("MANAGER_MODE holds `prod`"));
        let (_, _, complaint) = report(&[("MANAGER_LISTENN", "1")]);
        assert!(complaint.unwrap().starts_with("MANAGER_LISTENN is no setting"));
        let (drain, _, complaint) = report(&[]);
        assert!(drain.contains(" 0 ") && complaint.is_none(), "{drain}{complaint:?}");
    }

    #[test]
    fn the_report_masks_secrets() {
        let mut variables = Variables::default();
        let set = ("postgres://u:geheim@db/x".to_owned(), Source::DotEnv);
        variables.values.insert("DATABASE_URL".to_owned(), set);
        let (report, checked) = report(&variables);
        checked.unwrap();
        assert!(report.contains("postgres://u:********@db/x"), "{report}");
        assert!(!report.contains("geheim"), "{report}");
        assert!(report.lines().next().unwrap().ends_with(".env"), "{report}");
    }
}
