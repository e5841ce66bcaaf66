//! From text to values, one small function a kind. `None` means: it may not hold that.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use actix_web::http::Uri;
use chrono_tz::Tz;
use ipnet::IpNet;
use manager_domain::Currency;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Development,
    Production,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payments {
    Sandbox,
    Stripe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// A text that never shows itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

pub fn mode(text: &str) -> Option<Mode> {
    match text {
        "development" => Some(Mode::Development),
        "production" => Some(Mode::Production),
        _ => None,
    }
}

pub fn payments(text: &str) -> Option<Payments> {
    match text {
        "sandbox" => Some(Payments::Sandbox),
        "stripe" => Some(Payments::Stripe),
        _ => None,
    }
}

pub fn forwarded_header(text: &str) -> Option<ForwardedHeader> {
    match text.to_ascii_lowercase().as_str() {
        "x-forwarded-for" => Some(ForwardedHeader::XForwardedFor),
        "forwarded" => Some(ForwardedHeader::Forwarded),
        _ => None,
    }
}

pub fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => None,
    }
}

pub fn on_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// Empty says none.
pub fn optional<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Option<T>> {
    move |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) }
}

/// Empty says `fallback`.
pub fn or<T: Clone>(parse: impl Fn(&str) -> Option<T>, fallback: T) -> impl Fn(&str) -> Option<T> {
    move |text| if text.is_empty() { Some(fallback.clone()) } else { parse(text) }
}

pub fn list<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Vec<T>> {
    move |text| text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect()
}

/// A sender as RFC 5322 writes it: an address, or a name and an address in angle brackets.
pub fn mail_from(text: &str) -> Option<String> {
    let address = text.rsplit_once('<').map_or(Some(text), |(_, rest)| rest.strip_suffix('>'))?;
    manager_domain::emails::EmailAddress::parse(address).ok().map(|_| text.to_owned())
}

pub fn number<T: FromStr + PartialOrd + Copy>(min: T, max: T) -> impl Fn(&str) -> Option<T> {
    move |text| text.parse().ok().filter(|value| *value >= min && *value <= max)
}

pub fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

pub fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub fn secret(text: &str) -> Option<Secret> {
    (!text.trim().is_empty()).then(|| Secret::new(text.trim()))
}

/// Empty until the data folder is known.
pub fn database_url(text: &str) -> Option<Secret> {
    let file = text.strip_prefix("sqlite://").is_some_and(|path| !path.is_empty());
    let server = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    (text.is_empty() || file || server).then(|| Secret::new(text))
}

pub fn smtp_url(text: &str) -> Option<Secret> {
    let rest = text.strip_prefix("smtp://").or_else(|| text.strip_prefix("smtps://"))?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    (!host.is_empty()).then(|| Secret::new(text))
}

/// An absolute URL without its trailing slash, its origin as browsers write it: in lower case and without the port that
/// its scheme means anyway.
pub fn http_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let host = uri.host().filter(|host| !host.is_empty())?;
    if uri.query().is_some() || text.contains(['#', '@']) {
        return None;
    }
    let port = uri.authority()?.as_str().strip_prefix(host)?;
    let number = port.strip_prefix(':').map(str::parse::<u16>);
    if !port.is_empty() && !matches!(number, Some(Ok(_))) {
        return None;
    }
    let port = if port == usual { "" } else { port };
    Some(format!("{scheme}://{}{port}{}", host.to_ascii_lowercase(), uri.path().trim_end_matches('/')))
}

pub fn origin(text: &str) -> Option<String> {
    http_url(text).filter(|url| url.split_once("://").is_some_and(|(_, host)| !host.contains('/')))
}

pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

pub fn log_filter(text: &str) -> Option<String> {
    EnvFilter::builder().parse(text).ok().map(|_| text.to_owned())
}

