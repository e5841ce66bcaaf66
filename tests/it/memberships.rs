//! MEM-1, MEM-2, MEM-3, MEM-5, MEM-6: roles, rights, and the owner who is always there.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::people::PASSWORD;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};

/// An owner and a member with these rights in the owner's organization.
async fn pair(rights: Value) -> (Arc<TestApp>, Person, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", rights).await;
    (app, ada, bob)
}

#[actix_web::test]
async fn members_see_names_and_roles_only() {
    let (_, ada, bob) = pair(json!({"role": "member", "products": {"access": "all", "level": "view"}})).await;
    let list = bob.get(&bob.org("/memberships")).await.expect(200);
    let owner = list["data"].as_array().unwrap().iter().find(|m| m["role"] == "owner").unwrap();
    let mut members: Vec<&String> = owner.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["id", "initials", "name", "role"]);
    bob.get(&bob.org("/audit-log")).await.refused(403, "forbidden");
    bob.get(&bob.org("/invitations")).await.refused(403, "forbidden");
    assert!(bob.get(&bob.org("")).await.expect(200).get("billing_address").is_none());
    ada.get(&ada.org("/audit-log")).await.expect(200);
}

#[actix_web::test]
async fn a_change_of_rights_holds_from_the_next_request_on() {
    let (app, ada, bob) = pair(json!({"role": "member"})).await;
    bob.get(&bob.org("/audit-log")).await.refused(403, "forbidden");
    let (id, etag) = ada.membership_of(&bob).await;
    let path = ada.org(&format!("/memberships/{id}"));
    ada.patch(&path, json!({"role": "admin"})).await.refused(428, "precondition_required");
    ada.patch_seen(&path, &etag, json!({"role": "admin"})).await.expect(200);
    bob.get(&bob.org("/audit-log")).await.expect(200);
    ada.patch_seen(&path, &etag, json!({"role": "member"})).await.refused(412, "precondition_failed");
    ada.delete(&path).await.expect(204);
    bob.get(&bob.org("")).await.refused(404, "not_found");
    assert!(app.mail_to(&bob.email).await.subject.len() > 5);
}

#[actix_web::test]
async fn only_owners_touch_owners_and_granting_owner_needs_a_fresh_login() {
    let (app, ada, bob) = pair(json!({"role": "admin"})).await;
    let (own, own_etag) = ada.membership_of(&ada).await;
    let (id, etag) = ada.membership_of(&bob).await;
    let owners_path = bob.org(&format!("/memberships/{own}"));
    bob.patch_seen(&owners_path, &own_etag, json!({"role": "member"})).await.refused(403, "forbidden");
    bob.delete(&owners_path).await.refused(403, "forbidden");
    let path = ada.org(&format!("/memberships/{id}"));
    bob.patch_seen(&path, &etag, json!({"role": "owner"})).await.refused(403, "forbidden");
    bob.post(&bob.org("/invitations"), json!({"email": "x@example.com", "role": "owner"}))
        .await
        .refused(403, "forbidden");
    app.advance(Duration::minutes(11));
    let ada = Person { token: refreshed(&app, &ada).await, ..ada };
    ada.patch_seen(&path, &etag, json!({"role": "owner"})).await.refused(403, "step_up_required");
    ada.post("/v1/auth/step-up", json!({"password": PASSWORD})).await.expect(204);
    ada.patch_seen(&path, &etag, json!({"role": "owner"})).await.expect(200);
}

