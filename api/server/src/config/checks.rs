//! What depends on several settings at once: derived values and the demands of each mode.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::Uri;
use manager_domain::organizations::check_vat_number;
use manager_domain::prepaid_accounts::Limits;
use manager_services::settings::Seller;

use super::parse::{self, Mode, Payments, Secret};
use super::{Config, ConfigError, SETTINGS, Variables};

const PRODUCTION_NEEDS: &str = "MANAGER_MODE=production, which needs MANAGER_ROOT_KEY_FILE, MANAGER_SMTP_URL, \
    MANAGER_PUBLIC_URL with https, MANAGER_PAYMENTS, MANAGER_PRODUCT_NAME and the seller's MANAGER_SELLER_…";

/// What invoices and mails say in the operator's name: samples may stand for it in development only.
const IDENTITY: [&str; 7] = [
    "MANAGER_PRODUCT_NAME",
    "MANAGER_SELLER_NAME",
    "MANAGER_SELLER_LINE1",
    "MANAGER_SELLER_POSTAL_CODE",
    "MANAGER_SELLER_CITY",
    "MANAGER_SELLER_COUNTRY",
    "MANAGER_SELLER_VAT_NUMBER",
];

impl Config {
    /// The only base of links in mails and of `iss`.
    pub fn public_url(&self) -> String {
        self.public_url_said.clone().unwrap_or_else(|| {
            let url = format!("http://{}", self.listen);
            parse::http_url(&url).unwrap_or(url)
        })
    }

    /// Where links in mails lead; the page's name and the token's fragment follow.
    pub fn frontend_url(&self) -> String {
        self.frontend_url_said.clone().unwrap_or_else(|| format!("{}/links", self.public_url()))
    }

    pub fn root_key_file(&self) -> PathBuf {
        self.root_key_file_said.clone().unwrap_or_else(|| self.data_dir.join("root.key"))
    }

    /// How long a server that was asked to stop says so at `/health/ready` before it accepts no more.
    ///
    /// Unless said, in production two seconds, in which a balancer may look; nobody waits for that in development.
    pub fn drain(&self) -> Duration {
        let usual = if self.is_production() { 2 } else { 0 };
        Duration::from_secs(self.drain_seconds_said.unwrap_or(usual))
    }

    pub fn is_production(&self) -> bool {
        self.mode == Mode::Production
    }

    /// The seller as invoices name it.
    pub fn seller(&self) -> Seller {
        let number = check_vat_number(&self.seller_country, &self.seller_vat_number);
        Seller {
            name: self.seller_name.clone(),
            line1: self.seller_line1.clone(),
            postal_code: self.seller_postal_code.clone(),
            city: self.seller_city.clone(),
            country: self.seller_country.clone(),
            vat_number: number.unwrap_or_else(|_| self.seller_vat_number.clone()),
        }
    }

    /// How much can be topped up (PRE-2).
    pub const fn top_up_limits(&self) -> Limits {
        Limits { minimum: self.top_up_minimum, maximum: self.top_up_maximum, balance: self.prepaid_balance_maximum }
    }

    fn check_top_up_limits(&self) -> Result<(), ConfigError> {
        let (most, balance) = (self.top_up_maximum, self.prepaid_balance_maximum);
        if self.top_up_minimum > most {
            let may_hold = format!("at most {most}, MANAGER_TOP_UP_MAXIMUM");
            return Err(ConfigError::holds("MANAGER_TOP_UP_MINIMUM", &self.top_up_minimum.to_string(), &may_hold));
        }
        if most > balance {
            let may_hold = format!("at most {balance}, MANAGER_PREPAID_BALANCE_MAXIMUM");
            return Err(ConfigError::holds("MANAGER_TOP_UP_MAXIMUM", &most.to_string(), &may_hold));
        }
        Ok(())
    }

