//! A bucket of requests for every address, told in `RateLimit` and `RateLimit-Policy`.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use manager_domain::Code;

use crate::config::Config;
use crate::problems::Problem;

/// Requests after which buckets that are full again are forgotten.
const SWEEP: u32 = 100_000;

pub struct Limiter {
    buckets: DefaultKeyedRateLimiter<IpAddr, StateInformationMiddleware>,
    burst: u32,
    per_second: u32,
    policy: HeaderValue,
    checks: AtomicU32,
}

/// How much is left.
pub struct Standing {
    remaining: u32,
}

pub struct Refused {
    pub standing: Standing,
    pub problem: Problem,
}

impl Limiter {
    pub fn new(config: &Config) -> Self {
        let burst = NonZeroU32::new(config.rate_burst).unwrap_or(NonZeroU32::MIN);
        let per_second = NonZeroU32::new(config.rate_per_second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let window = burst.get().div_ceil(per_second.get());
        let policy = HeaderValue::from_str(&format!("\"address\";q={burst};w={window}"));
        Self {
            buckets: RateLimiter::keyed(quota).with_middleware(),
            burst: burst.get(),
            per_second: per_second.get(),
            policy: policy.unwrap_or(HeaderValue::from_static("\"address\"")),
            checks: AtomicU32::new(1),
        }
    }

    pub fn check(&self, address: IpAddr) -> Result<Standing, Refused> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
            self.buckets.retain_recent();
        }
        match self.buckets.check_key(&key(address)) {
            Ok(snapshot) => Ok(Standing { remaining: snapshot.remaining_burst_capacity() }),
            Err(until) => {
                let wait = until.wait_time_from(self.buckets.clock().now()).as_secs();
                let seconds = u32::try_from(wait).unwrap_or(u32::MAX).saturating_add(1);
                let problem = Problem::new(Code::TooManyRequests).retry_after(seconds);
                Err(Refused { standing: Standing { remaining: 0 }, problem })
            }
        }
    }

    /// As in draft-ietf-httpapi-ratelimit-headers: quota, window, remaining, seconds until all of it is back.
    pub fn write(&self, headers: &mut HeaderMap, standing: &Standing) {
        let reset = (self.burst - standing.remaining.min(self.burst)).div_ceil(self.per_second);
        headers.insert(HeaderName::from_static("ratelimit-policy"), self.policy.clone());
        if let Ok(value) = HeaderValue::from_str(&format!("\"address\";r={};t={reset}", standing.remaining)) {
            headers.insert(HeaderName::from_static("ratelimit"), value);
        }
    }
}

/// An IPv6 customer has a whole /64.
fn key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