async fn refreshed(app: &TestApp, person: &Person) -> String {
    let body = json!({"refresh_token": person.refresh_token});
    app.post("/v1/auth/refresh", body).await.expect(200)["access_token"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn the_last_owner_cannot_leave_or_be_demoted() {
    let (_, ada, _) = pair(json!({"role": "admin"})).await;
    let (own, etag) = ada.membership_of(&ada).await;
    let path = ada.org(&format!("/memberships/{own}"));
    ada.delete(&path).await.refused(409, "last_owner");
    ada.patch_seen(&path, &etag, json!({"role": "admin"})).await.refused(409, "last_owner");
    ada.get(&ada.org("")).await.expect(200);
}

#[actix_web::test]
async fn of_eight_owners_who_demote_each_other_and_themselves_at_once_one_stays() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let mut owners = vec![ada.clone()];
    for number in 0..7 {
        owners.push(Person::join(&app, &ada, &format!("owner{number}"), json!({"role": "owner"})).await);
    }
    let mut targets = Vec::new();
    for owner in &owners {
        targets.push(ada.membership_of(owner).await);
    }
    // Everybody demotes everybody: whoever is an owner at the end was kept one by the rule when they demoted themselves.
    let answers = at_once(64, |number| {
        let (owner, (id, etag)) = (owners[number / 8].clone(), targets[(number / 8 + number) % 8].clone());
        async move { demoted(&owner, &id, &etag).await }
    });
    let answers = answers.await;
    for answer in &answers {
        assert!([200, 403, 409, 412].contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    let list = ada.get(&ada.org("/memberships?limit=100")).await.expect(200);
    let left = list["data"].as_array().unwrap().iter().filter(|m| m["role"] == "owner").count();
    assert_eq!(left, 1, "an organization always has an owner, and this one needs no other");
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 7);
    assert!(answers.iter().any(|answer| answer.status == 409 && answer.body["code"] == "last_owner"));
}

/// The answer to a demotion, asked for again while the server is too busy.
async fn demoted(owner: &Person, id: &str, etag: &str) -> Answer {
    let path = owner.org(&format!("/memberships/{id}"));
    let mut answer = owner.patch_seen(&path, etag, json!({"role": "admin"})).await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        answer = owner.patch_seen(&path, etag, json!({"role": "admin"})).await;
    }
    answer
}

#[actix_web::test]
async fn two_last_owners_who_leave_at_once_leave_one() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "owner"})).await;
    let (a, b) = (ada.membership_of(&ada).await.0, ada.membership_of(&bob).await.0);
    let leave = |person: &Person, id: &str| {
        let (person, path) = (person.clone(), person.org(&format!("/memberships/{id}")));
        actix_web::rt::spawn(async move { person.delete(&path).await.status })
    };
    let (first, second) = (leave(&ada, &a), leave(&bob, &b));
    let mut statuses = [first.await.unwrap(), second.await.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}

