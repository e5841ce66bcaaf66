//! Bounds on attempts, counted in the database so that all server processes share them.

use std::net::{IpAddr, Ipv6Addr};

use chrono::Duration;
use manager_domain::ids::AccountId;
use manager_domain::{Code, Instant, Refusal};
use manager_repository::{AnyConnection, throttles as rows};

use crate::Services;
use crate::errors::Result;
use crate::vault::Purpose;

/// A bound on how often something may be tried within a window.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub name: &'static str,
    pub max: i32,
    pub window: Duration,
}

/// Wrong passwords for one address, known or not.
pub const LOGIN_ADDRESS: Limit = Limit { name: "login_address", max: 10, window: Duration::minutes(15) };
/// Wrong passwords from a device that logged in before: a bucket of its own, so that strangers can't lock it out.
pub const LOGIN_DEVICE: Limit = Limit { name: "login_device", max: 10, window: Duration::minutes(15) };
/// Wrong passwords from one network address.
pub const LOGIN_IP: Limit = Limit { name: "login_ip", max: 100, window: Duration::minutes(15) };
/// Registration mails that strangers can cause to one address.
pub const MAILS_REGISTRATION: Limit = Limit { name: "mails_registration", max: 5, window: Duration::hours(1) };
/// Reset mails that strangers can cause to one address: apart, so that registrations for it don't use them up.
pub const MAILS_RESET: Limit = Limit { name: "mails_reset", max: 5, window: Duration::hours(1) };
/// Reset mails to the account of a device that logged in before.
pub const MAILS_RESET_DEVICE: Limit = Limit { name: "mails_reset_device", max: 5, window: Duration::hours(1) };
/// Mails that one account can cause to one address; others who have business with the address aren't kept from it.
pub const MAILS_ACCOUNT: Limit = Limit { name: "mails_account", max: 5, window: Duration::hours(1) };
/// Documents that one account has mailed to itself.
pub const MAILS_DOCUMENTS: Limit = Limit { name: "mails_documents", max: 20, window: Duration::hours(1) };
/// Mails that one network address can cause.
pub const MAILS_IP: Limit = Limit { name: "mails_ip", max: 60, window: Duration::hours(1) };
/// Wrong codes for one address; after them only the link works.
pub const CODES: Limit = Limit { name: "codes", max: 15, window: Duration::days(1) };
/// Wrong codes from one network address, whatever they were meant for.
pub const CODES_IP: Limit = Limit { name: "codes_ip", max: 40, window: Duration::hours(1) };
/// Wrong passwords given again inside a session (step-up and sensitive changes).
pub const CONFIRMATIONS: Limit = Limit { name: "confirmations", max: 10, window: Duration::minutes(15) };
/// Wrong old passwords given with one undo link.
pub const UNDO: Limit = Limit { name: "undo", max: 10, window: Duration::hours(1) };
/// Requests for a new login ID, so that `login_id_taken` is no directory of addresses.
pub const LOGIN_ID_CHANGES: Limit = Limit { name: "login_id_changes", max: 10, window: Duration::hours(1) };
/// Carts that visitors of one network open.
pub const CARTS_IP: Limit = Limit { name: "carts_ip", max: 300, window: Duration::hours(1) };
/// Promo codes that one account tries without success, so that codes can't be enumerated (ORD-3).
pub const PROMO_CODES_ACCOUNT: Limit = Limit { name: "promo_codes_account", max: 30, window: Duration::hours(1) };
/// Promo codes that are tried without success from one network address.
pub const PROMO_CODES_IP: Limit = Limit { name: "promo_codes_ip", max: 60, window: Duration::hours(1) };
/// Pictures one account uploads.
pub const AVATARS: Limit = Limit { name: "avatars", max: 20, window: Duration::hours(1) };
/// Invitations one account can send.
pub const INVITATIONS: Limit = Limit { name: "invitations", max: 50, window: Duration::hours(1) };

/// Wrong passwords of all addresses together. It hits strangers only: known devices don't count in it.
pub fn login_global(services: &Services) -> Limit {
    Limit { name: "login_global", max: services.settings.guesses_at_most, window: Duration::minutes(15) }
}

/// Wrong codes of all addresses together; links go on working.
pub fn codes_global(services: &Services) -> Limit {
    Limit { name: "codes_global", max: services.settings.guesses_at_most, window: Duration::minutes(15) }
}

/// The key under which one account's mails to an address are counted.
pub fn account_and_address(account: AccountId, address_key: &str) -> String {
    format!("{account}\0{address_key}")
}

fn bucket(services: &Services, limit: Limit, key: &str) -> [u8; 32] {
    services.vault.mac(Purpose::Throttles, format!("{}\0{key}", limit.name).as_bytes())
}

fn refusal(now: Instant, window_ends_at: Instant) -> Refusal {
    let seconds = (window_ends_at - now).num_seconds().max(1);
    Refusal::new(Code::TooManyRequests).retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// Refuses with 429 once the bound is used up; counts nothing.
pub fn check(conn: &mut AnyConnection, services: &Services, now: Instant, limit: Limit, key: &str) -> Result<()> {
    if !services.settings.rate_limits {
        return Ok(());
    }
    match rows::peek(conn, &bucket(services, limit, key), now)? {
        Some(count) if count.count >= limit.max => Err(refusal(now, count.window_ends_at).into()),
        _ => Ok(()),
    }
}

/// Counts one attempt, or refuses with 429 when it is one too many: exact, however many come at once. The caller's
/// transaction must commit for the count to stand.
pub fn take(tx: &mut AnyConnection, services: &Services, now: Instant, limit: Limit, key: &str) -> Result<()> {
    if !services.settings.rate_limits {
        return Ok(());
    }
    let bucket = bucket(services, limit, key);
    let (counted, count) = rows::count(tx, &bucket, limit.max, now, now + limit.window)?;
    if counted { Ok(()) } else { Err(refusal(now, count.window_ends_at).into()) }
}

/// Counts an invitation of an address by an account, and its mail.
///
/// # Errors
/// `too_many_requests`.
pub(crate) fn take_invitation(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    account: AccountId,
    address_key: &str,
) -> Result<()> {
    take(tx, services, now, INVITATIONS, &account.to_string())?;
    take(tx, services, now, MAILS_ACCOUNT, &account_and_address(account, address_key))
}

/// Takes an attempt back that turned out to be none.
pub fn give_back(tx: &mut AnyConnection, services: &Services, limit: Limit, key: &str) -> Result<()> {
    Ok(rows::give_back(tx, &bucket(services, limit, key))?)
}

/// The network an address belongs to, as far as one customer reaches: an IPv6 customer has a whole /64.
pub fn network(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
        _ => ip.to_owned(),
    }
}

/// Forgets earlier attempts, after a success.
pub fn reset(tx: &mut AnyConnection, services: &Services, limit: Limit, key: &str) -> Result<()> {
    Ok(rows::reset(tx, &bucket(services, limit, key))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_network() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }
}
