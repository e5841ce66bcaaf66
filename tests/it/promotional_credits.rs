//! PRE-1, STF-1: support gives an organization something to spend; above a limit two decide.

use manager_domain::staff::StaffRole;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, Value, json};
use reqwest::Method;

use crate::books::agent;
use crate::prepaid_accounts::assert_books_agree;
use crate::refunds::{balances, bought, buyer_and_finance, chf};

const CREDITS: &str = "/v1/admin/promotional-credits";

fn gift(person: &Person, amount: Value) -> Value {
    json!({"organization": person.organization, "amount": amount, "reason": "Ticket 4711"})
}

async fn decide(agent: &Person, credit: &Value, what: &str) -> Answer {
    let body = json!({"organization": credit["organization"], "reason": "Looks right"});
    agent.post(&format!("{CREDITS}/{}/{what}", credit["id"].as_str().unwrap()), body).await
}

#[actix_web::test]
async fn a_gift_is_spent_first_and_never_withdrawn() {
    let (app, ada, finance) = buyer_and_finance().await;
    let post = || {
        let request = finance.request(Method::POST, CREDITS).header("idempotency-key", "one");
        finance.send(request.json(&gift(&ada, chf(500))))
    };
    let first = post().await.expect(201);
    assert_eq!((&first["state"], &first["requested_by"]), (&json!("granted"), &json!(finance.account)));
    assert_eq!(post().await.expect(201), first, "once");
    assert_eq!(balances(&ada).await, (0, 500));
    let account = ada.get(&ada.org("/prepaid")).await.expect(200);
    assert_eq!((&account["available"], &account["withdrawable"]), (&chf(500), &chf(0)));
    assert_eq!(ada.get(&ada.org("")).await.expect(200)["currency_fixed"], true);
    bought(&ada, "one.ch", json!({"use_prepaid": true, "payment_method_token": "sandbox_succeeds"})).await;
    assert_eq!(balances(&ada).await, (0, 0));
    let list = format!("{CREDITS}?organization={}&reason=A%20question", ada.organization);
    assert_eq!(finance.get(&list).await.expect(200)["data"], json!([first]));
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200);
    let granted = log["data"].as_array().unwrap().iter().find(|e| e["action"] == "promotional_credit.granted").unwrap();
    assert_eq!((&granted["actor"], &granted["reason"]), (&json!("support"), &json!("Ticket 4711")));
    app.settle().await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn a_gift_keeps_to_currency_and_limits() {
    let (app, ada, finance) = buyer_and_finance().await;
    let give = async |amount: Value| finance.post(CREDITS, gift(&ada, amount)).await;
    for amount in [0, -1, 2_000_001, i64::MIN, i64::MAX] {
        give(chf(amount)).await.faulty("/amount/amount", "out_of_range");
    }
    give(json!({"amount": 100, "currency": "EUR"})).await.faulty("/amount/currency", "wrong_currency");
    let own = finance.post("/v1/organizations", json!({"kind": "company", "name": "Own", "country": "CH"})).await;
    let with = |member: &str, value: Value| {
        let mut body = gift(&ada, chf(100));
        body[member] = value;
        body
    };
    let own = with("organization", own.expect(201)["id"].clone());
    finance.post(CREDITS, own).await.refused(403, "own_organization");
    let nowhere = with("organization", json!("org_01h2xcejqtf2nbrexx3vqjhp41"));
    finance.post(CREDITS, nowhere).await.refused(404, "not_found");
    finance.post(CREDITS, with("reason", json!(" "))).await.faulty("/reason", "missing");
    let support = agent(&app, "support", StaffRole::Support).await;
    support.post(CREDITS, gift(&ada, chf(100))).await.refused(403, "forbidden");
    assert_eq!(balances(&ada).await, (0, 0));
    give(chf(50_000)).await.expect(201);
    let second = agent(&app, "second", StaffRole::Finance).await;
    let asked = give(chf(1_950_000)).await.expect(201);
    give(chf(50_000)).await.expect(201);
    let refused = decide(&second, &asked, "approve").await.refused(409, "balance_limit_reached");
    assert_eq!(refused["available"], chf(1_900_000));
    give(chf(1_900_001)).await.refused(409, "balance_limit_reached");
    assert_eq!(balances(&ada).await, (0, 100_000));
}

#[actix_web::test]
async fn above_the_limit_a_second_person_decides_on_a_gift() {
    let (app, ada, finance) = buyer_and_finance().await;
    let second = agent(&app, "second", StaffRole::Finance).await;
    let ask = async || finance.post(CREDITS, gift(&ada, chf(50_001))).await.expect(201);
    let asked = ask().await;
    assert_eq!((&asked["state"], balances(&ada).await), (&json!("requested"), (0, 0)));
    assert_eq!(second.get(CREDITS).await.expect(200)["data"], json!([asked]));
    decide(&finance, &asked, "approve").await.refused(403, "second_person_required");
    assert_eq!(balances(&ada).await, (0, 0));
    let answers = at_once(8, |_| {
        let (second, asked) = (second.clone(), asked.clone());
        async move { decide(&second, &asked, "approve").await }
    })
    .await;
    manager_tests::races::one_winner(&answers, 200, &[409]);
    assert_eq!(balances(&ada).await, (0, 50_001));
    let closed = decide(&second, &asked, "reject").await.refused(409, "promotional_credit_closed");
    assert_eq!(closed["state"], "granted");
    let other = ask().await;
    assert_eq!(decide(&second, &other, "reject").await.expect(200)["state"], "rejected");
    decide(&second, &other, "approve").await.refused(409, "promotional_credit_closed");
    assert_eq!((balances(&ada).await, second.get(CREDITS).await.expect(200)["data"].clone()), ((0, 50_001), json!([])));
    assert_books_agree(&finance).await;
}
