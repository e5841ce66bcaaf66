//! The command line.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use manager_domain::emails::EmailAddress;
use manager_domain::staff::{ServiceRole, StaffRole};
use manager_services::seeding::{self, Progress, Refused, Request};
use manager_services::signing_keys::Former;
use manager_services::vat_numbers::{self, Decision};
use manager_services::{Services, database, signing_keys, staff};

use crate::config::{self, Config, ConfigError, Variables};
use crate::keys::generate_root_key;
use crate::startup::{self, Sources};
use crate::{logging, openapi, serve};

/// The backend of a hosting company's customer panel.
#[derive(Debug, Parser)]
#[command(name = "manager", version, about, color = clap::ColorChoice::Never)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command)
    Serve,
    /// Do the background work alone, beside servers started with MANAGER_WORKERS=0
    Worker,
    /// Apply migrations
    Migrate {
        /// List them instead, with what is applied
        #[arg(long)]
        status: bool,
    },
    /// Make and change staff accounts and service tokens
    Staff {
        #[command(subcommand)]
        command: Staff,
    },
    /// Copy the embedded database into FILE while it is in use
    Backup { file: PathBuf },
    /// Print the effective configuration and where each value came from, secrets masked
    Config,
    /// Fill an empty database with load-test data
    ///
    /// Makes accounts `user-000001@seed.example`, `user-000002@seed.example`, …, each the owner of one organization, and
    /// products spread evenly over them: active, with their paid orders, invoices and payments of the last eleven months
    /// and the audit log of it all, made by the rules that real orders follow.
    ///
    /// All accounts have the same password: `seventeen otters juggle quietly`. So it is for MANAGER_MODE=development
    /// alone, and refuses a database that holds a real account (any that it did not make).
    ///
    /// The same seed makes the same data down to the ids, on the same day and with the same root key. A database that was
    /// seeded before is refused too, and nothing is added: for more, or after a run that was interrupted, begin with an
    /// empty one.
    Seed {
        /// How many accounts, and as many organizations
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        accounts: u64,
        /// How many products in all
        #[arg(long, value_name = "M", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000_000))]
        products: u64,
        /// Other seeds make other people and orders
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
    },
    /// Write openapi/openapi.json
    Openapi {
        /// Fail when the file is stale instead
        #[arg(long)]
        check: bool,
    },
    /// List the points at which MANAGER_FAILPOINT kills this build for tests
    #[cfg(feature = "failpoints")]
    #[command(hide = true)]
    Failpoints,
    /// Make keys
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Write a new root key: 32 random bytes in base64, readable by its owner alone
    Generate {
        /// Where to; the configured root key file unless said
        file: Option<PathBuf>,
    },
    /// Make a new key for access tokens; the old one verifies until its tokens are gone
    RotateSigning {
        /// The old keys may be in wrong hands: what they signed counts no more, after a minute everywhere
        #[arg(long)]
        revoke: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Staff {
    /// Make a staff account, or change its role; a new one gets a mail with a link to set its password
    Create {
        #[arg(value_parser = address)]
        email: EmailAddress,
        /// support, catalogue, finance or admin
        #[arg(long, value_parser = role)]
        role: StaffRole,
    },
    /// Make a service token and print it, once
    Token {
        /// provisioning
        #[arg(long, value_parser = service_role)]
        role: ServiceRole,
    },
    /// Say that an organization's VAT number was looked up and is theirs, for example with VIES
    ///
    /// A company in the European Union with a verified number gets reverse charge. A new number, name, kind or country
    /// must be verified again.
    VerifyVat {
        /// Its number (eight digits) or id
        organization: String,
        /// The number turned out not to be theirs
        #[arg(long)]
        revoke: bool,
    },
}

fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|_| "it may be an e-mail address".to_owned())
}

fn role(text: &str) -> Result<StaffRole, String> {
    StaffRole::parse(text).ok_or_else(|| "it may be support, catalogue, finance or admin".to_owned())
}

fn service_role(text: &str) -> Result<ServiceRole, String> {
    ServiceRole::parse(text).ok_or_else(|| "it may be provisioning".to_owned())
}

