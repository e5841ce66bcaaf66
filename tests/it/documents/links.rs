//! Links to documents: without login, for a short time, and for as long as who made them may see what they lead to.

use chrono::Duration;
use manager_tests::{Person, TestApp, Value, json};
use reqwest::Method;

use super::{PAYS, buyer, buyer_with, download, ordered, pdf};

async fn link(person: &Person, path: &str) -> Value {
    person.post(&format!("{path}/pdf-link"), json!({})).await.expect(201)
}

/// Its path on this server.
fn followed<'a>(app: &TestApp, link: &'a Value) -> &'a str {
    link["url"].as_str().unwrap().strip_prefix(&app.url).expect("a link to this server")
}

#[actix_web::test]
async fn a_link_needs_no_login_and_lapses() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let made = link(&ada, &path).await;
    assert_eq!(made["expires_at"], "2026-03-02T09:15:00Z");
    let path_of_link = followed(&app, &made);
    let bytes = pdf(app.get(path_of_link).await);
    assert_eq!(bytes, download(&ada, &path).await);
    app.advance(Duration::minutes(15) - Duration::microseconds(1));
    pdf(app.get(path_of_link).await);
    app.advance(Duration::microseconds(1));
    app.get(path_of_link).await.refused(410, "token_lapsed");
}

#[actix_web::test]
async fn a_forged_link_leads_nowhere() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let made = link(&ada, &path).await;
    let genuine = followed(&app, &made);
    let (route, token) = genuine.rsplit_once('/').unwrap();
    let mut forged: Vec<String> = (0..token.len())
        .map(|place| {
            let mut bytes = token.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    forged.extend(["doc_", "doc_AAAA", "x", "doc_%00", "doc_é"].map(str::to_owned));
    forged.extend([format!("{token}A"), format!("{token}{token}"), token[..token.len() - 1].to_owned()]);
    for token in forged {
        app.get(&format!("{route}/{token}")).await.refused(404, "not_found");
    }
    pdf(app.get(genuine).await);
}

#[actix_web::test]
async fn a_link_ends_with_the_rights_and_the_session_of_who_made_it() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let bob = Person::join(&app, &ada, "bob", json!({"role": "member", "billing": true})).await;
    let (of_bob, of_ada) = (link(&bob, &path).await, link(&ada, &path).await);
    pdf(app.get(followed(&app, &of_bob)).await);
    let (membership, etag) = ada.membership_of(&bob).await;
    let membership = ada.org(&format!("/memberships/{membership}"));
    ada.patch_seen(&membership, &etag, json!({"billing": false})).await.expect(200);
    app.get(followed(&app, &of_bob)).await.refused(404, "not_found");
    pdf(app.get(followed(&app, &of_ada)).await);
    ada.send(ada.request(Method::POST, "/v1/auth/logout").json(&json!({}))).await;
    app.get(followed(&app, &of_ada)).await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_link_is_made_to_own_invoices_only() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let eve = buyer_with(&app, "eve", json!({})).await;
    let id = path.rsplit('/').next().unwrap();
    eve.post(&eve.org(&format!("/invoices/{id}/pdf-link")), json!({})).await.refused(404, "not_found");
    let keyed = ada.request(Method::POST, &format!("{path}/pdf-link")).json(&json!({"minutes": 60}));
    ada.send(keyed).await.faulty("/minutes", "unknown_field");
}
