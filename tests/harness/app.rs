//! The application under test.

use std::sync::Arc;

use chrono::Duration;
use manager_server::config::Config;
use manager_server::serve::{self, RunningServer};
use manager_server::startup::{self, Sources};
use manager_server::state::Parts;
use manager_services::clock::SortableIds;
use manager_services::mails::transports::{Transport, list_kept};
use manager_services::{Services, workers};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::answers::Answer;
use crate::clock::TestClock;
use crate::conformance;
use crate::databases::TestDatabase;

/// A running server with a database and a clock of its own. Its workers run when a test says so.
pub struct TestApp {
    pub services: Services,
    pub clock: Arc<TestClock>,
    pub client: Client,
    pub url: String,
    server: Option<RunningServer>,
    // Last, so that the database goes after what uses it.
    pub database: TestDatabase,
}

/// The root key of all tests: 32 bytes in base64.
const ROOT_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with other settings than the tests' usual ones.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create();
        let mut config = Config::for_tests(&database.url());
        config.data_dir = database.folder().to_owned();
        config.root_key_file_said = Some(database.folder().join("root.key"));
        std::fs::write(config.root_key_file(), ROOT_KEY).expect("a root key");
        change(&mut config);
        let listener = serve::bind(&mut config).expect("a free port");
        let clock = Arc::new(TestClock::default());
        let sources = Sources { clock: Arc::clone(&clock) as _, ids: Arc::new(SortableIds::default()) };
        let services = startup::services(&config, sources).expect("the services");
        startup::prepare(&config, &services).await.expect("a prepared database");
        let server = serve::start(config, listener, Parts::new(services.clone())).await.expect("a server");
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { services, clock, client, url: server.url(), server: Some(server), database }
    }

    /// Where Prometheus reads, in a test that set `metrics_listen`.
    pub fn metrics_url(&self) -> String {
        let address = self.server.as_ref().and_then(|server| server.metrics_address).expect("a metrics listener");
        format!("http://{address}/metrics")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, url) = (request.method().clone(), request.url().clone());
        let answer = Answer::read(self.client.execute(request).await.expect("an answer")).await;
        conformance::check(&method, &url, &answer);
        answer
    }

    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Does all work that is due.
    pub async fn work(&self) {
        while workers::work_once(&self.services, &Transport::Development).await.expect("work is done") > 0 {}
        let undone =
            self.services.db.read(|conn| manager_repository::jobs::list_troubled(conn, 10)).await.expect("jobs");
        assert!(undone.is_empty(), "jobs failed: {undone:?}");
    }

    /// At the end of a test: lets a minute pass, in which everything that is left to workers gets done; a job that stays in
    /// the queue fails the test.
    pub async fn settle(&self) {
        self.advance(Duration::minutes(1));
        self.work().await;
        let left = self.services.db.read(manager_repository::jobs::counts).await.expect("jobs");
        assert_eq!(left, (0, 0), "jobs wait or were given up");
    }

    /// All mails so far, newest first, after the outbox is emptied.
    pub async fn mails(&self) -> Vec<Mail> {
        self.work().await;
        let kept = list_kept(&self.services, 1000).await.expect("the mails");
        let mails = kept.into_iter().map(|mail| Mail {
            to: mail.recipient,
            subject: mail.subject,
            text: mail.text_body,
            html: mail.html_body,
            link: mail.links.0.first().cloned(),
            code: mail.code,
        });
        mails.collect()
    }

    /// The newest mail to an address.
    pub async fn mail_to(&self, address: &str) -> Mail {
        let mails = self.mails().await;
        mails.into_iter().find(|mail| mail.to == address).unwrap_or_else(|| panic!("no mail to {address}"))
    }

    /// How many mails went to an address.
    pub async fn mails_to(&self, address: &str) -> usize {
        self.mails().await.iter().filter(|mail| mail.to == address).count()
    }

    pub async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await.expect("a clean stop");
        }
    }
}

/// A mail as its reader sees it.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub link: Option<String>,
    pub code: Option<String>,
}

impl Mail {
    /// The token in the fragment of the mail's link.
    #[track_caller]
    pub fn token(&self) -> String {
        let link = self.link.as_ref().unwrap_or_else(|| panic!("no link in {self:?}"));
        link.split_once("#token=").unwrap_or_else(|| panic!("no token in {link}")).1.to_owned()
    }
}
