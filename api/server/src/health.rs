//! Whether the process lives, and whether it should get requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{get, web};
use manager_domain::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;

type Check = dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync;

const PATIENCE: Duration = Duration::from_secs(2);

/// Asks whether what requests depend on is there; false for good once draining began.
#[derive(Clone)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    check: Arc<Check>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new(|| async { true })
    }
}

impl Readiness {
    pub fn new<F: Future<Output = bool> + Send + 'static>(check: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self { draining: Arc::default(), check: Arc::new(move || Box::pin(check())) }
    }

    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub async fn is_ready(&self) -> bool {
        !self.is_draining() && tokio::time::timeout(PATIENCE, (self.check)()).await.unwrap_or(false)
    }
}

/// That the answer came is what counts.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({"status": "ok"})))]
pub struct Health {
    #[schema(examples("ok"))]
    pub status: &'static str,
}

/// Whether the process runs
///
/// Answers as long as the process serves requests, with or without its database: for whoever restarts what hangs.
#[utoipa::path(tag = "system", responses((status = 200, description = "It runs", body = Health)))]
#[get("/health/live")]
pub async fn get_liveness() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether requests should come here: 503 while draining or without the database
///
/// 503 while the server drains before its end, or while its database doesn't answer within two seconds: for a
/// balancer, which sends requests elsewhere then.
#[utoipa::path(tag = "system", responses((status = 200, description = "It is ready", body = Health)))]
#[get("/health/ready")]
pub async fn get_readiness(state: web::Data<AppState>) -> Result<Json<Health>, Problem> {
    if state.readiness.is_ready().await {
        Ok(Json(Health { status: "ok" }))
    } else {
        Err(Problem::new(Code::ServiceUnavailable).retry_after(1))
    }
}
