//! What happened to an account, for the person to read.

use std::sync::Arc;

use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, json};

#[actix_web::test]
async fn the_security_log_tells_what_happened_newest_first_in_pages_and_to_nobody_else() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::register(&app, "bob").await;
    let body = json!({"current_password": PASSWORD, "new_password": "eleven badgers paint slow bridges"});
    ada.put("/v1/me/password", body).await.expect(204);
    let page = ada.get("/v1/me/security-log?limit=1").await.expect(200);
    assert_eq!(page["data"][0]["action"], "password.changed");
    assert_eq!(page["data"][0]["session_id"], ada.session.as_str());
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = ada.get(&format!("/v1/me/security-log?cursor={cursor}")).await.expect(200);
    let actions: Vec<&str> = rest["data"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions.last(), Some(&"account.created"));
    assert!(!actions.contains(&"password.changed"));
    let others = bob.get("/v1/me/security-log").await.expect(200).to_string();
    assert!(!others.contains("password.changed"));
}
