//! The signature of a webhook: HMAC-SHA256 over the moment and the body, with the endpoint's secret (BIL-6).

use chrono::Duration;
use hmac::{Hmac, KeyInit, Mac};
use manager_domain::Instant;
use sha2::Sha256;

/// How far the signature's moment may lie from now, either way. An older one may be a recording.
pub const TOLERANCE: Duration = Duration::seconds(300);
/// More than anybody sends while a secret is changed; bounds the work of a stranger's request.
const MAX_SIGNATURES: usize = 16;

/// Why a webhook isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("a signature header that isn't one")]
    Malformed,
    #[error("a signature that was not made with the secret")]
    Wrong,
    #[error("a signature of another time")]
    Stale,
}

/// Checks a header such as `t=1772442000,v1=5257a8…` against the body as it came. One right signature suffices: while a
/// secret is being changed, there is one by each.
///
/// # Errors
/// What is wrong with it.
pub fn verify(header: &str, body: &[u8], secret: &[u8], now: Instant) -> Result<(), SignatureFault> {
    let (moment, signatures) = read(header)?;
    let mac = keyed(secret, moment, body).ok_or(SignatureFault::Malformed)?;
    // In constant time each, and all of them.
    let is_right =
        signatures.iter().fold(false, |right, signature| right | mac.clone().verify_slice(signature).is_ok());
    if !is_right {
        return Err(SignatureFault::Wrong);
    }
    // After the signature, so that a stranger learns nothing of the clock.
    let apart = now.unix_seconds().checked_sub(moment).and_then(i64::checked_abs);
    match apart {
        Some(apart) if apart <= TOLERANCE.num_seconds() => Ok(()),
        _ => Err(SignatureFault::Stale),
    }
}

/// The header for a body that leaves at `moment`.
pub fn sign(body: &[u8], secret: &[u8], moment: Instant) -> String {
    let moment = moment.unix_seconds();
    let signature = keyed(secret, moment, body).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    let hexadecimal: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={moment},v1={hexadecimal}")
}

/// HMAC takes keys of any length, so there is always one.
fn keyed(secret: &[u8], moment: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(moment.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// The moment, in seconds since 1970, and the signatures of version 1.
fn read(header: &str) -> Result<(i64, Vec<[u8; 32]>), SignatureFault> {
    let (mut moment, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) if moment.is_none() => {
                let is_plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse::<i64>().ok().filter(|_| is_plain && !text.starts_with('0'));
                moment = Some(number.ok_or(SignatureFault::Malformed)?);
            }
            Some(("t", _)) | None => return Err(SignatureFault::Malformed),
            Some(("v1", text)) if signatures.len() < MAX_SIGNATURES => signatures.extend(bytes(text)),
            // Other versions are for other times: v0 is Stripe's for tests.
            Some(_) => {}
        }
    }
    let moment = moment.ok_or(SignatureFault::Malformed)?;
    if signatures.is_empty() { Err(SignatureFault::Malformed) } else { Ok((moment, signatures)) }
}

/// 32 bytes in hexadecimal.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut out = [0_u8; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(out)
}
