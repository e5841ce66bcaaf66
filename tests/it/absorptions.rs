//! MEM-7: a new account takes over the memberships of an old one.

use std::sync::Arc;

use chrono::Duration;
use manager_repository::{AnyConnection, accounts};
use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The old account's organizations by name, as its absorption shows them.
async fn steps(old: &Person) -> Vec<(String, String)> {
    let status = old.get("/v1/me/absorption").await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = status["organizations"].as_array().unwrap();
    let mut steps: Vec<_> = steps.iter().map(|step| (text(&step["name"]), text(&step["state"]))).collect();
    steps.sort();
    steps
}

fn step(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

async fn start(old: &Person, email: &str) -> Value {
    old.post("/v1/me/absorption", json!({"email": email})).await.expect(201)
}

/// The ids of a person's open invitations.
async fn invitations(person: &Person) -> Vec<String> {
    let list = person.get("/v1/me/invitations").await.expect(200);
    list["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn accept(person: &Person, id: &str) -> manager_tests::Answer {
    person.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await
}

/// An organization's members by login ID and role.
async fn members(of: &Person, organization: &str) -> Vec<(String, String)> {
    let list = of.get(&format!("/v1/organizations/{organization}/memberships")).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["login_id"]), text(&row["role"]))).collect()
}

/// `old` owns an organization and is a member in that of `ada`; `new` has only their own.
async fn three() -> (Arc<TestApp>, Person, Person, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let old = Person::register(&app, "old").await;
    let rights = json!({"email": "old@example.com", "role": "member", "billing": true});
    let invited = ada.post(&ada.org("/invitations"), rights).await.expect(201);
    accept(&old, invited["id"].as_str().unwrap()).await.expect(200);
    let new = Person::register(&app, "new").await;
    (app, ada, old, new)
}

#[actix_web::test]
async fn a_new_account_takes_over_organization_by_organization() {
    let (app, ada, old, new) = three().await;
    let started = start(&old, "new@example.com").await;
    assert_eq!(started["state"], "running");
    assert_eq!(steps(&old).await, [step("ada Tester", "awaiting_approval"), step("old Tester", "invited")]);
    let mine = invitations(&new).await;
    accept(&new, &mine[0]).await.expect(200);
    assert_eq!(members(&new, &old.organization).await, [step("new@example.com", "owner")]);
    old.get(&old.org("")).await.refused(404, "not_found");
    assert_eq!(steps(&old).await, [step("ada Tester", "awaiting_approval"), step("old Tester", "done")]);

    assert!(app.mail_to("ada@example.com").await.text.contains("new@example.com"));
    let asked = ada.get(&ada.org("/absorptions")).await.expect(200);
    assert_eq!(asked["data"][0]["login_id"], "old@example.com");
    let path = ada.org(&format!("/absorptions/{}/approve", asked["data"][0]["id"].as_str().unwrap()));
    ada.post(&path, json!({})).await.expect(204);
    ada.post(&path, json!({})).await.refused(409, "invitation_closed");
    let mine = invitations(&new).await;
    accept(&new, &mine[0]).await.expect(200);
    assert_eq!(
        members(&ada, &ada.organization).await,
        [step("ada@example.com", "owner"), step("new@example.com", "member")]
    );
    let theirs = new.get("/v1/organizations").await.expect(200);
    let joined = theirs["data"].as_array().unwrap().iter().find(|o| o["name"] == "ada Tester").unwrap();
    assert_eq!(joined["billing"], true, "with the same rights");
    let status = old.get("/v1/me/absorption").await.expect(200);
    assert_eq!(status["state"], "done");
    let verified = ada.get(&ada.org("/audit-log/verification")).await.expect(200);
    assert_eq!(verified["valid"], true);
}

#[actix_web::test]
async fn an_absorption_needs_a_fresh_login_and_another_address() {
    let (app, _, old, _) = three().await;
    old.post("/v1/me/absorption", json!({"email": "OLD@example.com"})).await.refused(409, "absorption_target_refused");
    old.post("/v1/me/absorption", json!({"email": "nothing"})).await.faulty("/email", "invalid_email");
    old.get("/v1/me/absorption").await.refused(404, "not_found");
    old.delete("/v1/me/absorption").await.refused(404, "not_found");
    app.advance(Duration::minutes(11));
    let refreshed = app.post("/v1/auth/refresh", json!({"refresh_token": old.refresh_token})).await.expect(200);
    let old = Person { token: refreshed["access_token"].as_str().unwrap().to_owned(), ..old };
    let body = json!({"email": "new@example.com"});
    old.post("/v1/me/absorption", body.clone()).await.refused(403, "step_up_required");
    old.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    old.post("/v1/me/absorption", body.clone()).await.expect(201);
    old.post("/v1/me/absorption", body).await.refused(409, "absorption_pending");
}

