//! ORG-5: every change is written down, and changes of what is written show.

use std::sync::Arc;

use chrono::Duration;
use diesel::connection::SimpleConnection;
use manager_repository::each;
use manager_tests::{Person, TestApp, Value, json};

async fn changed_organization() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    ada.post(&ada.org("/invitations"), json!({"email": "bob@example.com", "role": "member"})).await.expect(201);
    let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
    ada.patch_seen(&ada.org(""), &etag, json!({"locale": "fr"})).await.expect(200);
    (app, ada)
}

#[actix_web::test]
async fn changes_are_written_down_with_who_what_and_when() {
    let (_, ada) = changed_organization().await;
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let entries = log["data"].as_array().unwrap();
    let actions: Vec<_> = entries.iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["organization.changed", "invitation.sent", "organization.created"]);
    assert_eq!(entries[0]["before"]["locale"], "en");
    assert_eq!(entries[0]["after"]["locale"], "fr");
    assert_eq!(entries[1]["personal"], "bob@example.com");
    for entry in entries {
        assert_eq!((&entry["account_id"], &entry["actor"]), (&json!(ada.account), &json!("member")));
    }
}

#[actix_web::test]
async fn the_log_refuses_changes_and_tampering_shows() {
    let (app, ada) = changed_organization().await;
    let path = ada.org("/audit-log/verification");
    let intact = ada.get(&path).await.expect(200);
    assert_eq!((&intact["valid"], &intact["sequence"]), (&json!(true), &json!(3)));
    let mut connection = app.services.db.location().connect().unwrap();
    let mut run = |sql: &str| each!(&mut connection, |c| c.batch_execute(sql));
    run("UPDATE audit_log SET action = 'x' WHERE sequence = 2").expect_err("entries can't be changed");
    run("DELETE FROM audit_log WHERE sequence = 3").expect_err("entries can't be deleted");
    run("UPDATE audit_personal SET content = 'x'").expect_err("personal text can't be rewritten");
    // Somebody with all rights on the database takes the triggers away.
    let untriggered = if manager_tests::databases::on_postgres() {
        "ALTER TABLE audit_log DISABLE TRIGGER ALL; ALTER TABLE audit_personal DISABLE TRIGGER ALL"
    } else {
        "DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete"
    };
    run(untriggered).unwrap();
    run("UPDATE audit_log SET action = 'x' WHERE sequence = 2").unwrap();
    let broken = ada.get(&path).await.expect(200);
    assert_eq!((&broken["valid"], &broken["first_broken_sequence"]), (&json!(false), &json!(2)));
}

#[actix_web::test]
async fn a_log_that_was_cut_off_differs_from_what_was_noted() {
    let (app, ada) = changed_organization().await;
    let path = ada.org("/audit-log/verification");
    let noted = ada.get(&path).await.expect(200);
    let compare = format!("{path}?sequence={}&head={}", noted["sequence"], noted["head"].as_str().unwrap());
    assert_eq!(ada.get(&compare).await.expect(200)["matches_earlier"], true);
    let mut connection = app.services.db.location().connect().unwrap();
    let mut run = |sql: &str| each!(&mut connection, |c| c.batch_execute(sql)).unwrap();
    if manager_tests::databases::on_postgres() {
        run("ALTER TABLE audit_log DISABLE TRIGGER ALL");
    } else {
        run("DROP TRIGGER audit_log_no_delete");
    }
    run("DELETE FROM audit_personal WHERE sequence = 3");
    run("DELETE FROM audit_log WHERE sequence = 3");
    run("UPDATE organizations SET audit_sequence = 2, audit_head = (SELECT mac FROM audit_log WHERE sequence = 2)");
    let cut = ada.get(&compare).await.expect(200);
    assert_eq!((&cut["valid"], &cut["matches_earlier"]), (&json!(false), &json!(false)));
    ada.get(&format!("{path}?sequence=1")).await.faulty("query:head", "missing");
    ada.get(&format!("{path}?sequence=1&head=zz")).await.faulty("query:head", "invalid_value");
}

#[actix_web::test]
async fn personal_text_can_be_erased_and_the_chain_still_holds() {
    let (app, ada) = changed_organization().await;
    let mut connection = app.services.db.location().connect().unwrap();
    each!(&mut connection, |c| c.batch_execute("DELETE FROM audit_personal")).unwrap();
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    assert!(log["data"][1]["personal"].is_null());
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
}

