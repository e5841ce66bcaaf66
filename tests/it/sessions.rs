//! ACC-9 and authentication: login, refresh with the lost-answer rule, cookies, step-up.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/v1/auth/refresh", json!({"refresh_token": token})).await
}

#[actix_web::test]
async fn wrong_passwords_and_unknown_addresses_get_the_same_answer() {
    let (app, _) = app_with_ada().await;
    let wrong = app.post("/v1/auth/login", json!({"email": "ada@example.com", "password": "wrong"})).await;
    let unknown = app.post("/v1/auth/login", json!({"email": "nobody@example.com", "password": "wrong"})).await;
    let nonsense = app.post("/v1/auth/login", json!({"email": "no address", "password": "wrong"})).await;
    for answer in [wrong, unknown, nonsense] {
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        answer.refused(401, "invalid_credentials");
    }
    app.post("/v1/auth/login", json!({"email": "ADA@EXAMPLE.com", "password": PASSWORD})).await.expect(200);
}

#[actix_web::test]
async fn logins_are_throttled_per_address_but_not_for_a_known_device() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    Person::register(&app, "ada").await;
    let right = json!({"email": "ada@example.com", "password": PASSWORD});
    let device = app.post("/v1/auth/login", right.clone()).await.expect(200)["device_token"].clone();
    for address in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..10 {
            let body = json!({"email": address, "password": "wrong"});
            app.post("/v1/auth/login", body).await.refused(401, "invalid_credentials");
        }
        let body = json!({"email": address, "password": PASSWORD});
        app.post("/v1/auth/login", body).await.refused(429, "too_many_requests");
    }
    let known = json!({"email": "ada@example.com", "password": PASSWORD, "device_token": device});
    app.post("/v1/auth/login", known).await.expect(200);
    app.advance(Duration::minutes(16));
    app.post("/v1/auth/login", right).await.expect(200);
}

#[actix_web::test]
async fn a_known_device_is_touched_by_nobody_else_not_even_by_one_that_was_known_too() {
    let limits = |config: &mut manager_server::config::Config| {
        (config.rate_limits, config.guesses_at_most) = (true, 30);
    };
    let app = Arc::new(TestApp::start_with(limits).await);
    Person::register(&app, "ada").await;
    Person::register(&app, "bob").await;
    let log_in = async |email: &str, password: &str, device: &manager_tests::Value| {
        let body = json!({"email": email, "password": password, "device_token": device});
        app.post("/v1/auth/login", body).await
    };
    let none = json!(null);
    let own = log_in("ada@example.com", PASSWORD, &none).await.expect(200)["device_token"].clone();
    let lost = log_in("ada@example.com", PASSWORD, &none).await.expect(200)["device_token"].clone();
    let bobs = log_in("bob@example.com", PASSWORD, &none).await.expect(200)["device_token"].clone();
    assert_ne!(own, lost);
    // A lost phone fills its own bucket, strangers fill those of the address and of everybody.
    for _ in 0..10 {
        log_in("ada@example.com", "wrong", &lost).await.refused(401, "invalid_credentials");
    }
    log_in("ada@example.com", PASSWORD, &lost).await.refused(429, "too_many_requests");
    for address in ["ada", "eve", "mallory"] {
        for _ in 0..10 {
            log_in(&format!("{address}@example.com"), "wrong", &none).await.refused(401, "invalid_credentials");
        }
    }
    log_in("somebody@example.com", "wrong", &none).await.refused(429, "too_many_requests");
    log_in("ada@example.com", PASSWORD, &bobs).await.refused(429, "too_many_requests");
    log_in("ada@example.com", PASSWORD, &json!("dev_AAAA")).await.refused(429, "too_many_requests");
    assert_eq!(log_in("ada@example.com", PASSWORD, &own).await.expect(200)["device_token"], own);
    app.advance(Duration::minutes(16));
    log_in("ada@example.com", PASSWORD, &none).await.expect(200);
}

