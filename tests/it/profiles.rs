//! ACC-4 and ACC-11: the profile and the preferences that travel with the account.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, Value, json};
use reqwest::Method;

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

#[actix_web::test]
async fn a_patch_touches_only_what_was_sent() {
    let (_, ada) = app_with_ada().await;
    let before = ada.get("/v1/me").await.expect(200);
    let patch = json!({"display_name": "Countess", "locale": "fr", "time_zone": "America/Lima"});
    let after = ada.patch("/v1/me", patch).await.expect(200);
    assert_eq!((&after["display_name"], &after["locale"]), (&json!("Countess"), &json!("fr")));
    assert_eq!(after["first_name"], before["first_name"]);
    assert_eq!(after["organizations"][0]["role"], "owner");
    let cleared = ada.patch("/v1/me", json!({"display_name": null})).await.expect(200);
    assert_eq!(cleared["display_name"], before["display_name"]);
    assert_eq!(cleared["locale"], "fr");
}

#[actix_web::test]
async fn every_fault_of_a_profile_is_listed_and_what_is_not_theirs_to_set_is_unknown() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    let both = ada.patch("/v1/me", json!({"first_name": "  ", "time_zone": "Europe/Atlantis"})).await;
    both.clone().faulty("/first_name", "too_short");
    both.faulty("/time_zone", "invalid_time_zone");
    let foreign = json!({"default_organization": bob.organization});
    ada.patch("/v1/me", foreign).await.faulty("/default_organization", "not_allowed");
    for (member, value) in [("login_id", json!("x@example.com")), ("staff_role", json!("admin")), ("version", json!(1))]
    {
        ada.patch("/v1/me", json!({member: value})).await.faulty(&format!("/{member}"), "unknown_field");
    }
    ada.patch("/v1/me", json!({"first_name": null})).await.faulty("/first_name", "wrong_type");
}

#[actix_web::test]
async fn the_default_organization_is_one_of_theirs() {
    let (_, ada) = app_with_ada().await;
    let me = ada.patch("/v1/me", json!({"default_organization": ada.organization})).await.expect(200);
    assert_eq!(me["default_organization"], ada.organization.as_str());
    let me = ada.patch("/v1/me", json!({"default_organization": null})).await.expect(200);
    assert_eq!(me["default_organization"], Value::Null);
}

#[actix_web::test]
async fn ui_settings_are_merged_and_bounded() {
    let (_, ada) = app_with_ada().await;
    ada.patch("/v1/me", json!({"ui_settings": {"theme": "dark", "menu": {"open": true}}})).await.expect(200);
    let me = ada.patch("/v1/me", json!({"ui_settings": {"menu": {"wide": 1}, "theme": null}})).await.expect(200);
    assert_eq!(me["ui_settings"], json!({"menu": {"open": true, "wide": 1}}));
    let large = json!({"ui_settings": {"notes": "x".repeat(8200)}});
    ada.patch("/v1/me", large).await.refused(422, "ui_settings_too_large");
    ada.patch("/v1/me", json!({"ui_settings": [1]})).await.faulty("/ui_settings", "wrong_type");
    let me = ada.patch("/v1/me", json!({"ui_settings": null})).await.expect(200);
    assert_eq!(me["ui_settings"], json!({}));
}

#[actix_web::test]
async fn a_lost_update_of_the_profile_is_refused() {
    let (_, ada) = app_with_ada().await;
    let etag = ada.get("/v1/me").await.header("etag").to_owned();
    ada.patch_seen("/v1/me", &etag, json!({"locale": "de"})).await.expect(200);
    ada.patch_seen("/v1/me", &etag, json!({"locale": "it"})).await.refused(412, "precondition_failed");
    assert_eq!(ada.get("/v1/me").await.expect(200)["locale"], "de");
}

#[actix_web::test]
async fn a_profile_is_fresh_only_while_nothing_it_shows_has_moved() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let get = async |etag: &str| ada.send(ada.request(Method::GET, "/v1/me").header("if-none-match", etag)).await;
    let mut tag = ada.get("/v1/me").await.header("etag").to_owned();
    assert_eq!(get(&tag).await.status, 304);
    let moved = async |tag: &mut String, what: &str| {
        let answer = get(tag).await;
        assert_eq!(answer.status, 200, "{what}");
        assert_ne!(answer.header("etag"), tag, "{what}");
        answer.header("etag").clone_into(tag);
        assert_eq!(get(tag).await.status, 304, "{what}");
    };
    let company = json!({"kind": "company", "name": "Another", "country": "CH"});
    let made = ada.post("/v1/organizations", company).await.expect(201);
    moved(&mut tag, "an organization more").await;
    let company = format!("/v1/organizations/{}", made["id"].as_str().unwrap());
    let seen = ada.get(&company).await.header("etag").to_owned();
    ada.patch_seen(&company, &seen, json!({"name": "Engines"})).await.expect(200);
    moved(&mut tag, "an organization's name").await;
    let body = json!({"login_id": "ada@example.org", "password": PASSWORD});
    ada.post("/v1/me/login-id-change", body).await.expect(202);
    moved(&mut tag, "a login ID that waits").await;
    app.advance(Duration::hours(2));
    let ada = Person::log_in(&app, "ada@example.com").await;
    let over = ada.send(ada.request(Method::GET, "/v1/me").header("if-none-match", &tag)).await;
    assert_eq!(over.status, 200, "a login ID that waits no more");
    // What GET gave is what PATCH accepts, once.
    let seen = over.header("etag").to_owned();
    let changed = ada.patch_seen("/v1/me", &seen, json!({"display_name": "Ada L."})).await;
    let next = changed.header("etag").to_owned();
    changed.expect(200);
    ada.patch_seen("/v1/me", &seen, json!({"display_name": "Ada"})).await.refused(412, "precondition_failed");
    assert_eq!(ada.get("/v1/me").await.header("etag"), next);
    ada.patch_seen("/v1/me", &next, json!({"display_name": null})).await.expect(200);
}

#[actix_web::test]
async fn an_organization_one_was_removed_from_is_no_default_any_more() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "member"})).await;
    bob.patch("/v1/me", json!({"default_organization": bob.organization})).await.expect(200);
    let (id, _) = ada.membership_of(&bob).await;
    ada.delete(&ada.org(&format!("/memberships/{id}"))).await.expect(204);
    assert_eq!(bob.get("/v1/me").await.expect(200)["default_organization"], Value::Null);
    let me = bob.patch("/v1/me", json!({"locale": "fr"})).await.expect(200);
    assert_eq!(me["default_organization"], Value::Null);
}
