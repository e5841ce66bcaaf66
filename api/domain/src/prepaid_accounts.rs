//! The prepaid account: what can be topped up, spent and shown (PRE-2, PRE-3, PRE-5, PRE-6).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ledger::{Balances, PrepaidParts};
use crate::money::{Currency, Money};
use crate::payment_methods::PaymentMethodKind;
use crate::refusals::{Code, Fault, FaultCode, Refusal};

/// How much can be topped up; minor units of either currency *(config)*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At a time.
    pub minimum: i64,
    /// At a time.
    pub maximum: i64,
    /// What an account may hold, held money included.
    pub balance: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { minimum: 1_000, maximum: 500_000, balance: 2_000_000 }
    }
}

/// Who may top up what by a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodLimits {
    pub method: PaymentMethodKind,
    pub minimum: Money,
    pub maximum: Money,
}

impl Limits {
    /// The methods that top up in this currency, with their limits.
    pub fn of_methods(self, currency: Currency) -> Vec<MethodLimits> {
        let good = |method: &PaymentMethodKind| method.tops_up() && method.pays_in(currency);
        let methods = PaymentMethodKind::ALL.iter().copied().filter(good);
        let money = |amount| Money::new(amount, currency);
        let limits = |method| MethodLimits { method, minimum: money(self.minimum), maximum: money(self.maximum) };
        methods.map(limits).collect()
    }
}

/// An account that is topped up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub currency: Currency,
    pub balances: Balances,
    /// Top-ups under way, in minor units: they count against the limit.
    pub under_way: i64,
}

impl Account {
    /// What the limit leaves room for, in minor units.
    pub fn room(&self, limits: Limits) -> i64 {
        limits.balance.saturating_sub(self.balances.total()).saturating_sub(self.under_way).max(0)
    }
}

/// Whether an amount can be topped up by a method (PRE-2).
///
/// # Errors
/// Faults at `/amount`: `wrong_currency`, `out_of_range`; `payment_method_unavailable`; `balance_limit_reached` with the
/// amount that there is room for.
pub fn check_top_up(
    amount: Money,
    method: PaymentMethodKind,
    account: &Account,
    limits: Limits,
) -> Result<(), Refusal> {
    if amount.currency != account.currency {
        return Err(Refusal::invalid(vec![wrong_currency("/amount/currency", account.currency)]));
    }
    if !method.tops_up() || !method.pays_in(amount.currency) {
        return Err(Refusal::new(Code::PaymentMethodUnavailable).with("payment_method", method.as_str()));
    }
    if !(limits.minimum..=limits.maximum).contains(&amount.amount) {
        let fault = Fault::new("/amount/amount", FaultCode::OutOfRange);
        return Err(Refusal::invalid(vec![fault.with("min", limits.minimum).with("max", limits.maximum)]));
    }
    let room = account.room(limits);
    if amount.amount > room {
        return Err(
            Refusal::new(Code::BalanceLimitReached).with("available", json!(Money::new(room, account.currency)))
        );
    }
    Ok(())
}

/// The fault of an amount in another currency than the account's.
pub fn wrong_currency(pointer: &str, expected: Currency) -> Fault {
    Fault::new(pointer, FaultCode::WrongCurrency).with("expected", expected.as_str())
}

/// How much of what is due the prepaid account is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it, or nothing is paid.
    Whole,
    /// What it has, at most so many minor units; another method pays the rest.
    AtMost(i64),
    /// What it has.
    AllItHas,
}

/// What the prepaid account pays, and what is left for another method; minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    pub prepaid: PrepaidParts,
    pub other: i64,
}

/// The promotional balance is spent first (PRE-3).
///
/// # Errors
/// `insufficient_balance` where the whole was asked for.
pub fn spend(due: Money, available: PrepaidParts, share: Share) -> Result<Spending, Refusal> {
    let due_amount = due.amount.max(0);
    let most = match share {
        Share::Whole if available.total() < due_amount => {
            let money = |amount| json!(Money::new(amount, due.currency));
            let refusal = Refusal::new(Code::InsufficientBalance).with("available", money(available.total()));
            return Err(refusal.with("required", money(due_amount)));
        }
        Share::Whole | Share::AllItHas => due_amount,
        Share::AtMost(most) => most.clamp(0, due_amount),
    };
    let promotional = most.min(available.promotional).max(0);
    let paid = (most - promotional).min(available.paid).max(0);
    Ok(Spending { prepaid: PrepaidParts { promotional, paid }, other: due_amount - promotional - paid })
}

/// Automatic top-up; off where there is none (PRE-6). Minor units of the account's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoTopUp {
    /// Below this it tops up.
    pub threshold: i64,
    /// To this.
    pub target: i64,
    /// At most this in a calendar month of the billing time zone.
    pub monthly_ceiling: i64,
}

