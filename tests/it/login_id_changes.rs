//! ACC-5: changing the login ID, confirming it from the new address, undoing it from the old.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::races::{at_once, one_winner};
use manager_tests::{Answer, Person, TestApp, json};

const OTHER: &str = "eleven badgers paint slow bridges";

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn ask(person: &Person, new: &str) -> Answer {
    person.post("/v1/me/login-id-change", json!({"login_id": new, "password": PASSWORD})).await
}

async fn confirm(person: &Person, token: &str) -> Answer {
    person.post("/v1/login-id-changes/confirm", json!({"token": token})).await
}

/// Asks and confirms; answers the undo token that the old address got.
async fn change(app: &TestApp, person: &Person, old: &str, new: &str) -> String {
    ask(person, new).await.expect(202);
    let token = app.mail_to(new).await.token();
    confirm(person, &token).await.expect(204);
    app.mail_to(old).await.token()
}

async fn undo(app: &TestApp, token: &str, password: &str, new: &str) -> Answer {
    let body = json!({"token": token, "password": password, "new_password": new});
    app.post("/v1/login-id-changes/undo", body).await
}

async fn log_in(app: &TestApp, email: &str, password: &str) -> Answer {
    app.post("/v1/auth/login", json!({"email": email, "password": password})).await
}

