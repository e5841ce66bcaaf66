//! The books balance whatever happens: random events of money against one organization's accounts (PRE-1).

use manager_domain::credit_notes::{Refundable, refund_split};
use manager_domain::ledger::LedgerAccount::*;
use manager_domain::ledger::*;
use manager_domain::postings::*;
use manager_domain::prepaid_accounts::{Share, spend};
use manager_domain::{Currency, Money};
use proptest::prelude::*;

const CHF: Currency = Currency::Chf;

/// What an organization and the seller did, as rows would keep it.
#[derive(Default)]
struct Books {
    balances: Balances,
    booked: Vec<Transfer>,
    holds: Vec<PrepaidParts>,
    withdrawals: Vec<i64>,
    paid_out: Vec<i64>,
    /// Invoices with what paid them.
    settled: Vec<(Amounts, PaidBy)>,
    disputes: Vec<DisputeSplit>,
    suspense: i64,
}

impl Books {
    /// Books a transfer, or nothing where a balance would fall below zero.
    fn book(&mut self, transfer: Result<Transfer, PostingError>) -> bool {
        let transfer = transfer.expect("a balanced transfer");
        let after = self.balances.after(&transfer);
        if let Ok(balances) = after {
            self.balances = balances;
            self.booked.push(transfer);
        }
        after.is_ok()
    }

    fn event(&mut self, kind: u8, amount: i64) {
        match kind {
            0 => drop(self.book(top_up(CHF, Source::Provider, amount))),
            1 => drop(self.book(top_up(CHF, Source::Bank, amount))),
            2 => drop(self.book(promotional_granted(CHF, amount))),
            3 => drop(self.book(promotional_forfeited(CHF, amount))),
            4 => self.hold(amount),
            5 => self.capture(amount),
            6 => self.release(),
            7 => self.pay_whole(amount),
            8 => self.refund(amount),
            9 if self.book(withdrawal_held(CHF, amount)) => self.withdrawals.push(amount),
            10 => self.withdrawal(amount),
            11 if self.book(suspense_received(CHF, Source::Bank, amount)) => self.suspense += amount,
            12 => self.suspense(amount),
            13 => self.dispute(amount),
            14 => self.win(amount),
            15 => drop(self.book(receivable_paid(CHF, PaidBy { other: amount, ..PaidBy::default() }))),
            16 => drop(self.book(excess(CHF, Source::Provider, amount))),
            _ => {}
        }
    }

    fn hold(&mut self, amount: i64) {
        let spending = spend(Money::new(amount, CHF), self.balances.available(), Share::AllItHas).expect("a part");
        if self.book(hold(CHF, spending.prepaid)) {
            self.holds.push(spending.prepaid);
        }
    }

    fn capture(&mut self, other: i64) {
        let Some(parts) = self.holds.pop() else { return };
        let total = parts.total() + other;
        let invoice = Amounts { net: total - total / 13, tax: total / 13 };
        let paid = PaidBy { held: parts.total(), other, ..PaidBy::default() };
        assert!(self.book(settle_invoice(CHF, invoice, paid)));
        self.settled.push((invoice, PaidBy { prepaid: parts, held: 0, ..paid }));
    }

    fn release(&mut self) {
        let before = self.balances;
        let Some(parts) = self.holds.pop() else { return };
        assert!(self.book(release(CHF, parts)));
        assert_eq!(self.balances.prepaid_paid, before.prepaid_paid + parts.paid);
        assert_eq!(self.balances.prepaid_promotional, before.prepaid_promotional + parts.promotional);
    }

    fn pay_whole(&mut self, amount: i64) {
        let invoice = Amounts { net: amount, tax: amount / 12 };
        let due = Money::new(amount + amount / 12, CHF);
        let Ok(spending) = spend(due, self.balances.available(), Share::Whole) else { return };
        let paid = PaidBy { prepaid: spending.prepaid, ..PaidBy::default() };
        assert!(self.book(settle_invoice(CHF, invoice, paid)));
        self.settled.push((invoice, paid));
    }

    fn refund(&mut self, kind: i64) {
        let Some((invoice, paid)) = self.settled.pop() else { return };
        let other_is_refundable = kind % 2 == 0;
        let refundable = Refundable { other: paid.other, prepaid: paid.prepaid, other_is_refundable };
        let split = refund_split(invoice.net + invoice.tax, refundable).expect("what was paid");
        let source = if other_is_refundable { Source::Provider } else { Source::Bank };
        assert!(self.book(refund(CHF, invoice, split, source)));
        if kind % 6 == 0 {
            assert!(self.book(refund_failed(CHF, source, split.other)));
        }
    }

    fn withdrawal(&mut self, kind: i64) {
        match (kind % 3, self.withdrawals.pop(), self.paid_out.pop()) {
            (0, Some(amount), other) => {
                assert!(self.book(withdrawal_paid(CHF, amount)));
                self.paid_out.extend(other.into_iter().chain([amount]));
            }
            (1, Some(amount), other) => {
                assert!(self.book(withdrawal_given_back(CHF, amount)));
                self.paid_out.extend(other);
            }
            (_, other, Some(amount)) => {
                assert!(self.book(withdrawal_returned(CHF, amount)));
                self.withdrawals.extend(other);
            }
            (_, other, None) => self.withdrawals.extend(other),
        }
    }

    fn suspense(&mut self, amount: i64) {
        let amount = amount.min(self.suspense);
        self.suspense -= amount;
        let transfer =
            if amount % 2 == 0 { suspense_assigned(CHF, amount) } else { suspense_returned(CHF, Source::Bank, amount) };
        assert!(self.book(transfer));
    }

