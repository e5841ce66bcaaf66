//! ACC-8: the recovery e-mail.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::races::{at_once, one_winner};
use manager_tests::{Person, TestApp, Value, json};

const OTHER: &str = "eleven badgers paint slow bridges";

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn set(app: &TestApp, person: &Person, email: &str) {
    person.put("/v1/me/recovery-email", json!({"email": email, "password": PASSWORD})).await.expect(202);
    let token = app.mail_to(email).await.token();
    app.post("/v1/recovery-emails/confirm", json!({"token": token})).await.expect(204);
}

#[actix_web::test]
async fn a_recovery_email_is_in_effect_once_confirmed_and_shown_masked() {
    let (app, ada) = app_with_ada().await;
    let body = json!({"email": "ada@example.net", "password": PASSWORD});
    ada.put("/v1/me/recovery-email", body).await.expect(202);
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!((&me["recovery_email"], &me["pending_recovery_email"]), (&Value::Null, &json!("a•••@e•••.net")));
    let token = json!({"token": app.mail_to("ada@example.net").await.token()});
    let told = app.mails_to("ada@example.com").await;
    app.post("/v1/recovery-emails/confirm", token.clone()).await.expect(204);
    app.post("/v1/recovery-emails/confirm", token).await.refused(410, "token_lapsed");
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!((&me["recovery_email"], &me["pending_recovery_email"]), (&json!("a•••@e•••.net"), &Value::Null));
    assert_eq!(app.mails_to("ada@example.com").await, told + 1);
}

#[actix_web::test]
async fn a_recovery_email_needs_the_password_and_differs_from_the_login_id() {
    let (_, ada) = app_with_ada().await;
    let wrong = json!({"email": "ada@example.net", "password": "wrong"});
    ada.put("/v1/me/recovery-email", wrong).await.refused(403, "wrong_password");
    let same = json!({"email": "ADA@example.com", "password": PASSWORD});
    ada.put("/v1/me/recovery-email", same).await.refused(422, "recovery_email_is_login_id");
}

#[actix_web::test]
async fn a_forgotten_password_can_be_reset_from_the_recovery_email() {
    let (app, ada) = app_with_ada().await;
    set(&app, &ada, "ada@example.net").await;
    app.post("/v1/auth/password-reset", json!({"email": "Ada@example.net"})).await.expect(202);
    let token = app.mail_to("ada@example.net").await.token();
    let body = json!({"token": token, "password": OTHER});
    app.post("/v1/auth/password-reset/confirm", body).await.expect(204);
    app.post("/v1/auth/login", json!({"email": "ada@example.com", "password": OTHER})).await.expect(200);
}

#[actix_web::test]
async fn removing_a_recovery_email_needs_a_fresh_login() {
    let (app, ada) = app_with_ada().await;
    set(&app, &ada, "ada@example.net").await;
    app.advance(Duration::minutes(9));
    let renewed = app.post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.expect(200);
    let ada = Person { token: renewed["access_token"].as_str().unwrap().to_owned(), ..ada };
    app.advance(Duration::minutes(2));
    ada.delete("/v1/me/recovery-email").await.refused(403, "step_up_required");
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    ada.delete("/v1/me/recovery-email").await.expect(204);
    ada.delete("/v1/me/recovery-email").await.refused(404, "not_found");
    assert_eq!(ada.get("/v1/me").await.expect(200)["recovery_email"], Value::Null);
}

#[actix_web::test]
async fn of_fifty_uses_of_a_confirmation_one_wins() {
    let (app, ada) = app_with_ada().await;
    ada.put("/v1/me/recovery-email", json!({"email": "ada@example.net", "password": PASSWORD})).await.expect(202);
    let token = app.mail_to("ada@example.net").await.token();
    let answers = at_once(50, |_| {
        let (app, body) = (Arc::clone(&app), json!({"token": token}));
        async move { app.post("/v1/recovery-emails/confirm", body).await }
    });
    one_winner(&answers.await, 204, &[410]);
    assert_eq!(ada.get("/v1/me").await.expect(200)["recovery_email"], "a•••@e•••.net");
}