#[actix_web::test]
async fn a_browser_is_known_by_a_cookie_and_whoever_reset_the_password_is_known_too() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    Person::register(&app, "ada").await;
    app.advance(Duration::minutes(61));
    app.post("/v1/auth/password-reset", json!({"email": "ada@example.com"})).await.expect(202);
    let token = app.mail_to("ada@example.com").await.token();
    let body = json!({"token": token, "password": PASSWORD.to_uppercase()});
    let answer = app.post("/v1/auth/password-reset/confirm", body).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-device=dev_"), "{cookie}");
    answer.expect(204);
    let right = json!({"email": "ada@example.com", "password": PASSWORD.to_uppercase(), "mode": "cookie"});
    for _ in 0..10 {
        let body = json!({"email": "ada@example.com", "password": "wrong"});
        app.post("/v1/auth/login", body).await.refused(401, "invalid_credentials");
    }
    let log_in = || app.request(Method::POST, "/v1/auth/login").header("origin", &app.url).json(&right);
    app.send(log_in()).await.refused(429, "too_many_requests");
    app.send(log_in().header("cookie", cookie)).await.expect(200);
}

#[actix_web::test]
async fn a_new_password_ends_known_devices_but_the_one_that_sets_it() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    let log_in = async |password: &str, device: &Value| {
        let body = json!({"email": "ada@example.com", "password": password, "device_token": device});
        app.post("/v1/auth/login", body).await
    };
    let thief = log_in(PASSWORD, &Value::Null).await.expect(200)["device_token"].clone();
    let new = PASSWORD.to_uppercase();
    let change = json!({"current_password": PASSWORD, "new_password": new});
    let changed = ada.put("/v1/me/password", change).await;
    let cookie = changed.header("set-cookie").split(';').next().unwrap().to_owned();
    changed.expect(204);
    let own = json!(cookie.strip_prefix("__Host-device=").expect("the device's cookie"));
    let renewed = refresh(&app, &ada.refresh_token).await.expect(200)["device_token"].clone();
    // The thief's device counts like any stranger's.
    for _ in 0..10 {
        log_in("wrong", &thief).await.refused(401, "invalid_credentials");
    }
    log_in("wrong", &Value::Null).await.refused(429, "too_many_requests");
    log_in(&new, &thief).await.refused(429, "too_many_requests");
    for device in [&own, &renewed] {
        log_in(&new, device).await.expect(200);
    }
    app.advance(Duration::minutes(61));
    let forget = async |device: &Value| {
        let body = json!({"email": "ada@example.com", "device_token": device});
        app.post("/v1/auth/password-reset", body).await
    };
    for _ in 0..5 {
        forget(&thief).await.expect(202);
    }
    forget(&thief).await.refused(429, "too_many_requests");
    forget(&own).await.expect(202);
    let body = json!({"token": app.mail_to("ada@example.com").await.token(), "password": PASSWORD});
    app.post("/v1/auth/password-reset/confirm", body).await.expect(204);
    for _ in 0..10 {
        log_in("wrong", &own).await.refused(401, "invalid_credentials");
    }
    log_in(PASSWORD, &own).await.refused(429, "too_many_requests");
}

