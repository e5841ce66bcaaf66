//! ORG-1, ORG-2, ORG-3: organizations, their settings, and their invisibility to strangers.

use std::sync::Arc;

use manager_domain::Currency;
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
async fn only_the_currencies_that_the_operator_bills_in_are_taken() {
    let app = Arc::new(TestApp::start_with(|config| config.currencies = vec![Currency::Chf]).await);
    let ada = Person::register(&app, "ada").await;
    let made =
        ada.post("/v1/organizations", json!({"kind": "company", "name": "A", "country": "DE"})).await.expect(201);
    assert_eq!(made["currency"], "CHF", "there is no other");
    let body = json!({"kind": "company", "name": "B", "country": "DE", "currency": "EUR"});
    ada.post("/v1/organizations", body).await.faulty("/currency", "invalid_value");
    let body = json!({"email": "b@example.com", "first_name": "B", "last_name": "C", "locale": "en",
        "organization": {"kind": "individual", "country": "FR", "currency": "EUR"}});
    app.post("/v1/accounts", body).await.faulty("/organization/currency", "invalid_value");
    let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
    ada.patch_seen(&ada.org(""), &etag, json!({"currency": "EUR"})).await.faulty("/currency", "invalid_value");
    app.get("/v1/catalogue?currency=EUR").await.faulty("query:currency", "invalid_value");
    assert_eq!(app.get("/v1/catalogue?country=FR").await.expect(200)["currency"], "CHF");
    app.post("/v1/carts", json!({"country": "FR", "currency": "EUR"})).await.faulty("/currency", "invalid_value");
    assert_eq!(app.post("/v1/carts", json!({"country": "FR"})).await.expect(201)["cart"]["currency"], "CHF");
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
    let answer = ada.patch_seen(&path, &etag, bad).await;
    for (pointer, code) in [
        ("/website", "invalid_url"),
        ("/phone", "invalid_phone"),
        ("/time_zone", "invalid_time_zone"),
        ("/country", "invalid_country"),
        ("/billing_address/line1", "too_short"),
        ("/billing_address/country", "invalid_country"),
    ] {
        answer.clone().faulty(pointer, code);
    }
    for url in ["ftp://ada.example", "https://", "https://ada.example:99999", "https://ada.example/a b", "ada.example"]
    {
        ada.patch_seen(&path, &etag, json!({"website": url})).await.faulty("/website", "invalid_url");
    }
    for number in ["+41", "+41 22 555 00 00 00 00 00", "+41 22 555 CALL", "0041;ext=5"] {
        ada.patch_seen(&path, &etag, json!({"phone": number})).await.faulty("/phone", "invalid_phone");
    }
    ada.patch_seen(&path, &etag, json!({"vat_number": "CHE-109.322.552"}))
        .await
        .faulty("/vat_number", "invalid_vat_number");
    ada.patch_seen(&path, &etag, json!({"owner_count": 5})).await.faulty("/owner_count", "unknown_field");
    let good = json!({"kind": "company", "name": "Ada SA", "vat_number": "CHE-109.322.551 TVA",
        "billing_address": {"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"}});
    let changed = ada.patch_seen(&path, &etag, good).await.expect(200);
    assert_eq!((&changed["vat_number"], &changed["vat_verified"]), (&json!("CHE-109.322.551"), &json!(false)));
}

#[actix_web::test]
async fn an_individual_has_no_other_name_and_a_company_needs_one() {
    let (app, ada) = app_with("ada").await;
    let named = json!({"kind": "individual", "name": "Countess", "country": "CH"});
    ada.post("/v1/organizations", named.clone()).await.faulty("/name", "not_for_this_kind");
    let body = json!({"email": "eve@example.com", "first_name": "Eve", "last_name": "E", "organization": named});
    app.post("/v1/accounts", body).await.faulty("/organization/name", "not_for_this_kind");
    let nameless = json!({"kind": "company", "country": "CH"});
    ada.post("/v1/organizations", nameless).await.faulty("/name", "missing");
    assert_eq!(app.mails_to("eve@example.com").await, 0);
}

#[actix_web::test]
async fn a_person_owns_no_more_organizations_than_allowed_even_when_asking_at_once() {
    let (app, ada) = app_with("ada").await;
    let limit = usize::try_from(app.services.settings.organizations_per_account).unwrap();
    let mut tasks = Vec::new();
    for number in 0..limit + 16 {
        let ada = ada.clone();
        let body = json!({"kind": "company", "name": format!("Company {number}"), "country": "CH"});
        tasks.push(actix_web::rt::spawn(async move { ada.post("/v1/organizations", body).await.status }));
    }
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            201 => made += 1,
            409 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(made, limit - 1, "one came with the registration");
    let body = json!({"kind": "company", "name": "One too many", "country": "CH"});
    assert_eq!(ada.post("/v1/organizations", body).await.refused(409, "too_many_organizations")["limit"], limit);
}
