//! The double-entry ledger: accounts, transfers and how each event of money is booked (PRE-1).
//!
//! Entries are signed minor units, credits positive: those of a transfer come to zero in each currency. A balance counts
//! in its account's own direction, so that one of an organization is never below zero.

use std::fmt;

use crate::money::{Currency, Money};
use crate::words::words;

words! {
    /// Where money is booked.
    LedgerAccount {
        /// Of an organization: what it paid in and may take back.
        PrepaidPaid = "prepaid_paid",
        /// Of an organization: what it was given to spend.
        PrepaidPromotional = "prepaid_promotional",
        /// Of an organization: set aside for payments and withdrawals under way.
        Held = "held",
        /// Of an organization: what it owes after a dispute.
        Receivable = "receivable",
        /// What payment providers collected, less what went back through them.
        ProviderClearing = "provider_clearing",
        /// What came to the seller's bank account, less what went back from there.
        BankClearing = "bank_clearing",
        Revenue = "revenue",
        Tax = "tax",
        /// Balances paid out.
        Payouts = "payouts",
        /// Money that nobody could be credited for.
        Suspense = "suspense",
        /// What promotional balances cost.
        Promotions = "promotions",
    }
}

impl LedgerAccount {
    /// The accounts of an organization, which store a balance.
    pub const OF_ORGANIZATION: [Self; 4] = [Self::PrepaidPaid, Self::PrepaidPromotional, Self::Held, Self::Receivable];

    /// Whether each organization has one with a stored balance; those of the system are summed.
    pub const fn is_of_organization(self) -> bool {
        matches!(self, Self::PrepaidPaid | Self::PrepaidPromotional | Self::Held | Self::Receivable)
    }

    /// What an entry does to the account's balance: assets and costs grow with debits, the others with credits.
    const fn sign(self) -> i64 {
        match self {
            Self::Receivable | Self::ProviderClearing | Self::BankClearing | Self::Promotions => -1,
            Self::PrepaidPaid
            | Self::PrepaidPromotional
            | Self::Held
            | Self::Revenue
            | Self::Tax
            | Self::Payouts
            | Self::Suspense => 1,
        }
    }
}

words! {
    /// What a transfer is for.
    TransferKind {
        /// An invoice was paid.
        InvoiceSettled = "invoice_settled",
        TopUp = "top_up",
        /// Money that came in beyond or beside what was due (BIL-7).
        Excess = "excess",
        PaymentHeld = "payment_held",
        PaymentReleased = "payment_released",
        WithdrawalHeld = "withdrawal_held",
        WithdrawalPaid = "withdrawal_paid",
        WithdrawalGivenBack = "withdrawal_given_back",
        WithdrawalReturned = "withdrawal_returned",
        /// A credit note was paid out.
        Refunded = "refunded",
        /// What the provider didn't pay out of a refund.
        RefundFailed = "refund_failed",
        SuspenseReceived = "suspense_received",
        SuspenseAssigned = "suspense_assigned",
        SuspenseReturned = "suspense_returned",
        Disputed = "disputed",
        DisputeWon = "dispute_won",
        ReceivablePaid = "receivable_paid",
        PromotionalGranted = "promotional_granted",
        PromotionalForfeited = "promotional_forfeited",
    }
}

/// Why something can't be booked. Only [`PostingError::Insufficient`] is the customer's business; the others are
/// mistakes of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingError {
    /// The entries don't come to zero in each currency.
    Unbalanced,
    /// Beyond what an integer holds.
    Overflow,
    /// An amount below zero was given.
    Negative,
    /// The account's balance would go below zero.
    Insufficient(LedgerAccount),
}

impl fmt::Display for PostingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbalanced => f.write_str("the entries don't balance"),
            Self::Overflow => f.write_str("an amount is too large to be booked"),
            Self::Negative => f.write_str("an amount below zero can't be booked"),
            Self::Insufficient(account) => write!(f, "{} holds less than that", account.as_str()),
        }
    }
}

impl std::error::Error for PostingError {}

/// One line of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub account: LedgerAccount,
    /// Minor units, credits positive; never zero.
    pub amount: Money,
}