async fn login_id(person: &Person) -> String {
    person.get("/v1/me").await.expect(200)["login_id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn the_old_login_id_works_until_the_new_one_is_confirmed_and_sessions_go_on() {
    let (app, ada) = app_with_ada().await;
    let pending = ask(&ada, "ada@example.org").await.expect(202);
    assert_eq!(pending["login_id"], "ada@example.org");
    assert_eq!(ada.get("/v1/me/login-id-change").await.expect(200)["id"], pending["id"]);
    log_in(&app, "ada@example.com", PASSWORD).await.expect(200);
    assert!(app.mail_to("ada@example.com").await.link.is_some(), "the old address can cancel");
    let token = app.mail_to("ada@example.org").await.token();
    confirm(&ada, &token).await.expect(204);
    confirm(&ada, &token).await.refused(410, "token_lapsed");
    assert_eq!(login_id(&ada).await, "ada@example.org");
    ada.get("/v1/me/login-id-change").await.refused(404, "not_found");
    log_in(&app, "ada@example.com", PASSWORD).await.refused(401, "invalid_credentials");
    log_in(&app, "ADA@example.org", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn what_can_be_no_new_login_id_is_refused() {
    let (app, ada) = app_with_ada().await;
    Person::register(&app, "bob").await;
    let wrong = json!({"login_id": "ada@example.org", "password": "wrong"});
    ada.post("/v1/me/login-id-change", wrong).await.refused(403, "wrong_password");
    ask(&ada, "Ada@EXAMPLE.com").await.refused(422, "login_id_unchanged");
    ask(&ada, "bob@example.com").await.refused(409, "login_id_taken");
    ask(&ada, "no address").await.faulty("/login_id", "invalid_email");
    ada.put("/v1/me/recovery-email", json!({"email": "ada@example.net", "password": PASSWORD})).await.expect(202);
    let token = app.mail_to("ada@example.net").await.token();
    app.post("/v1/recovery-emails/confirm", json!({"token": token})).await.expect(204);
    ask(&ada, "ada@example.net").await.refused(422, "login_id_is_recovery_email");
}

#[actix_web::test]
async fn a_newer_request_supersedes_and_only_a_session_of_the_account_confirms() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    ask(&ada, "ada@example.org").await.expect(202);
    let older = app.mail_to("ada@example.org").await.token();
    ask(&ada, "ada@example.net").await.expect(202);
    let newer = app.mail_to("ada@example.net").await.token();
    confirm(&ada, &older).await.refused(410, "token_lapsed");
    confirm(&bob, &newer).await.refused(410, "token_lapsed");
    app.post("/v1/login-id-changes/confirm", json!({"token": newer})).await.refused(401, "unauthenticated");
    confirm(&ada, &newer).await.expect(204);
}

#[actix_web::test]
async fn a_pending_change_dies_after_an_hour_by_hand_by_link_and_with_its_session() {
    let (app, ada) = app_with_ada().await;
    ask(&ada, "ada@example.org").await.expect(202);
    let by_hand = app.mail_to("ada@example.org").await.token();
    ada.delete("/v1/me/login-id-change").await.expect(204);
    ada.delete("/v1/me/login-id-change").await.refused(404, "not_found");
    confirm(&ada, &by_hand).await.refused(410, "token_lapsed");

    ask(&ada, "ada@example.org").await.expect(202);
    let by_link = app.mail_to("ada@example.org").await.token();
    let cancel = json!({"token": app.mail_to("ada@example.com").await.token()});
    app.post("/v1/login-id-changes/cancel", cancel.clone()).await.expect(204);
    app.post("/v1/login-id-changes/cancel", cancel).await.refused(410, "token_lapsed");
    confirm(&ada, &by_link).await.refused(410, "token_lapsed");

    let phone = Person::log_in(&app, "ada@example.com").await;
    ask(&phone, "ada@example.org").await.expect(202);
    let by_session = app.mail_to("ada@example.org").await.token();
    ada.delete(&format!("/v1/me/sessions/{}", phone.session)).await.expect(204);
    confirm(&ada, &by_session).await.refused(410, "token_lapsed");

    let again = Person::log_in(&app, "ada@example.com").await;
    ask(&again, "ada@example.org").await.expect(202);
    let late = app.mail_to("ada@example.org").await.token();
    app.advance(Duration::minutes(61));
    let again = Person::log_in(&app, "ada@example.com").await;
    confirm(&again, &late).await.refused(410, "token_lapsed");
    assert_eq!(login_id(&again).await, "ada@example.com");
}

#[actix_web::test]
async fn a_pending_change_dies_with_its_session_when_a_copied_token_ends_it_and_when_it_expires() {
    let (app, ada) = app_with_ada().await;
    let thief = Person::log_in(&app, "ada@example.com").await;
    ask(&thief, "thief@example.org").await.expect(202);
    let token = app.mail_to("thief@example.org").await.token();
    // The thief's first refresh token comes back after it was used and its lost answer is forgotten.
    app.post("/v1/auth/refresh", json!({"refresh_token": thief.refresh_token})).await.expect(200);
    app.advance(Duration::seconds(31));
    app.post("/v1/auth/refresh", json!({"refresh_token": thief.refresh_token})).await.refused(401, "session_ended");
    ada.get("/v1/me/login-id-change").await.refused(404, "not_found");
    assert!(ada.get("/v1/me").await.expect(200)["pending_login_id"].is_null());
    confirm(&ada, &token).await.refused(410, "token_lapsed");

    let phone = Person::log_in(&app, "ada@example.com").await;
    ask(&phone, "ada@example.org").await.expect(202);
    let token = app.mail_to("ada@example.org").await.token();
    end_by_expiry(&app, &phone.session).await;
    let ada = Person::log_in(&app, "ada@example.com").await;
    confirm(&ada, &token).await.refused(410, "token_lapsed");
}

/// Lets a session expire now.
async fn end_by_expiry(app: &TestApp, session: &str) {
    use diesel::prelude::*;
    use manager_repository::schema::sessions;
    use manager_repository::sql_types::sql;
    let (id, now) = (session.parse::<manager_domain::ids::SessionId>().unwrap(), app.services.clock.now());
    let expire = move |tx: &mut manager_repository::AnyConnection| {
        let row = sessions::table.filter(sessions::id.eq(sql(id)));
        diesel::update(row).set(sessions::expires_at.eq(sql(now))).execute(tx)?;
        Ok::<_, manager_repository::Error>(())
    };
    app.services.db.write(expire).await.unwrap();
}

#[actix_web::test]
async fn a_thief_who_guesses_in_a_session_does_not_keep_its_owner_from_undoing() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    let thief = Person::log_in(&app, "ada@example.com").await;
    let token = change(&app, &thief, "ada@example.com", "thief@example.org").await;
    for _ in 0..10 {
        thief.post("/v1/auth/step-up", json!({"password": "wrong"})).await.refused(403, "wrong_password");
    }
    thief.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.refused(429, "too_many_requests");
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    // The link has tries of its own, and they are bounded.
    for _ in 0..9 {
        undo(&app, &token, "wrong", OTHER).await.refused(403, "wrong_password");
    }
    undo(&app, &token, PASSWORD, OTHER).await.expect(204);
    log_in(&app, "ada@example.com", OTHER).await.expect(200);

    let bob = Person::register(&app, "bob").await;
    let token = change(&app, &bob, "bob@example.com", "bob@example.org").await;
    for _ in 0..10 {
        undo(&app, &token, "wrong", OTHER).await.refused(403, "wrong_password");
    }
    undo(&app, &token, PASSWORD, OTHER).await.refused(429, "too_many_requests");
    app.advance(Duration::minutes(61));
    undo(&app, &token, PASSWORD, OTHER).await.expect(204);
}

#[actix_web::test]
async fn one_account_sends_an_address_five_mails_an_hour_and_keeps_nobody_else_from_it() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let (ada, bob) = (Person::register(&app, "ada").await, Person::register(&app, "bob").await);
    for _ in 0..5 {
        ask(&ada, "stranger@example.org").await.expect(202);
    }
    ask(&ada, "stranger@example.org").await.refused(429, "too_many_requests");
    assert_eq!(app.mails_to("stranger@example.org").await, 5);
    ask(&bob, "stranger@example.org").await.expect(202);
}

