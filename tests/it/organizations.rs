//! ORG-1, ORG-2, ORG-3: organizations, their settings, and their invisibility to strangers.

use std::sync::Arc;

use manager_tests::{Person, TestApp, json};

async fn app_with(name: &str) -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let person = Person::register(&app, name).await;
    (app, person)
}

#[actix_web::test]
async fn a_person_creates_more_organizations_and_sees_them_in_pages() {
    let (_, ada) = app_with("ada").await;
    for number in 0..3 {
        let body = json!({"kind": "company", "name": format!("Company {number}"), "country": "FR"});
        let made = ada.post("/v1/organizations", body).await.expect(201);
        assert_eq!(made["currency"], "EUR");
    }
    let page = ada.get("/v1/organizations?limit=3").await;
    assert!(page.header("link").contains("rel=\"next\""));
    let page = page.expect(200);
    let next = format!("/v1/organizations?limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = ada.get(&next).await.expect(200);
    let names: Vec<_> =
        [&page, &rest].iter().flat_map(|p| p["data"].as_array().unwrap()).map(|o| o["name"].clone()).collect();
    assert_eq!(names, ["ada Tester", "Company 0", "Company 1", "Company 2"]);
    assert!(rest["next_cursor"].is_null());
    ada.get("/v1/organizations?limit=0").await.faulty("query:limit", "out_of_range");
    ada.get("/v1/organizations?cursor=xyz").await.faulty("query:cursor", "invalid_cursor");
    ada.get("/v1/organizations?sort=name").await.faulty("query:sort", "unknown_field");
}

#[actix_web::test]
async fn a_foreign_organization_answers_like_one_that_does_not_exist() {
    let (app, ada) = app_with("ada").await;
    let eve = Person::register(&app, "eve").await;
    let foreign = eve.get(&format!("/v1/organizations/{}", ada.organization)).await.refused(404, "not_found");
    let absent = eve.get("/v1/organizations/org_01h2xcejqtf2nbrexx3vqjhp41").await.refused(404, "not_found");
    let malformed = eve.get("/v1/organizations/42").await.refused(404, "not_found");
    for body in [&absent, &malformed] {
        assert_eq!((&body["title"], &body["detail"]), (&foreign["title"], &foreign["detail"]));
    }
    app.get(&format!("/v1/organizations/{}", ada.organization)).await.refused(401, "unauthenticated");
}

#[actix_web::test]
async fn settings_change_by_merge_patch_under_the_version_that_was_seen() {
    let (_, ada) = app_with("ada").await;
    let path = ada.org("");
    let seen = ada.get(&path).await.header("etag").to_owned();
    ada.patch(&path, json!({"website": "https://ada.example"})).await.refused(428, "precondition_required");
    let changed =
        ada.patch_seen(&path, &seen, json!({"website": "https://ada.example", "phone": "+41 22 555 00 00"})).await;
    assert_ne!(changed.header("etag"), seen);
    let etag = changed.header("etag").to_owned();
    assert_eq!(changed.expect(200)["website"], "https://ada.example");
    ada.patch_seen(&path, &seen, json!({"website": null})).await.refused(412, "precondition_failed");
    let changed = ada.patch_seen(&path, &etag, json!({"website": null})).await.expect(200);
    assert!(changed.get("website").is_none());
    assert_eq!(changed["phone"], "+41 22 555 00 00");
}

#[actix_web::test]
async fn bad_settings_are_refused_with_every_fault() {
    let (_, ada) = app_with("ada").await;
    let path = ada.org("");
    let etag = ada.get(&path).await.header("etag").to_owned();
    let bad = json!({"website": "javascript:alert(1)", "phone": "call me", "time_zone": "Nowhere", "country": "QQ",
        "billing_address": {"line1": "", "postal_code": "1", "city": "x", "country": "QQ"}});
    let answer = ada.patch_seen(&path, &etag, bad).await.refused(422, "validation_failed");
    assert!(answer["errors"].as_array().unwrap().len() >= 6, "{answer}");
    ada.patch_seen(&path, &etag, json!({"vat_number": "CHE-109.322.552"}))
        .await
        .faulty("/vat_number", "invalid_vat_number");
    ada.patch_seen(&path, &etag, json!({"owner_count": 5})).await.faulty("/owner_count", "unknown_field");
    let good = json!({"kind": "company", "name": "Ada SA", "vat_number": "CHE-109.322.551 TVA",
        "billing_address": {"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"}});
    let changed = ada.patch_seen(&path, &etag, good).await.expect(200);
    assert_eq!((&changed["vat_number"], &changed["vat_verified"]), (&json!("CHE-109.322.551"), &json!(false)));
}
