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

#[actix_web::test]
async fn a_request_that_says_nothing_sends_nothing_or_an_empty_object() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let carts = ada.org("/carts");
    let send = |body: String| {
        let request = ada.request(Method::POST, &carts).header("content-type", "application/json");
        ada.send(request.body(body))
    };
    send("{\"x\":".to_owned()).await.refused(400, "malformed_json");
    send("{\"junk\": 1}".to_owned()).await.faulty("/junk", "unknown_field");
    send("[]".to_owned()).await.faulty("", "wrong_type");
    send("x".repeat(11 << 20)).await.refused(413, "payload_too_large");
    assert!(ada.get(&carts).await.expect(200)["data"].as_array().unwrap().is_empty());
    ada.send(ada.request(Method::POST, &carts)).await.expect(201);
    send("{}".to_owned()).await.expect(201);
}

#[actix_web::test]
async fn a_body_that_does_not_come_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut line = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /v1/accounts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60\r\n\r\n{";
    line.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), line.read_to_end(&mut answer)).await;
    read.expect("the connection ends").unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[actix_web::test]
async fn an_answer_that_the_client_does_not_take_is_not_acceptable() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let asks = |accept: &'static str| ada.send(ada.request(Method::GET, "/v1/me").header("accept", accept));
    asks("text/html").await.refused(406, "not_acceptable");
    asks("application/json;q=0, image/*;q=0").await.refused(406, "not_acceptable");
    asks("text/html, */*;q=0.1").await.expect(200);
}

#[actix_web::test]
async fn moments_beyond_what_rfc_3339_writes_are_refused() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let invitation = |at: &str| json!({"email": "bob@example.com", "role": "member", "expires_at": at});
    for at in ["+262142-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "tomorrow"] {
        ada.post(&ada.org("/invitations"), invitation(at)).await.faulty("/expires_at", "invalid_date");
    }
}

#[actix_web::test]
async fn characters_that_disguise_a_text_are_refused_and_others_are_kept() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    for name in ["Refund \u{202e}gpj", "a\u{2028}Bcc: x@y.z", "\u{2067}x", "\u{feff}x"] {
        ada.patch("/v1/me", json!({"display_name": name})).await.faulty("/display_name", "control_character");
    }
    for name in ["👩🏽\u{200d}💻 Ada", "عايدة", "אדה\u{200f}!", "Zoë ñandú"] {
        let me = ada.patch("/v1/me", json!({"display_name": name})).await.expect(200);
        assert_eq!(me["display_name"], name);
    }
}

#[actix_web::test]
async fn a_registration_mail_carries_no_text_of_a_stranger() {
    let app = TestApp::start().await;
    let body = json!({"email": "eve@example.com", "first_name": "you won! https://evil.example", "last_name": "E",
        "organization": {"kind": "individual"}});
    app.post("/v1/accounts", body).await.expect(202);
    let mail = app.mail_to("eve@example.com").await;
    assert!(!format!("{}{}{}", mail.subject, mail.text, mail.html).contains("evil.example"), "{mail:?}");
}

/// The HTTP library refuses them before the application sees a request, so that there is no problem to read.
#[actix_web::test]
async fn heads_that_are_too_large_are_refused_and_harm_nobody_else() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    for headers in [format!("x-filler: {}\r\n", "x".repeat(256 << 10)), "x-filler: x\r\n".repeat(1000)] {
        let mut line = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        let head = format!("GET /v1/catalogue HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        // It may hang up before it has read all.
        let _ = line.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), line.read_to_end(&mut answer)).await;
        let _ = read.expect("the connection ends");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    app.get("/v1/catalogue").await.expect(200);
}