    /// `sqlite` or `postgresql`, for the line printed at start.
    pub fn engine(&self) -> &'static str {
        if self.database_url.expose().starts_with("sqlite:") { "sqlite" } else { "postgresql" }
    }

    /// Port 0 is replaced by the one the system gave.
    pub fn bound_to(&mut self, address: SocketAddr) {
        self.listen = address;
    }

    pub(super) fn complete(&mut self) {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        if self.http_threads == 0 {
            self.http_threads = cores;
        }
        if self.db_connections == 0 {
            self.db_connections = 2 * cores;
        }
        if self.database_url.expose().is_empty() {
            self.database_url = Secret::new(format!("sqlite://{}/manager.db", self.data_dir.display()));
        }
        if self.dev_mail_listen.is_none() && self.mode == Mode::Development && self.smtp_url.is_none() {
            self.dev_mail_listen = Some(SocketAddr::from(([127, 0, 0, 1], 8025)));
        }
    }

    /// What counts for a setting that wasn't given and has no constant default.
    pub(super) fn effective(&self, name: &str) -> Option<String> {
        match name {
            "DATABASE_URL" => Some(self.database_url.expose().to_owned()),
            "MANAGER_PUBLIC_URL" => Some(self.public_url()),
            "MANAGER_FRONTEND_URL" => Some(self.frontend_url()),
            "MANAGER_ROOT_KEY_FILE" => Some(self.root_key_file().display().to_string()),
            "MANAGER_DEV_MAIL_LISTEN" => Some(self.dev_mail_listen?.to_string()),
            "MANAGER_HTTP_THREADS" => Some(self.http_threads.to_string()),
            "MANAGER_DB_CONNECTIONS" => Some(self.db_connections.to_string()),
            "MANAGER_DRAIN_SECONDS" => Some(self.drain().as_secs().to_string()),
            _ => None,
        }
    }

    pub(super) fn check_mode(&self, variables: &Variables) -> Result<(), ConfigError> {
        match self.mode {
            Mode::Development => self.check_development()?,
            Mode::Production => self.check_production(variables)?,
        }
        if check_vat_number(&self.seller_country, &self.seller_vat_number).is_err() {
            let may_hold = format!("a VAT number of {}, MANAGER_SELLER_COUNTRY", self.seller_country);
            return Err(ConfigError::holds("MANAGER_SELLER_VAT_NUMBER", &self.seller_vat_number, &may_hold));
        }
        self.check_top_up_limits()?;
        let keys = [
            ("MANAGER_STRIPE_SECRET_KEY", &self.stripe_secret_key),
            ("MANAGER_STRIPE_WEBHOOK_SECRET", &self.stripe_webhook_secret),
        ];
        match keys.iter().find(|(_, key)| self.payments == Payments::Stripe && key.is_none()) {
            Some((name, _)) => Err(ConfigError(format!("{name} holds nothing; MANAGER_PAYMENTS=stripe needs it"))),
            None => Ok(()),
        }
    }

    fn check_development(&self) -> Result<(), ConfigError> {
        let url = self.public_url();
        let exposed = [
            ("MANAGER_LISTEN", self.listen.to_string(), self.listen.ip().is_loopback()),
            ("MANAGER_PUBLIC_URL", url.clone(), is_local(&url)),
            (
                "MANAGER_DEV_MAIL_LISTEN",
                self.dev_mail_listen.map(|address| address.to_string()).unwrap_or_default(),
                self.dev_mail_listen.is_none_or(|address| address.ip().is_loopback()),
            ),
        ];
        match exposed.iter().find(|(_, _, loopback)| !loopback) {
            Some((name, value, _)) => Err(ConfigError(format!(
                "{name} holds `{value}`; in development mode it may hold a loopback address only, others are for \
                 {PRODUCTION_NEEDS}"
            ))),
            None => Ok(()),
        }
    }

    fn check_production(&self, variables: &Variables) -> Result<(), ConfigError> {
        let said = |name| SETTINGS.iter().any(|setting| setting.name == name && variables.get(setting).is_some());
        let lacks = |name: &str, may_hold: &str| {
            Err(ConfigError(format!("{name} holds nothing; in production mode it must hold {may_hold}")))
        };
        if self.root_key_file_said.is_none() {
            return lacks("MANAGER_ROOT_KEY_FILE", "the path of a file made by `manager keys generate`");
        }
        if self.smtp_url.is_none() {
            return lacks("MANAGER_SMTP_URL", "smtp:// or smtps://user:password@host:port");
        }
        let Some(url) = &self.public_url_said else {
            return lacks("MANAGER_PUBLIC_URL", "an https URL, or http on localhost");
        };
        if !url.starts_with("https://") && !is_local(url) {
            return Err(ConfigError::holds("MANAGER_PUBLIC_URL", url, "an https URL, or http on localhost"));
        }
        if !said("MANAGER_PAYMENTS") {
            return lacks("MANAGER_PAYMENTS", "sandbox or stripe, said by name");
        }
        if let Some(name) = IDENTITY.into_iter().find(|name| !said(*name)) {
            return lacks(name, "what mails and invoices say of the operator");
        }
        if !self.rate_limits {
            return Err(ConfigError::holds("MANAGER_RATE_LIMITS", "off", "on in production mode"));
        }
        match self.dev_mail_listen {
            Some(address) => {
                Err(ConfigError::holds("MANAGER_DEV_MAIL_LISTEN", &address.to_string(), "nothing in production mode"))
            }
            None => Ok(()),
        }
    }
}

/// Whether the URL's host is this machine.
fn is_local(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
