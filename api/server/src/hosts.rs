//! Whether a request to a loopback listener was meant for it.

use std::net::SocketAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HOST;

/// A page of another site that rebound its name to this machine still says its own name.
pub(crate) fn is_for_us(request: &HttpRequest, address: SocketAddr) -> bool {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let port = address.port();
    host == address.to_string() || host == format!("localhost:{port}") || host == format!("127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_our_own_names_are_for_us() {
        let address: SocketAddr = "127.0.0.1:8025".parse().unwrap();
        let says =
            |host: &'static str| is_for_us(&TestRequest::get().insert_header((HOST, host)).to_http_request(), address);
        assert!(says("127.0.0.1:8025") && says("localhost:8025"));
        assert!(!says("evil.example:8025") && !says("localhost") && !says("127.0.0.1:80") && !says(""));
    }
}