#[actix_web::test]
async fn entries_that_are_written_meanwhile_are_not_taken_for_tampering() {
    let (_, ada) = changed_organization().await;
    let mut tasks = Vec::new();
    for number in 0..64 {
        let ada = ada.clone();
        tasks.push(actix_web::rt::spawn(async move {
            if number % 2 == 0 {
                let body = json!({"email": format!("guest{number}@example.com"), "role": "member"});
                ada.post(&ada.org("/invitations"), body).await.expect(201);
                return json!(true);
            }
            ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"].clone()
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), true);
    }
}

#[actix_web::test]
async fn what_was_changed_of_an_organization_is_kept_before_and_after_and_can_be_erased() {
    let (app, ada) = changed_organization().await;
    let change = async |body: Value| {
        let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
        ada.patch_seen(&ada.org(""), &etag, body).await.expect(200);
    };
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    change(json!({"name": "Engines", "phone": "+41 22 000 00 00", "billing_address": address})).await;
    change(json!({"phone": null, "locale": "de"})).await;
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let personal =
        |index: usize| -> Value { serde_json::from_str(log["data"][index]["personal"].as_str().unwrap()).unwrap() };
    let first = personal(1);
    assert_eq!((&first["before"]["name"], &first["after"]["name"]), (&json!("ada Tester"), &json!("Engines")));
    assert_eq!(
        (&first["before"]["billing_address"], &first["after"]["billing_address"]["city"]),
        (&Value::Null, &json!("Genève"))
    );
    assert_eq!(personal(0), json!({"before": {"phone": "+41 22 000 00 00"}, "after": {"phone": null}}));
    assert_eq!(log["data"][2]["personal"], Value::Null, "a change of language says nothing personal");
    assert!(!log["data"][0]["before"].to_string().contains("+41"));
    let mut connection = app.services.db.location().connect().unwrap();
    each!(&mut connection, |c| c.batch_execute("DELETE FROM audit_personal")).unwrap();
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
}

#[actix_web::test]
async fn what_ends_by_itself_is_written_down_once() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let until = app.services.clock.now() + Duration::days(2);
    let rights = json!({"role": "member", "expires_at": until.to_string()});
    for name in ["bob", "eve"] {
        Person::join(&app, &ada, name, rights.clone()).await;
    }
    let invite = json!({"email": "guest@example.com", "role": "member"});
    let id = ada.post(&ada.org("/invitations"), invite.clone()).await.expect(201)["id"].clone();
    let second = json!({"email": "second@example.com", "role": "member"});
    ada.post(&ada.org("/invitations"), second.clone()).await.expect(201);
    app.advance(Duration::days(8));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    // Who comes before the housekeeping writes it down as well: one member joins again, one address is invited again.
    ada.post(&ada.org("/invitations"), second).await.expect(201);
    ada.post(&ada.org("/invitations"), json!({"email": "eve@example.com", "role": "member"})).await.expect(201);
    let eve = Person::log_in(&app, "eve@example.com").await;
    let mine = eve.get("/v1/me/invitations").await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    eve.post(&format!("/v1/me/invitations/{mine}/accept"), json!({})).await.expect(200);
    let resend = ada.org(&format!("/invitations/{}/resend", id.as_str().unwrap()));
    ada.post(&resend, json!({})).await.refused(409, "invitation_closed");
    let mut runs = Vec::new();
    for _ in 0..8 {
        let app = Arc::clone(&app);
        let now = app.services.clock.now();
        runs.push(actix_web::rt::spawn(async move { manager_services::workers::keep_house(&app.services, now).await }));
    }
    for run in runs {
        run.await.unwrap().unwrap();
    }
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200);
    let entries = log["data"].as_array().unwrap();
    let of = |action: &str| entries.iter().filter(|entry| entry["action"] == action).collect::<Vec<_>>();
    let (members, invitations) = (of("membership.expired"), of("invitation.expired"));
    assert_eq!((members.len(), invitations.len()), (2, 2), "{log}");
    for entry in members.iter().chain(&invitations) {
        assert_eq!((&entry["actor"], &entry["account_id"]), (&json!("system"), &Value::Null));
    }
    assert!(members.iter().all(|entry| entry["before"]["role"] == "member"));
    assert!(invitations.iter().any(|entry| entry["subject"] == id));
    assert_eq!(
        ada.get(&ada.org(&format!("/invitations/{}", id.as_str().unwrap()))).await.expect(200)["state"],
        "expired"
    );
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
    ada.post(&ada.org("/invitations"), invite).await.expect(201);
}
