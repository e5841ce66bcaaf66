//! BIL-1: invoices in lists, by state and day of issue.

use chrono::Duration;
use manager_tests::{Person, Value, json};

use crate::orders::{buyer, cart_with, check_out, quote};

async fn numbers(person: &Person, query: &str) -> Vec<Value> {
    let list = person.get(&person.org(&format!("/invoices{query}"))).await.expect(200);
    list["data"].as_array().unwrap().iter().map(|invoice| invoice["number"].clone()).collect()
}

#[actix_web::test]
async fn invoices_are_found_by_state_and_by_the_day_they_were_issued() {
    let (app, ada) = buyer().await;
    let mut ada = ada;
    for (domain, card) in [
        ("first.ch", "sandbox_succeeds"),
        ("second.ch", "sandbox_succeeds"),
        ("third.ch", "sandbox_declined_insufficient_funds"),
    ] {
        let cart = cart_with(&ada, domain).await;
        let token = quote(&ada, &cart).await["price_token"].clone();
        check_out(&ada, &cart, &token, card).await;
        app.advance(Duration::days(1));
        ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    }
    let ends = |numbers: Vec<Value>| -> Vec<Option<String>> {
        numbers.iter().map(|n| n.as_str().and_then(|n| n.rsplit('-').next()).map(str::to_owned)).collect()
    };
    let some = |n: &str| Some(n.to_owned());
    assert_eq!(ends(numbers(&ada, "").await), [None, some("2"), some("1")]);
    assert_eq!(ends(numbers(&ada, "?state=paid").await), [some("2"), some("1")]);
    assert_eq!(ends(numbers(&ada, "?state=open").await), [None]);
    assert_eq!(ends(numbers(&ada, "?from=2026-03-03").await), [some("2")]);
    assert_eq!(ends(numbers(&ada, "?to=2026-03-02").await), [some("1")]);
    assert_eq!(ends(numbers(&ada, "?from=2026-03-02&to=2026-03-03").await), [some("2"), some("1")]);
    assert!(numbers(&ada, "?from=2026-03-04").await.is_empty());
    ada.get(&ada.org("/invoices?from=2026-02-30")).await.faulty("query:from", "invalid_value");
    ada.get(&ada.org("/invoices?state=lost")).await.faulty("query:state", "invalid_value");
    ada.get(&ada.org("/invoices?since=2026-03-01")).await.faulty("query:since", "unknown_field");
    let editor = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    Person::join(&app, &ada, "editor", editor).await.get(&ada.org("/invoices")).await.refused(403, "forbidden");
}