#[actix_web::test]
async fn a_cancelled_absorption_leaves_everything_as_it_is_and_can_start_again() {
    let (_, ada, old, new) = three().await;
    start(&old, "new@example.com").await;
    let mine = invitations(&new).await;
    old.delete("/v1/me/absorption").await.expect(204);
    assert_eq!(steps(&old).await, [step("ada Tester", "cancelled"), step("old Tester", "cancelled")]);
    accept(&new, &mine[0]).await.refused(409, "invitation_closed");
    assert!(invitations(&new).await.is_empty());
    assert_eq!(ada.get(&ada.org("/absorptions")).await.expect(200)["data"], json!([]));
    old.get(&old.org("")).await.expect(200);
    old.delete("/v1/me/absorption").await.refused(404, "not_found");
    start(&old, "new@example.com").await;
    assert_eq!(invitations(&new).await.len(), 1);
}

#[actix_web::test]
async fn a_new_password_of_the_old_account_stops_its_absorption() {
    let (app, _, old, new) = three().await;
    start(&old, "new@example.com").await;
    let mine = invitations(&new).await;
    let (id, now) = (old.account.parse().unwrap(), app.services.clock.now());
    let set = move |tx: &mut AnyConnection| accounts::set_password(tx, id, 1, "$argon2id$", true, now);
    assert!(app.services.db.write(set).await.unwrap());
    accept(&new, &mine[0]).await.refused(409, "invitation_closed");
    old.get(&old.org("")).await.expect(200);
}

#[actix_web::test]
async fn an_absorption_that_was_under_way_when_the_password_changed_does_not_start() {
    let (app, _, old, new) = three().await;
    let body = json!({"email": "new@example.com"}).to_string();
    let head = format!(
        "POST /v1/me/absorption HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: \
         application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        host = app.url.trim_start_matches("http://"),
        token = old.token,
        length = body.len(),
    );
    let mut line = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    line.write_all(head.as_bytes()).await.unwrap();
    // Long enough for the server to have looked who asks.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let change = json!({"current_password": PASSWORD, "new_password": PASSWORD.to_uppercase()});
    old.put("/v1/me/password", change).await.expect(204);
    line.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("step_up_required"), "{answer}");
    old.get("/v1/me/absorption").await.refused(404, "not_found");
    assert!(invitations(&new).await.is_empty());
}

#[actix_web::test]
async fn a_refused_absorption_changes_nothing_and_strangers_have_no_say() {
    let (_, ada, old, new) = three().await;
    let id = start(&old, "new@example.com").await["id"].as_str().unwrap().to_owned();
    let path = |verb: &str| ada.org(&format!("/absorptions/{id}/{verb}"));
    old.post(&path("approve"), json!({})).await.refused(403, "forbidden");
    new.post(&path("approve"), json!({})).await.refused(404, "not_found");
    ada.post(&path("refuse"), json!({})).await.expect(204);
    ada.post(&path("approve"), json!({})).await.refused(409, "invitation_closed");
    assert_eq!(steps(&old).await, [step("ada Tester", "refused"), step("old Tester", "invited")]);
    old.get(&ada.org("")).await.expect(200);
}

#[actix_web::test]
async fn a_person_without_an_account_registers_through_the_invitation() {
    let app = Arc::new(TestApp::start().await);
    let old = Person::register(&app, "old").await;
    start(&old, "fresh@example.com").await;
    let token = app.mail_to("fresh@example.com").await.token();
    let fresh = Person::register_with(&app, "fresh", json!({"invitation": token})).await;
    assert_eq!(fresh.organization, old.organization);
    assert_eq!(members(&fresh, &old.organization).await, [step("fresh@example.com", "owner")]);
    assert_eq!(old.get("/v1/me/absorption").await.expect(200)["state"], "done");
}

#[actix_web::test]
async fn an_owner_who_is_there_already_keeps_what_they_have_and_one_owner_stays() {
    let app = Arc::new(TestApp::start().await);
    let old = Person::register(&app, "old").await;
    let new = Person::join(&app, &old, "new", json!({"role": "owner"})).await;
    start(&old, "new@example.com").await;
    let mine = invitations(&new).await;
    accept(&new, &mine[0]).await.expect(200);
    assert_eq!(members(&new, &old.organization).await, [step("new@example.com", "owner")]);
    let (id, _) = Person { organization: old.organization.clone(), ..new.clone() }.membership_of(&new).await;
    new.delete(&old.org(&format!("/memberships/{id}"))).await.refused(409, "last_owner");
}

