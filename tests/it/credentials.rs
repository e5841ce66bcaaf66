//! ACC-6 and ACC-8: changing a password, and resetting a forgotten one.

use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use chrono::Duration;
use diesel::prelude::*;
use manager_domain::ids::AccountId;
use manager_repository::schema::accounts;
use manager_repository::{AnyConnection, Error, sql};
use manager_tests::people::PASSWORD;
use manager_tests::{Answer, Person, TestApp, json};

const OTHER: &str = "eleven badgers paint slow bridges";

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn log_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.post("/v1/auth/login", json!({"email": email, "password": password})).await
}

async fn forget(app: &TestApp, email: &str) {
    app.post("/v1/auth/password-reset", json!({"email": email})).await.expect(202);
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Answer {
    app.post("/v1/auth/password-reset/confirm", json!({"token": token, "password": password})).await
}

#[actix_web::test]
async fn a_changed_password_ends_every_other_session_and_is_told_by_mail() {
    let (app, ada) = app_with_ada().await;
    let phone = Person::log_in(&app, "ada@example.com").await;
    let before = app.mails_to("ada@example.com").await;
    ada.put("/v1/me/password", json!({"current_password": PASSWORD, "new_password": OTHER})).await.expect(204);
    phone.get("/v1/me").await.refused(401, "session_ended");
    let refresh = json!({"refresh_token": phone.refresh_token});
    app.post("/v1/auth/refresh", refresh).await.refused(401, "session_ended");
    ada.get("/v1/me").await.expect(200);
    log_in(&app, "ada@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    log_in(&app, "ada@example.com", OTHER).await.expect(200);
    assert_eq!(app.mails_to("ada@example.com").await, before + 1);
}

#[actix_web::test]
async fn a_new_password_must_differ_be_strong_and_come_with_the_current_one() {
    let (_, ada) = app_with_ada().await;
    let change = async |current: &str, new: &str| {
        ada.put("/v1/me/password", json!({"current_password": current, "new_password": new})).await
    };
    change("wrong", OTHER).await.refused(403, "wrong_password");
    change(PASSWORD, PASSWORD).await.refused(422, "password_unchanged");
    for weak in ["short", "password1234", "ada@example.com"] {
        let problem = change(PASSWORD, weak).await.refused(422, "password_refused");
        assert_eq!(problem["errors"][0]["pointer"], "/new_password", "{problem}");
    }
    ada.get("/v1/me").await.expect(200);
}

#[actix_web::test]
async fn long_passwords_count_to_their_last_character() {
    let (app, ada) = app_with_ada().await;
    let words = "seventeen otters juggle quietly où onze blaireaux peignent des ponts, and slow rivers carry \
        their lanterns past the village of Ölbronn until noon";
    let mut current = PASSWORD.to_owned();
    for length in [64, 65, 73, 128] {
        let long: String = words.chars().take(length).collect();
        assert_eq!(long.chars().count(), length);
        ada.put("/v1/me/password", json!({"current_password": current, "new_password": long})).await.expect(204);
        let shorter: String = words.chars().take(length - 1).collect();
        for other in [&shorter, &format!("{shorter}#"), &format!("{long}#")] {
            log_in(&app, "ada@example.com", other).await.refused(401, "invalid_credentials");
        }
        log_in(&app, "ada@example.com", &long).await.expect(200);
        current = long;
    }
    let body = json!({"current_password": current, "new_password": words.chars().take(129).collect::<String>()});
    let refused = ada.put("/v1/me/password", body).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "too_long", "{refused}");
}

#[actix_web::test]
async fn a_hash_of_older_parameters_is_replaced_at_the_next_login() {
    let (app, ada) = app_with_ada().await;
    let weak = Argon2::from(Params::new(1024, 1, 1, None).unwrap());
    let old = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let (id, hash): (AccountId, _) = (ada.account.parse().unwrap(), old.clone());
    let set = move |tx: &mut AnyConnection| {
        let account = accounts::table.filter(accounts::id.eq(sql(id)));
        Ok::<_, Error>(diesel::update(account).set(accounts::password_hash.eq(hash.clone())).execute(tx)?)
    };
    assert_eq!(app.services.db.write(set).await.unwrap(), 1);
    let stored = async || {
        let hash = move |conn: &mut AnyConnection| {
            let account = accounts::table.filter(accounts::id.eq(sql(id)));
            Ok::<_, Error>(account.select(accounts::password_hash).first::<Option<String>>(conn)?)
        };
        app.services.db.read(hash).await.unwrap().unwrap()
    };
    log_in(&app, "ada@example.com", "wrong").await.refused(401, "invalid_credentials");
    assert_eq!(stored().await, old);
    log_in(&app, "ada@example.com", PASSWORD).await.expect(200);
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    log_in(&app, "ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(stored().await, renewed);
    ada.get("/v1/me").await.expect(200);
}

#[actix_web::test]
async fn guessing_the_current_password_in_a_session_is_throttled() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    for _ in 0..10 {
        let body = json!({"current_password": "wrong", "new_password": OTHER});
        ada.put("/v1/me/password", body).await.refused(403, "wrong_password");
    }
    let body = json!({"current_password": PASSWORD, "new_password": OTHER});
    ada.put("/v1/me/password", body).await.refused(429, "too_many_requests");
}

#[actix_web::test]
async fn a_reset_link_works_once_and_ends_every_session() {
    let (app, ada) = app_with_ada().await;
    forget(&app, "ADA@example.com").await;
    let token = app.mail_to("ada@example.com").await.token();
    reset(&app, &token, "password1234").await.refused(422, "password_refused");
    reset(&app, &token, OTHER).await.expect(204);
    reset(&app, &token, OTHER).await.refused(410, "token_lapsed");
    ada.get("/v1/me").await.refused(401, "session_ended");
    log_in(&app, "ada@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    log_in(&app, "ada@example.com", OTHER).await.expect(200);
}

#[actix_web::test]
async fn fifty_parallel_uses_of_a_reset_link_have_one_winner() {
    let (app, _) = app_with_ada().await;
    forget(&app, "ada@example.com").await;
    let token = app.mail_to("ada@example.com").await.token();
    let mut tasks = Vec::new();
    for n in 0..50 {
        let (app, token) = (Arc::clone(&app), token.clone());
        let password = format!("{n} {OTHER}");
        tasks.push(actix_web::rt::spawn(async move { reset(&app, &token, &password).await.status }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            204 => won += 1,
            410 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
}

#[actix_web::test]
async fn a_reset_link_dies_after_an_hour_and_with_any_change_of_the_password() {
    let (app, ada) = app_with_ada().await;
    forget(&app, "ada@example.com").await;
    let late = app.mail_to("ada@example.com").await.token();
    app.advance(Duration::minutes(61));
    reset(&app, &late, OTHER).await.refused(410, "token_lapsed");
    forget(&app, "ada@example.com").await;
    let older = app.mail_to("ada@example.com").await.token();
    let fresh = Person::log_in(&app, &ada.email).await;
    fresh.put("/v1/me/password", json!({"current_password": PASSWORD, "new_password": OTHER})).await.expect(204);
    reset(&app, &older, PASSWORD).await.refused(410, "token_lapsed");
    reset(&app, "pwr_unknown", PASSWORD).await.refused(410, "token_lapsed");
}

#[actix_web::test]
async fn known_and_unknown_addresses_get_the_same_answer_and_the_same_work() {
    let (app, _) = app_with_ada().await;
    app.work().await;
    let mut seen = Vec::new();
    for address in ["ada@example.com", "nobody@example.com"] {
        let answer = app.post("/v1/auth/password-reset", json!({"email": address})).await;
        let jobs = app.services.db.read(count_jobs).await.unwrap();
        seen.push((answer.status, answer.bytes, jobs));
        app.work().await;
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(app.mails_to("nobody@example.com").await, 0);
    app.post("/v1/auth/password-reset", json!({"email": "no address"})).await.faulty("/email", "invalid_email");
}

/// Jobs that wait for a worker.
fn count_jobs(conn: &mut manager_repository::AnyConnection) -> Result<i64, manager_repository::Error> {
    use diesel::prelude::*;
    use manager_repository::schema::jobs;
    Ok(jobs::table.filter(jobs::done_at.is_null()).count().get_result(conn)?)
}

#[actix_web::test]
async fn strangers_do_not_keep_anybody_from_resetting_their_password() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    Person::register(&app, "ada").await;
    let device = log_in(&app, "ada@example.com", PASSWORD).await.expect(200)["device_token"].clone();
    let bob = Person::register(&app, "bob").await;
    let bobs = log_in(&app, &bob.email, PASSWORD).await.expect(200)["device_token"].clone();
    app.advance(Duration::minutes(61));
    let registration = json!({"email": "ada@example.com", "first_name": "E", "last_name": "E",
        "organization": {"kind": "individual"}});
    for _ in 0..5 {
        app.post("/v1/accounts", registration.clone()).await.expect(202);
    }
    app.post("/v1/accounts", registration).await.refused(429, "too_many_requests");
    for _ in 0..5 {
        forget(&app, "ada@example.com").await;
    }
    let ask = async |device: &manager_tests::Value| {
        app.post("/v1/auth/password-reset", json!({"email": "ada@example.com", "device_token": device})).await
    };
    ask(&json!(null)).await.refused(429, "too_many_requests");
    let before = app.mails_to("ada@example.com").await;
    ask(&bobs).await.expect(202);
    assert_eq!(app.mails_to("ada@example.com").await, before, "another account's device causes no mail");
    for _ in 0..5 {
        ask(&device).await.expect(202);
    }
    assert_eq!(app.mails_to("ada@example.com").await, before + 5);
    ask(&device).await.refused(429, "too_many_requests");
    let token = app.mail_to("ada@example.com").await.token();
    reset(&app, &token, OTHER).await.expect(204);
}

#[actix_web::test]
async fn reset_mails_are_throttled_per_address_known_or_not() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    Person::register(&app, "ada").await;
    app.advance(Duration::minutes(61));
    for address in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..5 {
            forget(&app, address).await;
        }
        app.post("/v1/auth/password-reset", json!({"email": address})).await.refused(429, "too_many_requests");
    }
}

#[actix_web::test]
async fn mails_tell_times_in_the_persons_language_and_zone() {
    let (app, ada) = app_with_ada().await;
    ada.patch("/v1/me", json!({"locale": "fr", "time_zone": "America/New_York"})).await.expect(200);
    ada.put("/v1/me/password", json!({"current_password": PASSWORD, "new_password": OTHER})).await.expect(204);
    let told = app.mail_to("ada@example.com").await;
    assert!(told.text.contains("2 mars 2026 à 04:00 (America/New_York)"), "{}", told.text);
}
