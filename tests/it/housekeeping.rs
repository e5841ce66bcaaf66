//! What falls due by itself: nothing stands in the way of anything else, and no table is read as a whole.

use std::sync::{Arc, Mutex};

use chrono::Duration;
use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use manager_domain::{Clock, Instant};
use manager_repository::memberships::{list_expiring, set_reminded};
use manager_repository::{
    AnyConnection, Error, Location, Page, absorptions, carts, idempotency, jobs, login_id_changes,
    memberships as membership_rows, one_time_tokens, orders, payments, quotes, registrations, security_log, sessions,
};
use manager_services::Services;
use manager_services::housekeeping::keep_house;
use manager_tests::databases::{TestDatabase, on_postgres};
use manager_tests::{Person, TestApp, json};

/// An organization with two members whose access ends one after the other within three days.
async fn with_ends() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    for (name, hours) in [("bob", 24), ("eve", 48)] {
        let person = Person::join(&app, &ada, name, json!({"role": "member"})).await;
        let (id, etag) = ada.membership_of(&person).await;
        let end = json!({"expires_at": app.clock.now() + Duration::hours(hours)});
        ada.patch_seen(&ada.org(&format!("/memberships/{id}")), &etag, end).await.expect(200);
    }
    (app, ada)
}

async fn count(services: &Services, query: &'static str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let counted = services.db.read(move |conn| {
        let query = diesel::sql_query(query);
        manager_repository::each!(conn, |c| Ok::<Count, Error>(query.get_result(c)?))
    });
    counted.await.expect("a count").count
}

async fn spoil_the_first_to_end(services: &Services) {
    let spoil = "UPDATE memberships SET role = 'nonsense' WHERE expires_at = (SELECT MIN(expires_at) FROM memberships)";
    let spoilt = services.db.write(move |tx| {
        let query = diesel::sql_query(spoil);
        manager_repository::each!(tx, |c| Ok::<usize, Error>(query.execute(c)?))
    });
    assert_eq!(spoilt.await.expect("an update"), 1);
}

#[actix_web::test]
async fn one_bad_row_stops_nothing_else() {
    let (app, ada) = with_ends().await;
    ada.post(&ada.org("/invitations"), json!({"email": "new@example.com", "role": "member"})).await.expect(201);
    spoil_the_first_to_end(&app.services).await;
    let mails = app.mails_to("eve@example.com").await;
    keep_house(&app.services, app.clock.now()).await.expect_err("the bad row is told of");
    assert_eq!(app.mails_to("eve@example.com").await, mails + 1, "who comes after it is reminded");
    app.advance(Duration::days(30));
    for _ in 0..2 {
        keep_house(&app.services, app.clock.now()).await.expect_err("the bad row is told of");
    }
    let left = "SELECT COUNT(*) AS count FROM memberships WHERE expires_at IS NOT NULL";
    assert_eq!(count(&app.services, left).await, 1, "the one after it expired");
    assert_eq!(count(&app.services, "SELECT COUNT(*) AS count FROM invitations WHERE state = 'expired'").await, 1);
    assert_eq!(count(&app.services, "SELECT COUNT(*) AS count FROM throttles").await, 0, "deleting goes on");
}

#[actix_web::test]
async fn a_reminder_names_the_end_that_is() {
    let (app, _ada) = with_ends().await;
    let now = app.clock.now();
    let won = app.services.db.write(move |tx| {
        let page = Page { skip: 0, limit: 1 };
        let (organization, id) = list_expiring(tx, now, now + Duration::days(3), page)?.remove(0);
        let (seen, _) = membership_rows::find(tx, organization, id, now)?.expect("a membership");
        assert!(membership_rows::update(tx, &seen, now)?);
        set_reminded(tx, &seen, now)
    });
    assert!(!won.await.expect("a write"), "the membership was changed since it was read");
}

#[actix_web::test]
async fn the_security_log_remembers_for_two_years() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let logged = "SELECT COUNT(*) AS count FROM security_log";
    let before = count(&app.services, logged).await;
    assert!(before > 0, "{}", ada.email);
    keep_house(&app.services, app.clock.now() + Duration::days(729)).await.expect("housekeeping");
    assert_eq!(count(&app.services, logged).await, before);
    keep_house(&app.services, app.clock.now() + Duration::days(731)).await.expect("housekeeping");
    assert_eq!(count(&app.services, logged).await, 0);
}

/// Keeps the text of each statement.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.lock().expect("no panic before").push(query.to_string());
        }
    }
}

/// Everything that housekeeping, workers and metrics ask of all organizations.
fn ask_everything(conn: &mut AnyConnection, now: Instant) -> Result<(), Error> {
    let page = Page { skip: 0, limit: 100 };
    membership_rows::list_expiring(conn, now, now, page)?;
    membership_rows::list_expired(conn, now, page)?;
    manager_repository::invitations::list_over(conn, now, page)?;
    orders::lapsing(conn, now, page)?;
    manager_repository::redemptions::list_ended(conn, now, page)?;
    manager_repository::redemptions::list_of_order(conn, id(), id())?;
    absorptions::list_answered(conn, now, now, page)?;
    absorptions::list_ended(conn, now, page)?;
    jobs::claim(conn, now, now, 16)?;
    jobs::counts(conn)?;
    payments::list_of_order(conn, id(), id())?;
    manager_repository::payment_references::find(conn, "sandbox", "x")?;
    manager_repository::disputes::find(conn, id(), "sandbox", "x")?;
    for purge in [
        registrations::purge,
        one_time_tokens::purge,
        login_id_changes::purge,
        sessions::purge,
        idempotency::purge,
        carts::purge_anonymous,
        quotes::purge,
        manager_repository::throttles::purge,
        jobs::purge_done,
        jobs::purge_failed,
        manager_repository::payment_events::purge,
        security_log::purge,
    ] {
        purge(conn, now, 500)?;
    }
    Ok(())
}

fn id<K>() -> manager_domain::Id<K> {
    manager_domain::Id::from_uuid(Default::default())
}

#[actix_web::test]
async fn no_table_is_read_as_a_whole() {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    if on_postgres() {
        return; // Its planner rightly reads small tables as a whole.
    }
    let database = TestDatabase::create();
    let mut conn = Location::parse(&database.url()).and_then(|at| at.connect().ok()).expect("a connection");
    let recorder = Recorder::default();
    conn.set_instrumentation(recorder.clone());
    ask_everything(&mut conn, manager_tests::clock::TestClock::default().now()).expect("answers");
    let AnyConnection::Sqlite(conn) = &mut conn else { unreachable!("it is SQLite") };
    let queries = std::mem::take(&mut *recorder.0.lock().expect("no panic before"));
    assert!(queries.len() > 15, "{queries:?}");
    // These hold nothing but rows that are asked for.
    let of_one_state = ["INDEX jobs_waiting", "INDEX jobs_failed", "INDEX absorptions_running"];
    for query in queries.iter().filter_map(|query| query.split(" -- binds").next()) {
        let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(conn).expect("a plan");
        for Step { detail } in plan {
            let scans = detail.starts_with("SCAN") && !of_one_state.iter().any(|index| detail.ends_with(index));
            assert!(!scans, "{detail}: {query}");
        }
    }
}