#[actix_web::test]
async fn access_ends_by_itself_after_a_reminder() {
    let (app, ada, bob) = pair(json!({"role": "member"})).await;
    let (id, etag) = ada.membership_of(&bob).await;
    let path = ada.org(&format!("/memberships/{id}"));
    let own = ada.membership_of(&ada).await;
    ada.patch_seen(&ada.org(&format!("/memberships/{}", own.0)), &own.1, json!({"expires_at": "2026-03-09T09:00:00Z"}))
        .await
        .refused(422, "owner_cannot_expire");
    ada.patch_seen(&path, &etag, json!({"expires_at": "2020-01-01T00:00:00Z"}))
        .await
        .faulty("/expires_at", "in_the_past");
    ada.patch_seen(&path, &etag, json!({"expires_at": "2026-03-09T09:00:00Z"})).await.expect(200);
    let before = app.mails_to(&bob.email).await;
    let house = || manager_services::memberships::remind_expiring(&app.services, app.services.clock.now());
    house().await.unwrap();
    assert_eq!(app.mails_to(&bob.email).await, before, "a week ahead is too early");
    app.advance(Duration::days(4) + Duration::minutes(1));
    house().await.unwrap();
    house().await.unwrap();
    assert_eq!(app.mails_to(&bob.email).await, before + 1, "reminded once");
    let reminder = app.mail_to(&bob.email).await;
    assert!(reminder.text.contains("9 March 2026, 10:00 (Europe/Zurich)"), "{}", reminder.text);
    app.advance(Duration::days(3));
    let bob = Person::log_in(&app, &bob.email).await;
    let path = format!("/v1/organizations/{}", ada.organization);
    bob.get(&path).await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_grant_names_something_that_is_there() {
    let app = Arc::new(TestApp::start().await);
    let (ada, eve) = (Person::register(&app, "ada").await, Person::register(&app, "eve").await);
    let bob = Person::join(&app, &ada, "bob", json!({"role": "member"})).await;
    let order = |person: Person| async move {
        let cart = person.post(&person.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
        let options = json!({"local_part": person.email.split('@').next(), "mail_domain": "ik.me"});
        let item = json!({"offer": "free_email_address", "frequency": "yearly", "options": options});
        person.post(&person.org(&format!("/carts/{cart}/items")), item).await.expect(201);
        let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
        let etag = person.get(&person.org("")).await.header("etag").to_owned();
        person.patch_seen(&person.org(""), &etag, json!({"billing_address": address})).await.expect(200);
        let quote = person.post(&person.org(&format!("/carts/{cart}/quote")), json!({})).await.expect(201);
        let body = json!({"price_token": quote["price_token"]});
        person.post_once(&person.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
        person.get(&person.org("/products")).await.expect(200)["data"][0]["id"].clone()
    };
    let (own, foreign) = (order(ada.clone()).await, order(eve).await);
    let access = |grants: Value| json!({"access": "grants", "grants": grants});
    let wrong = access(json!([
        {"category": "nonsense", "level": "view"},
        {"category": "cloud", "level": "view"},
        {"product_type": "zzz", "level": "manage"},
        {"product": foreign, "level": "view"},
    ]));
    let right = access(json!([
        {"category": "cloud", "level": "view"},
        {"product_type": "web_hosting", "level": "manage"},
        {"product": own, "level": "view"},
    ]));
    let (id, etag) = ada.membership_of(&bob).await;
    let path = ada.org(&format!("/memberships/{id}"));
    let body = json!({"email": "carol@example.com", "role": "member", "products": wrong});
    let invited = ada.post(&ada.org("/invitations"), body).await.refused(422, "validation_failed");
    let patched = ada.patch_seen(&path, &etag, json!({"products": wrong})).await.refused(422, "validation_failed");
    for problem in [invited, patched] {
        let at: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
        assert_eq!(
            at,
            ["/products/grants/0/category", "/products/grants/2/product_type", "/products/grants/3/product"]
        );
    }
    let body = json!({"email": "carol@example.com", "role": "member", "products": right});
    ada.post(&ada.org("/invitations"), body).await.expect(201);
    ada.patch_seen(&path, &etag, json!({"products": right})).await.expect(200);
}

#[actix_web::test]
async fn permissions_are_explained_to_oneself_and_to_admins() {
    let (_, ada, bob) = pair(json!({"role": "member", "products": {"access": "all", "level": "manage"}})).await;
    let (id, _) = ada.membership_of(&bob).await;
    let path = ada.org(&format!("/memberships/{id}/permissions?explain=true"));
    for person in [&ada, &bob] {
        let told = person.get(&path).await.expect(200);
        let order = told["permissions"].as_array().unwrap().iter().find(|p| p["action"] == "order").unwrap();
        assert_eq!(order, &json!({"action": "order", "allowed": false, "reason": "manage_and_billing_required"}));
    }
    let (own, _) = ada.membership_of(&ada).await;
    bob.get(&bob.org(&format!("/memberships/{own}/permissions"))).await.refused(403, "forbidden");
}

#[actix_web::test]
async fn everybody_sees_what_their_rights_come_to_in_each_organization() {
    let (_, ada, bob) = pair(json!({"role": "admin"})).await;
    let eve = Person::join(&ada.app, &ada, "eve", json!({"role": "member", "billing": true})).await;
    let everything = (json!({"access": "all", "level": "manage"}), json!(true));
    for (person, expected) in
        [(&ada, &everything), (&bob, &everything), (&eve, &(json!({"access": "none"}), json!(true)))]
    {
        let me = person.get("/v1/me").await.expect(200)["organizations"][0].clone();
        let listed = person.get("/v1/organizations").await.expect(200)["data"][0].clone();
        for seen in [me, listed] {
            assert_eq!((&seen["products"], &seen["billing"]), (&expected.0, &expected.1), "{seen}");
        }
    }
}

#[actix_web::test]
async fn a_patch_that_changes_nothing_counts_no_version_logs_nothing_and_mails_nobody() {
    let (app, ada, bob) = pair(json!({"role": "member", "billing": true})).await;
    let (id, etag) = ada.membership_of(&bob).await;
    let paths = [ada.org(&format!("/memberships/{id}")), ada.org(""), "/v1/me".to_owned()];
    let bodies = [
        vec![json!({}), json!({"billing": true}), json!({"role": "member", "expires_at": null})],
        vec![json!({}), json!({"country": "CH", "kind": "individual", "website": null})],
        vec![json!({}), json!({"first_name": "ada", "ui_settings": {}, "display_name": null})],
    ];
    let entries = async || ada.get(&ada.org("/audit-log?limit=1")).await.expect(200)["data"][0]["sequence"].clone();
    let (before, mails) = (entries().await, app.mails().await.len());
    for (path, bodies) in paths.iter().zip(bodies) {
        let seen = ada.get(path).await;
        let tag = seen.header("etag").to_owned();
        let row = seen.expect(200);
        for body in bodies {
            let answer = ada.patch_seen(path, &tag, body.clone()).await;
            assert_eq!(answer.header("etag"), tag, "{path} {body}");
            assert_eq!(answer.expect(200), row, "{path} {body}");
        }
    }
    assert_eq!((entries().await, app.mails().await.len()), (before, mails));
    let stale = etag.replacen("\"v", "\"v9", 1);
    ada.patch_seen(&paths[0], &stale, json!({})).await.refused(412, "precondition_failed");
    ada.patch_seen(&paths[0], &etag, json!({"billing": false})).await.expect(200);
    assert_eq!(app.mails().await.len(), mails + 1);
}
