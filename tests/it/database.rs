//! What one write does to its neighbours.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use manager_repository::{AnyConnection, Database, Error, Location, throttles};
use manager_services::Services;
use manager_services::workers::keep_house;
use manager_tests::TestApp;
use manager_tests::databases::{TestDatabase, on_postgres};

/// Counts once in each of these buckets.
async fn count(services: &Services, buckets: std::ops::Range<u32>) {
    let now = services.clock.now();
    let write = move |tx: &mut AnyConnection| {
        buckets.clone().try_for_each(|number| {
            throttles::count(tx, &number.to_be_bytes(), 5, now, now + chrono::Duration::minutes(1)).map(|_| ())
        })
    };
    services.db.write::<_, Error, _>(write).await.expect("counted");
}

async fn is_counted(services: &Services, number: u32) -> bool {
    let now = services.clock.now() - chrono::Duration::minutes(5);
    let read = move |conn: &mut AnyConnection| throttles::peek(conn, &number.to_be_bytes(), now);
    services.db.read::<_, Error, _>(read).await.expect("an answer").is_some()
}

#[actix_web::test]
async fn a_write_that_meets_a_conflict_takes_no_other_down() {
    let app = TestApp::start().await;
    let db = app.services.db.clone();
    let ((begun, began), (go, gone)) = (mpsc::channel(), mpsc::channel());
    let gone = Mutex::new(gone);
    let busy = db.clone();
    let busy = actix_web::rt::spawn(async move {
        let hold = move |_: &mut AnyConnection| {
            let _ = begun.send(());
            let _ = gone.lock().expect("the channel").recv_timeout(Duration::from_secs(10));
            Ok(())
        };
        busy.write::<_, Error, _>(hold).await
    });
    // While one write keeps SQLite's writer busy, two others come to wait and share the next commit.
    for _ in 0..500 {
        if began.try_recv().is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let release = async { go.send(()).expect("the busy one waits") };
    let conflict = db.write::<(), Error, _>(|_| Err(Error::Conflict));
    let (conflict, (), ()) = tokio::join!(conflict, count(&app.services, 0..1), release);
    assert!(matches!(conflict, Err(Error::Overloaded)), "{conflict:?}");
    assert!(is_counted(&app.services, 0).await);
    busy.await.expect("it ends").expect("and succeeds");
}

#[actix_web::test]
async fn more_dead_rows_than_fit_one_write_are_all_deleted() {
    let app = TestApp::start().await;
    count(&app.services, 0..1100).await;
    app.advance(chrono::Duration::minutes(2));
    count(&app.services, 1100..1101).await;
    keep_house(&app.services, app.services.clock.now()).await.expect("housekeeping");
    for number in [0, 499, 500, 1099] {
        assert!(!is_counted(&app.services, number).await, "{number} is dead");
    }
    assert!(is_counted(&app.services, 1100).await, "it lives");
}

#[actix_web::test]
async fn reads_are_answered_while_a_read_only_file_is_opened_anew() {
    if on_postgres() {
        return;
    }
    let file = TestDatabase::create();
    let url = format!("sqlite://file:{}?mode=ro", file.folder().join("manager.db").display());
    let db = Database::open(Location::parse(&url).expect("a location"), 4).expect("threads");
    let query = |conn: &mut AnyConnection| conn.batch_execute("SELECT count(*) FROM accounts").map_err(Error::from);
    db.read::<_, Error, _>(query).await.expect("an answer");
    // Longer than anybody waits for a reader to close.
    let slow = move |conn: &mut AnyConnection| {
        query(conn)?;
        std::thread::sleep(Duration::from_secs(4));
        query(conn)
    };
    let slow = actix_web::rt::spawn({
        let db = db.clone();
        async move { db.read::<_, Error, _>(slow).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..3 {
        let write = |tx: &mut AnyConnection| tx.batch_execute("DELETE FROM throttles").map_err(Error::from);
        let refused = db.write::<(), Error, _>(write).await;
        assert!(matches!(&refused, Err(Error::Unavailable(reason)) if reason.contains("readonly")), "{refused:?}");
        for _ in 0..8 {
            let begun = Instant::now();
            db.read::<_, Error, _>(query).await.expect("an answer");
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    slow.await.expect("it ends").expect("and was not disturbed");
}
