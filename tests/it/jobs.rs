//! Background work that goes wrong, and what staff see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::Duration;
use manager_domain::{Clock, Instant};
use manager_repository::jobs::{counts, list_troubled};
use manager_services::mails::transports::{Transport, list_kept};
use manager_services::workers::work_once;
use manager_tests::{Person, TestApp, json};

/// A clock that breaks when it is asked for the second time: by the first job, after the batch was claimed.
struct Breaking {
    clock: Arc<dyn Clock>,
    asked: AtomicU32,
}

impl Clock for Breaking {
    fn now(&self) -> Instant {
        assert!(self.asked.fetch_add(1, Ordering::SeqCst) != 1, "the clock broke");
        self.clock.now()
    }
}

#[actix_web::test]
async fn a_job_that_panics_is_put_off_and_the_next_is_done() {
    let app = Arc::new(TestApp::start().await);
    for name in ["ada", "bob"] {
        Person::register(&app, name).await;
    }
    app.work().await;
    let mut services = app.services.clone();
    let before = list_kept(&services, 100).await.expect("the mails").len();
    for name in ["ada", "bob"] {
        app.post("/v1/auth/password-reset", json!({"email": format!("{name}@example.com")})).await;
    }
    services.clock = Arc::new(Breaking { clock: Arc::clone(&app.clock) as _, asked: AtomicU32::new(0) });
    assert_eq!(work_once(&services, &Transport::Development).await.expect("the worker goes on"), 2);
    let troubled = app.services.db.read(|conn| list_troubled(conn, 10)).await.expect("the jobs");
    assert_eq!(troubled.len(), 1, "{troubled:?}");
    assert!(troubled[0].1.contains("panicked"), "{troubled:?}");
    app.advance(Duration::minutes(1));
    while work_once(&app.services, &Transport::Development).await.expect("work is done") > 0 {}
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 0));
    assert_eq!(list_kept(&app.services, 100).await.expect("the mails").len(), before + 2);
}

#[actix_web::test]
async fn prometheus_sees_what_waits() {
    let app = TestApp::start_with(|config| config.metrics_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let scrape = || async {
        let answer = app.client.get(app.metrics_url()).send().await.expect("an answer");
        answer.text().await.expect("a text")
    };
    let quiet = scrape().await;
    for figure in [
        "manager_db_queue{kind=\"read\"} 0",
        "manager_db_queue{kind=\"write\"} 0",
        "manager_jobs{state=\"failed\"} 0",
        "manager_jobs{state=\"waiting\"} 0",
    ] {
        assert!(quiet.contains(figure), "{figure}: {quiet}");
    }
    app.post("/v1/auth/password-reset", json!({"email": "nobody@example.com"})).await;
    assert!(scrape().await.contains("manager_jobs{state=\"waiting\"} 1"));
    app.work().await;
    let rebound = app.client.get(app.metrics_url()).header("host", "evil.example");
    assert_eq!(rebound.send().await.expect("an answer").status(), 403);
}
