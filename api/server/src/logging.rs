//! The log: text on a terminal, else JSON, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

/// Of the HTTP library: what it says while it starts, and of requests that are no HTTP, which any stranger can send. What
/// the operator's filter says of them comes after and counts.
const QUIET: &str = "actix_server=warn,actix_http::h1=off";

/// Once a process; a second call changes nothing.
pub fn start(config: &Config) {
    let terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let registry = tracing_subscriber::registry().with(EnvFilter::new(format!("{QUIET},{}", config.log)));
    let started = match format {
        LogFormat::Json => registry.with(layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init(),
        LogFormat::Text => registry.with(layer().with_ansi(terminal).with_writer(std::io::stderr)).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
