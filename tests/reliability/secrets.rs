//! What people type to prove who they are, and what they get for it, is in no log, no audit log and no problem.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use manager_tests::customers::registration;
use manager_tests::people::PASSWORD;
use manager_tests::smtp::MailServer;
use manager_tests::{Answer, Customer, Installation, Process, Value, json};
use reqwest::{Method, RequestBuilder};

const RESET: &str = "eleven badgers paint slow bridges";
const WRONG: &str = "correct horse battery staple";
const WEAK: &str = "qwertyuiop12";

/// Everything secret that went over the wire, and every refusal.
struct Witness<'a> {
    installation: &'a Installation,
    server: &'a Process,
    secrets: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

impl Witness<'_> {
    /// Remembers a secret by the part of it that nobody can guess.
    fn keep(&mut self, what: &'static str, secret: &str) {
        let tail = match secret.rsplit_once('.') {
            Some((_, signature)) => signature,
            None => secret.split_once('_').map_or(secret, |(_, rest)| rest),
        };
        assert!(tail.len() >= 6, "{what}: {secret}");
        self.secrets.push((what, tail.to_owned()));
    }

    fn keep_all(&mut self, granted: &Value, names: &[&'static str]) {
        for name in names {
            let secret = granted[*name].as_str().unwrap_or_else(|| panic!("{name} in {granted}"));
            self.keep(name, secret);
        }
    }

    /// The answer, remembered where it is a problem. Cookies are secrets.
    async fn ask(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.server.answer(request).await;
        if answer.status >= 400 {
            self.problems.push(format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.bytes)));
            return answer;
        }
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a cookie").split(';').next().unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("a value");
            if !value.is_empty() && !["__Host-cart-id", "lang"].contains(&name) {
                self.keep("cookie", value);
            }
        }
        answer
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask(self.server.request(Method::POST, path).json(&body)).await
    }

    async fn raw(&mut self, path: &str, body: &str) -> Answer {
        let request = self.server.request(Method::POST, path).header("content-type", "application/json");
        self.ask(request.body(body.to_owned())).await
    }

    async fn mailed(&mut self, email: &str) -> String {
        self.installation.settled().await;
        let token = self.server.token_to(email).await;
        self.keep("mailed token", &token);
        token
    }

    async fn register(&mut self, email: &str) -> Customer {
        let asked = self.post("/v1/accounts", registration(email)).await.expect(202);
        let token = self.mailed(email).await;
        let code = self.server.mail_to(email).await["code"].as_str().expect("a code").to_owned();
        self.secrets.push(("code", code.clone()));
        let confirm = "/v1/accounts/confirm";
        let by_code =
            |code: &str| json!({"registration_id": asked["registration_id"], "code": code, "password": PASSWORD});
        self.post(confirm, by_code(if code == "918273" { "918274" } else { "918273" }))
            .await
            .refused(422, "code_refused");
        self.post(confirm, json!({"token": token, "password": WEAK})).await.refused(422, "password_refused");
        self.post(confirm, json!({"token": token, "password": [PASSWORD]})).await.refused(422, "validation_failed");
        self.post(confirm, json!({"token": token, "code": code, "password": PASSWORD})).await;
        self.raw(confirm, &format!(r#"{{"token": "{token}", "password": "{PASSWORD}""#))
            .await
            .refused(400, "malformed_json");
        let granted = self.post(confirm, by_code(&code)).await.expect(201);
        self.keep_all(&granted, &["access_token", "refresh_token"]);
        self.post(confirm, json!({"token": token, "password": PASSWORD})).await.expect(410);
        Customer::log_in(self.server, email).await
    }

    async fn log_in(&mut self, email: &str, password: &str) -> Value {
        let login = "/v1/auth/login";
        self.post(login, json!({"email": email, "password": WRONG})).await.refused(401, "invalid_credentials");
        self.post(login, json!({"email": "nobody@example.com", "password": WRONG})).await.expect(401);
        self.post(login, json!({"email": email, "password": password, "mode": WRONG})).await.expect(422);
        let body = json!({"email": email, "password": password, "mode": "cookie"});
        let browser = self.server.request(Method::POST, login).header("origin", "http://localhost:8080").json(&body);
        let granted = self.ask(browser).await.expect(200);
        self.keep_all(&granted, &["csrf_token"]);
        let granted = self.post(login, json!({"email": email, "password": password})).await.expect(200);
        self.keep_all(&granted, &["access_token", "refresh_token", "device_token"]);
        granted
    }

    async fn refresh(&mut self, granted: &Value) {
        let body = json!({"refresh_token": granted["refresh_token"]});
        let next = self.post("/v1/auth/refresh", body).await.expect(200);
        self.keep_all(&next, &["access_token", "refresh_token"]);
        for token in [&granted["refresh_token"], &json!(format!("{}x", next["access_token"].as_str().unwrap()))] {
            let request = self.server.request(Method::GET, "/v1/me").bearer_auth(token.as_str().unwrap());
            self.ask(request).await.refused(401, "invalid_token");
        }
        self.post("/v1/auth/refresh", json!({"refresh_token": next["access_token"]})).await.expect(401);
    }

    /// A visitor fills a cart; the customer takes it over.
    async fn visit(&mut self, customer: &Customer) {
        let opened = self.post("/v1/carts", json!({"country": "CH"})).await.expect(201);
        self.keep_all(&opened, &["token"]);
        let (id, token) = (opened["cart"]["id"].as_str().unwrap(), opened["token"].as_str().unwrap());
        let items = self.server.request(Method::POST, &format!("/v1/carts/{id}/items")).header("x-cart-token", token);
        let bad = json!({"offer": token, "frequency": "yearly"});
        self.ask(items.json(&bad)).await.refused(422, "validation_failed");
        let claim = customer.request(self.server, Method::POST, &format!("/v1/carts/{id}/claim"));
        let claim = || claim.try_clone().expect("a request").header("x-cart-token", token);
        let body = json!({"organization": customer.organization});
        self.ask(claim().json(&body)).await.expect(200);
        self.ask(claim().json(&body)).await.refused(404, "not_found");
    }

    async fn order(&mut self, customer: &Customer) {
        let cart = customer.prepare(self.server, "engines.ch").await;
        self.keep("price token", &cart.price_token);
        let card = "sandbox_declined_insufficient_funds";
        self.secrets.push(("card", card.to_owned()));
        let declined = self.ask(customer.checkout(self.server, &cart, card)).await.refused(402, "payment_failed");
        let card = "sandbox_succeeds";
        self.secrets.push(("card", card.to_owned()));
        let order = declined["order"].as_str().expect("an order");
        self.ask(customer.pay(self.server, order, card)).await.expect(201);
        let again = customer.checkout(self.server, &cart, card).header("idempotency-key", "another");
        assert!(self.ask(again).await.status >= 400);
    }

    async fn invite(&mut self, customer: &Customer) {
        let body = json!({"email": "bob@example.com", "role": "member"});
        let request = customer.request(self.server, Method::POST, &customer.org("/invitations")).json(&body);
        self.ask(request).await.expect(201);
        let token = self.mailed("bob@example.com").await;
        self.post("/v1/invitations/lookup", json!({"token": token})).await.expect(200);
        let accept = customer.request(self.server, Method::POST, "/v1/invitations/accept");
        self.ask(accept.json(&json!({"token": token}))).await.refused(403, "invitation_not_for_you");
    }

    async fn reset(&mut self, email: &str) {
        self.post("/v1/auth/password-reset", json!({"email": email})).await.expect(202);
        let token = self.mailed(email).await;
        let confirm = "/v1/auth/password-reset/confirm";
        self.post(confirm, json!({"token": token, "password": WEAK})).await.refused(422, "password_refused");
        self.post(confirm, json!({"token": token, "password": RESET})).await.expect(204);
        self.post(confirm, json!({"token": token, "password": RESET})).await.refused(410, "token_lapsed");
    }

    /// Checks that none of the secrets is in a text.
    fn absent(&self, place: &str, text: &str) {
        for (what, secret) in &self.secrets {
            let found = text.match_indices(secret.as_str()).find(|(at, _)| {
                // Six digits are a code unless they are part of something longer, such as a moment.
                let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
                *what != "code" || !(part(text[..*at].chars().last()) || part(text[at + 6..].chars().next()))
            });
            let near = |at: usize| text[..at].chars().rev().take(120).collect::<Vec<_>>();
            let near = found.map(|(at, _)| near(at).into_iter().rev().collect::<String>());
            assert!(near.is_none(), "a {what} in the {place}, after {near:?}");
        }
    }
}

async fn whole(server: &Process, customer: &Customer, list: &str) -> String {
    let page = customer.get(server, list).await.expect(200);
    assert!(page["data"].as_array().is_some_and(|entries| !entries.is_empty()), "{list}: {page}");
    page.to_string()
}

#[actix_web::test]
async fn no_secret_is_in_logs_audit_logs_or_problems() {
    let mut installation = Installation::new();
    installation.set("MANAGER_LOG", "trace");
    let server = installation.start().await;
    let mut witness =
        Witness { installation: &installation, server: &server, secrets: Vec::new(), problems: Vec::new() };
    let passwords =
        [("password", PASSWORD), ("new password", RESET), ("wrong password", WRONG), ("weak password", WEAK)];
    witness.secrets.extend(passwords.map(|(what, password)| (what, password.to_owned())));
    let email = "ada@example.com";
    let ada = witness.register(email).await;
    let granted = witness.log_in(email, PASSWORD).await;
    witness.refresh(&granted).await;
    let step_up = ada.request(&server, Method::POST, "/v1/auth/step-up").json(&json!({"password": WRONG}));
    witness.ask(step_up).await.refused(403, "wrong_password");
    witness.visit(&ada).await;
    witness.order(&ada).await;
    witness.invite(&ada).await;
    let audit = whole(&server, &ada, &ada.org("/audit-log?limit=100")).await;
    witness.reset(email).await;
    let token = witness.log_in(email, RESET).await["access_token"].as_str().expect("a token").to_owned();
    let ada = Customer { token, ..ada };
    let security = whole(&server, &ada, "/v1/me/security-log?limit=100").await;
    installation.settled().await;
    server.stop().await;

    let log = server.log();
    assert!(log.contains("/v1/auth/login") && log.contains("/v1/accounts/confirm"), "requests are logged: {log}");
    witness.absent("log", &log);
    witness.absent("audit log", &audit);
    witness.absent("security log", &security);
    assert!(witness.problems.len() >= 20, "{:?}", witness.problems);
    witness.absent("problems", &witness.problems.join("\n"));
}

async fn soon(not: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{not}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn no_secret_of_mails_or_of_the_mail_server_is_logged() {
    let mails = MailServer::start();
    let mut installation = Installation::new();
    installation.set("MANAGER_LOG", "trace");
    installation.set("MANAGER_SMTP_URL", mails.url.replace("smtp://", "smtp://us:hunter2-of-mails@"));
    installation.set("MANAGER_DEV_MAIL_LISTEN", "");
    let server = installation.start().await;
    // A connection that is open already wouldn't ask for the password again.
    mails.refuse(Some(("AUTH", "535 5.7.8 Authentication credentials invalid")));
    server.post("/v1/accounts", registration("bob@example.com")).await.expect(202);
    soon("no mail was tried", || server.log().contains("\"a job failed\"")).await;
    mails.refuse(None);
    server.post("/v1/accounts", registration("ada@example.com")).await.expect(202);
    soon("no mail was sent", || !mails.taken().is_empty()).await;
    server.stop().await;
    let taken = mails.taken();
    let witness = Witness {
        installation: &installation,
        server: &server,
        secrets: vec![
            ("mail server's password", "hunter2-of-mails".to_owned()),
            ("mail server's password in base64", STANDARD.encode("\0us\0hunter2-of-mails")),
            ("mailed token", taken[0].token()),
        ],
        problems: Vec::new(),
    };
    witness.absent("log", &server.log());
}
