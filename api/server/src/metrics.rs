//! Figures for Prometheus, on a listener of their own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use manager_services::{Services, jobs};
use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::hosts::is_for_us;
use crate::problems::Problem;

const BUCKETS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const LABELS: &[&str] = &["method", "route", "status"];

/// A registry and the figures of HTTP; others register their own with [`Metrics::register`].
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    http: Option<Http>,
}

struct Http {
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let http = http(&registry).map_err(|error| tracing::error!(%error, "no metrics of HTTP")).ok();
        Self(Arc::new(Inner { registry, http }))
    }
}

fn http(registry: &Registry) -> prometheus::Result<Http> {
    let seconds = HistogramOpts::new("http_request_duration_seconds", "Time to the head of the answer");
    let http = Http {
        requests: IntCounterVec::new(Opts::new("http_requests_total", "Requests answered"), LABELS)?,
        seconds: HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), LABELS)?,
        in_flight: IntGauge::new("http_requests_in_flight", "Requests being answered")?,
    };
    registry.register(Box::new(http.requests.clone()))?;
    registry.register(Box::new(http.seconds.clone()))?;
    registry.register(Box::new(http.in_flight.clone()))?;
    Ok(http)
}

/// Counts a request as in flight while it lives.
pub(crate) struct InFlight(Option<IntGauge>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

impl Metrics {
    pub fn register(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        self.0.registry.register(Box::new(collector))
    }

    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }

    pub(crate) fn begin(&self) -> InFlight {
        let gauge = self.0.http.as_ref().map(|http| http.in_flight.clone());
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        InFlight(gauge)
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let Some(http) = &self.0.http else { return };
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        let status = status.to_string();
        let labels = [method, route, status.as_str()];
        http.requests.with_label_values(&labels).inc();
        http.seconds.with_label_values(&labels).observe(took.as_secs_f64());
    }
}

/// What waits, asked for when somebody looks.
#[derive(Clone)]
struct Backlog {
    services: Services,
    queue: IntGaugeVec,
    jobs: IntGaugeVec,
}

impl Backlog {
    fn new(services: Services, metrics: &Metrics) -> prometheus::Result<Self> {
        let queue = "Operations that wait for a database thread; on PostgreSQL reads and writes share one queue";
        let jobs = "Jobs that wait, and jobs that were given up";
        let queue = IntGaugeVec::new(Opts::new("manager_db_queue", queue), &["kind"])?;
        let jobs = IntGaugeVec::new(Opts::new("manager_jobs", jobs), &["state"])?;
        metrics.register(queue.clone())?;
        metrics.register(jobs.clone())?;
        Ok(Self { services, queue, jobs })
    }

    async fn look(&self) {
        let (reads, writes) = self.services.db.queued();
        for (kind, length) in [("read", reads), ("write", writes)] {
            self.queue.with_label_values(&[kind]).set(i64::try_from(length).unwrap_or(i64::MAX));
        }
        match jobs::counts(&self.services).await {
            Ok((waiting, failed)) => {
                self.jobs.with_label_values(&["waiting"]).set(waiting);
                self.jobs.with_label_values(&["failed"]).set(failed);
            }
            // No figure is better than an old one.
            Err(error) => {
                tracing::warn!(%error, "the jobs can't be counted");
                self.jobs.reset();
            }
        }
    }
}

struct Served {
    metrics: Metrics,
    backlog: Backlog,
    address: SocketAddr,
}

async fn metrics(request: HttpRequest, served: web::Data<Served>) -> Result<HttpResponse, Problem> {
    // Elsewhere than on the loopback it has the names its network gives it.
    if served.address.ip().is_loopback() && !is_for_us(&request, served.address) {
        return Ok(HttpResponse::Forbidden().finish());
    }
    served.backlog.look().await;
    let text = served.metrics.text().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// Serves `/metrics` alone.
pub(crate) fn server(listener: TcpListener, figures: &Metrics, services: Services) -> std::io::Result<Server> {
    let backlog = Backlog::new(services, figures).map_err(std::io::Error::other)?;
    let figures = web::Data::new(Served { metrics: figures.clone(), backlog, address: listener.local_addr()? });
    let app = move || App::new().app_data(figures.clone()).route("/metrics", web::get().to(metrics));
    Ok(HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}