#[actix_web::test]
async fn a_refresh_token_works_once_and_the_lost_answer_can_be_had_again() {
    let (app, ada) = app_with_ada().await;
    let first = refresh(&app, &ada.refresh_token).await.expect(200);
    let again = refresh(&app, &ada.refresh_token).await.expect(200);
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    let second = refresh(&app, first["refresh_token"].as_str().unwrap()).await.expect(200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    // The first token is two generations old: somebody has a copy.
    refresh(&app, &ada.refresh_token).await.refused(401, "session_ended");
    refresh(&app, second["refresh_token"].as_str().unwrap()).await.refused(401, "session_ended");
    ada.get("/v1/me").await.refused(401, "session_ended");
    assert!(app.mail_to("ada@example.com").await.link.is_none(), "told about it");
}

#[actix_web::test]
async fn the_lost_answer_is_kept_for_thirty_seconds_only() {
    let (app, ada) = app_with_ada().await;
    refresh(&app, &ada.refresh_token).await.expect(200);
    app.advance(Duration::seconds(31));
    refresh(&app, &ada.refresh_token).await.refused(401, "session_ended");
}

#[actix_web::test]
async fn sixty_four_parallel_refreshes_have_one_successor() {
    let (app, ada) = app_with_ada().await;
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (app, token) = (Arc::clone(&app), ada.refresh_token.clone());
        tasks.push(actix_web::rt::spawn(async move { refresh(&app, &token).await }));
    }
    let mut successors = BTreeSet::new();
    for task in tasks {
        let granted = task.await.unwrap().expect(200);
        successors.insert(granted["refresh_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(successors.len(), 1);
    refresh(&app, successors.first().unwrap()).await.expect(200);
}

#[actix_web::test]
async fn unknown_refresh_tokens_are_refused_and_end_nothing() {
    let (app, ada) = app_with_ada().await;
    refresh(&app, "mrt_unknown").await.refused(401, "invalid_token");
    refresh(&app, &ada.token).await.refused(401, "invalid_token");
    ada.get("/v1/me").await.expect(200);
}

#[actix_web::test]
async fn logging_out_ends_the_session_at_once() {
    let (app, ada) = app_with_ada().await;
    ada.post("/v1/auth/logout", json!({})).await.expect(204);
    ada.get("/v1/me").await.refused(401, "session_ended");
    refresh(&app, &ada.refresh_token).await.refused(401, "session_ended");
}

#[actix_web::test]
async fn a_person_sees_and_ends_their_sessions() {
    let (app, ada) = app_with_ada().await;
    app.advance(Duration::seconds(1));
    let phone = Person::log_in(&app, "ada@example.com").await;
    let list = ada.get("/v1/me/sessions").await.expect(200);
    let list = list["data"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["id"], phone.session.as_str());
    assert_eq!((&list[0]["current"], &list[1]["current"]), (&json!(false), &json!(true)));
    let eve = Person::register(&app, "eve").await;
    eve.delete(&format!("/v1/me/sessions/{}", phone.session)).await.refused(404, "not_found");
    ada.delete(&format!("/v1/me/sessions/{}", phone.session)).await.expect(204);
    ada.delete(&format!("/v1/me/sessions/{}", phone.session)).await.refused(404, "not_found");
    phone.get("/v1/me").await.refused(401, "session_ended");
    Person::log_in(&app, "ada@example.com").await;
    assert_eq!(ada.delete("/v1/me/sessions").await.expect(200)["ended"], 1);
    ada.get("/v1/me").await.expect(200);
}

#[actix_web::test]
async fn a_refresh_token_is_no_session_cookie_and_a_poisoned_host_changes_nothing() {
    let (app, ada) = app_with_ada().await;
    let cookie = format!("__Host-session={}", ada.refresh_token);
    app.send(app.request(Method::GET, "/v1/me").header("cookie", cookie)).await.refused(401, "session_ended");
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "mode": "cookie"});
    let poisoned = app.request(Method::POST, "/v1/auth/login").header("host", "evil.example");
    app.send(poisoned.header("origin", "http://evil.example").json(&body)).await.refused(403, "csrf_refused");
}

#[actix_web::test]
async fn sessions_are_listed_in_pages() {
    let (app, ada) = app_with_ada().await;
    for _ in 0..2 {
        Person::log_in(&app, "ada@example.com").await;
    }
    let first = ada.get("/v1/me/sessions?limit=2").await.expect(200);
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let rest = ada.get(&format!("/v1/me/sessions?cursor={}", first["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(rest["data"][0]["id"], ada.session.as_str());
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    ada.get("/v1/me/sessions?limit=0").await.faulty("query:limit", "out_of_range");
    ada.get("/v1/me/invitations?sort=up").await.faulty("query:sort", "unknown_field");
}

#[actix_web::test]
async fn a_browser_gets_a_cookie_and_needs_the_csrf_token() {
    let (app, _) = app_with_ada().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "mode": "cookie"});
    let login = |origin: &str| app.request(Method::POST, "/v1/auth/login").header("origin", origin).json(&body);
    app.send(login("https://evil.example")).await.refused(403, "csrf_refused");
    let answer = app.send(login(&app.url)).await;
    let cookies: Vec<String> =
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-session=")).expect("a session cookie");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(session.contains(attribute), "{attribute} in {session}");
    }
    let cookie = session.split(';').next().unwrap().to_owned();
    let granted = answer.expect(200);
    assert!(granted.get("access_token").is_none() && granted.get("refresh_token").is_none());
    let csrf = granted["csrf_token"].as_str().unwrap();
    let by_cookie = |method, path: &str| app.request(method, path).header("cookie", &cookie);
    app.send(by_cookie(Method::GET, "/v1/me")).await.expect(200);
    let logout = || by_cookie(Method::POST, "/v1/auth/logout");
    app.send(logout()).await.refused(403, "csrf_refused");
    app.send(logout().header("origin", &app.url)).await.refused(403, "csrf_refused");
    app.send(logout().header("origin", "https://evil.example").header("x-csrf-token", csrf))
        .await
        .refused(403, "csrf_refused");
    app.send(logout().header("origin", &app.url).header("x-csrf-token", csrf)).await.expect(204);
    app.send(by_cookie(Method::GET, "/v1/me")).await.refused(401, "session_ended");
}

#[actix_web::test]
async fn stepping_up_needs_the_password_and_is_throttled() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    for _ in 0..10 {
        ada.post("/v1/auth/step-up", json!({"password": "wrong"})).await.refused(403, "wrong_password");
    }
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.refused(429, "too_many_requests");
}

