//! MEM-4: invitations and their one acceptance.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::races::{at_once, one_winner};
use manager_tests::{Person, TestApp, json};
use reqwest::Method;

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn invite(ada: &Person, email: &str, role: &str) -> String {
    let made = ada.post(&ada.org("/invitations"), json!({"email": email, "role": role})).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn the_invited_person_sees_and_accepts_the_invitation() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    let id = invite(&ada, "BOB@example.com", "admin").await;
    let mine = bob.get("/v1/me/invitations").await.expect(200);
    assert_eq!(mine["data"][0]["id"], id.as_str());
    assert_eq!(mine["data"][0]["organization"]["name"], "ada Tester");
    let joined = bob.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await.expect(200);
    assert_eq!(joined["organization_id"], ada.organization.as_str());
    bob.get(&ada.org("/audit-log")).await.expect(200);
    assert!(app.mail_to("ada@example.com").await.text.contains("bob Tester"));
    bob.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await.refused(409, "invitation_closed");
}

#[actix_web::test]
async fn an_invitation_is_revoked_as_it_was_seen() {
    let (_, ada) = app_with_ada().await;
    let path = ada.org(&format!("/invitations/{}", invite(&ada, "bob@example.com", "member").await));
    let revoke = |etag: &str| ada.send(ada.request(Method::DELETE, &path).header("if-match", etag));
    let seen = ada.get(&path).await.header("etag").to_owned();
    ada.post(&format!("{path}/resend"), json!({})).await.expect(200);
    revoke(&seen).await.refused(412, "precondition_failed");
    revoke(ada.get(&path).await.header("etag")).await.expect(204);
}

#[actix_web::test]
async fn only_the_invited_address_can_accept() {
    let (app, ada) = app_with_ada().await;
    let eve = Person::register(&app, "eve").await;
    let id = invite(&ada, "bob@example.com", "member").await;
    let token = app.mail_to("bob@example.com").await.token();
    let look = app.post("/v1/invitations/lookup", json!({"token": token})).await.expect(200);
    assert_eq!((&look["organization"], &look["email"]), (&json!("ada Tester"), &json!("b•••@e•••.com")));
    eve.post("/v1/invitations/accept", json!({"token": token})).await.refused(403, "invitation_not_for_you");
    eve.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await.refused(404, "not_found");
    app.post("/v1/invitations/accept", json!({"token": token})).await.refused(401, "unauthenticated");
    let bob = Person::register(&app, "bob").await;
    bob.post("/v1/invitations/accept", json!({"token": token})).await.expect(200);
    bob.post("/v1/invitations/accept", json!({"token": token})).await.refused(410, "token_lapsed");
}

#[actix_web::test]
async fn one_invitation_is_pending_per_address_and_members_are_not_invited() {
    let (app, ada) = app_with_ada().await;
    let id = invite(&ada, "bob@example.com", "member").await;
    let again = json!({"email": "Bob@Example.com", "role": "admin"});
    ada.post(&ada.org("/invitations"), again.clone()).await.refused(409, "invitation_pending");
    ada.post(&ada.org("/invitations"), json!({"email": "ada@example.com", "role": "member"}))
        .await
        .refused(409, "already_member");
    ada.delete(&ada.org(&format!("/invitations/{id}"))).await.expect(204);
    ada.delete(&ada.org(&format!("/invitations/{id}"))).await.refused(409, "invitation_closed");
    ada.post(&ada.org("/invitations"), again).await.expect(201);
    let list = ada.get(&ada.org("/invitations")).await.expect(200);
    let states: Vec<_> = list["data"].as_array().unwrap().iter().map(|i| i["state"].clone()).collect();
    assert_eq!(states, ["pending", "revoked"]);
    drop(app);
}

