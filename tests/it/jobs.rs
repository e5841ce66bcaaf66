//! Background work that goes wrong, and what staff see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::Duration;
use manager_domain::{Clock, Instant};
use manager_repository::jobs::{self as rows, Lease, counts, list_troubled};
use manager_repository::{AnyConnection, Error};
use manager_services::jobs::{Job, enqueue};
use manager_services::mails::transports::{Transport, list_kept};
use manager_services::workers::{keep_house, work_once};
use manager_tests::customers::registration;
use manager_tests::smtp::MailServer;
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

/// A server with one reset mail in its outbox, and a mail server with a password.
async fn with_a_mail() -> (Arc<TestApp>, MailServer, Transport) {
    let app = Arc::new(TestApp::start().await);
    Person::register(&app, "ada").await;
    app.work().await;
    let server = MailServer::start();
    let url = server.url.replace("smtp://", "smtp://us:secret@");
    let transport = Transport::smtp(&url, "Us <us@example.com>").expect("a transport");
    app.post("/v1/auth/password-reset", json!({"email": "ada@example.com"})).await;
    (app, server, transport)
}

/// Lets so many minutes pass, in which a worker looks again and again.
async fn minutes(app: &TestApp, transport: &Transport, minutes: i32) {
    for _ in 0..minutes {
        app.advance(Duration::minutes(1));
        while work_once(&app.services, transport).await.expect("the worker goes on") > 0 {}
    }
}

#[actix_web::test]
async fn mails_outlast_wrong_credentials_and_refusing_relays() {
    let (app, server, transport) = with_a_mail().await;
    for refusal in [
        ("AUTH", "535 5.7.8 Authentication credentials invalid"),
        ("MAIL", "550 5.1.8 Sender address rejected"),
        ("RCPT", "554 5.7.1 Relay access denied"),
        ("RCPT", "550 rejected"),
    ] {
        server.refuse(Some(refusal));
        minutes(&app, &transport, 3).await;
        assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (1, 0), "{refusal:?}");
    }
    assert_eq!(server.taken().len(), 0);
    server.refuse(None);
    minutes(&app, &transport, 20).await;
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 0));
    assert_eq!(server.taken().len(), 1);
}

#[actix_web::test]
async fn a_mail_to_nobody_is_given_up_at_once() {
    let (app, server, transport) = with_a_mail().await;
    server.refuse(Some(("RCPT", "550-5.1.1 No such user\r\n550 5.1.1 here")));
    minutes(&app, &transport, 1).await;
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 1));
}

#[actix_web::test]
async fn mails_are_tried_as_long_as_what_they_carry_is_good() {
    let (app, server, transport) = with_a_mail().await;
    server.refuse(Some(("MAIL", "421 busy")));
    minutes(&app, &transport, 50).await;
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (1, 0), "a reset link is good for an hour");
    minutes(&app, &transport, 15).await;
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 1));

    app.post("/v1/accounts", registration("ada@example.com")).await.expect(202);
    for hour in 0..118 {
        app.advance(Duration::hours(1));
        while work_once(&app.services, &transport).await.expect("the worker goes on") > 0 {}
        assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (1, 1), "{hour}");
    }
    minutes(&app, &transport, 150).await;
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 2), "no mail is of use after five days");

    let erased = app.services.db.read(|conn| {
        use diesel::prelude::*;
        let payloads = manager_repository::schema::jobs::table.select(manager_repository::schema::jobs::payload);
        Ok::<Vec<Vec<u8>>, Error>(payloads.load(conn)?)
    });
    assert!(erased.await.expect("the jobs").iter().all(Vec::is_empty));
    keep_house(&app.services, app.clock.now()).await.expect("housekeeping");
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 2), "for staff to see");
    app.advance(Duration::days(31));
    keep_house(&app.services, app.clock.now()).await.expect("housekeeping");
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 0));
}

/// Something to do that is due at once.
fn something() -> Job {
    Job::PasswordReset {
        email_key: "nobody@example.com".to_owned(),
        only: None,
        ip: String::new(),
        device: String::new(),
    }
}

#[actix_web::test]
async fn who_lost_a_lease_has_no_say() {
    let app = TestApp::start().await;
    let (services, now) = (app.services.clone(), app.clock.now());
    let (first, second) = (now + Duration::minutes(2), now + Duration::minutes(4));
    let said = app.services.db.write(move |tx| {
        let job = enqueue(tx, &services, now, now, &something()).map_err(|error| Error::Defect(error.to_string()))?;
        assert_eq!(rows::claim(tx, now, first, 16)?.len(), 1);
        assert_eq!(rows::claim(tx, first, second, 16)?.len(), 1, "the lease ran out");
        let lost = Lease { job, until: first };
        let said = [
            rows::finish(tx, lost, first)?,
            rows::put_off(tx, lost, "late", first)?,
            rows::give_up(tx, lost, "late", first)?,
            rows::finish(tx, Lease { job, until: second }, first)?,
            rows::give_up(tx, Lease { job, until: second }, "late", first)?,
        ];
        Ok::<_, Error>(said)
    });
    assert_eq!(said.await.expect("a write"), [false, false, false, true, false]);
    assert_eq!(app.services.db.read(counts).await.expect("the jobs"), (0, 0));
}

#[actix_web::test]
async fn workers_are_woken_after_the_commit() {
    let app = TestApp::start().await;
    let (shared, now) = (app.services.clone(), app.clock.now());
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let db = app.services.db.clone();
    let work = move |tx: &mut AnyConnection| {
        enqueue(tx, &shared, now, now, &something())?;
        gone.lock().expect("no panic before").recv().expect("a word");
        Ok::<_, manager_services::Error>(())
    };
    let write = actix_web::rt::spawn(async move { db.write(work).await });
    let woken = || tokio::time::timeout(std::time::Duration::from_millis(200), app.services.db.enqueued());
    assert!(woken().await.is_err(), "nothing is committed yet");
    go.send(()).expect("the write waits");
    write.await.expect("it ends").expect("a write");
    assert!(woken().await.is_ok());

    let shared = app.services.clone();
    let failed = app.services.db.write(move |tx| {
        enqueue(tx, &shared, now, now, &something())?;
        Err::<(), _>(manager_services::Error::defect("on purpose"))
    });
    failed.await.expect_err("on purpose");
    assert!(woken().await.is_err(), "nothing was enqueued");
}
