//! ACC-10: deleting an account.

use std::sync::Arc;

use std::time::Duration;

use diesel::prelude::*;
use manager_domain::ids::{AccountId, OrganizationId};
use manager_repository::schema::{accounts, memberships, sessions};
use manager_repository::{AnyConnection, Error, organizations};
use manager_tests::databases::on_postgres;
use manager_tests::people::PASSWORD;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, json};

/// Memberships and living sessions of deleted accounts.
async fn orphans(app: &TestApp) -> (i64, i64) {
    let count = |conn: &mut AnyConnection| {
        let memberships = memberships::table
            .inner_join(accounts::table.on(accounts::id.eq(memberships::account_id)))
            .filter(accounts::deleted_at.is_not_null());
        let sessions = sessions::table
            .inner_join(accounts::table)
            .filter(accounts::deleted_at.is_not_null().and(sessions::ended_at.is_null()));
        Ok::<_, Error>((memberships.count().get_result(conn)?, sessions.count().get_result(conn)?))
    };
    app.services.db.read(count).await.expect("the counts")
}

async fn delete(person: &Person) -> Answer {
    person.post("/v1/me/deletion", json!({"password": PASSWORD})).await
}

/// Invites a person into an organization; answers the path that accepts.
async fn invited(ada: &Person, organization: &str, person: &Person) -> String {
    let body = json!({"email": person.email, "role": "admin"});
    let made = ada.post(&format!("/v1/organizations/{organization}/invitations"), body).await.expect(201);
    format!("/v1/me/invitations/{}/accept", made["id"].as_str().unwrap())
}

