//! Browsers: sessions and carts in cookies, and what keeps other sites from using them.

use std::sync::Arc;

use manager_tests::people::PASSWORD;
use manager_tests::{Answer, Person, TestApp, json};
use reqwest::Method;

use crate::operations::operations;

/// The values of an answer's cookies by their names.
struct Jar(Vec<(String, String)>);

impl Jar {
    fn of(answer: &Answer) -> Self {
        let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Whether the answer takes this cookie away.
    fn forgets(&self, name: &str) -> bool {
        self.0.iter().any(|(known, value)| known == name && value.is_empty())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).expect(name)
    }

    /// As a browser sends them back.
    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

async fn log_in(app: &TestApp) -> Answer {
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "mode": "cookie"});
    app.send(app.request(Method::POST, "/v1/auth/login").header("origin", &app.url).json(&body)).await
}

#[actix_web::test]
async fn nothing_changes_by_a_cookie_without_the_csrf_token_or_from_another_site() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let (jar, other) = (Jar::of(&log_in(&app).await), Jar::of(&log_in(&app).await));
    let mut asked = 0;
    for operation in operations().iter().filter(|operation| operation.secured && operation.is_unsafe()) {
        let by_cookie = || operation.request(&app, &ada.organization, None).header("cookie", jar.header());
        let csrf = jar.get("__Host-csrf");
        for (how, request) in [
            ("without the token", by_cookie().header("origin", &app.url)),
            (
                "with another session's",
                by_cookie().header("origin", &app.url).header("x-csrf-token", other.get("__Host-csrf")),
            ),
            ("without an origin", by_cookie().header("x-csrf-token", csrf)),
            ("from another site", by_cookie().header("origin", "https://evil.example").header("x-csrf-token", csrf)),
        ] {
            let answer = app.send(request).await;
            assert_eq!((answer.status, &answer.body["code"]), (403, &json!("csrf_refused")), "{} {how}", operation.id);
        }
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
    app.send(app.request(Method::GET, "/v1/me").header("cookie", jar.header())).await.expect(200);
}

/// A person's browser: it sends its cookies, its origin and the session's CSRF token.
fn browse(app: &TestApp, jar: &Jar, method: Method, path: &str) -> reqwest::RequestBuilder {
    let request = app.request(method, path).header("cookie", jar.header()).header("origin", &app.url);
    request.header("x-csrf-token", jar.get("__Host-csrf"))
}

/// What an answer says of a cookie besides its value.
fn attributes(answer: &Answer, name: &str) -> String {
    let set = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let cookie = set.into_iter().find(|cookie| cookie.starts_with(&format!("{name}="))).expect(name);
    cookie.split_once(';').unwrap().1.to_owned()
}

#[actix_web::test]
async fn a_browser_remembers_the_language_of_who_logged_in() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let entered = log_in(&app).await;
    let jar = Jar::of(&entered);
    assert_eq!(jar.get("lang"), "en");
    let lang = attributes(&entered, "lang");
    assert!(lang.contains("SameSite=Lax") && lang.contains("Path=/") && !lang.contains("HttpOnly"), "{lang}");
    let changed = app.send(browse(&app, &jar, Method::PATCH, "/v1/me").json(&json!({"locale": "fr"}))).await;
    assert_eq!((changed.status, Jar::of(&changed).get("lang")), (200, "fr"));
    let other = app.send(browse(&app, &jar, Method::PATCH, "/v1/me").json(&json!({"last_name": "King"}))).await;
    assert!(other.header("set-cookie").is_empty(), "nothing new to remember");
    let by_token = ada.patch("/v1/me", json!({"locale": "it"})).await;
    assert!(by_token.header("set-cookie").is_empty(), "no browser asked");
    // The account's language, else the cookie's, else the header's.
    let absent = || app.request(Method::GET, "/v1/organizations/org_x").header("accept-language", "de");
    let signed_in = app.send(absent().bearer_auth(&ada.token).header("cookie", "lang=es")).await;
    assert_eq!(signed_in.header("content-language"), "it");
    let visitor = app.send(absent().header("cookie", "lang=es")).await;
    assert_eq!((visitor.status, visitor.header("content-language")), (401, "es"));
    assert_eq!(app.send(absent()).await.header("content-language"), "de");
}

