//! How each event of money is booked in the ledger (PRE-1). Amounts are minor units and never below zero.

use crate::credit_notes::RefundSplit;
use crate::ledger::LedgerAccount::*;
use crate::ledger::{Entry, LedgerAccount, PostingError, PrepaidParts, Transfer, TransferKind};
use crate::money::{Currency, Money};
use crate::taxes::Totals;

type Booked = Result<Transfer, PostingError>;

/// Where money from outside came in, or goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    #[default]
    Provider,
    /// A bank transfer.
    Bank,
    /// Money that waited for its owner (BIL-7).
    Suspense,
}

impl Source {
    pub const fn account(self) -> LedgerAccount {
        match self {
            Self::Provider => ProviderClearing,
            Self::Bank => BankClearing,
            Self::Suspense => Suspense,
        }
    }
}

/// What an invoice or a credit note comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    pub net: i64,
    pub tax: i64,
}

impl From<&Totals> for Amounts {
    fn from(totals: &Totals) -> Self {
        Self { net: totals.net, tax: totals.tax }
    }
}

/// What pays an invoice; together its total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaidBy {
    /// Spent at once, without having been held.
    pub prepaid: PrepaidParts,
    /// Captured from what the payment holds.
    pub held: i64,
    /// By another method.
    pub other: i64,
    /// Where that came in.
    pub source: Source,
}

struct Posting {
    kind: TransferKind,
    currency: Currency,
    entries: Vec<Entry>,
    fault: Option<PostingError>,
}

impl Posting {
    fn new(kind: TransferKind, currency: Currency) -> Self {
        Self { kind, currency, entries: Vec::new(), fault: None }
    }

    fn credit(self, account: LedgerAccount, amount: i64) -> Self {
        self.entry(account, amount, 1)
    }

    fn debit(self, account: LedgerAccount, amount: i64) -> Self {
        self.entry(account, amount, -1)
    }

    fn entry(mut self, account: LedgerAccount, amount: i64, sign: i64) -> Self {
        if amount < 0 {
            self.fault = Some(PostingError::Negative);
        } else {
            self.entries.push(Entry { account, amount: Money::new(amount * sign, self.currency) });
        }
        self
    }

    fn credit_prepaid(self, parts: PrepaidParts) -> Self {
        self.credit(PrepaidPromotional, parts.promotional).credit(PrepaidPaid, parts.paid)
    }

    fn debit_prepaid(self, parts: PrepaidParts) -> Self {
        self.debit(PrepaidPromotional, parts.promotional).debit(PrepaidPaid, parts.paid)
    }

    fn booked(self) -> Booked {
        match self.fault {
            Some(fault) => Err(fault),
            None => Transfer::new(self.kind, self.entries),
        }
    }
}

fn moved(kind: TransferKind, currency: Currency, from: LedgerAccount, to: LedgerAccount, amount: i64) -> Booked {
    Posting::new(kind, currency).debit(from, amount).credit(to, amount).booked()
}

/// An invoice was paid: net to revenue, tax to tax (BIL-7).
///
/// # Errors
/// [`PostingError::Unbalanced`] where what pays isn't the total.
pub fn settle_invoice(currency: Currency, invoice: Amounts, paid: PaidBy) -> Booked {
    settle_change(currency, invoice, Amounts::default(), paid, PrepaidParts::NONE)
}

/// An invoice was paid, first by a credit note; what that has left goes to the prepaid account (PRD-3).
///
/// `excess` is of the kinds that paid the old invoice: the prepaid part of [`crate::credit_notes::refund_split`] where the
/// other method isn't refundable. Promotional balance doesn't become money by a change.
///
/// # Errors
/// [`PostingError::Unbalanced`] where credit and payment aren't total and excess.
pub fn settle_change(
    currency: Currency,
    invoice: Amounts,
    credit: Amounts,
    paid: PaidBy,
    excess: PrepaidParts,
) -> Booked {
    Posting::new(TransferKind::InvoiceSettled, currency)
        .debit_prepaid(paid.prepaid)
        .debit(Held, paid.held)
        .debit(paid.source.account(), paid.other)
        .debit(Revenue, credit.net)
        .debit(Tax, credit.tax)
        .credit(Revenue, invoice.net)
        .credit(Tax, invoice.tax)
        .credit_prepaid(excess)
        .booked()
}

/// A top-up succeeded: a deposit, without tax (PRE-2).
pub fn top_up(currency: Currency, source: Source, amount: i64) -> Booked {
    moved(TransferKind::TopUp, currency, source.account(), PrepaidPaid, amount)
}

/// A known payer's money that isn't due (BIL-7).
pub fn excess(currency: Currency, source: Source, amount: i64) -> Booked {
    moved(TransferKind::Excess, currency, source.account(), PrepaidPaid, amount)
}