#[actix_web::test]
async fn both_addresses_are_told_of_a_change_and_of_a_removal() {
    let (app, ada) = app_with_ada().await;
    set(&app, &ada, "first@example.net").await;
    set(&app, &ada, "second@example.net").await;
    let told = app.mail_to("first@example.net").await;
    assert_eq!(told.subject, "Your recovery address was changed");
    assert!(told.text.contains("s•••@e•••.net") && !told.text.contains("second@"), "{}", told.text);
    let before = (app.mails_to("ada@example.com").await, app.mails_to("first@example.net").await);
    // The same address once more replaces nothing.
    set(&app, &ada, "second@example.net").await;
    assert_eq!(app.mail_to("ada@example.com").await.subject, "Your recovery address was changed");
    ada.delete("/v1/me/recovery-email").await.expect(204);
    assert_eq!(app.mail_to("second@example.net").await.subject, "Your recovery address was removed");
    assert_eq!(app.mail_to("ada@example.com").await.subject, "Your recovery address was removed");
    let after = (app.mails_to("ada@example.com").await, app.mails_to("first@example.net").await);
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 0));
}

#[actix_web::test]
async fn a_recovery_email_that_waits_for_its_confirmation_can_be_withdrawn() {
    let (app, ada) = app_with_ada().await;
    ada.put("/v1/me/recovery-email", json!({"email": "ada@example.net", "password": PASSWORD})).await.expect(202);
    let token = json!({"token": app.mail_to("ada@example.net").await.token()});
    ada.delete("/v1/me/recovery-email").await.expect(204);
    assert_eq!(ada.get("/v1/me").await.expect(200)["pending_recovery_email"], Value::Null);
    app.post("/v1/recovery-emails/confirm", token).await.refused(410, "token_lapsed");
    ada.delete("/v1/me/recovery-email").await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_request_for_a_recovery_email_is_told_and_ends_with_the_password_and_with_its_session() {
    let (app, ada) = app_with_ada().await;
    let thief = Person::log_in(&app, &ada.email).await;
    let ask = async |person: &Person, password: &str| {
        let body = json!({"email": "thief@example.net", "password": password});
        person.put("/v1/me/recovery-email", body).await.expect(202);
        json!({"token": app.mail_to("thief@example.net").await.token()})
    };
    let confirm = async |token: manager_tests::Value| app.post("/v1/recovery-emails/confirm", token).await;
    let token = ask(&thief, PASSWORD).await;
    let told = app.mail_to("ada@example.com").await;
    assert_eq!(told.subject, "A recovery address was requested");
    assert!(told.text.contains("t•••@e•••.net") && !told.text.contains("thief@"), "{}", told.text);
    ada.delete("/v1/me/sessions").await.expect(200);
    confirm(token).await.refused(410, "token_lapsed");
    let token = ask(&ada, PASSWORD).await;
    let body = json!({"current_password": PASSWORD, "new_password": OTHER});
    ada.put("/v1/me/password", body).await.expect(204);
    assert_eq!(ada.get("/v1/me").await.expect(200)["pending_recovery_email"], Value::Null);
    confirm(token).await.refused(410, "token_lapsed");
    let token = ask(&ada, OTHER).await;
    app.post("/v1/auth/password-reset", json!({"email": ada.email})).await.expect(202);
    let reset = json!({"token": app.mail_to(&ada.email).await.token(), "password": PASSWORD});
    app.post("/v1/auth/password-reset/confirm", reset).await.expect(204);
    confirm(token).await.refused(410, "token_lapsed");
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(ada.get("/v1/me").await.expect(200)["recovery_email"], Value::Null);
    confirm(ask(&ada, PASSWORD).await).await.expect(204);
}

#[actix_web::test]
async fn a_reset_link_is_void_once_the_address_it_went_to_is_no_longer_the_persons() {
    let (app, ada) = app_with_ada().await;
    set(&app, &ada, "first@example.net").await;
    let forgotten = async |email: &str| {
        app.post("/v1/auth/password-reset", json!({"email": email})).await.expect(202);
        app.mail_to(email).await.token()
    };
    let reset = async |token: &str| {
        app.post("/v1/auth/password-reset/confirm", json!({"token": token, "password": OTHER})).await
    };
    let token = forgotten("first@example.net").await;
    set(&app, &ada, "second@example.net").await;
    reset(&token).await.refused(410, "token_lapsed");
    let token = forgotten("second@example.net").await;
    ada.delete("/v1/me/recovery-email").await.expect(204);
    reset(&token).await.refused(410, "token_lapsed");
    let token = forgotten("ada@example.com").await;
    ada.post("/v1/me/login-id-change", json!({"login_id": "ada@example.org", "password": PASSWORD})).await.expect(202);
    let confirm = app.mail_to("ada@example.org").await.token();
    ada.post("/v1/login-id-changes/confirm", json!({"token": confirm})).await.expect(204);
    reset(&token).await.refused(410, "token_lapsed");
}
