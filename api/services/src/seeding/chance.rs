//! Chance that repeats itself: the same seed gives the same people, orders and ids.

use std::sync::{Mutex, PoisonError};

use manager_domain::Instant;
use manager_domain::ids::IdGenerator;
use uuid::{Builder, Uuid};

/// SplitMix64, a stream for each seed and number.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    pub fn new(seed: u64, number: u64) -> Self {
        Self(mixed(mixed(seed).wrapping_add(number)))
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Less than `bound`, or 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or_default()
    }

    /// One of a few; `None` where there is nothing.
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    pub fn word<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.one_of(from).copied().unwrap_or_default()
    }

    pub fn salt(&mut self) -> [u8; 16] {
        (u128::from(self.roll()) << 64 | u128::from(self.roll())).to_be_bytes()
    }
}

/// UUIDv7 from dice; they grow within a millisecond too, as the real ones do.
pub(super) struct RepeatableIds(Mutex<Last>);

struct Last {
    dice: Dice,
    millis: u64,
    count: u16,
}

impl RepeatableIds {
    pub fn new(dice: Dice) -> Self {
        Self(Mutex::new(Last { dice, millis: 0, count: 0 }))
    }
}

impl IdGenerator for RepeatableIds {
    fn uuid(&self, now: Instant) -> Uuid {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = u64::try_from(now.utc().timestamp_millis()).unwrap_or_default();
        if millis > last.millis {
            (last.millis, last.count) = (millis, 0);
        } else if last.count == 0xfff {
            (last.millis, last.count) = (last.millis + 1, 0);
        } else {
            last.count += 1;
        }
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&last.count.to_be_bytes());
        bytes[2..].copy_from_slice(&last.dice.roll().to_be_bytes());
        Builder::from_unix_timestamp_millis(last.millis, &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_repeat_themselves() {
        let now = Instant::from_micros(1_772_442_000_000_000).unwrap();
        let made = |count: usize| {
            let ids = RepeatableIds::new(Dice::new(1, 1));
            (0..count).map(|_| ids.uuid(now)).collect::<Vec<_>>()
        };
        let ids = made(10_000);
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert_eq!(ids, made(10_000));
        assert_eq!(ids[0].get_version_num(), 7);
    }
}
