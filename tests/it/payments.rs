//! BIL-6: payments as those with billing see them.

use manager_tests::{Person, json};

use crate::orders::{buyer, cart_with_domain, check_out, quote};

#[actix_web::test]
async fn a_payment_tells_how_it_went_to_those_with_billing_alone() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_insufficient_funds").await;
    let declined = declined.refused(402, "payment_failed");
    let path = ada.org(&format!("/payments/{}", declined["payment"].as_str().unwrap()));
    let payment = ada.get(&path).await.expect(200);
    assert_eq!((&payment["state"], &payment["failure_code"]), (&json!("failed"), &json!("insufficient_funds")));
    assert_eq!((&payment["order"], &payment["invoice"]), (&declined["order"], &declined["invoice"]));
    assert_eq!(payment["amount"], json!({"amount": 973, "currency": "CHF"}));
    let clerk = Person::join(&app, &ada, "clerk", json!({"role": "member", "billing": true})).await;
    assert_eq!(clerk.get(&path).await.expect(200), payment);
    let editor = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    Person::join(&app, &ada, "editor", editor).await.get(&path).await.refused(403, "forbidden");
    Person::register(&app, "eve").await.get(&path).await.refused(404, "not_found");
    let elsewhere = Person::register(&app, "mallory").await;
    let id = path.rsplit('/').next().unwrap();
    elsewhere.get(&elsewhere.org(&format!("/payments/{id}"))).await.refused(404, "not_found");
}
