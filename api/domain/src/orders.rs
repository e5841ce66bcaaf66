//! Where an order stands (ORD-6, ORD-7).

use crate::words::words;

words! {
    /// Where an order stands.
    OrderStatus {
        /// Waits for its payment.
        Open = "open",
        /// Paid, or free of charge; its products live.
        Paid = "paid",
        /// Called off by a member.
        Cancelled = "cancelled",
        /// Not paid in time.
        Lapsed = "lapsed",
    }
}

impl OrderStatus {
    pub const fn may_become(self, next: Self) -> bool {
        matches!((self, next), (Self::Open, Self::Paid | Self::Cancelled | Self::Lapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::OrderStatus;

    #[test]
    fn only_an_open_order_moves() {
        for status in OrderStatus::ALL {
            let moves = OrderStatus::ALL.iter().filter(|next| status.may_become(**next)).count();
            assert_eq!(moves, if *status == OrderStatus::Open { 3 } else { 0 }, "{status:?}");
        }
    }
}