/// A session by cookie: the cookie and the session's id.
async fn browse(app: &TestApp) -> (String, String) {
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "mode": "cookie"});
    let request = app.request(Method::POST, "/v1/auth/login").header("origin", &app.url).json(&body);
    let answer = app.send(request).await;
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
    let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-session=")).unwrap();
    let session = answer.expect(200)["session_id"].as_str().unwrap().to_owned();
    (cookie.split(';').next().unwrap().to_owned(), session)
}

#[actix_web::test]
async fn a_browser_in_use_moves_its_last_use_and_its_end() {
    let (app, _) = app_with_ada().await;
    let (cookie, session) = browse(&app).await;
    let sessions = async || {
        let request = app.request(Method::GET, "/v1/me/sessions").header("cookie", &cookie);
        let list = app.send(request).await.expect(200);
        list["data"].as_array().unwrap().iter().find(|row| row["id"] == session.as_str()).unwrap().clone()
    };
    let opened = sessions().await;
    app.advance(Duration::minutes(9));
    assert_eq!(sessions().await["last_used_at"], opened["last_used_at"], "noted at most every ten minutes");
    app.advance(Duration::minutes(2));
    let used = sessions().await;
    assert_eq!(used["last_used_at"], app.services.clock.now().to_string());
    assert_ne!(used["expires_at"], opened["expires_at"]);
    // Every day for longer than a session lives without being used.
    for _ in 0..40 {
        app.advance(Duration::days(1));
        let request = app.request(Method::GET, "/v1/me").header("cookie", &cookie);
        app.send(request).await.expect(200);
    }
    app.advance(Duration::days(30) + Duration::seconds(1));
    let request = app.request(Method::GET, "/v1/me").header("cookie", &cookie);
    app.send(request).await.refused(401, "session_ended");
}

#[actix_web::test]
async fn guesses_that_come_together_are_as_many_as_those_that_come_in_turn() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    let count = |answers: &[Answer], status| answers.iter().filter(|answer| answer.status == status).count();
    let guesses = at_once(64, |_| {
        let app = Arc::clone(&app);
        async move { app.post("/v1/auth/login", json!({"email": "ada@example.com", "password": "wrong"})).await }
    });
    let guesses = guesses.await;
    assert_eq!((count(&guesses, 401), count(&guesses, 429)), (10, 54));
    let guesses = at_once(64, |_| {
        let ada = ada.clone();
        async move { ada.post("/v1/auth/step-up", json!({"password": "wrong"})).await }
    });
    let guesses = guesses.await;
    assert_eq!((count(&guesses, 403), count(&guesses, 429)), (10, 54));
    // Right ones cost nothing, however many there are in turn.
    app.advance(Duration::minutes(16));
    let app_ = Arc::clone(&app);
    let ada = Person::log_in(&app_, "ada@example.com").await;
    for _ in 0..12 {
        ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
        Person::log_in(&app, "ada@example.com").await;
    }
}