/// A text in one line.
pub fn line(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

pub fn country(text: &str) -> Option<String> {
    manager_domain::organizations::is_country(text).then(|| text.to_owned())
}

pub fn time_zone(text: &str) -> Option<Tz> {
    text.parse().ok()
}

pub fn currencies(text: &str) -> Option<Vec<Currency>> {
    list(Currency::parse)(text).filter(|currencies| !currencies.is_empty())
}

/// A URL without its passwords, rather with too little than with one: neither what may be one between `:` and `@`, nor
/// in the query the value of a name that ends in `password` or `secret`.
pub fn mask_password(value: &str) -> String {
    let (scheme, rest) =
        value.split_once("://").map_or(("", value), |(scheme, rest)| (&value[..scheme.len() + 3], rest));
    let before_query = &rest[..rest.find('?').unwrap_or(rest.len())];
    let at = before_query.rfind('@').or_else(|| rest.rfind('@')).unwrap_or(0);
    let (user, place) = rest.split_at(at);
    let user = user.split_once(':').map_or_else(|| user.to_owned(), |(name, _)| format!("{name}:********"));
    let pairs: Vec<String> = place.split('&').map(mask_pair).collect();
    format!("{scheme}{user}{}", pairs.join("&"))
}

fn mask_pair(pair: &str) -> String {
    let secret = |name: &str| ["password", "secret"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    let end = pair.match_indices('=').map(|(at, _)| at).find(|at| secret(&pair[..*at]));
    end.map_or_else(|| pair.to_owned(), |end| format!("{}=********", &pair[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_the_origin_that_browsers_send() {
        for (said, kept) in [
            ("https://Panel.Example.com", "https://panel.example.com"),
            ("https://panel.example.com:443/", "https://panel.example.com"),
            ("HTTP://LOCALHOST:80", "http://localhost"),
            ("http://panel.example.com:443", "http://panel.example.com:443"),
            ("https://Panel.Example.com:8443/Some/Page/", "https://panel.example.com:8443/Some/Page"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(http_url(said).as_deref(), Some(kept), "{said}");
        }
        for bad in ["ftp://a", "https://", "panel.example.com", "https://a?b", "https://a:99999", "https://u@a", "/a"] {
            assert_eq!(http_url(bad), None, "{bad}");
        }
        assert_eq!(origin("https://Panel.Example.com:443").as_deref(), Some("https://panel.example.com"));
        assert_eq!(origin("https://panel.example.com/page"), None);
    }

    #[test]
    fn urls_are_shown_without_passwords() {
        for (said, shown) in [
            ("postgres://u:a@h/db", "postgres://u:********@h/db"),
            ("postgres://u@h/db?sslmode=require", "postgres://u@h/db?sslmode=require"),
            ("postgres://h/db?sslpassword=a&password=b", "postgres://h/db?sslpassword=********&password=********"),
            (
                "postgres://u:a@h/db?password=b&host=c&SSLPassword=d=e?f",
                "postgres://u:********@h/db?password=********&host=c&SSLPassword=********",
            ),
            ("postgres://h/db?password=a%26b&user=u", "postgres://h/db?password=********&user=u"),
            ("postgres://h/db?oauth_client_secret=a", "postgres://h/db?oauth_client_secret=********"),
            ("postgres://h/d=b?password=a", "postgres://h/d=b?password=********"),
            ("postgres://u:a@b@h/db", "postgres://u:********@h/db"),
            ("postgres://u:a?b@h/db?password=c", "postgres://u:********@h/db?password=********"),
            ("postgres://h:5432/db?application_name=a@b&password=c", "postgres://h:********@b&password=********"),
            ("postgres:/u:a@h/db", "postgres:********@h/db"),
            ("smtps://user:secret@mail.example.com:465", "smtps://user:********@mail.example.com:465"),
            ("sqlite://data/manager.db", "sqlite://data/manager.db"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("Manager <no-reply@manager.example>", "Manager <no-reply@manager.example>"),
        ] {
            assert_eq!(mask_password(said), shown, "{said}");
        }
    }
}