#[actix_web::test]
async fn undo_reverts_this_and_every_later_change_and_ends_every_session() {
    let (app, ada) = app_with_ada().await;
    ada.put("/v1/me/recovery-email", json!({"email": "old@example.net", "password": PASSWORD})).await.expect(202);
    let token = app.mail_to("old@example.net").await.token();
    app.post("/v1/recovery-emails/confirm", json!({"token": token})).await.expect(204);
    let first = change(&app, &ada, "ada@example.com", "thief@example.com").await;
    let second = change(&app, &ada, "thief@example.com", "thief@example.org").await;
    ada.put("/v1/me/recovery-email", json!({"email": "thief@example.net", "password": PASSWORD})).await.expect(202);
    let token = app.mail_to("thief@example.net").await.token();
    app.post("/v1/recovery-emails/confirm", json!({"token": token})).await.expect(204);
    let body = json!({"current_password": PASSWORD, "new_password": "the thief chose 17 dusty lanterns"});
    ada.put("/v1/me/password", body).await.expect(204);

    undo(&app, &first, "the thief chose 17 dusty lanterns", OTHER).await.refused(403, "wrong_password");
    undo(&app, &first, PASSWORD, PASSWORD).await.refused(422, "password_unchanged");
    undo(&app, &first, PASSWORD, "password1234").await.refused(422, "password_refused");
    app.advance(Duration::days(6));
    undo(&app, &first, PASSWORD, OTHER).await.expect(204);
    let refresh = json!({"refresh_token": ada.refresh_token});
    app.post("/v1/auth/refresh", refresh).await.refused(401, "session_ended");
    log_in(&app, "thief@example.org", OTHER).await.refused(401, "invalid_credentials");
    let granted = log_in(&app, "ada@example.com", OTHER).await.expect(200);
    let me = app.request(reqwest::Method::GET, "/v1/me").bearer_auth(granted["access_token"].as_str().unwrap());
    let me = app.send(me).await.expect(200);
    assert_eq!((&me["login_id"], &me["recovery_email"]), (&json!("ada@example.com"), &json!("o•••@e•••.net")));
    undo(&app, &first, PASSWORD, "another 23 quiet marble stairs").await.refused(410, "token_lapsed");
    undo(&app, &second, PASSWORD, "another 23 quiet marble stairs").await.refused(410, "token_lapsed");
    // What was given up is free again.
    Person::register(&app, "thief").await;
}

#[actix_web::test]
async fn the_old_address_stays_taken_as_long_as_undo_works() {
    let (app, ada) = app_with_ada().await;
    let token = change(&app, &ada, "ada@example.com", "ada@example.org").await;
    let bob = Person::register(&app, "bob").await;
    ask(&bob, "ada@example.com").await.refused(409, "login_id_taken");
    app.advance(Duration::days(7) + Duration::seconds(1));
    undo(&app, &token, PASSWORD, OTHER).await.refused(410, "token_lapsed");
    let bob = Person::log_in(&app, "bob@example.com").await;
    change(&app, &bob, "bob@example.com", "ada@example.com").await;
    assert_eq!(login_id(&bob).await, "ada@example.com");
}

#[actix_web::test]
async fn going_back_and_forth_keeps_both_addresses() {
    let (app, ada) = app_with_ada().await;
    let first = change(&app, &ada, "ada@example.com", "ada@example.org").await;
    change(&app, &ada, "ada@example.org", "ada@example.com").await;
    assert_eq!(login_id(&ada).await, "ada@example.com");
    undo(&app, &first, PASSWORD, OTHER).await.expect(204);
    log_in(&app, "ada@example.com", OTHER).await.expect(200);
}

#[actix_web::test]
async fn of_two_accounts_that_confirm_one_address_at_once_one_gets_it() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    ask(&ada, "prize@example.com").await.expect(202);
    let for_ada = app.mail_to("prize@example.com").await.token();
    app.advance(Duration::seconds(1));
    ask(&bob, "prize@example.com").await.expect(202);
    let for_bob = app.mail_to("prize@example.com").await.token();
    assert_ne!(for_ada, for_bob);
    let mut tasks = Vec::new();
    for n in 0..64 {
        let (person, token) = if n % 2 == 0 { (ada.clone(), for_ada.clone()) } else { (bob.clone(), for_bob.clone()) };
        tasks.push(actix_web::rt::spawn(async move { confirm(&person, &token).await }));
    }
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            204 => won += 1,
            409 => drop(answer.refused(409, "login_id_taken")),
            _ => drop(answer.refused(410, "token_lapsed")),
        }
    }
    assert_eq!(won, 1);
    let holders = [login_id(&ada).await, login_id(&bob).await];
    assert_eq!(holders.iter().filter(|id| *id == "prize@example.com").count(), 1, "{holders:?}");
}

