//! HTTP clients for servers on this machine.

use std::sync::Arc;

use reqwest::ClientBuilder;

/// A client that follows no redirects. It speaks plain HTTP only: the TLS that the program under test brings along has no
/// default that a client could be made of.
pub fn client() -> ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("TLS versions").with_root_certificates(rustls::RootCertStore::empty());
    let redirects = reqwest::redirect::Policy::none();
    reqwest::Client::builder().redirect(redirects).tls_backend_preconfigured(builder.with_no_client_auth())
}
