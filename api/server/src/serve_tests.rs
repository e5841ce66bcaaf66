//! The edge from outside: what every answer looks like, whoever gives it.

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::test::{TestRequest, init_service};
use actix_web::{Error, web};
use serde_json::Value;

use crate::config::Config;
use crate::serve::{app, bind, start};
use crate::startup::unconnected_parts as parts;
use crate::state::AppState;

struct Answer {
    status: u16,
    response: ServiceResponse,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
    }

    async fn text(self) -> String {
        String::from_utf8(to_bytes(self.response.into_body()).await.unwrap().to_vec()).unwrap()
    }
}

async fn ask(change: impl FnOnce(&mut Config), request: TestRequest) -> Answer {
    let mut config = Config::for_tests("sqlite://unused");
    change(&mut config);
    let state = web::Data::new(AppState::new(config, parts()));
    let panics = web::resource("/panics").to(|| async { if true { panic!("asked for") } else { "" } });
    let service = init_service(app(state).service(panics)).await;
    let answer: Result<ServiceResponse, Error> = service.call(request.to_request()).await;
    match answer {
        Ok(response) => Answer { status: response.status().as_u16(), response },
        Err(error) => {
            let request = TestRequest::default().to_http_request();
            let response = ServiceResponse::new(request, error.error_response());
            Answer { status: response.status().as_u16(), response }
        }
    }
}

#[actix_web::test]
async fn an_unknown_path_is_a_problem_in_the_callers_language() {
    let request = TestRequest::get().uri("/nowhere").insert_header(("accept-language", "de"));
    let answer = ask(|_| {}, request.insert_header(("x-request-id", "abc-1"))).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("content-language"), "de");
    assert_eq!(answer.header("x-request-id"), "abc-1");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body: Value = serde_json::from_str(&answer.text().await).unwrap();
    assert_eq!(body["code"], "not_found");
    assert_eq!(body["request_id"], "abc-1");
    assert_eq!(body["type"], "http://127.0.0.1:0/problems/not_found");
}

#[actix_web::test]
async fn a_known_path_tells_its_methods() {
    let answer = ask(|_| {}, TestRequest::post().uri("/health/live")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, OPTIONS"));
    let answer = ask(|_| {}, TestRequest::default().method(actix_web::http::Method::OPTIONS).uri("/health/live")).await;
    assert_eq!((answer.status, answer.header("allow")), (204, "GET, HEAD, OPTIONS"));
    let answer = ask(|_| {}, TestRequest::default().method(actix_web::http::Method::HEAD).uri("/health/live")).await;
    assert_eq!(answer.status, 200);
}

#[actix_web::test]
async fn a_panic_is_an_internal_error() {
    let answer = ask(|_| {}, TestRequest::get().uri("/panics").insert_header(("x-request-id", "p"))).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (500, "p"));
    assert!(answer.text().await.contains("internal_error"));
}

#[actix_web::test]
async fn only_listed_origins_may_read() {
    let listed = |config: &mut Config| config.cors_origins = vec!["https://app.example.com".to_owned()];
    let from = |origin: &str| TestRequest::get().uri("/health/live").insert_header(("origin", origin.to_owned()));
    let answer = ask(listed, from("https://app.example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    assert_eq!(answer.header("vary"), "Origin");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let exposed = answer.header("access-control-expose-headers");
    for name in ["ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"] {
        assert!(exposed.split(',').any(|known| known.trim() == name), "{name} in {exposed}");
    }
    let answer = ask(listed, from("https://evil.example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let preflight = TestRequest::default().method(actix_web::http::Method::OPTIONS).uri("/v1/anything");
    let preflight = preflight.insert_header(("origin", "https://app.example.com"));
    let answer = ask(listed, preflight.insert_header(("access-control-request-method", "POST"))).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-headers").contains("X-CSRF-Token"));
}

#[actix_web::test]
async fn an_empty_bucket_refuses_with_the_time_to_wait() {
    let mut config = Config::for_tests("sqlite://unused");
    (config.rate_limits, config.rate_burst, config.rate_per_second) = (true, 2, 1);
    let service = init_service(app(web::Data::new(AppState::new(config, parts())))).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let response = service.call(TestRequest::get().uri("/problems").to_request()).await.unwrap();
        assert_eq!(response.headers().get("ratelimit-policy").unwrap(), "\"address\";q=2;w=2");
        assert!(response.headers().contains_key("ratelimit"));
        statuses.push((response.status().as_u16(), response.headers().contains_key("retry-after")));
    }
    assert_eq!(statuses, [(200, false), (200, false), (429, true)]);
}

#[actix_web::test]
async fn every_answer_tells_browsers_what_they_must_not_do_with_it() {
    for (path, status) in [("/health/live", 200), ("/nowhere", 404), ("/panics", 500), ("/openapi.json", 200)] {
        let answer = ask(|_| {}, TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: not where the address isn't https");
    }
    let docs = ask(|_| {}, TestRequest::get().uri("/docs/")).await;
    assert!(docs.header("content-security-policy").starts_with("default-src 'self'"));
    let https = |config: &mut Config| config.public_url_said = Some("https://panel.example.com".to_owned());
    let answer = ask(https, TestRequest::get().uri("/health/live")).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

#[actix_web::test]
async fn a_customer_has_one_bucket_whichever_of_its_addresses_asks() {
    let mut config = Config::for_tests("sqlite://unused");
    (config.rate_limits, config.rate_burst, config.rate_per_second) = (true, 2, 1);
    let service = init_service(app(web::Data::new(AppState::new(config, parts())))).await;
    let mut statuses = Vec::new();
    for address in ["2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "2001:db8:1:1::3", "2001:db8:1:2::1", "192.0.2.1"] {
        let request =
            TestRequest::get().uri("/problems").peer_addr((address.parse::<std::net::IpAddr>().unwrap(), 1).into());
        statuses.push(service.call(request.to_request()).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200]);
}

#[actix_web::test]
async fn pages_docs_and_links_are_there() {
    for path in [
        "/docs/",
        "/openapi.json",
        "/v1/settings",
        "/problems",
        "/problems/not_found",
        "/links/registration",
        "/links/app.js",
    ] {
        assert_eq!(ask(|_| {}, TestRequest::get().uri(path)).await.status, 200, "{path}");
    }
    for path in ["/problems/nothing", "/links/nothing"] {
        assert_eq!(ask(|_| {}, TestRequest::get().uri(path)).await.status, 404, "{path}");
    }
    let page = ask(|_| {}, TestRequest::get().uri("/links/login-id-undo")).await;
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert!(page.text().await.contains("name=\"new_password\""));
}

#[actix_web::test]
async fn a_server_starts_on_a_free_port_and_stops() {
    let mut config = Config::for_tests("sqlite://unused");
    config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    let listener = bind(&mut config).unwrap();
    let server = start(config, listener, parts()).await.unwrap();
    assert_eq!(&*server.state.public_url, server.url());
    let get = |address: std::net::SocketAddr, path: &'static str| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(get(server.address, "/health/ready").await.starts_with("HTTP/1.1 200"));
    let metrics = get(server.metrics_address.unwrap(), "/metrics").await;
    assert!(metrics.contains("route=\"/health/ready\""), "{metrics}");
    server.stop().await.unwrap();
}
