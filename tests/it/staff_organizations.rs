//! STF-1: support reads an organization with a stated reason, and its owners see that.

use manager_domain::staff::StaffRole;
use manager_tests::{Person, json};

use crate::books::agent;
use crate::orders::buyer;
use crate::prepaid_accounts::top_up;
use crate::promo_codes::support;
use crate::refunds::{by_card, chf};

fn path(organization: &str, reason: &str) -> String {
    format!("/v1/admin/organizations/{organization}?reason={reason}")
}

#[actix_web::test]
async fn support_reads_an_organization_and_its_owners_see_why() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    top_up(&ada, 1000).await.expect(201);
    let invoice = by_card(&ada, "one.ch").await;
    let read = support.get(&path(&ada.organization, "Ticket%204711")).await.expect(200);
    assert_eq!(read["organization"], ada.get(&ada.org("")).await.expect(200));
    assert_eq!(read["prepaid"], ada.get(&ada.org("/prepaid")).await.expect(200));
    assert_eq!(read["prepaid"]["available"], chf(1000));
    assert_eq!(read["orders"], ada.get(&ada.org("/orders")).await.expect(200)["data"]);
    assert_eq!((&read["invoices"][0]["id"], read["invoices"].as_array().unwrap().len()), (&json!(invoice), 1));
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let told = ["actor", "action", "reason", "account_id"].map(|member| log["data"][0][member].clone());
    let expected = [json!("support"), json!("organization.read"), json!("Ticket 4711"), json!(support.account)];
    assert_eq!(told, expected);
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    finance.get(&path(&ada.organization, "x")).await.expect(200);
}

#[actix_web::test]
async fn nobody_reads_without_a_reason_their_own_or_without_the_role() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    support.get(&format!("/v1/admin/organizations/{}", ada.organization)).await.faulty("query:reason", "missing");
    support.get(&path(&ada.organization, "%20")).await.faulty("query:reason", "missing");
    support.get(&path(&ada.organization, &"x".repeat(501))).await.faulty("query:reason", "too_long");
    support.get(&path("org_01h2xcejqtf2nbrexx3vqjhp41", "x")).await.refused(404, "not_found");
    support.get(&path("org_x", "x")).await.refused(404, "not_found");
    let own = support.post("/v1/organizations", json!({"kind": "company", "name": "Own", "country": "CH"})).await;
    let own = own.expect(201)["id"].as_str().unwrap().to_owned();
    support.get(&path(&own, "x")).await.refused(403, "own_organization");
    for role in [StaffRole::Catalogue, StaffRole::Admin] {
        let other = agent(&app, role.as_str(), role).await;
        other.get(&path(&ada.organization, "x")).await.refused(403, "forbidden");
    }
    ada.get(&path(&ada.organization, "x")).await.refused(403, "forbidden");
    let eve = Person::register(&app, "eve").await;
    eve.get(&path(&ada.organization, "x")).await.refused(403, "forbidden");
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200);
    assert!(log["data"].as_array().unwrap().iter().all(|entry| entry["actor"] != "support"), "nothing was read");
}
