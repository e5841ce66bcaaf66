//! Mails with documents: when an invoice was paid, and when somebody asks.

use std::sync::Arc;

use chrono::Duration;
use manager_services::mails::transports::Transport;
use manager_services::workers::work_once;
use manager_tests::smtp::MailServer;
use manager_tests::{Person, TestApp, json};
use reqwest::Method;

use super::{DECLINED, PAYS, buyer, buyer_with, download, ordered};

#[actix_web::test]
async fn a_paid_invoice_goes_to_everybody_with_billing_rights_in_their_language() {
    let (app, ada) = buyer().await;
    Person::join(&app, &ada, "carl", json!({"role": "member", "billing": true})).await;
    let dora = Person::join(&app, &ada, "dora", json!({"role": "admin"})).await;
    dora.patch("/v1/me", json!({"locale": "de"})).await.expect(200);
    let viewer = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    Person::join(&app, &ada, "bob", viewer).await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let number = ada.get(&path).await.expect(200)["invoice"]["number"].as_str().unwrap().to_owned();
    let name = format!("invoice-{number}.pdf");
    let file = download(&ada, &path).await;
    let mails: Vec<_> = app.mails().await.into_iter().filter(|mail| !mail.attachments.is_empty()).collect();
    let mut found: Vec<(&str, &str)> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    found.sort_unstable();
    let (english, german) = (format!("Invoice {number}"), format!("Rechnung {number}"));
    let expected: [(&str, &str); 3] =
        [("ada@example.com", &english), ("carl@example.com", &english), ("dora@example.com", &german)];
    assert_eq!(found, expected);
    for mail in &mails {
        assert_eq!(mail.attachments, [name.as_str()]);
        assert_eq!(app.attachment(mail).await, file);
        assert!(mail.text.contains("CHF 9.73") && mail.text.contains(&number), "{}", mail.text);
    }
    app.settle().await;
}

#[actix_web::test]
async fn who_asks_gets_a_document_by_mail_once() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", DECLINED).await;
    let before = app.mails_to(&ada.email).await;
    let ask = || {
        let request = ada.request(Method::POST, &format!("{path}/email")).header("idempotency-key", "mail it");
        ada.send(request.json(&json!({})))
    };
    assert_eq!(ask().await.expect(202)["sent_to"], ada.email.as_str());
    let again = ask().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    again.expect(202);
    let mail = app.mail_to(&ada.email).await;
    assert_eq!(app.mails_to(&ada.email).await, before + 1);
    assert_eq!(mail.subject, "Pro forma invoice");
    assert!(mail.attachments[0].starts_with("pro-forma-inv_"), "{mail:?}");
    assert_eq!(app.attachment(&mail).await, download(&ada, &path).await);
    app.settle().await;
}

#[actix_web::test]
async fn documents_are_mailed_so_often_an_hour() {
    let app = Arc::new(TestApp::start_with(|config| config.rate_limits = true).await);
    let ada = buyer_with(&app, "ada", json!({})).await;
    let path = format!("{}/email", ordered(&ada, "engines.ch", PAYS).await);
    for _ in 0..20 {
        ada.post(&path, json!({})).await.expect(202);
    }
    let refused = ada.post(&path, json!({})).await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds <= 3600));
    refused.refused(429, "too_many_requests");
    app.advance(Duration::hours(1));
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    ada.post(&path, json!({})).await.expect(202);
}

#[actix_web::test]
async fn who_lost_the_right_before_it_is_sent_gets_nothing() {
    let (app, ada) = buyer().await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "member", "billing": true})).await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    app.work().await;
    let before = app.mails_to(&bob.email).await;
    bob.post(&format!("{path}/email"), json!({})).await.expect(202);
    let (membership, _) = ada.membership_of(&bob).await;
    ada.delete(&ada.org(&format!("/memberships/{membership}"))).await.expect(204);
    let mails = app.mails().await;
    let to_bob: Vec<_> = mails.iter().filter(|mail| mail.to == bob.email).collect();
    assert_eq!(to_bob.len(), before + 1, "that the membership ended, and no more: {to_bob:?}");
    assert!(to_bob[0].attachments.is_empty(), "{to_bob:?}");
    app.settle().await;
}

#[actix_web::test]
async fn the_file_goes_over_the_wire() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    app.work().await;
    ada.post(&format!("{path}/email"), json!({})).await.expect(202);
    let server = MailServer::start();
    let transport = Transport::smtp(&server.url, "Panel <panel@example.com>").expect("a transport");
    while work_once(&app.services, &transport).await.expect("work is done") > 0 {}
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    let number = ada.get(&path).await.expect(200)["invoice"]["number"].as_str().unwrap().to_owned();
    let attached = format!("Content-Disposition: attachment; filename=\"invoice-{number}.pdf\"");
    assert!(taken[0].text.contains(&attached), "{}", taken[0].text);
}