#[actix_web::test]
async fn an_invitation_expires_and_can_be_sent_again_before() {
    let (app, ada) = app_with_ada().await;
    let id = invite(&ada, "bob@example.com", "member").await;
    let old = app.mail_to("bob@example.com").await.token();
    app.advance(Duration::days(6));
    let ada = Person::log_in(&app, "ada@example.com").await;
    ada.post(&ada.org(&format!("/invitations/{id}/resend")), json!({})).await.expect(200);
    let new = app.mail_to("bob@example.com").await.token();
    app.post("/v1/invitations/lookup", json!({"token": old})).await.refused(410, "token_lapsed");
    app.advance(Duration::days(6));
    app.post("/v1/invitations/lookup", json!({"token": new})).await.expect(200);
    app.advance(Duration::days(2));
    app.post("/v1/invitations/lookup", json!({"token": new})).await.refused(410, "token_lapsed");
    let ada = Person::log_in(&app, "ada@example.com").await;
    assert_eq!(ada.get(&ada.org(&format!("/invitations/{id}"))).await.expect(200)["state"], "expired");
    invite(&ada, "bob@example.com", "member").await;
}

#[actix_web::test]
async fn sixty_four_parallel_acceptances_have_one_winner() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    let id = invite(&ada, "bob@example.com", "owner").await;
    let token = app.mail_to("bob@example.com").await.token();
    let mut tasks = Vec::new();
    for number in 0..64 {
        let (bob, id, token) = (bob.clone(), id.clone(), token.clone());
        tasks.push(actix_web::rt::spawn(async move {
            let by_id = number % 2 == 0;
            let (path, body) = if by_id {
                (format!("/v1/me/invitations/{id}/accept"), json!({}))
            } else {
                ("/v1/invitations/accept".to_owned(), json!({"token": token}))
            };
            bob.post(&path, body).await.status
        }));
    }
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            200 => won += 1,
            409 | 410 | 503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
    let list = ada.get(&ada.org("/memberships")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn what_the_inviter_may_grant_is_checked_again_on_acceptance() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    let id = invite(&ada, "bob@example.com", "admin").await;
    bob.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await.expect(200);
    let eve = Person::register(&app, "eve").await;
    let body = json!({"email": "eve@example.com", "role": "admin"});
    let id = bob.post(&ada.org("/invitations"), body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let list = ada.get(&ada.org("/memberships")).await.expect(200);
    let bobs =
        list["data"].as_array().unwrap().iter().find(|m| m["login_id"] == "bob@example.com").unwrap()["id"].clone();
    ada.delete(&ada.org(&format!("/memberships/{}", bobs.as_str().unwrap()))).await.expect(204);
    eve.post(&format!("/v1/me/invitations/{id}/accept"), json!({})).await.refused(403, "inviter_not_allowed");
}

#[actix_web::test]
async fn an_invitation_can_be_declined_with_or_without_an_account() {
    let (app, ada) = app_with_ada().await;
    let id = invite(&ada, "bob@example.com", "member").await;
    let token = app.mail_to("bob@example.com").await.token();
    app.post("/v1/invitations/decline", json!({"token": token})).await.expect(204);
    assert_eq!(ada.get(&ada.org(&format!("/invitations/{id}"))).await.expect(200)["state"], "declined");
    let bob = Person::register(&app, "bob").await;
    let id = invite(&ada, "bob@example.com", "member").await;
    bob.post(&format!("/v1/me/invitations/{id}/decline"), json!({})).await.expect(204);
    bob.post(&format!("/v1/me/invitations/{id}/decline"), json!({})).await.refused(409, "invitation_closed");
}

#[actix_web::test]
async fn an_invitation_whose_access_is_over_already_gives_none() {
    let (app, ada) = app_with_ada().await;
    let until = app.services.clock.now() + Duration::days(2);
    let body = json!({"email": "bob@example.com", "role": "member", "expires_at": until.to_string()});
    ada.post(&ada.org("/invitations"), body).await.expect(201);
    app.advance(Duration::days(3));
    let bob = Person::register(&app, "bob").await;
    let mine = bob.get("/v1/me/invitations").await.expect(200);
    let path = format!("/v1/me/invitations/{}/accept", mine["data"][0]["id"].as_str().unwrap());
    bob.post(&path, json!({})).await.refused(409, "invitation_closed");
}

#[actix_web::test]
async fn an_address_gets_five_mails_an_hour_by_one_account_however_they_come() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let (ada, bob) = (Person::register(&app, "ada").await, Person::register(&app, "bob").await);
    let invitation = json!({"email": "stranger@example.org", "role": "member"});
    for _ in 0..4 {
        let id = invite(&ada, "stranger@example.org", "member").await;
        ada.delete(&ada.org(&format!("/invitations/{id}"))).await.expect(204);
    }
    let id = invite(&ada, "stranger@example.org", "member").await;
    let again = ada.org(&format!("/invitations/{id}/resend"));
    ada.post(&again, json!({})).await.refused(429, "too_many_requests");
    ada.delete(&ada.org(&format!("/invitations/{id}"))).await.expect(204);
    ada.post(&ada.org("/invitations"), invitation.clone()).await.refused(429, "too_many_requests");
    let absorption = json!({"email": "stranger@example.org"});
    ada.post("/v1/me/absorption", absorption).await.refused(429, "too_many_requests");
    assert_eq!(app.mails_to("stranger@example.org").await, 5);
    bob.post(&bob.org("/invitations"), invitation).await.expect(201);
}

