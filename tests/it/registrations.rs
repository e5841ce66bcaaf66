//! ACC-1, ACC-2, ACC-3: registration in two steps.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, Value, json};

fn ada() -> Value {
    json!({"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace",
        "organization": {"kind": "individual", "country": "CH"}})
}

async fn request(app: &TestApp, body: Value) -> String {
    app.post("/v1/accounts", body).await.expect(202)["registration_id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_person_registers_by_link_and_owns_an_organization_named_after_them() {
    let app = TestApp::start().await;
    request(&app, ada()).await;
    let token = app.mail_to("ada@example.com").await.token();
    let granted = app.post("/v1/accounts/confirm", json!({"token": token, "password": PASSWORD})).await.expect(201);
    assert_eq!(granted["token_type"], "Bearer");
    let me = app.request(reqwest::Method::GET, "/v1/me").bearer_auth(granted["access_token"].as_str().unwrap());
    let me = app.send(me).await.expect(200);
    assert_eq!(me["login_id"], "ada@example.com");
    assert_eq!(me["organizations"][0]["name"], "Ada Lovelace");
    assert_eq!(me["organizations"][0]["role"], "owner");
    app.settle().await;
}

#[actix_web::test]
async fn a_person_registers_by_the_mailed_code() {
    let app = TestApp::start().await;
    let id = request(&app, ada()).await;
    let code = app.mail_to("ada@example.com").await.code.expect("a code");
    let body = json!({"registration_id": id, "code": code, "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await.expect(201);
    app.settle().await;
}

#[actix_web::test]
async fn a_code_is_refused_after_ten_minutes_but_the_link_still_works() {
    let app = TestApp::start().await;
    let id = request(&app, ada()).await;
    let mail = app.mail_to("ada@example.com").await;
    app.advance(Duration::minutes(10) + Duration::seconds(1));
    let body = json!({"registration_id": id, "code": mail.code, "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await.refused(422, "code_refused");
    app.post("/v1/accounts/confirm", json!({"token": mail.token(), "password": PASSWORD})).await.expect(201);
    let mut eve = ada();
    eve["email"] = json!("eve@example.com");
    let id = request(&app, eve).await;
    let code = app.mail_to("eve@example.com").await.code;
    app.advance(Duration::minutes(10) - Duration::seconds(1));
    let body = json!({"registration_id": id, "code": code, "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await.expect(201);
}

#[actix_web::test]
async fn a_code_is_refused_after_five_wrong_tries_but_the_link_still_works() {
    let app = TestApp::start().await;
    let id = request(&app, ada()).await;
    let mail = app.mail_to("ada@example.com").await;
    let code = mail.code.clone().expect("a code");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let body = json!({"registration_id": id, "code": wrong, "password": PASSWORD});
        app.post("/v1/accounts/confirm", body).await.refused(422, "code_refused");
    }
    let body = json!({"registration_id": id, "code": code, "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await.refused(422, "code_refused");
    app.post("/v1/accounts/confirm", json!({"token": mail.token(), "password": PASSWORD})).await.expect(201);
}

#[actix_web::test]
async fn a_taken_address_gets_the_same_answer_and_a_mail_that_says_so() {
    let app = Arc::new(TestApp::start().await);
    Person::register(&app, "ada").await;
    let free = app
        .post(
            "/v1/accounts",
            json!({"email": "eve@example.com", "first_name": "E", "last_name": "E",
        "organization": {"kind": "individual"}}),
        )
        .await;
    let taken = app
        .post(
            "/v1/accounts",
            json!({"email": "ADA@example.com", "first_name": "E", "last_name": "E",
        "organization": {"kind": "individual"}}),
        )
        .await;
    assert_eq!((free.status, taken.status), (202, 202));
    assert_eq!(free.body.as_object().unwrap().len(), taken.body.as_object().unwrap().len());
    let mail = app.mail_to("ada@example.com").await;
    assert!(mail.code.is_none() && !mail.link.unwrap_or_default().contains("#token="), "no way to confirm");
    app.settle().await;
}

#[actix_web::test]
async fn a_pending_registration_blocks_nobody_and_the_first_confirmation_wins() {
    let app = TestApp::start().await;
    request(&app, ada()).await;
    let first = app.mail_to("ada@example.com").await.token();
    app.advance(Duration::minutes(1));
    request(&app, ada()).await;
    let second = app.mail_to("ada@example.com").await.token();
    assert_ne!(first, second);
    app.post("/v1/accounts/confirm", json!({"token": second, "password": PASSWORD})).await.expect(201);
    let body = json!({"token": first, "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await.refused(409, "login_id_taken");
}

#[actix_web::test]
async fn sixty_four_parallel_confirmations_make_one_account() {
    let app = Arc::new(TestApp::start().await);
    request(&app, ada()).await;
    let token = app.mail_to("ada@example.com").await.token();
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (app, token) = (Arc::clone(&app), token.clone());
        tasks.push(actix_web::rt::spawn(async move {
            app.post("/v1/accounts/confirm", json!({"token": token, "password": PASSWORD})).await.status
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            201 => won += 1,
            409 | 410 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
    app.settle().await;
}

#[actix_web::test]
async fn a_registration_expires_after_a_day_and_can_be_sent_again_before() {
    let app = TestApp::start().await;
    let id = request(&app, ada()).await;
    let old = app.mail_to("ada@example.com").await.token();
    app.advance(Duration::hours(2));
    app.post("/v1/accounts/resend", json!({"registration_id": id})).await.expect(202);
    let new = app.mail_to("ada@example.com").await.token();
    let confirm = |token: &str| json!({"token": token, "password": PASSWORD});
    app.post("/v1/accounts/confirm", confirm(&old)).await.refused(410, "token_lapsed");
    app.advance(Duration::hours(23));
    app.post("/v1/accounts/confirm", confirm(&new)).await.refused(410, "token_lapsed");
}

#[actix_web::test]
async fn weak_passwords_are_refused_with_reasons_and_the_link_stays_good() {
    let app = TestApp::start().await;
    request(&app, ada()).await;
    let token = app.mail_to("ada@example.com").await.token();
    for weak in ["short", "password1234", "ada@example.com", "managermanager"] {
        let answer = app.post("/v1/accounts/confirm", json!({"token": token, "password": weak})).await;
        let body = answer.refused(422, "password_refused");
        assert!(body["errors"][0]["code"].is_string(), "{body}");
    }
    app.post("/v1/accounts/confirm", json!({"token": token, "password": PASSWORD})).await.expect(201);
}

#[actix_web::test]
async fn bad_registrations_get_every_fault_and_change_nothing() {
    let app = TestApp::start().await;
    let body = json!({"email": "no address", "first_name": " ", "last_name": "L", "time_zone": "Mars/Olympus",
        "organization": {"kind": "company", "country": "XX"}});
    let answer = app.post("/v1/accounts", body).await.refused(422, "validation_failed");
    let pointers: Vec<&str> =
        answer["errors"].as_array().unwrap().iter().filter_map(|e| e["pointer"].as_str()).collect();
    for pointer in ["/email", "/first_name", "/time_zone", "/organization/country", "/organization/name"] {
        assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
    }
    app.post("/v1/accounts", json!({"email": "a@b.ch", "first_name": "A", "last_name": "L"}))
        .await
        .faulty("/organization", "missing");
    let mut unknown = ada();
    unknown["admin"] = json!(true);
    app.post("/v1/accounts", unknown).await.faulty("/admin", "unknown_field");
    assert!(app.mails().await.is_empty());
}

#[actix_web::test]
async fn names_in_any_script_survive() {
    let app = Arc::new(TestApp::start().await);
    for (name, first) in [("rtl", "محمد"), ("emoji", "🦀 Ferris"), ("long", &"é".repeat(100))] {
        let person =
            Person::register_with(&app, name, json!({"first_name": first, "organization": {"kind": "individual"}}))
                .await;
        let me = person.get("/v1/me").await.expect(200);
        assert_eq!(me["first_name"], first);
    }
}

async fn guess(app: &TestApp, id: &str) -> manager_tests::Answer {
    let body = json!({"registration_id": id, "code": "000000", "password": PASSWORD});
    app.post("/v1/accounts/confirm", body).await
}

#[actix_web::test]
async fn wrong_codes_are_bounded_per_address_per_network_address_and_altogether() {
    let app = TestApp::start_with(|config| config.rate_limits = true).await;
    let of = |name: &str| {
        json!({"email": format!("{name}@example.com"), "first_name": "A", "last_name": "L",
        "organization": {"kind": "individual"}})
    };
    let mut ids = Vec::new();
    for name in ["ada", "bob", "eve"] {
        ids.push(request(&app, of(name)).await);
    }
    for _ in 0..15 {
        guess(&app, &ids[0]).await.refused(422, "code_refused");
    }
    guess(&app, &ids[0]).await.refused(429, "too_many_requests");
    for number in 0..25 {
        // Registrations that don't exist count as well.
        let id = if number < 10 { &ids[1] } else { "reg_01k5x9dzt4f3gsv6t1n0q8m2ra" };
        guess(&app, id).await.refused(422, "code_refused");
    }
    let answer = guess(&app, &ids[2]).await;
    assert!(!answer.header("retry-after").is_empty());
    answer.refused(429, "too_many_requests");
    let token = app.mail_to("eve@example.com").await.token();
    app.post("/v1/accounts/confirm", json!({"token": token, "password": PASSWORD})).await.expect(201);

    let limits = |config: &mut manager_server::config::Config| {
        (config.rate_limits, config.guesses_at_most) = (true, 10);
    };
    let app = TestApp::start_with(limits).await;
    let id = request(&app, of("ada")).await;
    for _ in 0..10 {
        guess(&app, &id).await.refused(422, "code_refused");
    }
    guess(&app, "reg_01k5x9dzt4f3gsv6t1n0q8m2ra").await.refused(429, "too_many_requests");
    app.advance(Duration::minutes(16));
    guess(&app, "reg_01k5x9dzt4f3gsv6t1n0q8m2ra").await.refused(422, "code_refused");
}

#[actix_web::test]
async fn an_address_gets_five_mails_an_hour_then_429() {
    let app = TestApp::start_with(|config| config.rate_limits = true).await;
    for _ in 0..5 {
        request(&app, ada()).await;
    }
    let answer = app.post("/v1/accounts", ada()).await;
    assert!(!answer.header("retry-after").is_empty());
    answer.refused(429, "too_many_requests");
    app.advance(Duration::minutes(61));
    request(&app, ada()).await;
}

fn from_invitation(email: &str, token: &str) -> Value {
    json!({"email": email, "first_name": "Bob", "last_name": "Tester", "invitation": token})
}

#[actix_web::test]
async fn an_invitation_that_cannot_be_accepted_is_no_way_to_register() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let invite = async || {
        let body = json!({"email": "bob@example.com", "role": "member"});
        let id = ada.post(&ada.org("/invitations"), body).await.expect(201)["id"].as_str().unwrap().to_owned();
        (ada.org(&format!("/invitations/{id}")), app.mail_to("bob@example.com").await.token())
    };
    let bogus = from_invitation("bob@example.com", "ivt_unknown");
    app.post("/v1/accounts", bogus).await.refused(410, "invitation_lapsed");
    let (path, token) = invite().await;
    let other = from_invitation("eve@example.com", &token);
    app.post("/v1/accounts", other).await.refused(403, "invitation_not_for_you");
    let mut with_cart = from_invitation("bob@example.com", &token);
    with_cart["cart"] = json!({"id": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "token": "x"});
    app.post("/v1/accounts", with_cart).await.faulty("/cart", "not_allowed");
    request(&app, from_invitation("BOB@example.com", &token)).await;
    let confirm = json!({"token": app.mail_to("BOB@example.com").await.token(), "password": PASSWORD});
    ada.delete(&path).await.expect(204);
    app.post("/v1/accounts/confirm", confirm.clone()).await.refused(409, "invitation_closed");
    let revoked = from_invitation("bob@example.com", &token);
    app.post("/v1/accounts", revoked).await.refused(410, "invitation_lapsed");
    // The ways out: without it, or with a new one.
    let (_, token) = invite().await;
    request(&app, from_invitation("bob@example.com", &token)).await;
    let confirm = json!({"token": app.mail_to("bob@example.com").await.token(), "password": PASSWORD});
    app.post("/v1/accounts/confirm", confirm).await.expect(201);
}

#[actix_web::test]
async fn an_address_that_is_kept_for_undo_is_taken_and_told_so() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let change = json!({"login_id": "countess@example.com", "password": PASSWORD});
    ada.post("/v1/me/login-id-change", change).await.expect(202);
    let confirm = json!({"token": app.mail_to("countess@example.com").await.token()});
    ada.post("/v1/login-id-changes/confirm", confirm).await.expect(204);
    let register = async || {
        let body = json!({"email": "ADA@example.com", "first_name": "Eve", "last_name": "Else", "locale": "en",
            "organization": {"kind": "individual", "country": "CH"}});
        request(&app, body).await
    };
    register().await;
    let told = app.mail_to("ada@example.com").await;
    assert_eq!(told.subject, "You already have an account");
    assert!(told.code.is_none());
    assert_eq!(app.mails_to("ADA@example.com").await, 0);
    app.advance(Duration::days(8));
    register().await;
    assert!(app.mail_to("ADA@example.com").await.code.is_some());
}