    fn dispute(&mut self, amount: i64) {
        let split = dispute_split(self.balances.available(), amount);
        assert!(self.book(dispute(CHF, split)));
        self.disputes.push(split);
    }

    fn win(&mut self, owed: i64) {
        let Some(split) = self.disputes.pop() else { return };
        let owed = owed.min(split.receivable).min(self.balances.receivable);
        assert!(self.book(dispute_won(CHF, split, owed)));
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.booked.iter().flat_map(Transfer::entries)
    }

    fn sum(&self, account: LedgerAccount) -> i64 {
        self.entries().filter(|entry| entry.account == account).map(|entry| entry.change()).sum()
    }
}

proptest! {
    #[test]
    fn the_books_prove_themselves(events in prop::collection::vec((0_u8..17, 1_i64..5_000), 0..400)) {
        let mut books = Books::default();
        for (kind, amount) in events {
            books.event(kind, amount);
            let Balances { prepaid_paid, prepaid_promotional, held, receivable } = books.balances;
            prop_assert!(prepaid_paid >= 0 && prepaid_promotional >= 0 && held >= 0 && receivable >= 0);
        }
        prop_assert_eq!(books.entries().map(|entry| entry.amount.amount).sum::<i64>(), 0);
        let stored = books.balances;
        prop_assert_eq!(books.sum(PrepaidPaid), stored.prepaid_paid);
        prop_assert_eq!(books.sum(PrepaidPromotional), stored.prepaid_promotional);
        prop_assert_eq!(books.sum(Held), stored.held);
        prop_assert_eq!(books.sum(Receivable), stored.receivable);
        prop_assert_eq!(books.sum(Suspense), books.suspense);
        let held: i64 = books.holds.iter().map(|parts| parts.total()).chain(books.withdrawals.iter().copied()).sum();
        prop_assert_eq!(stored.held, held);
        let revenue: i64 = books.settled.iter().map(|(invoice, _)| invoice.net).sum();
        prop_assert_eq!(books.sum(Revenue), revenue);
        let statement: i64 = books.booked.iter().map(Transfer::prepaid_change).sum();
        prop_assert_eq!(statement, stored.available().total());
    }
}

fn entry(account: LedgerAccount, amount: i64, currency: Currency) -> Entry {
    Entry { account, amount: Money::new(amount, currency) }
}

#[test]
fn a_transfer_balances_in_each_currency() {
    let of = |entries: &[Entry]| Transfer::new(TransferKind::TopUp, entries.iter().copied());
    let crossed = [entry(PrepaidPaid, 5, CHF), entry(ProviderClearing, -5, Currency::Eur)];
    assert_eq!(of(&crossed), Err(PostingError::Unbalanced));
    let huge = [entry(PrepaidPaid, i64::MAX, CHF), entry(PrepaidPaid, 1, CHF), entry(Tax, i64::MIN, CHF)];
    assert_eq!(of(&huge), Err(PostingError::Overflow));
    let merged = [
        entry(Tax, 5, CHF),
        entry(Tax, -5, CHF),
        entry(Held, 7, CHF),
        entry(Revenue, -4, CHF),
        entry(Revenue, -3, CHF),
    ];
    assert_eq!(of(&merged).unwrap().entries(), [entry(Held, 7, CHF), entry(Revenue, -7, CHF)]);
    assert!(of(&[]).unwrap().entries().is_empty());
}

#[test]
fn mistakes_are_not_booked() {
    let invoice = Amounts { net: 1_000, tax: 81 };
    let paid = PaidBy { other: 1_080, ..PaidBy::default() };
    assert_eq!(settle_invoice(CHF, invoice, paid), Err(PostingError::Unbalanced));
    assert_eq!(top_up(CHF, Source::Provider, -1), Err(PostingError::Negative));
    let parts = PrepaidParts { promotional: 5, paid: -5 };
    assert_eq!(hold(CHF, parts), Err(PostingError::Negative));
    let held = withdrawal_held(CHF, 1).unwrap();
    assert_eq!(Balances::default().after(&held), Err(PostingError::Insufficient(PrepaidPaid)));
    let full = Balances { prepaid_paid: i64::MAX, ..Balances::default() };
    assert_eq!(full.after(&top_up(CHF, Source::Bank, 1).unwrap()), Err(PostingError::Overflow));
}

#[test]
fn a_credit_pays_the_new_invoice_and_its_excess_is_kept() {
    let (old, new) = (Amounts { net: 1_500, tax: 122 }, Amounts { net: 3_000, tax: 243 });
    let paid = PaidBy { other: 1_621, ..PaidBy::default() };
    let bigger = settle_change(CHF, new, old, paid, PrepaidParts::NONE).unwrap();
    assert_eq!(
        bigger.entries(),
        [entry(ProviderClearing, -1_621, CHF), entry(Revenue, 1_500, CHF), entry(Tax, 121, CHF)]
    );
    let smaller = settle_change(CHF, old, new, PaidBy::default(), PrepaidParts::paid(1_621)).unwrap();
    assert_eq!((smaller.prepaid_change(), smaller.kind()), (1_621, TransferKind::InvoiceSettled));
}

#[test]
fn a_dispute_takes_the_balance_first() {
    let split = dispute_split(PrepaidParts { promotional: 300, paid: 400 }, 900);
    assert_eq!(split, DisputeSplit { prepaid: PrepaidParts { promotional: 300, paid: 400 }, receivable: 200 });
    let small = dispute_split(PrepaidParts { promotional: 300, paid: 400 }, 100);
    assert_eq!(small, DisputeSplit { prepaid: PrepaidParts::paid(100), receivable: 0 });
}