impl AutoTopUp {
    /// All that is wrong with it.
    pub fn faults(&self, limits: Limits) -> Vec<Fault> {
        let range = |pointer: &str, value: i64, min: i64, max: i64| {
            let fault = Fault::new(pointer, FaultCode::OutOfRange).with("min", min).with("max", max);
            (!(min..=max).contains(&value)).then_some(fault)
        };
        let highest = limits.balance.saturating_sub(limits.minimum);
        [
            range("/threshold", self.threshold, 1, highest),
            // A step that the minimum allows, whatever is left above zero.
            range("/target", self.target, self.threshold.saturating_add(limits.minimum), limits.balance),
            range("/monthly_ceiling", self.monthly_ceiling, limits.minimum, i64::from(u32::MAX)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What is to be topped up now, in minor units; `this_month` was topped up automatically already, what is under way
    /// included.
    pub fn amount(&self, account: &Account, this_month: i64, limits: Limits) -> Option<i64> {
        let balance = account.balances.available().total().saturating_add(account.under_way);
        if balance >= self.threshold {
            return None;
        }
        let missing = self.target.saturating_sub(balance);
        let allowed = self.monthly_ceiling.saturating_sub(this_month);
        let amount = missing.min(allowed).min(limits.maximum).min(account.room(limits));
        (amount >= limits.minimum).then_some(amount)
    }
}

/// The balance after each change, oldest first, in minor units (PRE-5).
///
/// `None` beyond what an integer holds.
pub fn running_balances(opening: i64, changes: impl IntoIterator<Item = i64>) -> Option<Vec<i64>> {
    let next = |balance: &mut i64, change: i64| {
        let after = balance.checked_add(change);
        *balance = after.unwrap_or(*balance);
        Some(after)
    };
    changes.into_iter().scan(opening, next).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chf(amount: i64) -> Money {
        Money::new(amount, Currency::Chf)
    }

    fn account(paid: i64, held: i64, under_way: i64) -> Account {
        let balances = Balances { prepaid_paid: paid, held, ..Balances::default() };
        Account { currency: Currency::Chf, balances, under_way }
    }

    #[test]
    fn top_ups_keep_to_the_limits() {
        use PaymentMethodKind::*;
        let check = |amount, method, account| check_top_up(amount, method, &account, Limits::default());
        let refused = |amount, method, account| check(amount, method, account).unwrap_err();
        let empty = account(0, 0, 0);
        for amount in [1_000, 500_000] {
            assert_eq!(check(chf(amount), Twint, empty), Ok(()));
        }
        for amount in [-1, 0, 999, 500_001, i64::MAX] {
            assert_eq!(refused(chf(amount), Card, empty).faults[0].code, FaultCode::OutOfRange);
        }
        let euros = refused(Money::new(1_000, Currency::Eur), Card, empty);
        assert_eq!(euros.faults[0].code, FaultCode::WrongCurrency);
        assert_eq!(refused(chf(1_000), Prepaid, empty).code, Code::PaymentMethodUnavailable);
        assert_eq!(check(chf(300_000), Card, account(1_000_000, 500_000, 200_000)), Ok(()));
        let full = refused(chf(300_001), Card, account(1_000_000, 500_000, 200_000));
        assert_eq!((full.code, &full.params["available"]["amount"]), (Code::BalanceLimitReached, &json!(300_000)));
        let euro = Limits::default().of_methods(Currency::Eur);
        assert_eq!(euro.iter().map(|of| of.method).collect::<Vec<_>>(), [Card, Paypal, BankTransfer]);
    }

    #[test]
    fn promotional_balance_is_spent_first() {
        let available = PrepaidParts { promotional: 300, paid: 400 };
        for (due, share, promotional, paid, other) in [
            (200, Share::Whole, 200, 0, 0),
            (700, Share::Whole, 300, 400, 0),
            (900, Share::AllItHas, 300, 400, 200),
            (900, Share::AtMost(350), 300, 50, 550),
            (900, Share::AtMost(i64::MAX), 300, 400, 200),
            (900, Share::AtMost(-1), 0, 0, 900),
            (0, Share::Whole, 0, 0, 0),
        ] {
            let spending = spend(chf(due), available, share).unwrap();
            assert_eq!(spending, Spending { prepaid: PrepaidParts { promotional, paid }, other });
        }
        assert_eq!(spend(chf(701), available, Share::Whole).unwrap_err().code, Code::InsufficientBalance);
    }

    #[test]
    fn an_automatic_top_up_fills_to_its_target_within_the_month() {
        let auto = AutoTopUp { threshold: 5_000, target: 20_000, monthly_ceiling: 30_000 };
        assert_eq!(auto.faults(Limits::default()), []);
        for (balance, under_way, this_month, amount) in [
            (5_000, 0, 0, None),
            (4_999, 0, 0, Some(15_001)),
            (0, 0, 15_000, Some(15_000)),
            (0, 0, 29_001, None),
            (0, 5_000, 5_000, None),
            (0, 0, 40_000, None),
        ] {
            assert_eq!(auto.amount(&account(balance, 0, under_way), this_month, Limits::default()), amount);
        }
        assert_eq!(auto.amount(&account(0, 1_999_500, 0), 0, Limits::default()), None);
        let wrong = AutoTopUp { threshold: 0, target: 999, monthly_ceiling: 999 };
        assert_eq!(wrong.faults(Limits::default()).len(), 3);
    }

    #[test]
    fn a_statement_runs() {
        assert_eq!(running_balances(100, [50, -30, 0]), Some(vec![150, 120, 120]));
        assert_eq!(running_balances(i64::MAX, [1]), None);
        assert_eq!(running_balances(5, []), Some(vec![]));
    }

    proptest! {
        #[test]
        fn spending_never_exceeds_what_is_there(
            due in 0_i64..10_000,
            promotional in 0_i64..10_000,
            paid in 0_i64..10_000,
            most in -5_i64..12_000,
        ) {
            let available = PrepaidParts { promotional, paid };
            for share in [Share::AllItHas, Share::AtMost(most), Share::Whole] {
                let Ok(spending) = spend(chf(due), available, share) else { continue };
                prop_assert!(spending.prepaid.promotional <= promotional && spending.prepaid.paid <= paid);
                prop_assert!(spending.prepaid.paid == 0 || spending.prepaid.promotional == promotional);
                prop_assert!(spending.other >= 0 && spending.prepaid.total() + spending.other == due);
            }
        }
    }
}