#[actix_web::test]
async fn owners_are_told_of_a_new_owner() {
    let (app, ada) = app_with_ada().await;
    let grace = Person::join(&app, &ada, "grace", json!({"role": "owner"})).await;
    Person::join(&app, &ada, "bob", json!({"role": "owner"})).await;
    let told = app.mail_to(&grace.email).await;
    assert_eq!(told.subject, "New owner of ada Tester");
    assert!(told.text.contains("bob Tester"));
}

#[actix_web::test]
async fn of_fifty_uses_of_an_invitation_link_one_wins() {
    let (app, ada) = app_with_ada().await;
    let bob = Person::register(&app, "bob").await;
    invite(&ada, "bob@example.com", "member").await;
    let token = app.mail_to("bob@example.com").await.token();
    let answers = at_once(50, |_| {
        let (bob, body) = (bob.clone(), json!({"token": token}));
        async move { bob.post("/v1/invitations/accept", body).await }
    });
    one_winner(&answers.await, 200, &[409, 410]);
}

#[actix_web::test]
async fn inviting_an_owner_and_sending_that_again_need_a_fresh_login() {
    let (app, ada) = app_with_ada().await;
    let id = invite(&ada, "bob@example.com", "owner").await;
    let member = invite(&ada, "eve@example.com", "member").await;
    app.advance(Duration::minutes(9));
    let renewed = app.post("/v1/auth/refresh", json!({"refresh_token": ada.refresh_token})).await.expect(200);
    let ada = Person { token: renewed["access_token"].as_str().unwrap().to_owned(), ..ada };
    app.advance(Duration::minutes(2));
    let owner = json!({"email": "kim@example.com", "role": "owner"});
    ada.post(&ada.org("/invitations"), owner).await.refused(403, "step_up_required");
    let resend = |id: &str| ada.org(&format!("/invitations/{id}/resend"));
    ada.post(&resend(&id), json!({})).await.refused(403, "step_up_required");
    ada.post(&resend(&member), json!({})).await.expect(200);
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    ada.post(&resend(&id), json!({})).await.expect(200);
}

#[actix_web::test]
async fn who_declines_by_link_is_named_so_and_former_members_are_not_told() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    let decline = async |email: &str| {
        bob.post(&bob.org("/invitations"), json!({"email": email, "role": "member"})).await.expect(201);
        json!({"token": app.mail_to(email).await.token()})
    };
    let (first, second) = (decline("carl@example.com").await, decline("dora@example.com").await);
    let told = app.mails_to(&bob.email).await;
    app.post("/v1/invitations/decline", first).await.expect(204);
    assert_eq!(app.mails_to(&bob.email).await, told + 1);
    let entry = ada.get(&ada.org("/audit-log?limit=1")).await.expect(200)["data"][0].clone();
    assert_eq!((&entry["action"], &entry["actor"]), (&json!("invitation.declined"), &json!("link_holder")));
    let (id, _) = ada.membership_of(&bob).await;
    ada.delete(&ada.org(&format!("/memberships/{id}"))).await.expect(204);
    let told = app.mails_to(&bob.email).await;
    app.post("/v1/invitations/decline", second).await.expect(204);
    assert_eq!(app.mails_to(&bob.email).await, told);
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
}
