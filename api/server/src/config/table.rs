//! The one table of settings: it makes the fields, the parsing, the report and the refusal of unknown names.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono_tz::Tz;
use ipnet::IpNet;
use manager_domain::Currency;
use manager_domain::ibans::Iban;

use super::parse::{self, ForwardedHeader, LogFormat, Mode, Payments, Secret};
use super::{ConfigError, Variables};

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    /// What counts without it; empty where that depends on other settings or is nothing.
    pub default: &'static str,
    pub may_hold: &'static str,
    pub secret: bool,
    pub empty_means_none: bool,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $name:literal, $default:literal, $parse:expr, $may_hold:literal
        $(, $flag:ident)?;)*) => {
        /// What the operator said, checked.
        #[derive(Debug, Clone)]
        pub struct Config { $($(#[$doc])* pub $field: $type,)* }

        pub static SETTINGS: &[Setting] = &[$(Setting {
            name: $name,
            default: $default,
            may_hold: $may_hold,
            secret: settings!(@is secret $($flag)?),
            empty_means_none: settings!(@is empty $($flag)?),
        },)*];

        impl Config {
            pub(super) fn parse(variables: &Variables) -> Result<Self, ConfigError> {
                let mut settings = SETTINGS.iter();
                Ok(Self { $($field: one(variables, settings.next(), $parse)?,)* })
            }
        }
    };
    (@is secret secret) => { true };
    (@is empty empty) => { true };
    (@is $($other:tt)*) => { false };
}

fn one<T>(
    variables: &Variables,
    setting: Option<&Setting>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let setting = setting.ok_or_else(|| ConfigError("the table of settings has a hole".to_owned()))?;
    let value = variables.get(setting).unwrap_or(setting.default);
    parse(value).ok_or_else(|| ConfigError::holds(setting.name, value, setting.may_hold))
}

settings! {
    database_url: Secret = "DATABASE_URL", "", parse::database_url,
        "sqlite://path or postgres://user:password@host/db";
    mode: Mode = "MANAGER_MODE", "development", parse::mode, "development or production";
    listen: SocketAddr = "MANAGER_LISTEN", "127.0.0.1:8080", parse::address, "an address and port such as 127.0.0.1:8080";
    /// Where Prometheus reads; `None` for nowhere.
    metrics_listen: Option<SocketAddr> = "MANAGER_METRICS_LISTEN", "127.0.0.1:9464", parse::optional(parse::address),
        "an address and port, or nothing", empty;
    /// As said; `Config::public_url` is what counts.
    public_url_said: Option<String> = "MANAGER_PUBLIC_URL", "", parse::optional(parse::http_url),
        "an http or https URL without query or fragment";
    frontend_url_said: Option<String> = "MANAGER_FRONTEND_URL", "", parse::optional(parse::http_url),
        "an http or https URL without query or fragment";
    data_dir: PathBuf = "MANAGER_DATA_DIR", "data", parse::path, "a folder";
    root_key_file_said: Option<PathBuf> = "MANAGER_ROOT_KEY_FILE", "", parse::optional(parse::path),
        "a file with 32 bytes in base64";
    smtp_url: Option<Secret> = "MANAGER_SMTP_URL", "", parse::optional(parse::smtp_url),
        "smtp:// or smtps://user:password@host:port";
    mail_from: String = "MANAGER_MAIL_FROM", "Manager <no-reply@manager.example>", parse::mail_from,
        "a sender such as Panel <no-reply@example.com>";
    /// The development mail page; `None` in production or with SMTP.
    dev_mail_listen: Option<SocketAddr> = "MANAGER_DEV_MAIL_LISTEN", "", parse::optional(parse::address),
        "a loopback address and port";
    cors_origins: Vec<String> = "MANAGER_CORS_ORIGINS", "", parse::list(parse::origin),
        "origins such as https://panel.example.com, separated by commas";
    trusted_proxies: Vec<IpNet> = "MANAGER_TRUSTED_PROXIES", "", parse::list(parse::network),
        "networks such as 10.0.0.0/8, separated by commas";
    /// The one header of those proxies that is believed: they must set it or drop the client's.
    forwarded_header: ForwardedHeader = "MANAGER_FORWARDED_HEADER", "x-forwarded-for", parse::forwarded_header,
        "x-forwarded-for or forwarded";
    rate_limits: bool = "MANAGER_RATE_LIMITS", "on", parse::on_off, "on or off";
    /// Requests an address may make at once before it is slowed down.
    rate_burst: u32 = "MANAGER_RATE_BURST", "600", parse::number(1, 1_000_000), "a number from 1 to 1000000";
    /// Requests a second an address gets back.
    rate_per_second: u32 = "MANAGER_RATE_PER_SECOND", "60", parse::number(1, 100_000), "a number from 1 to 100000";
    /// Wrong passwords, and wrong codes, that strangers may try in 15 minutes, all together.
    guesses_at_most: i32 = "MANAGER_GUESSES_AT_MOST", "20000", parse::number(10, 1_000_000_000),
        "a number from 10 to 1000000000";
    http_threads: usize = "MANAGER_HTTP_THREADS", "", parse::or(parse::number(1, 256), 0), "a number from 1 to 256";
    db_connections: usize = "MANAGER_DB_CONNECTIONS", "", parse::or(parse::number(2, 1024), 0),
        "a number from 2 to 1024";
    workers: usize = "MANAGER_WORKERS", "1", parse::number(0, 64), "a number from 0 to 64";
    /// As said; `Config::drain` is what counts.
    drain_seconds_said: Option<u64> = "MANAGER_DRAIN_SECONDS", "", parse::optional(parse::number(0, 15)),
        "seconds from 0 to 15";
    payments: Payments = "MANAGER_PAYMENTS", "sandbox", parse::payments, "sandbox or stripe";
    stripe_secret_key: Option<Secret> = "MANAGER_STRIPE_SECRET_KEY", "", parse::optional(parse::secret), "a key",
        secret;
    stripe_webhook_secret: Option<Secret> = "MANAGER_STRIPE_WEBHOOK_SECRET", "", parse::optional(parse::secret),
        "a secret", secret;
    stripe_api_base: Option<String> = "MANAGER_STRIPE_API_BASE", "", parse::optional(parse::http_url),
        "an http or https URL";
    log: String = "MANAGER_LOG", "info", parse::log_filter, "a filter such as info or manager_server=debug,warn";
    /// `None`: text on a terminal, else JSON.
    log_format: Option<LogFormat> = "MANAGER_LOG_FORMAT", "", parse::optional(parse::log_format), "json or text";
    /// Whether `serve` applies migrations (PostgreSQL; the embedded database is always migrated).
    migrate: bool = "MANAGER_MIGRATE", "on", parse::on_off, "on or off";
    registration_hours: u32 = "MANAGER_REGISTRATION_HOURS", "24", parse::number(1, 720), "hours from 1 to 720";
    login_id_change_minutes: u32 = "MANAGER_LOGIN_ID_CHANGE_MINUTES", "60", parse::number(5, 1440),
        "minutes from 5 to 1440";
    login_id_undo_days: u32 = "MANAGER_LOGIN_ID_UNDO_DAYS", "7", parse::number(1, 90), "days from 1 to 90";
    password_min: u32 = "MANAGER_PASSWORD_MIN", "12", parse::number(8, 64), "a number from 8 to 64";
    password_max: u32 = "MANAGER_PASSWORD_MAX", "128", parse::number(64, 1024), "a number from 64 to 1024";
    invitation_days: u32 = "MANAGER_INVITATION_DAYS", "7", parse::number(1, 90), "days from 1 to 90";
    /// Minor units.
    minimum_charge: i64 = "MANAGER_MINIMUM_CHARGE", "500", parse::number(0, 1_000_000),
        "minor units from 0 to 1000000";
    /// Minor units, like the next two.
    top_up_minimum: i64 = "MANAGER_TOP_UP_MINIMUM", "1000", parse::number(1, 1_000_000_000),
        "minor units from 1 to 1000000000";
    top_up_maximum: i64 = "MANAGER_TOP_UP_MAXIMUM", "500000", parse::number(1, 1_000_000_000),
        "minor units from 1 to 1000000000";
    /// What a prepaid account may hold.
    prepaid_balance_maximum: i64 = "MANAGER_PREPAID_BALANCE_MAXIMUM", "2000000", parse::number(1, 1_000_000_000_000),
        "minor units from 1 to 1000000000000";
    /// Minor units above which staff needs a second person.
    second_person_above: i64 = "MANAGER_SECOND_PERSON_ABOVE", "50000", parse::number(0, 1_000_000_000),
        "minor units from 0 to 1000000000";
    order_lapse_days: u32 = "MANAGER_ORDER_LAPSE_DAYS", "14", parse::number(1, 365), "days from 1 to 365";
    /// How long an unpaid order keeps what it reserved of promo codes and free offers.
    promo_code_reservation_minutes: u32 = "MANAGER_PROMO_CODE_RESERVATION_MINUTES", "30", parse::number(5, 1440),
        "minutes from 5 to 1440";
    /// How long a person's security log remembers.
    security_log_days: u32 = "MANAGER_SECURITY_LOG_DAYS", "730", parse::number(30, 3650), "days from 30 to 3650";
    billing_time_zone: Tz = "MANAGER_BILLING_TIME_ZONE", "Europe/Zurich", parse::time_zone,
        "a time zone such as Europe/Zurich";
    /// What people know the panel as: in mails, and as a word that passwords had better not hold.
    product_name: String = "MANAGER_PRODUCT_NAME", "Manager", parse::line, "a name of at most 100 characters";
    /// The seller as invoices name it for good; the defaults are for trying things out.
    seller_name: String = "MANAGER_SELLER_NAME", "SAMPLE SELLER - NOT A REAL COMPANY", parse::line,
        "a name of at most 100 characters";
    seller_line1: String = "MANAGER_SELLER_LINE1", "Sample Street 1", parse::line,
        "street and number, of at most 100 characters";
    seller_postal_code: String = "MANAGER_SELLER_POSTAL_CODE", "0000", parse::line, "a postal code";
    seller_city: String = "MANAGER_SELLER_CITY", "Sample City", parse::line, "a city";
    seller_country: String = "MANAGER_SELLER_COUNTRY", "CH", parse::country, "a country's two letters such as CH";
    seller_vat_number: String = "MANAGER_SELLER_VAT_NUMBER", "CHE-123.456.788", parse::line,
        "a VAT number of the seller's country, such as CHE-123.456.788";
    /// Where bank transfers go, by currency; the default is the banks' sample account.
    seller_qr_iban: Iban = "MANAGER_SELLER_QR_IBAN", "CH4431999123000889012", parse::qr_iban,
        "a QR-IBAN of Switzerland or Liechtenstein, for francs, such as CH44 3199 9123 0008 8901 2";
    seller_qr_iban_eur: Iban = "MANAGER_SELLER_QR_IBAN_EUR", "CH4431999123000889012", parse::qr_iban,
        "a QR-IBAN of Switzerland or Liechtenstein, for euros, such as CH44 3199 9123 0008 8901 2";
    currencies: Vec<Currency> = "MANAGER_CURRENCIES", "CHF,EUR", parse::currencies, "CHF, EUR or both";
}
