//! What every handler can reach: `web::Data<AppState>`.

use std::sync::Arc;

use crate::config::Config;
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::middleware::limits::Limiter;

/// Made once, shared by all HTTP threads.
#[derive(Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    /// `config.public_url()`, kept because every problem names it.
    pub public_url: Arc<str>,
    pub readiness: Readiness,
    pub metrics: Metrics,
    pub(crate) limiter: Option<Arc<Limiter>>,
}

/// What the caller of [`crate::serve::start`] brings along. Services join here.
#[derive(Default)]
pub struct Parts {
    pub readiness: Readiness,
    pub metrics: Metrics,
}

impl AppState {
    pub fn new(config: Config, parts: Parts) -> Self {
        let limiter = config.rate_limits.then(|| Arc::new(Limiter::new(&config)));
        Self {
            public_url: config.public_url().into(),
            config: Arc::new(config),
            readiness: parts.readiness,
            metrics: parts.metrics,
            limiter,
        }
    }
}
