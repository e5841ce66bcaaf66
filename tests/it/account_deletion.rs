//! ACC-10: deleting an account.

use std::sync::Arc;

use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, json};

#[actix_web::test]
async fn the_last_owner_of_an_organization_stays_and_is_told_which() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let problem = ada.post("/v1/me/deletion", json!({"password": PASSWORD})).await;
    let problem = problem.refused(409, "account_owns_organizations");
    assert_eq!(problem["organizations"][0]["id"], ada.organization.as_str(), "{problem}");
    ada.get("/v1/me").await.expect(200);
}

#[actix_web::test]
async fn a_deleted_account_is_gone_from_everywhere_and_its_address_is_free() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    bob.post("/v1/me/deletion", json!({"password": "wrong"})).await.refused(403, "wrong_password");
    bob.post("/v1/me/deletion", json!({"password": PASSWORD})).await.expect(204);
    bob.get("/v1/me").await.refused(401, "session_ended");
    let login = json!({"email": "bob@example.com", "password": PASSWORD});
    app.post("/v1/auth/login", login).await.refused(401, "invalid_credentials");
    let members = ada.get(&ada.org("/memberships")).await.expect(200);
    assert_eq!(members["data"].as_array().unwrap().len(), 1);
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200).to_string();
    assert!(log.contains("membership.left") && !log.contains("bob@example.com"), "{log}");
    let proof = ada.get(&ada.org("/audit-log/verification")).await.expect(200);
    assert_eq!(proof["valid"], true, "{proof}");
    assert!(app.mail_to("bob@example.com").await.link.is_none(), "told about it");
    let again = Person::register(&app, "bob").await;
    assert_ne!(again.account, bob.account);
}

#[actix_web::test]
async fn of_two_owners_who_delete_their_accounts_at_once_one_stays() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "owner"})).await;
    let delete = |person: &Person| {
        let person = person.clone();
        actix_web::rt::spawn(async move { person.post("/v1/me/deletion", json!({"password": PASSWORD})).await.status })
    };
    let (first, second) = (delete(&ada), delete(&bob));
    let mut statuses = [first.await.unwrap(), second.await.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}
