//! From configuration to services: root key, database, keys, catalogue.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chrono::Duration;
use manager_domain::Clock;
use manager_domain::ids::IdGenerator;
use manager_services::clock::{SortableIds, SystemClock};
use manager_services::database::{self, Location};
use manager_services::mails::transports::Transport;
use manager_services::payments::stripe::{self, Hidden, Stripe, StripeAccount, StripeSettings, UnusableSettings};
use manager_services::settings::PaymentProvider;
use manager_services::vat_numbers::SyntaxThenStaff;
use manager_services::{Services, Settings, Vault, signing_keys};

use crate::config::{Config, ConfigError, Payments};
use crate::keys;

/// How long one request to Stripe may take.
const STRIPE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(8);

/// What a program run can replace: the clock and the id generator.
pub struct Sources {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(SortableIds::default()) }
    }
}

/// Files are for this user alone, and as many may be open as the system allows: a connection is one.
pub fn prepare_process() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let mut files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Nofile, files) {
        tracing::warn!(%error, "the limit of open files stays");
    }
}

/// Where the configured database is.
pub fn location(config: &Config) -> anyhow::Result<Location> {
    let url = config.database_url.expose();
    let location = Location::parse(url).ok_or_else(|| {
        ConfigError("DATABASE_URL holds no known scheme; it may hold sqlite://path or postgres://…".to_owned())
    })?;
    if let Location::Sqlite(path) = &location
        && let Some(folder) = Path::new(path).parent()
    {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(location)
}

/// The services over the configured database. Connects to nothing yet.
pub fn services(config: &Config, sources: Sources) -> anyhow::Result<Services> {
    let settings = settings(config)?;
    let db = database::open(location(config)?, config.db_connections).context("cannot start the database threads")?;
    let vault = vault(config)?;
    let hashers = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Services {
        db,
        clock: sources.clock,
        ids: sources.ids,
        vault: Arc::new(vault),
        keys: signing_keys::KeyRing::default(),
        passwords: manager_services::passwords::Hasher::new(hashers)?,
        settings: Arc::new(settings),
        vat_verifier: Arc::new(SyntaxThenStaff),
        stripe: stripe(config)?,
        catalogue: manager_services::catalogue::Cache::default(),
    })
}

/// Migrates where that is wanted, and prepares what every server needs in the database.
pub async fn prepare(config: &Config, services: &Services) -> anyhow::Result<()> {
    let location = services.db.location().clone();
    if config.migrate || matches!(location, Location::Sqlite(_)) {
        let applied = tokio::task::spawn_blocking(move || database::migrate(&location)).await??;
        for name in applied {
            tracing::info!(name, "migration applied");
        }
    }
    let now = services.clock.now();
    signing_keys::prepare(services, now).await.context("signing keys")?;
    manager_services::catalogue::prepare(services, now).await.context("catalogue")?;
    Ok(())
}

/// How mails leave in the configured mode.
pub fn transport(config: &Config) -> anyhow::Result<Transport> {
    let Some(url) = &config.smtp_url else { return Ok(Transport::Development) };
    Transport::smtp(url.expose(), &config.mail_from)
        .map_err(|error| ConfigError(format!("MANAGER_SMTP_URL: {error}")).into())
}

fn vault(config: &Config) -> anyhow::Result<Vault> {
    let file = config.root_key_file();
    if !config.is_production() && !file.exists() {
        keys::generate_root_key(&file)?;
    }
    let bad = |why: &str| {
        let (file, may_hold) = (file.display(), "the path of a file made by `manager keys generate`");
        ConfigError(format!("MANAGER_ROOT_KEY_FILE holds `{file}`, which {why}; it may hold {may_hold}"))
    };
    let unreadable = |error: std::io::Error| bad(&format!("cannot be read ({error})"));
    let text = fs::read_to_string(&file).map_err(unreadable)?;
    if config.is_production() && fs::metadata(&file).map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(bad("can be read by others and must have mode 0600 or less").into());
    }
    Vault::from_base64(&text).ok_or_else(|| bad("does not hold 32 bytes in base64").into())
}

const fn payments(config: &Config) -> PaymentProvider {
    match config.payments {
        Payments::Sandbox => PaymentProvider::Sandbox,
        Payments::Stripe => PaymentProvider::Stripe,
    }
}

/// The seller's account at Stripe, where its secrets are set: what was begun there can still be finished when new
/// payments go elsewhere.
fn stripe(config: &Config) -> Result<Option<Arc<StripeAccount>>, ConfigError> {
    let (Some(key), Some(webhook_secret)) = (&config.stripe_secret_key, &config.stripe_webhook_secret) else {
        return Ok(None);
    };
    let settings = StripeSettings {
        secret_key: Hidden::new(key.expose()),
        api_base: config.stripe_api_base.clone().unwrap_or_else(|| stripe::API_BASE.to_owned()),
        timeout: STRIPE_PATIENCE,
    };
    let client = Stripe::new(&settings).map_err(|error| {
        let name = match error {
            UnusableSettings::ApiBase => "MANAGER_STRIPE_API_BASE",
            _ => "MANAGER_STRIPE_SECRET_KEY",
        };
        ConfigError(format!("{name}: {error}"))
    })?;
    Ok(Some(Arc::new(StripeAccount { client, webhook_secret: Hidden::new(webhook_secret.expose()) })))
}

