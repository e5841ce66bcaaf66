//! What every handler can reach: `web::Data<AppState>`.

use std::sync::Arc;

use manager_services::Services;

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
    pub services: Services,
    pub readiness: Readiness,
    pub metrics: Metrics,
    pub(crate) limiter: Option<Arc<Limiter>>,
}

/// What the caller of [`crate::serve::start`] brings along.
pub struct Parts {
    pub services: Services,
    pub readiness: Readiness,
    pub metrics: Metrics,
}

impl Parts {
    /// Ready while the database answers.
    pub fn new(services: Services) -> Self {
        let db = services.db.clone();
        let answers = move || {
            let db = db.clone();
            async move { db.answers().await }
        };
        Self { services, readiness: Readiness::new(answers), metrics: Metrics::default() }
    }
}

impl AppState {
    pub fn new(config: Config, parts: Parts) -> Self {
        let limiter = config.rate_limits.then(|| Arc::new(Limiter::new(&config)));
        Self {
            public_url: config.public_url().into(),
            config: Arc::new(config),
            services: parts.services,
            readiness: parts.readiness,
            metrics: parts.metrics,
            limiter,
        }
    }
}
