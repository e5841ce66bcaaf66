//! ORG-5: every change is written down, and changes of what is written show.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use manager_repository::each;
use manager_tests::{Person, TestApp, json};

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
