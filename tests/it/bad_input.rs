//! Bad input gets a problem with a code, never a 500, and changes nothing.

use std::sync::Arc;

use manager_tests::{Answer, Person, TestApp, json};
use reqwest::Method;

async fn raw(app: &TestApp, body: impl Into<reqwest::Body>) -> Answer {
    let request = app.request(Method::POST, "/v1/accounts").header("content-type", "application/json");
    app.send(request.body(body)).await
}

#[actix_web::test]
async fn malformed_bodies_are_told_apart() {
    let app = TestApp::start().await;
    raw(&app, "{\"email\":").await.refused(400, "malformed_json");
    raw(&app, "").await.refused(400, "malformed_json");
    raw(&app, vec![0xff, 0xfe]).await.refused(400, "malformed_json");
    raw(&app, "{\"email\": 5}").await.faulty("/email", "wrong_type");
    raw(&app, "[]").await.faulty("", "wrong_type");
    raw(&app, "{\"email\":\"a@b.ch\",\"email\":\"c@d.ch\"}").await.faulty("/email", "duplicate_field");
    let long = format!("{{\"email\":\"a@b.ch\",\"first_name\":\"{}\",\"last_name\":\"x\"}}", "x".repeat(1000));
    raw(&app, long).await.faulty("/first_name", "too_long");
    raw(&app, "{\"email\":\"a@b.ch\",\"first_name\":\"a\\u0000b\",\"last_name\":\"x\"}")
        .await
        .faulty("/first_name", "control_character");
    raw(&app, "x".repeat(10 << 20)).await.refused(413, "payload_too_large");
    let request = app.request(Method::POST, "/v1/accounts").header("content-type", "text/plain").body("{}");
    app.send(request).await.refused(415, "unsupported_media_type");
    assert!(app.mails().await.is_empty());
}

#[actix_web::test]
async fn paths_methods_and_hosts_that_are_not_ours_get_problems() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    app.get("/v1/nowhere").await.refused(404, "not_found");
    let answer = app.send(app.request(Method::PUT, "/v1/auth/login")).await;
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
    answer.refused(405, "method_not_allowed");
    ada.get(&ada.org("/memberships/mem_zzz")).await.refused(404, "not_found");
    ada.get(&ada.org(&format!("/memberships/{}", ada.account))).await.refused(404, "not_found");
    // A poisoned Host changes no link.
    let body = json!({"email": "eve@example.com", "first_name": "E", "last_name": "E", "organization": {"kind": "individual"}});
    let request = app.request(Method::POST, "/v1/accounts").header("host", "evil.example").json(&body);
    app.send(request).await.expect(202);
    assert!(app.mail_to("eve@example.com").await.link.unwrap().starts_with(&app.url));
}

#[actix_web::test]
async fn names_with_line_breaks_reach_no_header() {
    let app = TestApp::start().await;
    let body = json!({"email": "eve@example.com", "first_name": "E\r\nBcc: x@y.z", "last_name": "E", "organization": {"kind": "individual"}});
    app.post("/v1/accounts", body).await.faulty("/first_name", "control_character");
}
