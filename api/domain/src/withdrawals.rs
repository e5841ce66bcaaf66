//! Withdrawals: taking the prepaid balance back (PRE-4).

use chrono::Duration;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::emails::EmailAddress;
use crate::ibans::Iban;
use crate::ledger::Balances;
use crate::money::{Currency, Money};
use crate::prepaid_accounts::wrong_currency;
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::time::Instant;
use crate::words::words;

/// What pain.001 allows a creditor's name.
const MAX_HOLDER: usize = 70;

words! {
    /// Where a withdrawal stands.
    WithdrawalState {
        Requested = "requested",
        Approved = "approved",
        Rejected = "rejected",
        Cancelled = "cancelled",
        /// In a payment file for the bank, or on its way through the provider.
        Exported = "exported",
        Paid = "paid",
        Failed = "failed",
        /// It came back after it was paid.
        Returned = "returned",
    }
}

impl WithdrawalState {
    /// The states in which money is held for it.
    pub const OPEN: [Self; 3] = [Self::Requested, Self::Approved, Self::Exported];

    /// Whether a withdrawal may move to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Requested => matches!(next, Self::Approved | Self::Rejected | Self::Cancelled),
            Self::Approved => matches!(next, Self::Exported | Self::Cancelled),
            Self::Exported => matches!(next, Self::Paid | Self::Failed),
            Self::Paid => matches!(next, Self::Returned),
            Self::Rejected | Self::Cancelled | Self::Failed | Self::Returned => false,
        }
    }

    /// Whether the money goes back to the account.
    pub const fn gives_back(self) -> bool {
        matches!(self, Self::Rejected | Self::Cancelled | Self::Failed | Self::Returned)
    }
}

/// Where a withdrawal goes, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Destination {
    BankAccount { iban: Iban, holder: String },
    Paypal { email: String },
}

impl Destination {
    /// A bank account. One that only receives payments with a QR reference can't be paid out to.
    ///
    /// # Errors
    /// Faults below `pointer`: `invalid_iban`, `not_allowed` for a QR-IBAN; `too_short`, `too_long` or
    /// `control_character` for the holder's name.
    pub fn bank_account(iban: &str, holder: &str, pointer: &str) -> Result<Self, Refusal> {
        let (at_iban, at_holder) = (format!("{pointer}/iban"), format!("{pointer}/holder"));
        let mut faults = Vec::new();
        let iban = match Iban::parse(iban) {
            Ok(iban) if iban.is_qr() => {
                faults.push(Fault::new(at_iban, FaultCode::NotAllowed));
                None
            }
            Ok(iban) => Some(iban),
            Err(code) => {
                faults.push(Fault::new(at_iban, code));
                None
            }
        };
        let holder = holder.trim();
        match holder.chars().count() {
            0 => faults.push(Fault::new(at_holder.as_str(), FaultCode::TooShort).with("min", 1)),
            1..=MAX_HOLDER => {}
            _ => faults.push(Fault::new(at_holder.as_str(), FaultCode::TooLong).with("max", MAX_HOLDER)),
        }
        if holder.chars().any(char::is_control) {
            faults.push(Fault::new(at_holder, FaultCode::ControlCharacter));
        }
        match iban {
            Some(iban) if faults.is_empty() => Ok(Self::BankAccount { iban, holder: holder.to_owned() }),
            _ => Err(Refusal::invalid(faults)),
        }
    }

    /// A PayPal account.
    ///
    /// # Errors
    /// A fault below `pointer`: `invalid_email`, `too_long`.
    pub fn paypal(email: &str, pointer: &str) -> Result<Self, Refusal> {
        let email = EmailAddress::parse(email).map_err(|code| Refusal::fault(format!("{pointer}/email"), code))?;
        Ok(Self::Paypal { email: email.stored().to_owned() })
    }

    /// As lists and logs show it.
    pub fn masked(&self) -> String {
        match self {
            Self::BankAccount { iban, .. } => iban.masked(),
            Self::Paypal { email } => crate::emails::mask(email),
        }
    }
}

/// How withdrawals are limited *(config)*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Minor units; doesn't count for what empties the account.
    pub minimum: i64,
    /// Time in which a top-up by a reversible method can't be withdrawn.
    pub retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { minimum: 1_000, retention: Duration::days(14) }
    }
}

impl Limits {
    /// Top-ups by reversible methods after this moment are retained.
    pub fn retained_since(self, now: Instant) -> Instant {
        now - self.retention
    }
}

/// What can be withdrawn, in minor units: the paid balance without what reversible methods topped up in the last days.
///
/// `retained` is the sum of these top-ups since [`Limits::retained_since`], in minor units.
pub const fn withdrawable(balances: Balances, retained: i64) -> i64 {
    let left = balances.prepaid_paid.saturating_sub(retained);
    if left > 0 { left } else { 0 }
}