/// 0: done; 1: failed; 2: wrong use or configuration.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    startup::prepare_process();
    match run(cli.command.unwrap_or(Command::Serve)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "manager: {error:#}");
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => {
            let config = Config::from_environment()?;
            logging::start(&config);
            serve::run(config).await?;
        }
        Command::Worker => {
            let config = Config::from_environment()?;
            logging::start(&config);
            serve::work(config).await?;
        }
        Command::Migrate { status } => migrate(status)?,
        Command::Staff { command } => staff_command(command).await?,
        Command::Backup { file } => {
            let config = Config::from_environment()?;
            database::back_up(&startup::location(&config)?, &file).map_err(anyhow::Error::msg)?;
            println!("{}", file.display());
        }
        Command::Keys { command: Keys::RotateSigning { revoke } } => {
            let (_, services) = prepared().await?;
            let former = if revoke { Former::Revoke } else { Former::Retire };
            println!("{}", signing_keys::rotate(&services, former, services.clock.now()).await?);
        }
        Command::Config => {
            let (lines, checked) = config::report(&Variables::read()?);
            print!("{lines}");
            checked?;
        }
        Command::Seed { accounts, products, seed } => seed_command(Request { accounts, products, seed }).await?,
        Command::Openapi { check } => document(check)?,
        #[cfg(feature = "failpoints")]
        Command::Failpoints => manager_services::failpoints::ALL.iter().for_each(|name| println!("{name}")),
        Command::Keys { command: Keys::Generate { file } } => {
            let file = match file {
                Some(file) => file,
                None => Config::from_environment()?.root_key_file(),
            };
            generate_root_key(&file)?;
            println!("{}", file.display());
        }
    }
    Ok(())
}

/// Services over a migrated database, for commands that change something and end.
async fn prepared() -> anyhow::Result<(Config, Services)> {
    let config = Config::from_environment()?;
    logging::start(&config);
    let services = startup::services(&config, Sources::default())?;
    startup::prepare(&config, &services).await?;
    Ok((config, services))
}

fn migrate(status: bool) -> anyhow::Result<()> {
    let location = startup::location(&Config::from_environment()?)?;
    if status {
        for migration in database::migrations(&location)? {
            println!("{} {}", if migration.applied { "applied" } else { "pending" }, migration.name);
        }
        return Ok(());
    }
    for name in database::migrate(&location)? {
        println!("applied {name}");
    }
    Ok(())
}

async fn staff_command(command: Staff) -> anyhow::Result<()> {
    let (_, services) = prepared().await?;
    let now = services.clock.now();
    match command {
        Staff::Create { email, role } => println!("{}", staff::create(&services, &email, role, now).await?),
        Staff::VerifyVat { organization, revoke } => {
            let decision = if revoke { Decision::Revoke } else { Decision::Verify };
            let changed = vat_numbers::decide(&services, now, &organization, decision).await?;
            let state = if changed.vat_verified_at.is_some() { "verified" } else { "not verified" };
            println!("{} {} {state}", changed.number, changed.vat_number.as_deref().unwrap_or("-"));
        }
        Staff::Token { role } => println!("{}", staff::make_service_token(&services, role, now).await?),
    }
    Ok(())
}

async fn seed_command(request: Request) -> anyhow::Result<()> {
    let (_, services) = prepared().await?;
    let progress = Arc::new(Progress::default());
    let began = Instant::now();
    let seeded = seeding::seed(&services, request, services.clock.now(), &progress);
    let mut seeded = std::pin::pin!(seeded);
    let mut ticks = tokio::time::interval(Duration::from_secs(2));
    ticks.tick().await;
    loop {
        tokio::select! {
            done = &mut seeded => break done.map_err(|refused| match refused {
                Refused::Production => ConfigError(refused.to_string()).into(),
                other => anyhow::Error::from(other),
            })?,
            _ = ticks.tick() => {
                let (accounts, products) = (progress.accounts(), progress.products());
                let all = (request.accounts, request.products);
                let line = format!("{accounts} of {} accounts, {products} of {} products", all.0, all.1);
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} accounts, {} orders and {} products in {seconds:.1} s ({:.0} products/s); user-000001@{} and so on, password: {}",
        progress.accounts(),
        progress.orders(),
        progress.products(),
        progress.products() as f64 / seconds.max(0.001),
        seeding::DOMAIN,
        seeding::PASSWORD
    );
    Ok(())
}

fn document(check: bool) -> anyhow::Result<()> {
    let current = openapi::text();
    if check {
        if std::fs::read_to_string(openapi::FILE).unwrap_or_default() != current {
            bail!("{} is stale; `manager openapi` writes it", openapi::FILE);
        }
        return Ok(());
    }
    if let Some(folder) = Path::new(openapi::FILE).parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(openapi::FILE, current).with_context(|| format!("cannot write {}", openapi::FILE))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