impl Entry {
    /// What it adds to its account's balance, in minor units.
    pub const fn change(self) -> i64 {
        self.amount.amount * self.account.sign()
    }
}

/// A balanced set of entries: at most one for each account and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    kind: TransferKind,
    entries: Vec<Entry>,
}

impl Transfer {
    /// Puts together what meets on the same account and leaves out what comes to nothing.
    ///
    /// # Errors
    /// [`PostingError::Unbalanced`], [`PostingError::Overflow`].
    pub fn new(kind: TransferKind, entries: impl IntoIterator<Item = Entry>) -> Result<Self, PostingError> {
        let mut merged: Vec<Entry> = Vec::new();
        for entry in entries {
            let same =
                |other: &&mut Entry| other.account == entry.account && other.amount.currency == entry.amount.currency;
            match merged.iter_mut().find(same) {
                Some(other) => other.amount.amount = sum(other.amount.amount, entry.amount.amount)?,
                None => merged.push(entry),
            }
        }
        merged.retain(|entry| entry.amount.amount != 0);
        // The negative of the smallest integer is none, and a balance may need it.
        if merged.iter().any(|entry| entry.amount.amount == i64::MIN) {
            return Err(PostingError::Overflow);
        }
        for currency in Currency::ALL {
            let of_currency = merged.iter().filter(|entry| entry.amount.currency == currency);
            if of_currency.map(|entry| i128::from(entry.amount.amount)).sum::<i128>() != 0 {
                return Err(PostingError::Unbalanced);
            }
        }
        Ok(Self { kind, entries: merged })
    }

    pub const fn kind(&self) -> TransferKind {
        self.kind
    }

    /// Empty where nothing is to be booked.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it adds to the balance that can be spent (PRE-5), in minor units.
    pub fn prepaid_change(&self) -> i64 {
        let prepaid =
            |entry: &&Entry| matches!(entry.account, LedgerAccount::PrepaidPaid | LedgerAccount::PrepaidPromotional);
        self.entries.iter().filter(prepaid).map(|entry| entry.change()).sum()
    }
}

fn sum(a: i64, b: i64) -> Result<i64, PostingError> {
    a.checked_add(b).ok_or(PostingError::Overflow)
}

/// Prepaid money by its kind, in minor units. Who holds some keeps both parts, so that each goes back where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PrepaidParts {
    pub promotional: i64,
    pub paid: i64,
}

impl PrepaidParts {
    pub const NONE: Self = Self { promotional: 0, paid: 0 };

    pub const fn paid(amount: i64) -> Self {
        Self { promotional: 0, paid: amount }
    }

    pub const fn total(self) -> i64 {
        self.promotional.saturating_add(self.paid)
    }
}

/// The stored balances of an organization in one currency, in minor units; none is ever below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balances {
    pub prepaid_paid: i64,
    pub prepaid_promotional: i64,
    pub held: i64,
    pub receivable: i64,
}

impl Balances {
    /// What can be spent.
    pub const fn available(self) -> PrepaidParts {
        PrepaidParts { promotional: self.prepaid_promotional, paid: self.prepaid_paid }
    }

    /// All that is kept for the organization: what can be spent and what is held.
    pub const fn total(self) -> i64 {
        self.available().total().saturating_add(self.held)
    }

    /// The balances after a transfer in their currency.
    ///
    /// # Errors
    /// [`PostingError::Insufficient`], [`PostingError::Overflow`]; nothing is booked then.
    pub fn after(mut self, transfer: &Transfer) -> Result<Self, PostingError> {
        for entry in &transfer.entries {
            let Some(balance) = self.of(entry.account) else { continue };
            *balance = sum(*balance, entry.change())?;
            if *balance < 0 {
                return Err(PostingError::Insufficient(entry.account));
            }
        }
        Ok(self)
    }

    fn of(&mut self, account: LedgerAccount) -> Option<&mut i64> {
        match account {
            LedgerAccount::PrepaidPaid => Some(&mut self.prepaid_paid),
            LedgerAccount::PrepaidPromotional => Some(&mut self.prepaid_promotional),
            LedgerAccount::Held => Some(&mut self.held),
            LedgerAccount::Receivable => Some(&mut self.receivable),
            _ => None,
        }
    }
}