/// Whether an amount can be withdrawn (PRE-4, BIL-7).
///
/// # Errors
/// Faults at `/amount`: `wrong_currency`, `out_of_range`; `withdrawal_blocked` while something is owed after a dispute;
/// `insufficient_balance` with what can be withdrawn.
pub fn check(
    amount: Money,
    currency: Currency,
    balances: Balances,
    retained: i64,
    limits: Limits,
) -> Result<(), Refusal> {
    let money = |amount| json!(Money::new(amount, currency));
    if amount.currency != currency {
        return Err(Refusal::invalid(vec![wrong_currency("/amount/currency", currency)]));
    }
    let empties = amount.amount == balances.prepaid_paid;
    let least = if empties { 1 } else { limits.minimum };
    if amount.amount < least {
        return Err(Refusal::invalid(vec![
            Fault::new("/amount/amount", FaultCode::OutOfRange).with("min", limits.minimum),
        ]));
    }
    if balances.receivable > 0 {
        return Err(Refusal::new(Code::WithdrawalBlocked).with("owed", money(balances.receivable)));
    }
    let available = withdrawable(balances, retained);
    if amount.amount > available {
        let refusal = Refusal::new(Code::InsufficientBalance).with("available", money(available));
        return Err(refusal.with("required", money(amount.amount)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_moves_as_it_must() {
        use WithdrawalState::*;
        let allowed = [
            (Requested, Approved),
            (Requested, Rejected),
            (Requested, Cancelled),
            (Approved, Exported),
            (Approved, Cancelled),
            (Exported, Paid),
            (Exported, Failed),
            (Paid, Returned),
        ];
        for from in WithdrawalState::ALL {
            for to in WithdrawalState::ALL {
                assert_eq!(from.may_become(*to), allowed.contains(&(*from, *to)), "{from:?} to {to:?}");
            }
            // What is held or paid isn't given back, and what was given back stays so.
            let is_last = WithdrawalState::ALL.iter().all(|to| !from.may_become(*to));
            assert_eq!(from.gives_back(), is_last, "{from:?}");
        }
    }

    #[test]
    fn destinations_are_checked() {
        let bank = |iban, holder| Destination::bank_account(iban, holder, "/destination");
        let good = bank("CH93 0076 2011 6238 5295 7", " Ada Lovelace ").unwrap();
        assert_eq!(good.masked(), "CH •••• 2957");
        assert_eq!(serde_json::to_value(&good).unwrap()["iban"], "CH9300762011623852957");
        let codes = |result: Result<Destination, Refusal>| -> Vec<_> {
            result.unwrap_err().faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        };
        let (iban, holder) = ("/destination/iban".to_owned(), "/destination/holder".to_owned());
        let both = [(iban.clone(), FaultCode::InvalidIban), (holder.clone(), FaultCode::TooShort)];
        assert_eq!(codes(bank("CH94 0076 2011 6238 5295 7", " ")), both);
        assert_eq!(codes(bank("CH44 3199 9123 0008 8901 2", "Ada")), [(iban, FaultCode::NotAllowed)]);
        let long = [(holder, FaultCode::TooLong)];
        assert_eq!(codes(bank("CH93 0076 2011 6238 5295 7", &"a".repeat(71))), long);
        let paypal = Destination::paypal("ada@Example.com", "/destination").unwrap();
        assert_eq!(paypal, Destination::Paypal { email: "ada@example.com".to_owned() });
        assert!(Destination::paypal("ada", "/destination").is_err());
    }

    #[test]
    fn only_the_paid_balance_comes_back() {
        let balances = Balances { prepaid_paid: 5_000, prepaid_promotional: 9_000, ..Balances::default() };
        let chf = |amount| Money::new(amount, Currency::Chf);
        let of = |amount, balances, retained| check(chf(amount), Currency::Chf, balances, retained, Limits::default());
        assert_eq!((of(5_000, balances, 0), of(1_000, balances, 4_000)), (Ok(()), Ok(())));
        let refused = |amount, retained| of(amount, balances, retained).unwrap_err();
        assert_eq!(refused(5_001, 0).code, Code::InsufficientBalance);
        assert_eq!(refused(1_001, 4_000).params["available"]["amount"], 1_000);
        assert_eq!(refused(1_000, 9_000).params["available"]["amount"], 0);
        for amount in [-1, 0, 999] {
            assert_eq!(refused(amount, 0).faults[0].code, FaultCode::OutOfRange);
        }
        let blocked = Balances { receivable: 1, ..balances };
        assert_eq!(of(5_000, blocked, 0).unwrap_err().code, Code::WithdrawalBlocked);
        let euros = check(Money::new(5_000, Currency::Eur), Currency::Chf, balances, 0, Limits::default());
        assert_eq!(euros.unwrap_err().faults[0].code, FaultCode::WrongCurrency);
    }

    #[test]
    fn emptying_the_account_has_no_minimum() {
        let of = |amount, paid| {
            let balances = Balances { prepaid_paid: paid, ..Balances::default() };
            check(Money::new(amount, Currency::Chf), Currency::Chf, balances, 0, Limits::default()).is_ok()
        };
        assert!(of(1, 1) && of(999, 999) && !of(998, 999) && !of(0, 0));
    }
}