async fn another(ada: &Person, name: &str) -> String {
    let body = json!({"kind": "company", "name": name, "country": "CH"});
    ada.post("/v1/organizations", body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_deletion_among_acceptances_and_logins_leaves_no_member_and_no_session() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let mut organizations = Vec::new();
    for number in 0..8 {
        organizations.push(another(&ada, &format!("Engines {number}")).await);
    }
    let mut deleted = 0;
    for round in 0..6 {
        let bob = Person::join(&app, &ada, &format!("bob{round}"), json!({"role": "admin"})).await;
        let mut paths = Vec::new();
        for organization in &organizations {
            paths.push(invited(&ada, organization, &bob).await);
        }
        let answers = at_once(33, |number| {
            let (app, bob, path) = (Arc::clone(&app), bob.clone(), paths[number % paths.len()].clone());
            async move {
                // Spread over the time that a deletion takes to check the password.
                tokio::time::sleep(Duration::from_millis(7 * number as u64)).await;
                match number {
                    0 => delete(&bob).await,
                    n if n % 2 == 0 => bob.post(&path, json!({})).await,
                    n if n % 10 == 5 && round % 2 == 1 => {
                        let body = json!({"kind": "company", "name": "Late", "country": "CH"});
                        bob.post("/v1/organizations", body).await
                    }
                    _ => app.post("/v1/auth/login", json!({"email": bob.email, "password": PASSWORD})).await,
                }
            }
        })
        .await;
        for answer in &answers {
            assert!(answer.status < 500 || answer.status == 503, "{} {}", answer.status, answer.body);
        }
        deleted += usize::from(answers[0].status == 204);
        assert_eq!(orphans(&app).await, (0, 0));
    }
    // Where an organization of their own came first, the deletion was refused.
    assert!(deleted > 0, "no deletion won");
}

#[actix_web::test]
async fn an_acceptance_that_was_under_way_when_its_account_was_deleted_is_refused() {
    // One writer at a time can't be held in the middle.
    if !on_postgres() {
        return;
    }
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    let organization = another(&ada, "Engines").await;
    let path = invited(&ada, &organization, &bob).await;
    let id: OrganizationId = organization.parse().unwrap();
    let account: AccountId = bob.account.parse().unwrap();
    let (free, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let db = app.services.db.clone();
    let now = app.services.clock.now();
    let holder = actix_web::rt::spawn(async move {
        db.write(move |tx| {
            organizations::lock(tx, id)?;
            let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(20));
            manager_repository::accounts::erase(tx, account, now).map(drop)
        })
        .await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let accepting = actix_web::rt::spawn(async move { bob.post(&path, json!({})).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    free.send(()).unwrap();
    holder.await.unwrap().expect("the account is erased");
    accepting.await.unwrap().refused(401, "session_ended");
    let there = move |conn: &mut AnyConnection| {
        let of = memberships::table.inner_join(accounts::table.on(accounts::id.eq(memberships::account_id)));
        let of = of.filter(memberships::organization_id.eq(manager_repository::sql(id)));
        of.filter(accounts::deleted_at.is_not_null()).count().get_result::<i64>(conn).map_err(Error::from)
    };
    assert_eq!(app.services.db.read(there).await.unwrap(), 0);
}

#[actix_web::test]
async fn a_deleted_accounts_address_leaves_the_invitations_and_can_be_invited_again() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
    let other = Person { organization: another(&ada, "Engines").await, ..ada.clone() };
    invited(&ada, &other.organization, &bob).await;
    let token = app.mail_to(&bob.email).await.token();
    delete(&bob).await.expect(204);
    for (person, state) in [(&ada, "accepted"), (&other, "declined")] {
        let list = person.get(&person.org("/invitations")).await.expect(200);
        assert_eq!((&list["data"][0]["state"], &list["data"][0]["email"]), (&json!(state), &json!(null)), "{list}");
        let log = person.get(&person.org("/audit-log?limit=100")).await.expect(200).to_string();
        assert!(log.contains("invitation.sent") && !log.contains("bob@example.com"), "{log}");
        assert_eq!(person.get(&person.org("/audit-log/verification")).await.expect(200)["valid"], true);
    }
    app.post("/v1/invitations/lookup", json!({"token": token})).await.refused(410, "token_lapsed");
    let again = json!({"email": "bob@example.com", "role": "member"});
    other.post(&other.org("/invitations"), again.clone()).await.expect(201);
    other.post(&other.org("/invitations"), again).await.refused(409, "invitation_pending");
    let stored = |conn: &mut AnyConnection| {
        use manager_repository::schema::invitations;
        let rows = invitations::table.filter(invitations::email_key.eq("bob@example.com"));
        rows.count().get_result::<i64>(conn).map_err(Error::from)
    };
    assert_eq!(app.services.db.read(stored).await.unwrap(), 1, "the new one alone");
}

#[actix_web::test]
async fn every_spelling_and_former_address_of_a_deleted_account_leaves_logs_and_absorptions() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let invite = async |email: &str| {
        ada.post(&ada.org("/invitations"), json!({"email": email, "role": "member"})).await.expect(201);
    };
    invite("Bob@Example.com").await;
    let token = app.mail_to("Bob@example.com").await.token();
    let bob = Person::register_with(&app, "bob", json!({"invitation": token})).await;
    // A former address, whose next holder is somebody else.
    let change = json!({"login_id": "Robert@example.com", "password": PASSWORD});
    bob.post("/v1/me/login-id-change", change).await.expect(202);
    let token = app.mail_to("Robert@example.com").await.token();
    bob.post("/v1/login-id-changes/confirm", json!({"token": token})).await.expect(204);
    app.advance(chrono::Duration::days(8));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let invite = async |email: &str| {
        ada.post(&ada.org("/invitations"), json!({"email": email, "role": "member"})).await.expect(201);
    };
    let next = Person::register(&app, "bob").await;
    invite("BOB@example.com").await;
    let robert = Person::log_in(&app, "robert@example.com").await;
    robert.post("/v1/me/absorption", json!({"email": "Bobby@example.com"})).await.expect(201);
    let log = async || ada.get(&ada.org("/audit-log?limit=100")).await.expect(200).to_string();
    for text in ["Bob@example.com", "BOB@example.com", "Bobby@example.com"] {
        assert!(log().await.contains(text), "{text} in {}", log().await);
    }
    robert.post("/v1/me/deletion", json!({"password": PASSWORD})).await.expect(204);
    let left = log().await;
    assert!(!left.contains("Bob@example.com") && !left.contains("Bobby@example.com"), "{left}");
    assert!(left.contains("BOB@example.com"), "of the address's next holder: {left}");
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
    assert_eq!(absorptions(&app).await, 0);
    next.get("/v1/me/invitations").await.expect(200);

    // Of an account that stays, those that ended go after a week, with the address that nobody invited.
    let ken = Person::join(&app, &ada, "ken", json!({"role": "member"})).await;
    let id = ken.post("/v1/me/absorption", json!({"email": "Kenneth@example.com"})).await.expect(201)["id"].clone();
    let refuse = ada.org(&format!("/absorptions/{}/refuse", id.as_str().unwrap()));
    ada.post(&refuse, json!({})).await.expect(204);
    for (days, kept) in [(6, 1), (2, 0)] {
        app.advance(chrono::Duration::days(days));
        app.settle().await;
        let now = app.services.clock.now();
        manager_services::workers::keep_house(&app.services, now).await.expect("housekeeping");
        assert_eq!(absorptions(&app).await, kept);
    }
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200).to_string();
    assert!(log.contains("absorption.refused") && !log.contains("Kenneth@example.com"), "{log}");
}

/// How many absorptions are stored.
async fn absorptions(app: &TestApp) -> i64 {
    use manager_repository::schema::absorptions;
    let count = |conn: &mut AnyConnection| absorptions::table.count().get_result::<i64>(conn).map_err(Error::from);
    app.services.db.read(count).await.expect("the count")
}

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
