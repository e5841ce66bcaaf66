//! Redemptions: what an order reserves of promo codes and free offers, and what becomes of it (ORD-4).

use chrono::Duration;

use crate::payment_methods::PaymentMethodKind;
use crate::time::Instant;
use crate::words::words;

words! {
    /// Where the redemption of a promo code stands.
    RedemptionState {
        /// By an order that isn't paid; counts against the caps.
        Reserved = "reserved",
        /// Its order was paid; counts against the caps for good.
        Redeemed = "redeemed",
        /// Its order died, or the reservation ended.
        Released = "released",
    }
}

impl RedemptionState {
    /// Whether a redemption may move to `next`. A released one is reserved anew when its order is paid after all, if the
    /// caps still leave room.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Reserved => matches!(next, Self::Redeemed | Self::Released),
            Self::Released => matches!(next, Self::Reserved),
            Self::Redeemed => false,
        }
    }

    /// Whether it counts against the caps of its code.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Reserved | Self::Redeemed)
    }
}

/// Until when a reservation holds that is made now: for a while *(config: 30 minutes)*, with a method that isn't
/// immediate until the order lapses, and never longer than the order. It doesn't end while a payment is processing.
pub fn reserved_until(
    now: Instant,
    method: PaymentMethodKind,
    lifetime: Duration,
    order_lapses_at: Instant,
) -> Instant {
    if method.is_immediate() { (now + lifetime).min(order_lapses_at) } else { order_lapses_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_redeemed_stays_so() {
        use RedemptionState::*;
        assert!(RedemptionState::ALL.iter().all(|next| !Redeemed.may_become(*next)));
        assert!(Reserved.may_become(Released) && Released.may_become(Reserved) && !Released.may_become(Redeemed));
        assert_eq!([Reserved, Redeemed, Released].map(RedemptionState::counts), [true, true, false]);
    }

    #[test]
    fn a_bank_transfer_reserves_until_the_order_lapses() {
        let now = Instant::from_micros(1_800_000_000_000_000).unwrap();
        let (half_an_hour, lapses) = (Duration::minutes(30), now + Duration::days(14));
        let until = |method, lapses| reserved_until(now, method, half_an_hour, lapses);
        assert_eq!(until(PaymentMethodKind::Card, lapses), now + half_an_hour);
        assert_eq!(until(PaymentMethodKind::BankTransfer, lapses), lapses);
        let soon = now + Duration::minutes(5);
        assert_eq!(until(PaymentMethodKind::Prepaid, soon), soon);
    }
}
