//! The caller's address: forwarded headers count only when a trusted proxy sent them.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use ipnet::IpNet;

use crate::config::ForwardedHeader;
use crate::problems::Problem;

/// The address of the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().copied().unwrap_or(Self(UNKNOWN))))
    }
}

pub(super) fn address(request: &ServiceRequest, trusted: &[IpNet], believed: ForwardedHeader) -> IpAddr {
    let peer = request.peer_addr().map_or(UNKNOWN, |peer| peer.ip().to_canonical());
    if trusted.is_empty() { peer } else { behind(peer, request.headers(), trusted, believed) }
}

/// Walks from the nearest hop outward and stops at the first that isn't a trusted proxy.
fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], believed: ForwardedHeader) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer;
    let mut hops = match believed {
        ForwardedHeader::XForwardedFor => hops(headers, "x-forwarded-for", |item| item),
        ForwardedHeader::Forwarded => hops(headers, "forwarded", forwarded_for),
    };
    while is_trusted(&nearest) {
        match hops.pop().and_then(|hop| parse(&hop)) {
            Some(address) => nearest = address,
            None => break,
        }
    }
    nearest
}

fn hops(headers: &HeaderMap, name: &str, part: impl Fn(&str) -> &str) -> Vec<String> {
    let lines = headers.get_all(name).filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|item| part(item.trim()).to_owned()).collect()
}

/// The `for` of one element of RFC 7239.
fn forwarded_for(element: &str) -> &str {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case("for")).map_or("", |(_, value)| value.trim_matches('"'))
}

fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, header: (&'static str, &str)) -> String {
        let believed = match header.0 {
            "forwarded" => ForwardedHeader::Forwarded,
            _ => ForwardedHeader::XForwardedFor,
        };
        let request = TestRequest::get().insert_header(header).insert_header(("via", "proxy"));
        let request = request.peer_addr(peer.parse().unwrap()).to_srv_request();
        address(&request, &["10.0.0.0/8".parse().unwrap()], believed).to_string()
    }

    #[test]
    fn strangers_cannot_forge_their_address() {
        assert_eq!(seen("192.0.2.1:5", ("x-forwarded-for", "1.1.1.1")), "192.0.2.1");
        assert_eq!(seen("10.0.0.1:5", ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.9")), "2.2.2.2");
        assert_eq!(seen("10.0.0.1:5", ("x-forwarded-for", "nonsense")), "10.0.0.1");
        assert_eq!(
            seen("10.0.0.1:5", ("forwarded", "for=1.1.1.1, For=\"[2001:db8::1]:80\";proto=https")),
            "2001:db8::1"
        );
        // Of two headers the one that the proxies don't set is the client's own.
        let both = TestRequest::get().insert_header(("x-forwarded-for", "6.6.6.6"));
        let both = both.insert_header(("forwarded", "for=1.1.1.1")).peer_addr("10.0.0.1:5".parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(address(&both.to_srv_request(), &trusted, ForwardedHeader::Forwarded).to_string(), "1.1.1.1");
    }
}