#[actix_web::test]
async fn rights_that_were_lost_meanwhile_are_not_passed_on() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let old = Person::join(&app, &ada, "old", json!({"role": "admin"})).await;
    let new = Person::register(&app, "new").await;
    start(&old, "new@example.com").await;
    let (id, etag) = ada.membership_of(&old).await;
    ada.patch_seen(&ada.org(&format!("/memberships/{id}")), &etag, json!({"role": "member"})).await.expect(200);
    let mine = invitations(&new).await;
    accept(&new, &mine[0]).await.refused(403, "inviter_not_allowed");
    ada.delete(&ada.org(&format!("/memberships/{id}"))).await.expect(204);
    accept(&new, &mine[0]).await.refused(409, "invitation_closed");
}

#[actix_web::test]
async fn of_sixty_four_acceptances_and_a_cancellation_at_once_at_most_one_wins() {
    let (_, _, old, new) = three().await;
    start(&old, "new@example.com").await;
    let id = invitations(&new).await.remove(0);
    let mut tasks = Vec::new();
    for number in 0..64 {
        let (old, new, id) = (old.clone(), new.clone(), id.clone());
        tasks.push(actix_web::rt::spawn(async move {
            if number == 32 {
                return (true, old.delete("/v1/me/absorption").await.status);
            }
            (false, accept(&new, &id).await.status)
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            (true, 204 | 503) | (false, 409 | 503) => {}
            (false, 200) => won += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(won <= 1, "{won} acceptances won");
    let owner = if won == 1 { &new } else { &old };
    assert_eq!(members(owner, &old.organization).await, [step(&owner.email, "owner")]);
}

async fn state(old: &Person) -> Value {
    old.get("/v1/me/absorption").await.expect(200)["state"].clone()
}

async fn keep_house(app: &TestApp) {
    manager_services::workers::keep_house(&app.services, app.services.clock.now()).await.expect("housekeeping");
}

#[actix_web::test]
async fn an_absorption_whose_last_step_is_refused_or_declined_is_incomplete_and_can_start_again() {
    let (app, ada, old, new) = three().await;
    let id = start(&old, "new@example.com").await["id"].as_str().unwrap().to_owned();
    let mine = invitations(&new).await.remove(0);
    new.post(&format!("/v1/me/invitations/{mine}/decline"), json!({})).await.expect(204);
    assert_eq!(state(&old).await, "running", "an owner has yet to answer");
    ada.post(&ada.org(&format!("/absorptions/{id}/refuse")), json!({})).await.expect(204);
    assert_eq!(state(&old).await, "incomplete");
    assert_eq!(steps(&old).await, [step("ada Tester", "refused"), step("old Tester", "declined")]);
    assert_eq!(ada.get(&ada.org("/absorptions")).await.expect(200)["data"], json!([]));
    old.delete("/v1/me/absorption").await.refused(404, "not_found");
    let again = start(&old, "new@example.com").await["id"].as_str().unwrap().to_owned();
    ada.post(&ada.org(&format!("/absorptions/{again}/approve")), json!({})).await.expect(204);
    for id in invitations(&new).await {
        accept(&new, &id).await.expect(200);
    }
    assert_eq!(state(&old).await, "done");
    drop(app);
}

#[actix_web::test]
async fn an_absorption_whose_last_invitation_expires_is_incomplete() {
    let app = Arc::new(TestApp::start().await);
    let old = Person::register(&app, "old").await;
    let new = Person::register(&app, "new").await;
    start(&old, "new@example.com").await;
    let id = invitations(&new).await.remove(0);
    app.advance(Duration::days(8));
    let again = |person: &Person| {
        let (app, email, organization) = (Arc::clone(&app), person.email.clone(), person.organization.clone());
        async move { Person { organization, ..Person::log_in(&app, &email).await } }
    };
    let (old, new) = (again(&old).await, again(&new).await);
    assert_eq!(state(&old).await, "incomplete", "before anybody wrote it down");
    keep_house(&app).await;
    assert_eq!(state(&old).await, "incomplete");
    assert_eq!(steps(&old).await, [step("old Tester", "expired")]);
    old.post(&old.org(&format!("/invitations/{id}/resend")), json!({})).await.refused(409, "invitation_closed");
    accept(&new, &id).await.refused(409, "invitation_closed");
    start(&old, "new@example.com").await;
    accept(&new, &invitations(&new).await[0]).await.expect(200);
    assert_eq!(state(&old).await, "done");
}

#[actix_web::test]
async fn a_new_absorption_can_start_before_the_lapsed_one_was_written_down() {
    let app = Arc::new(TestApp::start().await);
    let old = Person::register(&app, "old").await;
    start(&old, "new@example.com").await;
    app.advance(Duration::days(8));
    let old = Person { organization: old.organization.clone(), ..Person::log_in(&app, &old.email).await };
    start(&old, "fresh@example.com").await;
    assert_eq!(state(&old).await, "running");
}

#[actix_web::test]
async fn one_absorption_is_one_mail_to_the_new_address_however_many_organizations() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let old = Person::register(&app, "old").await;
    for number in 0..6 {
        let body = json!({"kind": "company", "name": format!("Engines {number}"), "country": "CH"});
        old.post("/v1/organizations", body).await.expect(201);
    }
    for _ in 0..5 {
        start(&old, "fresh@example.com").await;
        old.delete("/v1/me/absorption").await.expect(204);
    }
    let again = json!({"email": "fresh@example.com"});
    old.post("/v1/me/absorption", again.clone()).await.refused(429, "too_many_requests");
    assert_eq!(app.mails_to("fresh@example.com").await, 5);
    app.advance(Duration::minutes(61));
    let old = Person { organization: old.organization.clone(), ..Person::log_in(&app, &old.email).await };
    old.post("/v1/me/absorption", again).await.expect(201);
    let mail = app.mail_to("fresh@example.com").await;
    assert_eq!(mail.subject, "Invitation to 7 organizations");
    assert!(mail.text.contains("old Tester, Engines 0, Engines 1"), "{}", mail.text);
    let fresh = Person::register_with(&app, "fresh", json!({"invitation": mail.token()})).await;
    for id in invitations(&fresh).await {
        accept(&fresh, &id).await.expect(200);
    }
    assert_eq!(state(&old).await, "done");
    assert_eq!(fresh.get("/v1/organizations").await.expect(200)["data"].as_array().unwrap().len(), 7);

    // Approvals count as mails of whoever approves.
    let ada = Person::register(&app, "ada").await;
    for number in 0..6 {
        let ken = Person::join(&app, &ada, &format!("ken{number}"), json!({"role": "member"})).await;
        let id = start(&ken, "target@example.com").await["id"].as_str().unwrap().to_owned();
        let answer = ada.post(&ada.org(&format!("/absorptions/{id}/approve")), json!({})).await;
        if number == 5 {
            answer.refused(429, "too_many_requests");
            break;
        }
        answer.expect(204);
        ken.delete("/v1/me/absorption").await.expect(204);
    }
    assert_eq!(app.mails_to("target@example.com").await, 5);
}

#[actix_web::test]
async fn a_question_about_a_member_who_left_or_that_nobody_answered_in_time_is_over() {
    let (app, ada, old, _) = three().await;
    let asked = start(&old, "new@example.com").await["id"].as_str().unwrap().to_owned();
    let (id, _) = ada.membership_of(&old).await;
    ada.delete(&ada.org(&format!("/memberships/{id}"))).await.expect(204);
    assert_eq!(steps(&old).await, [step("ada Tester", "cancelled"), step("old Tester", "invited")]);
    for verb in ["approve", "refuse"] {
        let path = ada.org(&format!("/absorptions/{asked}/{verb}"));
        ada.post(&path, json!({})).await.refused(409, "invitation_closed");
    }
    assert_eq!(ada.get(&ada.org("/absorptions")).await.expect(200)["data"][0]["state"], "cancelled");

    let ken = Person::join(&app, &ada, "ken", json!({"role": "member"})).await;
    let late = start(&ken, "kenneth@example.com").await["id"].as_str().unwrap().to_owned();
    app.advance(Duration::days(7));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let ken = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ken.email).await };
    assert_eq!(steps(&ken).await, [step("ada Tester", "expired")]);
    assert_eq!(state(&ken).await, "incomplete", "before anybody wrote it down");
    let path = ada.org(&format!("/absorptions/{late}/approve"));
    ada.post(&path, json!({})).await.refused(409, "invitation_closed");
    keep_house(&app).await;
    assert_eq!(ada.get(&ada.org("/absorptions")).await.expect(200)["data"], json!([]));
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200);
    let log = log["data"].as_array().unwrap();
    for (id, action) in [(&asked, "absorption.cancelled"), (&late, "absorption.expired")] {
        assert!(log.iter().any(|entry| entry["action"] == action && entry["subject"] == id.as_str()), "{action}");
    }
    let again = start(&ken, "kenneth@example.com").await;
    assert_eq!(again["organizations"][0]["state"], "awaiting_approval");
}
