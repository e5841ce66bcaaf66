//! Starting and stopping the HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpServer, web};
use manager_services::mails::transports::Transport;
use manager_services::{Services, workers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::Config;
use crate::health::Readiness;
use crate::middleware::edge;
use crate::not_found::not_found;
use crate::startup::{self, Sources};
use crate::state::{AppState, Parts};
use crate::{dev_mail, docs, metrics, pages, routes};

/// Seconds from the signal to the end, in which running requests and jobs may finish.
const GRACE: u64 = 20;

/// The whole application; in-process tests can call it without a socket.
pub fn app(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
> {
    let app = App::new().app_data(state).configure(routes::configure);
    app.configure(docs::configure).configure(pages::configure).default_service(web::to(not_found)).wrap(from_fn(edge))
}

/// A server that answers.
pub struct RunningServer {
    pub address: SocketAddr,
    pub metrics_address: Option<SocketAddr>,
    pub state: AppState,
    readiness: Readiness,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
}

impl RunningServer {
    /// Turns unready; when those that look have had the time to see it, accepts no more and waits for running requests.
    pub async fn stop(self) -> std::io::Result<()> {
        self.readiness.drain();
        tokio::time::sleep(self.state.config.drain()).await;
        // At once, so that the bound on one is the bound on all.
        let stops: Vec<_> = self.servers.iter().map(|(handle, _)| handle.stop(true)).collect();
        for stop in stops {
            stop.await;
        }
        for (_, task) in self.servers {
            task.await.map_err(std::io::Error::other)??;
        }
        Ok(())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Takes the address, so that the configuration knows the real port before anything is built from it.
pub fn bind(config: &mut Config) -> std::io::Result<TcpListener> {
    let listener = listen(config.listen)?;
    config.bound_to(listener.local_addr()?);
    Ok(listener)
}

/// Serves on a listener made by [`bind`].
pub async fn start(config: Config, listener: TcpListener, parts: Parts) -> std::io::Result<RunningServer> {
    let state = AppState::new(config, parts);
    let address = listener.local_addr()?;
    let data = web::Data::new(state.clone());
    let http = HttpServer::new(move || app(data.clone()))
        .workers(state.config.http_threads)
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(GRACE - state.config.drain().as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
    let mut servers = vec![spawned(http)];
    let mut metrics_address = None;
    if let Some(wanted) = state.config.metrics_listen {
        let listener = listen(wanted)?;
        metrics_address = Some(listener.local_addr()?);
        servers.push(spawned(metrics::server(listener, &state.metrics, state.services.clone())?));
    }
    Ok(RunningServer { address, metrics_address, readiness: state.readiness.clone(), state, servers })
}

fn spawned(server: Server) -> (ServerHandle, JoinHandle<std::io::Result<()>>) {
    (server.handle(), tokio::spawn(server))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let named =
        |error: std::io::Error| std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    TcpListener::bind(address).map_err(named)
}

/// The background work of this process, stopped with the server.
struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(services: &Services, transport: &Transport, count: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let run = || tokio::spawn(workers::run(services.clone(), transport.clone(), stopped.clone()));
        Self { tasks: (0..count).map(|_| run()).collect(), stop }
    }

    /// Lets the jobs at hand finish, within one grace for all of them.
    async fn stop(self) {
        let _ = self.stop.send(true);
        let end = Instant::now() + Duration::from_secs(GRACE);
        for task in self.tasks {
            let _ = tokio::time::timeout_at(end, task).await;
        }
    }
}

/// `manager worker`: background work until SIGTERM or SIGINT.
pub async fn work(config: Config) -> anyhow::Result<()> {
    let services = startup::services(&config, Sources::default())?;
    startup::prepare(&config, &services).await?;
    let workers = Workers::start(&services, &startup::transport(&config)?, config.workers.max(1));
    println!("manager works on {}", config.engine());
    asked_to_stop().await?;
    workers.stop().await;
    Ok(())
}

/// `manager serve`: until SIGTERM or SIGINT.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let listener = bind(&mut config)?;
    let services = startup::services(&config, Sources::default())?;
    startup::prepare(&config, &services).await?;
    let transport = startup::transport(&config)?;
    let (engine, url) = (config.engine(), config.public_url());
    let mails = config.dev_mail_listen.map(listen).transpose()?;
    let workers = Workers::start(&services, &transport, config.workers);
    let mut server = start(config, listener, Parts::new(services.clone())).await?;
    print!("manager is ready on http://{} with {engine}, docs at {url}/docs", server.address);
    if let Some(listener) = mails {
        print!(", mails at http://{}", listener.local_addr()?);
        server.servers.push(spawned(dev_mail::server(listener, services)?));
    }
    println!();
    asked_to_stop().await?;
    tracing::info!("stopping");
    let (stopped, ()) = tokio::join!(server.stop(), workers.stop());
    Ok(stopped?)
}

async fn asked_to_stop() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