/// The prepaid part of a payment is set aside (BIL-5). The payment keeps `parts` for [`release`].
pub fn hold(currency: Currency, parts: PrepaidParts) -> Booked {
    Posting::new(TransferKind::PaymentHeld, currency).debit_prepaid(parts).credit(Held, parts.total()).booked()
}

/// What a payment held goes back to where it was: the payment failed, was cancelled or expired (BIL-5).
pub fn release(currency: Currency, parts: PrepaidParts) -> Booked {
    Posting::new(TransferKind::PaymentReleased, currency).debit(Held, parts.total()).credit_prepaid(parts).booked()
}

/// A withdrawal was requested: always paid balance (PRE-4).
pub fn withdrawal_held(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::WithdrawalHeld, currency, PrepaidPaid, Held, amount)
}

/// A withdrawal left the seller's account.
pub fn withdrawal_paid(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::WithdrawalPaid, currency, Held, Payouts, amount)
}

/// A withdrawal was rejected or cancelled, or failed.
pub fn withdrawal_given_back(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::WithdrawalGivenBack, currency, Held, PrepaidPaid, amount)
}

/// A withdrawal came back after it was paid.
pub fn withdrawal_returned(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::WithdrawalReturned, currency, Payouts, PrepaidPaid, amount)
}

/// A credit note is paid out as [`crate::credit_notes::refund_split`] says (BIL-8).
///
/// # Errors
/// [`PostingError::Unbalanced`] where the split isn't the note's total.
pub fn refund(currency: Currency, note: Amounts, split: RefundSplit, source: Source) -> Booked {
    Posting::new(TransferKind::Refunded, currency)
        .debit(Revenue, note.net)
        .debit(Tax, note.tax)
        .credit(source.account(), split.other)
        .credit_prepaid(split.prepaid)
        .booked()
}

/// The other method didn't take a refund: the prepaid account does.
pub fn refund_failed(currency: Currency, source: Source, amount: i64) -> Booked {
    moved(TransferKind::RefundFailed, currency, source.account(), PrepaidPaid, amount)
}

/// Money of an unknown payer or in the wrong currency (BIL-7).
pub fn suspense_received(currency: Currency, source: Source, amount: i64) -> Booked {
    moved(TransferKind::SuspenseReceived, currency, source.account(), Suspense, amount)
}

/// Staff found whose it is.
pub fn suspense_assigned(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::SuspenseAssigned, currency, Suspense, PrepaidPaid, amount)
}

/// Staff sent it back.
pub fn suspense_returned(currency: Currency, source: Source, amount: i64) -> Booked {
    moved(TransferKind::SuspenseReturned, currency, Suspense, source.account(), amount)
}

/// How a disputed payment is made good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisputeSplit {
    pub prepaid: PrepaidParts,
    pub receivable: i64,
}

/// The available prepaid balance makes a dispute good, paid money first as it is money that goes; the rest is owed
/// (BIL-7).
pub fn dispute_split(available: PrepaidParts, amount: i64) -> DisputeSplit {
    let paid = amount.min(available.paid).max(0);
    let promotional = (amount - paid).min(available.promotional).max(0);
    DisputeSplit { prepaid: PrepaidParts { promotional, paid }, receivable: amount - paid - promotional }
}

/// The provider took a disputed payment back.
pub fn dispute(currency: Currency, split: DisputeSplit) -> Booked {
    Posting::new(TransferKind::Disputed, currency)
        .debit_prepaid(split.prepaid)
        .debit(Receivable, split.receivable)
        .credit(ProviderClearing, split.prepaid.total().saturating_add(split.receivable))
        .booked()
}

/// The seller won a dispute: what is still owed is owed no more, and what was paid towards it is paid balance.
///
/// `owed` is the part of the split's receivable that is still open.
pub fn dispute_won(currency: Currency, split: DisputeSplit, owed: i64) -> Booked {
    Posting::new(TransferKind::DisputeWon, currency)
        .debit(ProviderClearing, split.prepaid.total().saturating_add(split.receivable))
        .credit_prepaid(split.prepaid)
        .credit(Receivable, owed)
        .credit(PrepaidPaid, split.receivable.saturating_sub(owed))
        .booked()
}

/// The organization paid what it owed.
pub fn receivable_paid(currency: Currency, paid: PaidBy) -> Booked {
    let amount = paid.prepaid.total().saturating_add(paid.held).saturating_add(paid.other);
    Posting::new(TransferKind::ReceivablePaid, currency)
        .debit_prepaid(paid.prepaid)
        .debit(Held, paid.held)
        .debit(paid.source.account(), paid.other)
        .credit(Receivable, amount)
        .booked()
}

/// Support gave an organization something to spend.
pub fn promotional_granted(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::PromotionalGranted, currency, Promotions, PrepaidPromotional, amount)
}

/// The organization gave its promotional balance up (ORG-4).
pub fn promotional_forfeited(currency: Currency, amount: i64) -> Booked {
    moved(TransferKind::PromotionalForfeited, currency, PrepaidPromotional, Promotions, amount)
}
