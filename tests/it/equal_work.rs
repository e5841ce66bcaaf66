//! Answers tell nobody whether an address has an account, and neither does the time they take: tested as equal work.

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::{QueryableByName, RunQueryDsl};
use manager_repository::tables::TABLES;
use manager_repository::{Error, each};
use manager_tests::people::PASSWORD;
use manager_tests::{Answer, Person, TestApp, Value, json};

/// What the server has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Work {
    password_hashes: u64,
    reads: u64,
    writes: u64,
    /// Rows by table, mails among the jobs.
    rows: BTreeMap<String, i64>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    rows: i64,
}

async fn work(app: &TestApp) -> Work {
    let (reads, writes) = app.services.db.begun();
    let password_hashes = app.services.passwords.done();
    let count = |conn: &mut manager_repository::AnyConnection| {
        let mut counts = BTreeMap::new();
        for (table, _) in TABLES {
            let query = format!("SELECT COUNT(*) AS rows FROM {table}");
            let count: Count = each!(&mut *conn, |c| diesel::sql_query(query).get_result(c)?);
            counts.insert((*table).to_owned(), count.rows);
        }
        Ok::<_, Error>(counts)
    };
    let rows = app.services.db.read(count).await.expect("counts");
    Work { password_hashes, reads, writes, rows }
}

/// What one request made the server do, and its answer.
async fn costs(app: &TestApp, path: &str, body: Value) -> (Work, Answer) {
    let before = work(app).await;
    let answer = app.post(path, body).await;
    let after = work(app).await;
    let grown = |(table, count): (String, i64)| {
        let more = count - before.rows[&table];
        (more != 0).then_some((table, more))
    };
    let cost = Work {
        password_hashes: after.password_hashes - before.password_hashes,
        // One read was the counting itself.
        reads: after.reads - before.reads - 1,
        writes: after.writes - before.writes,
        rows: after.rows.into_iter().filter_map(grown).collect(),
    };
    (cost, answer)
}

/// Sends a request for a known and an unknown address, twice each, so that both have been seen before, and compares the
/// second time.
async fn compare(app: &TestApp, path: &str, body: impl Fn(&str) -> Value, status: u16) -> Work {
    let mut seen: Option<(Work, Answer)> = None;
    for email in ["ada@example.com", "nobody@example.com"] {
        app.post(path, body(email)).await.expect(status);
        let (cost, answer) = costs(app, path, body(email)).await;
        assert_eq!(answer.status, status);
        if let Some((known, told)) = &seen {
            assert_eq!(*known, cost, "{path} does other work for an unknown address");
            assert_eq!(answer.bytes.len(), told.bytes.len(), "{path}");
            let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(names(&answer), names(told), "{path}");
            assert_eq!(answer.body["code"], told.body["code"], "{path}");
        }
        seen = Some((cost, answer));
    }
    seen.expect("two answers").0
}

async fn app_with_ada() -> Arc<TestApp> {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    Person::register(&app, "ada").await;
    app.work().await;
    app.advance(chrono::Duration::hours(2));
    app
}

fn registration(email: &str) -> Value {
    json!({"email": email, "first_name": "A", "last_name": "L", "organization": {"kind": "individual"}})
}

#[actix_web::test]
async fn asking_to_register_costs_the_same_for_a_taken_address() {
    let app = app_with_ada().await;
    let cost = compare(&app, "/v1/accounts", registration, 202).await;
    assert_eq!((cost.password_hashes, cost.writes), (0, 1));
    assert_eq!(cost.rows, BTreeMap::from([("jobs".to_owned(), 1), ("registrations".to_owned(), 1)]));
}

#[actix_web::test]
async fn sending_a_registration_again_costs_the_same_for_a_taken_address() {
    let app = app_with_ada().await;
    let mut ids = BTreeMap::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        let asked = app.post("/v1/accounts", registration(email)).await.expect(202);
        ids.insert(email, asked["registration_id"].clone());
    }
    let again = |email: &str| json!({"registration_id": ids[email]});
    let cost = compare(&app, "/v1/accounts/resend", again, 202).await;
    assert_eq!((cost.password_hashes, cost.writes), (0, 1));
    assert_eq!(cost.rows, BTreeMap::from([("jobs".to_owned(), 1)]));
}

#[actix_web::test]
async fn a_refused_login_costs_the_same_for_an_unknown_address() {
    let app = app_with_ada().await;
    let login = |email: &str| json!({"email": email, "password": format!("not {PASSWORD}")});
    let cost = compare(&app, "/v1/auth/login", login, 401).await;
    assert_eq!((cost.password_hashes, cost.writes), (1, 2));
    assert!(cost.rows.is_empty(), "{cost:?}");
}

#[actix_web::test]
async fn asking_for_a_new_password_costs_the_same_for_an_unknown_address() {
    let app = app_with_ada().await;
    let ask = |email: &str| json!({"email": email});
    let cost = compare(&app, "/v1/auth/password-reset", ask, 202).await;
    assert_eq!((cost.password_hashes, cost.writes), (0, 1));
    assert_eq!(cost.rows, BTreeMap::from([("jobs".to_owned(), 1)]));
}
