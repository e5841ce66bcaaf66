//! The command line.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Parser, Subcommand};

use crate::config::{self, Config, ConfigError, Variables};
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
    /// Print the effective configuration and where each value came from, secrets masked
    Config,
    /// Write openapi/openapi.json
    Openapi {
        /// Fail when the file is stale instead
        #[arg(long)]
        check: bool,
    },
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
}

/// 0: done; 1: failed; 2: wrong use or configuration.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
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
        Command::Config => print!("{}", config::report(&Variables::read()?)?),
        Command::Openapi { check } => document(check)?,
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

/// Never writes over a key: what it encrypted would be lost.
fn generate_root_key(file: &Path) -> anyhow::Result<()> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).context("no randomness")?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("cannot make {}", file.display()))?;
    writeln!(opened, "{}", STANDARD.encode(key))?;
    opened.sync_all()?;
    Ok(())
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
