//! VAT numbers: verified by staff, and what that means for tax (BIL-3).

use std::sync::Arc;

use manager_domain::Clock;
use manager_services::Error;
use manager_services::vat_numbers::{Decision, decide};
use manager_tests::{Person, TestApp, Value, json};

use crate::orders::{cart_with_domain, check_out, quote};

/// A company in Germany with a number that nobody looked up yet.
async fn company() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let address = json!({"line1": "Unter den Linden 1", "postal_code": "10117", "city": "Berlin", "country": "DE"});
    let organization = json!({"kind": "company", "name": "Ada GmbH", "country": "DE", "billing_address": address});
    let ada = Person::register_with(&app, "ada", json!({"organization": organization})).await;
    patch(&ada, json!({"vat_number": "DE136695976"})).await;
    (app, ada)
}

async fn patch(ada: &Person, change: Value) -> Value {
    let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
    ada.patch_seen(&ada.org(""), &etag, change).await.expect(200)
}

/// Tax and notes of a quote for the cart.
async fn taxed(ada: &Person, cart: &str) -> (i64, Value) {
    let quote = quote(ada, cart).await;
    let totals = &quote["totals"];
    (totals["tax"]["amount"].as_i64().expect("an amount"), totals["notes"].clone())
}

#[actix_web::test]
async fn reverse_charge_is_for_numbers_that_staff_verified() {
    let (app, ada) = company().await;
    let cart = cart_with_domain(&ada).await;
    let (tax, notes) = taxed(&ada, &cart).await;
    assert!(tax > 0 && notes == json!([]), "nobody looked the number up: {tax}, {notes}");
    let number = ada.get(&ada.org("")).await.expect(200)["number"].as_str().expect("a number").to_owned();

    let verified = decide(&app.services, app.clock.now(), &number, Decision::Verify).await.expect("it is theirs");
    assert!(verified.vat_verified_at.is_some());
    assert_eq!(ada.get(&ada.org("")).await.expect(200)["vat_verified"], true);
    assert_eq!(taxed(&ada, &cart).await, (0, json!(["reverse_charge"])));

    decide(&app.services, app.clock.now(), &ada.organization, Decision::Revoke).await.expect("it is not theirs");
    assert_eq!(taxed(&ada, &cart).await, (tax, json!([])));
    decide(&app.services, app.clock.now(), &ada.organization, Decision::Verify).await.expect("it is theirs");
    patch(&ada, json!({"name": "Eve GmbH"})).await;
    assert_eq!(taxed(&ada, &cart).await, (tax, json!([])), "whose number it is must be looked up anew");

    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let of =
        |action: &str| log["data"].as_array().expect("entries").iter().filter(|one| one["action"] == action).count();
    assert_eq!(of("organization.vat_number_verified"), 2, "{log}");
    assert_eq!(of("organization.vat_number_revoked"), 1, "{log}");
}

#[actix_web::test]
async fn what_cannot_be_verified_is_refused() {
    let (app, ada) = company().await;
    let verify = |named: String| {
        let services = app.services.clone();
        async move { decide(&services, services.clock.now(), &named, Decision::Verify).await }
    };
    for nobody in ["00000000", "org_nobody", "org_01h455vb4pex5vsknk084sn02q"] {
        assert!(matches!(verify(nobody.to_owned()).await, Err(Error::Refused(_))), "{nobody}");
    }
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_processes_for_a_day").await.expect(201);
    let refused = verify(ada.organization.clone()).await.expect_err("a payment is under way");
    assert!(refused.to_string().contains("payment_in_progress"), "{refused}");
    let bob = Person::register(&app, "bob").await;
    assert!(verify(bob.organization.clone()).await.is_err(), "there is no number");
}
