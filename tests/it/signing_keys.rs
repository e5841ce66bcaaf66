//! Access tokens and the keys that sign them (RFC 7519, RFC 8725, RFC 9068).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use ed25519_dalek::SigningKey as Ed25519;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use manager_services::Services;
use manager_services::signing_keys::{self, Former, KeyRing};
use manager_services::vault::Purpose;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

async fn app_with_ada() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = Person::register(&app, "ada").await;
    (app, ada)
}

async fn me(app: &TestApp, token: &str) -> Answer {
    app.send(app.request(Method::GET, "/v1/me").bearer_auth(token)).await
}

/// A token's parts, and the living key to sign others with.
struct Forge {
    header: Value,
    claims: Value,
    key: EncodingKey,
    /// The bytes that everybody may know.
    public: Vec<u8>,
}

impl Forge {
    /// With what a good token says.
    async fn of(app: &TestApp, token: &str) -> Self {
        let parts: Vec<Value> = token.split('.').take(2).map(decoded).collect();
        let rows = app.services.db.read(manager_repository::signing_keys::list).await.expect("the keys");
        let row = rows.iter().find(|row| row.kid == parts[0]["kid"].as_str().unwrap()).expect("the key");
        let secret = app.services.vault.open(Purpose::SigningKeys, row.kid.as_bytes(), &row.private_key);
        let key = private(secret.expect("the private key").as_slice().try_into().unwrap());
        Self { header: parts[0].clone(), claims: parts[1].clone(), key, public: row.public_key.clone() }
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, &self.key, Algorithm::EdDSA)
    }

    /// Otherwise good, with another member in the header; null: without it.
    fn with_header(&self, name: &str, value: Value) -> String {
        self.signed(&with(&self.header, name, value), &self.claims)
    }

    /// Otherwise good, with another claim; null: without it.
    fn with_claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header, &with(&self.claims, name, value))
    }
}

fn private(secret: [u8; 32]) -> EncodingKey {
    EncodingKey::from_ed_der(Ed25519::from_bytes(&secret).to_pkcs8_der().expect("a document").as_bytes())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
    object
}

#[actix_web::test]
async fn a_token_s_header_is_checked_member_by_member() {
    let (app, ada) = app_with_ada().await;
    let forge = Forge::of(&app, &ada.token).await;
    // The forge makes tokens that count, or else what follows would prove nothing.
    me(&app, &forge.signed(&forge.header, &with(&forge.claims, "jti", json!("another")))).await.expect(200);
    for (name, value) in [
        ("typ", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", json!(1)),
        ("alg", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("eddsa")),
        ("alg", json!("ES256")),
        ("alg", json!(["EdDSA"])),
        ("kid", Value::Null),
        ("kid", json!("")),
        ("kid", json!("unknown")),
        ("kid", json!(1)),
    ] {
        let answer = me(&app, &forge.with_header(name, value.clone())).await;
        assert_eq!(answer.status, 401, "{name}: {value}");
        answer.refused(401, "invalid_token");
    }
    let unsigned = |alg: &str| {
        let header = with(&forge.header, "alg", json!(alg));
        format!("{}.{}.", encoded(&header), encoded(&forge.claims))
    };
    for alg in ["none", "None", "EdDSA"] {
        me(&app, &unsigned(alg)).await.refused(401, "invalid_token");
    }
}

#[actix_web::test]
async fn what_others_can_sign_with_signs_nothing() {
    let (app, ada) = app_with_ada().await;
    let forge = Forge::of(&app, &ada.token).await;
    let x = URL_SAFE_NO_PAD.encode(&forge.public);
    // HMAC under what everybody knows: the public key, as bytes and as the JWKS shows it.
    let hs = with(&forge.header, "alg", json!("HS256"));
    for secret in [forge.public.as_slice(), x.as_bytes(), b""] {
        let token = signed(&hs, &forge.claims, &EncodingKey::from_secret(secret), Algorithm::HS256);
        me(&app, &token).await.refused(401, "invalid_token");
    }
    // A key of one's own, with headers that say where it is.
    let (own, foreign) = ([9; 32], private([9; 32]));
    let own = URL_SAFE_NO_PAD.encode(Ed25519::from_bytes(&own).verifying_key().to_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "own", "x": own});
    let pointers = [
        ("typ", json!("at+jwt")),
        ("jwk", jwk),
        ("jku", json!(format!("{}/.well-known/jwks.json", app.url))),
        ("x5u", json!("https://keys.example/key.pem")),
    ];
    for (name, value) in pointers {
        let header = with(&forge.header, name, value);
        for kid in [forge.header["kid"].clone(), json!("own"), Value::Null] {
            let token = signed(&with(&header, "kid", kid), &forge.claims, &foreign, Algorithm::EdDSA);
            me(&app, &token).await.refused(401, "invalid_token");
        }
        // Beside a good signature they are ignored.
        me(&app, &forge.signed(&header, &forge.claims)).await.expect(200);
    }
}

