//! PRE-1: the books prove themselves, to finance people alone.

use std::sync::Arc;

use manager_domain::emails::EmailAddress;
use manager_domain::staff::StaffRole;
use manager_services::staff;
use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, Value, json};

use crate::orders::{buyer, cart_with_domain, check_out, quote};

/// A staff account with a role, signed in.
pub async fn agent(app: &Arc<TestApp>, name: &str, role: StaffRole) -> Person {
    let email = format!("{name}@example.com");
    let address = EmailAddress::parse(&email).unwrap();
    staff::create(&app.services, &address, role, app.services.clock.now()).await.unwrap();
    let token = app.mail_to(&email).await.token();
    let body = json!({"token": token, "password": PASSWORD});
    app.post("/v1/auth/password-reset/confirm", body).await.expect(204);
    Person::log_in(app, &email).await
}

/// The sum of an account in a currency, as the books tell.
fn sum(books: &Value, currency: &str, account: &str) -> i64 {
    let currencies = books["currencies"].as_array().unwrap();
    let of = currencies.iter().find(|of| of["currency"] == currency).unwrap();
    let accounts = of["accounts"].as_array().unwrap();
    let found = accounts.iter().find(|entry| entry["account"] == account);
    found.map_or(0, |entry| entry["amount"]["amount"].as_i64().unwrap())
}

#[actix_web::test]
async fn an_order_paid_by_card_is_booked_once_and_a_declined_one_never() {
    let (app, ada) = buyer().await;
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    let empty = finance.get("/v1/admin/books").await.expect(200);
    assert_eq!((&empty["agree"], sum(&empty, "CHF", "revenue")), (&json!(true), 0));
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    let declined = check_out(&ada, &cart, &token, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    assert_eq!(finance.get("/v1/admin/books").await.expect(200), empty);
    let pay = ada.org(&format!("/orders/{}/pay", declined["order"].as_str().unwrap()));
    ada.post_once(&pay, json!({"payment_method_token": "sandbox_succeeds"})).await.expect(201);
    let books = finance.get("/v1/admin/books").await.expect(200);
    assert_eq!(books["agree"], true);
    let accounts = ["revenue", "tax", "provider_clearing", "prepaid_paid"].map(|account| sum(&books, "CHF", account));
    assert_eq!(accounts, [900, 73, -973, 0]);
    app.settle().await;
    assert_eq!(finance.get("/v1/admin/books").await.expect(200), books);
}

#[actix_web::test]
async fn the_books_are_for_finance_people_alone() {
    let (app, ada) = buyer().await;
    app.get("/v1/admin/books").await.refused(401, "unauthenticated");
    ada.get("/v1/admin/books").await.refused(403, "forbidden");
    for role in [StaffRole::Support, StaffRole::Catalogue, StaffRole::Admin] {
        agent(&app, role.as_str(), role).await.get("/v1/admin/books").await.refused(403, "forbidden");
    }
}

#[actix_web::test]
async fn what_is_booked_is_never_changed_or_deleted() {
    let (app, ada) = buyer().await;
    let cart = cart_with_domain(&ada).await;
    let token = quote(&ada, &cart).await["price_token"].clone();
    check_out(&ada, &cart, &token, "sandbox_succeeds").await.expect(201);
    let statements = [
        "UPDATE ledger_entries SET amount = amount * 2",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transfers SET about = 'x'",
        "DELETE FROM ledger_transfers",
    ];
    assert_only_grows(&app, &statements).await;
}

/// The database itself refuses each of these changes.
pub async fn assert_only_grows(app: &TestApp, statements: &[&'static str]) {
    for &statement in statements {
        let refused = app.services.db.write(move |tx| {
            let done = diesel::connection::SimpleConnection::batch_execute(tx, statement);
            done.map_err(manager_repository::Error::from)
        });
        let error = refused.await.unwrap_err().to_string();
        assert!(error.contains("only grows"), "{statement}: {error}");
    }
}