#[actix_web::test]
async fn only_the_end_of_the_browsers_own_session_takes_its_cookies_away() {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    let jar = Jar::of(&log_in(&app).await);
    let logout = ada.request(Method::POST, "/v1/auth/logout").header("cookie", jar.header());
    let logout = app.send(logout).await;
    assert_eq!((logout.status, logout.header("set-cookie")), (204, ""), "the token's session ended");
    let sessions = app.send(browse(&app, &jar, Method::GET, "/v1/me/sessions")).await.expect(200);
    let current = sessions["data"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
    let path = format!("/v1/me/sessions/{}", current["id"].as_str().unwrap());
    let ended = app.send(browse(&app, &jar, Method::DELETE, &path)).await;
    assert_eq!(ended.status, 204);
    assert!(Jar::of(&ended).forgets("__Host-session") && Jar::of(&ended).forgets("__Host-csrf"));
    let jar = Jar::of(&log_in(&app).await);
    let left = app.send(browse(&app, &jar, Method::POST, "/v1/auth/logout")).await;
    assert!(left.status == 204 && Jar::of(&left).forgets("__Host-session"));
}

#[actix_web::test]
async fn a_browser_registers_and_refreshes_by_cookie_from_our_pages_only() {
    let app = Arc::new(TestApp::start().await);
    let body = json!({"email": "ada@example.com", "first_name": "Ada", "last_name": "King", "locale": "de",
        "organization": {"kind": "individual", "country": "CH"}});
    app.post("/v1/accounts", body).await.expect(202);
    let token = app.mail_to("ada@example.com").await.token();
    let confirmation = json!({"token": token, "password": PASSWORD, "mode": "cookie"});
    let confirm = || app.request(Method::POST, "/v1/accounts/confirm").json(&confirmation);
    app.send(confirm().header("origin", "https://evil.example")).await.refused(403, "csrf_refused");
    let confirmed = app.send(confirm().header("origin", &app.url)).await;
    let session = attributes(&confirmed, "__Host-session");
    assert!(session.contains("HttpOnly") && session.contains("Secure"), "{session}");
    let (jar, granted) = (Jar::of(&confirmed), confirmed.expect(201));
    assert_eq!(jar.get("lang"), "de");
    assert!(granted.get("access_token").is_none() && granted.get("refresh_token").is_none(), "{granted}");
    let refresh = |jar: &Jar| app.request(Method::POST, "/v1/auth/refresh").header("cookie", jar.header());
    let by_cookie = json!({"mode": "cookie"});
    app.send(refresh(&jar).json(&by_cookie)).await.refused(403, "csrf_refused");
    let refreshed = app.send(refresh(&jar).header("origin", &app.url).json(&by_cookie)).await;
    let newer = Jar::of(&refreshed);
    refreshed.expect(200);
    assert_ne!(newer.get("__Host-session"), jar.get("__Host-session"));
    app.send(browse(&app, &newer, Method::GET, "/v1/me")).await.expect(200);
}

#[actix_web::test]
async fn a_visitors_browser_keeps_its_cart_in_cookies() {
    let app = TestApp::start().await;
    let opened = app.post("/v1/carts", json!({})).await;
    let (secret, id) = (attributes(&opened, "__Host-cart"), attributes(&opened, "__Host-cart-id"));
    assert!(secret.contains("HttpOnly") && secret.contains("Secure") && secret.contains("SameSite=Lax"), "{secret}");
    assert!(!id.contains("HttpOnly"), "pages find the cart again: {id}");
    let jar = Jar::of(&opened);
    let path = format!("/v1/carts/{}", jar.get("__Host-cart-id"));
    let by_cookie = |method| app.request(method, &path).header("cookie", jar.header());
    app.send(by_cookie(Method::GET)).await.expect(200);
    app.send(by_cookie(Method::DELETE)).await.refused(403, "csrf_refused");
    app.send(by_cookie(Method::DELETE).header("origin", "https://evil.example")).await.refused(403, "csrf_refused");
    let gone = app.send(by_cookie(Method::DELETE).header("origin", &app.url)).await;
    assert!(gone.status == 204 && Jar::of(&gone).forgets("__Host-cart") && Jar::of(&gone).forgets("__Host-cart-id"));
    app.send(by_cookie(Method::GET)).await.refused(404, "not_found");
}