#[actix_web::test]
async fn a_token_s_claims_are_checked_one_by_one() {
    let (app, ada) = app_with_ada().await;
    let forge = Forge::of(&app, &ada.token).await;
    let now = app.services.clock.now().unix_seconds();
    for claim in ["iss", "aud", "sub", "sid", "nbf", "exp"] {
        me(&app, &forge.with_claim(claim, Value::Null)).await.refused(401, "invalid_token");
        for value in [json!({}), json!([]), json!(true), json!("nonsense"), json!(-1)] {
            // Long valid, so that nothing else is wrong with a beginning in the past.
            if (claim, &value) != ("nbf", &json!(-1)) {
                let answer = me(&app, &forge.with_claim(claim, value.clone())).await;
                assert_eq!(answer.status, 401, "{claim}: {value}");
            }
        }
    }
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("https://evil.example")),
        ("aud", json!(["https://evil.example"])),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now.to_string())),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!((now + 60).to_string())),
        ("iat", json!("now")),
        ("sub", json!(ada.session)),
        ("sid", json!(ada.account)),
    ] {
        let answer = me(&app, &forge.with_claim(claim, value.clone())).await;
        assert_eq!(answer.status, 401, "{claim}: {value}");
    }
    me(&app, &forge.with_claim("exp", json!(now + 1))).await.expect(200);
    let eve = Person::register(&app, "eve").await;
    let foreign = me(&app, &forge.with_claim("sub", json!(eve.account))).await;
    assert_eq!(foreign.status, 401, "somebody else's session");
    for claims in [json!([]), json!("claims"), json!(1)] {
        me(&app, &forge.signed(&forge.header, &claims)).await.refused(401, "invalid_token");
    }
}

#[actix_web::test]
async fn other_secrets_and_bent_tokens_are_no_access_tokens() {
    let (app, ada) = app_with_ada().await;
    app.post("/v1/auth/password-reset", json!({"email": "ada@example.com"})).await.expect(202);
    let reset = app.mail_to("ada@example.com").await.token();
    ada.post(&ada.org("/invitations"), json!({"email": "bob@example.com", "role": "member"})).await.expect(201);
    let invitation = app.mail_to("bob@example.com").await.token();
    let parts: Vec<&str> = ada.token.split('.').collect();
    let bent = format!("{}.{}x.{}", parts[0], parts[1], parts[2]);
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    let longer = format!("{}.{}", ada.token, parts[2]);
    for token in [reset, invitation, ada.refresh_token.clone(), bent, unsigned, longer, "nonsense".to_owned()] {
        me(&app, &token).await.refused(401, "invalid_token");
    }
    app.get("/v1/me").await.refused(401, "unauthenticated");
    me(&app, &ada.token).await.expect(200);
    app.advance(Duration::minutes(11));
    me(&app, &ada.token).await.refused(401, "invalid_token");
}

#[actix_web::test]
async fn keys_rotate_and_old_tokens_go_on_for_a_while() {
    let (app, ada) = app_with_ada().await;
    let before = app.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(before["keys"].as_array().unwrap().len(), 1);
    assert_eq!(before["keys"][0]["crv"], "Ed25519");
    rotate_elsewhere(&app, Former::Retire).await;
    app.advance(Duration::seconds(61));
    let after = app.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(after["keys"].as_array().unwrap().len(), 2);
    ada.get("/v1/me").await.expect(200);
    let again = Person::log_in(&app, "ada@example.com").await;
    again.get("/v1/me").await.expect(200);
    assert_ne!(kid(&again.token), kid(&ada.token), "the new key signs, though another process made it");
    // The retired key is forgotten when nothing it signed can be alive.
    app.advance(Duration::minutes(61));
    let left = app.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(left["keys"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_revoked_key_counts_no_more_after_a_minute() {
    let (app, ada) = app_with_ada().await;
    ada.get("/v1/me").await.expect(200);
    rotate_elsewhere(&app, Former::Revoke).await;
    app.advance(Duration::seconds(61));
    ada.get("/v1/me").await.refused(401, "invalid_token");
    Person::log_in(&app, "ada@example.com").await.get("/v1/me").await.expect(200);
}

/// As the command line does it: in another process, with keys of its own in memory.
async fn rotate_elsewhere(app: &TestApp, former: Former) {
    let elsewhere = Services { keys: KeyRing::default(), ..app.services.clone() };
    signing_keys::rotate(&elsewhere, former, app.services.clock.now()).await.unwrap();
}

fn kid(token: &str) -> &str {
    token.split('.').next().unwrap()
}