fn settings(config: &Config) -> Result<Settings, ConfigError> {
    Ok(Settings {
        product_name: config.product_name.clone(),
        public_url: config.public_url(),
        frontend_url: config.frontend_url(),
        sign_in_url: config.frontend_url_said.clone(),
        production: config.is_production(),
        payments: payments(config),
        registration_lifetime: Duration::hours(config.registration_hours.into()),
        code_lifetime: Duration::minutes(10),
        access_token_lifetime: Duration::minutes(10),
        session_lifetime: Duration::days(30),
        login_id_change_lifetime: Duration::minutes(config.login_id_change_minutes.into()),
        login_id_undo: Duration::days(config.login_id_undo_days.into()),
        password_reset_lifetime: Duration::hours(1),
        recovery_email_lifetime: Duration::hours(24),
        step_up_lifetime: Duration::minutes(10),
        password_min: config.password_min as usize,
        password_max: config.password_max as usize,
        invitation_lifetime: Duration::days(config.invitation_days.into()),
        organizations_per_account: 50,
        minimum_charge: config.minimum_charge,
        top_ups: config.top_up_limits(),
        second_person_above: config.second_person_above,
        anonymous_cart_lifetime: Duration::days(30),
        price_token_lifetime: Duration::minutes(15),
        order_lifetime: Duration::days(config.order_lapse_days.into()),
        promo_code_reservation: Duration::minutes(config.promo_code_reservation_minutes.into()),
        security_log_lifetime: Duration::days(config.security_log_days.into()),
        billing_zone: config.billing_time_zone,
        currencies: config.currencies.clone(),
        seller: config.seller(),
        seller_accounts: config.seller_accounts(),
        guesses_at_most: config.guesses_at_most,
        rate_limits: config.rate_limits,
    })
}

/// For unit tests of the edge: services over a database that nobody can reach.
#[cfg(test)]
pub fn unconnected_parts() -> crate::state::Parts {
    let mut config = Config::for_tests("postgres://127.0.0.1:1/unused");
    config.root_key_file_said = Some(std::env::temp_dir().join(format!("manager-edge-{}.key", std::process::id())));
    let services = services(&config, Sources::default()).unwrap();
    crate::state::Parts { services, readiness: Default::default(), metrics: Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Secret};

    #[test]
    fn stripe_is_set_up_by_its_secrets_and_a_bad_base_is_refused_in_one_line() {
        let mut config = Config::for_tests("sqlite://unused");
        assert_eq!(settings(&config).unwrap().payments, PaymentProvider::Sandbox);
        assert!(stripe(&config).unwrap().is_none());
        config.payments = Payments::Stripe;
        config.stripe_secret_key = Some(Secret::new("sk_test_secret".to_owned()));
        config.stripe_webhook_secret = Some(Secret::new("whsec_secret".to_owned()));
        config.stripe_api_base = Some("http://127.0.0.1:1".to_owned());
        assert_eq!(settings(&config).unwrap().payments, PaymentProvider::Stripe);
        let account = stripe(&config).unwrap().expect("an account");
        assert!(!format!("{account:?}").contains("secret\""), "{account:?}");
        config.stripe_api_base = Some("http://stripe.example".to_owned());
        let line = stripe(&config).unwrap_err().to_string();
        assert!(line.starts_with("MANAGER_STRIPE_API_BASE") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn a_root_key_file_that_cannot_be_used_is_refused_in_one_line() {
        let file = std::env::temp_dir().join(format!("manager-root-key-{}", std::process::id()));
        let mut config = Config::for_tests("sqlite://unused");
        config.mode = Mode::Production;
        config.root_key_file_said = Some(file.clone());
        let refused = |why: &str| {
            let refused = vault(&config).map(|_| ()).unwrap_err();
            assert!(refused.is::<ConfigError>(), "so that the exit code is 2");
            let line = refused.to_string();
            assert!(line.starts_with(&format!("MANAGER_ROOT_KEY_FILE holds `{}`", file.display())), "{line}");
            assert!(line.contains(why) && line.contains("manager keys generate") && !line.contains('\n'), "{line}");
        };
        refused("cannot be read");
        fs::write(&file, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        refused("by others");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(vault(&config).is_ok());
        fs::write(&file, "too short").unwrap();
        refused("32 bytes");
        fs::remove_file(&file).unwrap();
    }
}
