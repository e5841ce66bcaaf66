//! BIL-7: a payment that its payer has taken back is made good by the prepaid account, the rest is owed.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::races::at_once;
use manager_tests::{Person, TestApp, Value, json};

use crate::orders::buyer;
use crate::prepaid_accounts::{account, top_up, topped_up};
use crate::webhooks::{books_agree, chf, deliver, order, payment, told};

/// An event of a dispute.
fn disputed(person: &Person, payment: &Value, id: &str, dispute: &str, state: &str) -> Value {
    let dispute = json!({"id": dispute, "state": state, "amount": chf(973), "reason": "fraudulent"});
    told(person, payment, id, json!({"type": "dispute", "dispute": dispute}))
}

/// What can be spent, what is owed, and what can be taken back.
async fn balances(person: &Person) -> [i64; 3] {
    let account = account(person).await;
    ["available", "owed", "withdrawable"].map(|name| account[name]["amount"].as_i64().unwrap())
}

/// A buyer with so much on the prepaid account, and the payment of an order by card.
async fn paid(prepaid: i64) -> (Arc<TestApp>, Person, Value) {
    let (app, ada) = if prepaid > 0 { topped_up(prepaid).await } else { buyer().await };
    let done = order(&ada, "engines.ch", "sandbox_succeeds").await.expect(201);
    (app, ada, done["payments"][0]["id"].clone())
}

#[actix_web::test]
async fn a_dispute_takes_the_prepaid_balance_and_the_rest_is_owed() {
    let (app, ada, id) = paid(0).await;
    assert_eq!(balances(&ada).await, [0, 0, 0]);
    let event = Arc::new(disputed(&ada, &id, "evt_1", "dp_1", "open"));
    let answers = at_once(20, |n| {
        let (app, mut event) = (app.clone(), (*event).clone());
        event["id"] = json!(format!("evt_{}", n % 3));
        async move { deliver(&app, &event).await }
    })
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(balances(&ada).await, [0, 973, 0]);
    assert_eq!(payment(&ada, &id).await["state"], "disputed");
    // What is owed stands in the way of taking money back.
    top_up(&ada, 5000).await.expect(201);
    app.advance(Duration::days(200));
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(balances(&ada).await, [5000, 973, 0]);
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_dispute_that_is_won_gives_everything_back_once() {
    let (app, ada, id) = paid(1000).await;
    order(&ada, "other.ch", "sandbox_succeeds").await.expect(201);
    // 27 left for the dispute to take.
    let cart = crate::orders::cart_with(&ada, "third.ch").await;
    let token = crate::orders::quote(&ada, &cart).await["price_token"].clone();
    let body = json!({"price_token": token, "use_prepaid": true});
    ada.post_once(&ada.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    assert_eq!(balances(&ada).await[0], 27);
    deliver(&app, &disputed(&ada, &id, "evt_1", "dp_1", "open")).await.expect(200);
    assert_eq!(balances(&ada).await, [0, 946, 0]);
    for event in ["evt_2", "evt_2", "evt_3"] {
        deliver(&app, &disputed(&ada, &id, event, "dp_1", "won")).await.expect(200);
        assert_eq!(balances(&ada).await[..2], [27, 0]);
    }
    assert_eq!(payment(&ada, &id).await["state"], "succeeded");
    // The beginning, delivered again after the end.
    deliver(&app, &disputed(&ada, &id, "evt_4", "dp_1", "open")).await.expect(200);
    deliver(&app, &disputed(&ada, &id, "evt_5", "dp_1", "lost")).await.expect(200);
    assert_eq!(balances(&ada).await[..2], [27, 0]);
    assert_eq!(payment(&ada, &id).await["state"], "succeeded");
    // Another one is a new dispute.
    deliver(&app, &disputed(&ada, &id, "evt_6", "dp_2", "open")).await.expect(200);
    assert_eq!(balances(&ada).await[..2], [0, 946]);
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_dispute_that_is_heard_of_before_the_success_implies_it() {
    let (app, ada) = buyer().await;
    let done = order(&ada, "engines.ch", "sandbox_processes_for_a_day").await.expect(201);
    let id = &done["payments"][0]["id"];
    deliver(&app, &disputed(&ada, id, "evt_1", "dp_1", "open")).await.expect(200);
    deliver(&app, &told(&ada, id, "evt_2", json!({"state": "succeeded"}))).await.expect(200);
    assert_eq!(payment(&ada, id).await["state"], "disputed");
    let path = ada.org(&format!("/orders/{}", done["order"]["id"].as_str().unwrap()));
    assert_eq!(ada.get(&path).await.expect(200)["order"]["state"], "paid");
    assert_eq!(balances(&ada).await, [0, 973, 0]);
    deliver(&app, &disputed(&ada, id, "evt_3", "dp_1", "lost")).await.expect(200);
    assert_eq!(balances(&ada).await, [0, 973, 0]);
    books_agree(&app).await;
}

#[actix_web::test]
async fn the_end_of_a_dispute_can_come_first() {
    let (app, ada, id) = paid(0).await;
    deliver(&app, &disputed(&ada, &id, "evt_1", "dp_1", "won")).await.expect(200);
    deliver(&app, &disputed(&ada, &id, "evt_2", "dp_1", "open")).await.expect(200);
    assert_eq!(balances(&ada).await, [0, 0, 0]);
    assert_eq!(payment(&ada, &id).await["state"], "succeeded");
    deliver(&app, &disputed(&ada, &id, "evt_3", "dp_2", "lost")).await.expect(200);
    deliver(&app, &disputed(&ada, &id, "evt_4", "dp_2", "open")).await.expect(200);
    assert_eq!(balances(&ada).await, [0, 973, 0]);
    books_agree(&app).await;
}

#[actix_web::test]
async fn a_disputed_top_up_is_taken_from_the_balance() {
    let (app, ada) = buyer().await;
    let done = crate::prepaid_accounts::top_up(&ada, 5000).await.expect(201);
    let id = &done["payment"]["id"];
    let dispute = json!({"id": "dp_1", "state": "open", "amount": chf(5000)});
    deliver(&app, &told(&ada, id, "evt_1", json!({"type": "dispute", "dispute": dispute}))).await.expect(200);
    assert_eq!(balances(&ada).await, [0, 0, 0]);
    assert_eq!(payment(&ada, id).await["state"], "disputed");
    books_agree(&app).await;
}

#[actix_web::test]
async fn the_sandbox_plays_a_dispute() {
    let (app, ada) = buyer().await;
    let done = order(&ada, "engines.ch", "sandbox_disputed").await.expect(201);
    app.advance(Duration::hours(2));
    app.settle().await;
    let ada = Person::log_in(&app, &ada.email).await;
    assert_eq!(payment(&ada, &done["payments"][0]["id"]).await["state"], "disputed");
    assert_eq!(balances(&ada).await, [0, 973, 0]);
    books_agree(&app).await;
}
