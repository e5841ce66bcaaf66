//! Orders: their states (ORD-6).

use crate::words::words;

words! {
    /// Where an order stands.
    OrderState {
        /// Payable.
        Open = "open",
        Paid = "paid",
        /// Closed by the customer before it was paid.
        Cancelled = "cancelled",
        /// Not paid in time.
        Lapsed = "lapsed",
    }
}

impl OrderState {
    /// Whether an order may move to `next`: only open ones move.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(self, Self::Open) && !matches!(next, Self::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::OrderState;

    #[test]
    fn only_an_open_order_moves() {
        for from in OrderState::ALL {
            for to in OrderState::ALL {
                assert_eq!(from.may_become(*to), *from == OrderState::Open && *to != OrderState::Open);
            }
        }
    }
}
