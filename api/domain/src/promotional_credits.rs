//! Promotional credits: what support gives an organization to spend (PRE-1, STF-1).

use serde_json::json;

use crate::money::Money;
use crate::prepaid_accounts::{Account, Limits, wrong_currency};
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::words::words;

words! {
    /// Where a promotional credit stands.
    PromotionalCreditState {
        /// It waits for a second person.
        Requested = "requested",
        Rejected = "rejected",
        /// The organization can spend it.
        Granted = "granted",
    }
}

impl PromotionalCreditState {
    /// Whether a second person may decide on it.
    ///
    /// # Errors
    /// `promotional_credit_closed` with where it stands.
    pub fn check_undecided(self) -> Result<(), Refusal> {
        match self {
            Self::Requested => Ok(()),
            _ => Err(Refusal::new(Code::PromotionalCreditClosed).with("state", self.as_str())),
        }
    }
}

/// Whether an account may be given so much: a minor unit at least, and within what it may hold.
///
/// # Errors
/// Faults at `/amount`: `wrong_currency`, `out_of_range`; `balance_limit_reached` with the amount there is room for.
pub fn check_promotional_credit(amount: Money, account: &Account, limits: Limits) -> Result<(), Refusal> {
    if amount.currency != account.currency {
        return Err(Refusal::invalid(vec![wrong_currency("/amount/currency", account.currency)]));
    }
    if !(1..=limits.balance).contains(&amount.amount) {
        let fault = Fault::new("/amount/amount", FaultCode::OutOfRange);
        return Err(Refusal::invalid(vec![fault.with("min", 1).with("max", limits.balance)]));
    }
    let room = account.room(limits);
    if amount.amount > room {
        let available = Money::new(room, account.currency);
        return Err(Refusal::new(Code::BalanceLimitReached).with("available", json!(available)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Balances;
    use crate::money::Currency;

    #[test]
    fn a_gift_keeps_to_what_the_account_may_hold() {
        let balances = Balances { prepaid_paid: 1_999_000, ..Balances::default() };
        let account = Account { currency: Currency::Chf, balances, under_way: 0 };
        let check = |amount, currency| {
            check_promotional_credit(Money::new(amount, currency), &account, Limits::default())
                .map_err(|refusal| (refusal.code, refusal.faults.first().map(|fault| fault.code)))
        };
        let faulty = |code| Err((Code::ValidationFailed, Some(code)));
        assert_eq!(check(1_000, Currency::Chf), Ok(()));
        assert_eq!(check(1_001, Currency::Chf), Err((Code::BalanceLimitReached, None)));
        assert_eq!(check(1_000, Currency::Eur), faulty(FaultCode::WrongCurrency));
        for amount in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(check(amount, Currency::Chf), faulty(FaultCode::OutOfRange));
        }
        for state in PromotionalCreditState::ALL {
            assert_eq!(state.check_undecided().is_ok(), *state == PromotionalCreditState::Requested);
        }
    }
}
