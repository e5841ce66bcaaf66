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