#[actix_web::test]
async fn asking_for_login_ids_is_throttled_so_that_it_is_no_directory() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = Person::register(&app, "ada").await;
    for _ in 0..10 {
        ask(&ada, "ada@example.com").await.refused(422, "login_id_unchanged");
    }
    ask(&ada, "ada@example.org").await.refused(429, "too_many_requests");
}

#[actix_web::test]
async fn of_sixty_four_uses_of_an_undo_link_one_wins() {
    let (app, ada) = app_with_ada().await;
    let token = change(&app, &ada, "ada@example.com", "ada@example.org").await;
    let answers = at_once(64, |number| {
        let (app, token) = (Arc::clone(&app), token.clone());
        async move { undo(&app, &token, PASSWORD, &format!("{number} {OTHER}")).await }
    })
    .await;
    one_winner(&answers, 204, &[410]);
    let winner = answers.iter().position(|answer| answer.status == 204).unwrap();
    log_in(&app, "ada@example.com", &format!("{winner} {OTHER}")).await.expect(200);
    log_in(&app, "ada@example.org", &format!("{winner} {OTHER}")).await.refused(401, "invalid_credentials");
}

#[actix_web::test]
async fn of_fifty_uses_of_a_confirmation_and_of_a_cancel_link_one_wins() {
    let (app, ada) = app_with_ada().await;
    ask(&ada, "ada@example.org").await.expect(202);
    let token = app.mail_to("ada@example.com").await.token();
    let answers = at_once(50, |_| {
        let (app, body) = (Arc::clone(&app), json!({"token": token}));
        async move { app.post("/v1/login-id-changes/cancel", body).await }
    });
    one_winner(&answers.await, 204, &[410]);
    ask(&ada, "ada@example.org").await.expect(202);
    let token = app.mail_to("ada@example.org").await.token();
    let answers = at_once(50, |_| {
        let (ada, token) = (ada.clone(), token.clone());
        async move { confirm(&ada, &token).await }
    });
    one_winner(&answers.await, 204, &[410]);
    assert_eq!(login_id(&ada).await, "ada@example.org");
}

#[actix_web::test]
async fn a_browser_confirms_by_its_cookies_as_the_built_in_page_does() {
    let (app, ada) = app_with_ada().await;
    ask(&ada, "ada@example.org").await.expect(202);
    let link = app.mail_to("ada@example.org").await.link.expect("a link");
    let page = link.strip_prefix(&app.url).and_then(|path| path.split('#').next()).expect("a page of ours");
    let page = app.get(page).await;
    let html = String::from_utf8(page.bytes.clone()).unwrap();
    assert!(page.status == 200 && html.contains("data-call=\"/v1/login-id-changes/confirm\""), "{html}");
    let script = String::from_utf8(app.get("/links/app.js").await.bytes).unwrap();
    assert!(script.contains("__Host-csrf") && script.contains("X-CSRF-Token"));

    let post = |path: &str| app.request(reqwest::Method::POST, path).header("origin", &app.url);
    let login = json!({"email": "ada@example.com", "password": PASSWORD, "mode": "cookie"});
    let answer = app.send(post("/v1/auth/login").json(&login)).await;
    let pairs = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().split(';').next());
    let cookies: Vec<_> = pairs.flatten().map(str::to_owned).collect();
    answer.expect(200);
    let csrf = cookies.iter().find_map(|cookie| cookie.strip_prefix("__Host-csrf=")).expect("a readable cookie");
    let token = json!({"token": link.split_once("#token=").expect("a token").1});
    let by_cookie = || post("/v1/login-id-changes/confirm").header("cookie", cookies.join("; ")).json(&token);
    app.send(by_cookie()).await.refused(403, "csrf_refused");
    app.send(by_cookie().header("x-csrf-token", csrf)).await.expect(204);
    assert_eq!(login_id(&ada).await, "ada@example.org");
}

#[actix_web::test]
async fn an_account_is_not_deleted_while_its_former_address_may_take_it_back() {
    let (app, ada) = app_with_ada().await;
    change(&app, &ada, "ada@example.com", "ada@example.org").await;
    let delete = async |person: &Person| person.post("/v1/me/deletion", json!({"password": PASSWORD})).await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "owner"})).await;
    let refused = delete(&ada).await.refused(409, "login_id_undo_open");
    assert_eq!(refused["until"], "2026-03-09T09:00:00Z");
    app.advance(Duration::days(7) + Duration::minutes(1));
    let ada = Person::log_in(&app, "ada@example.org").await;
    delete(&ada).await.expect(204);
    drop(bob);
}
