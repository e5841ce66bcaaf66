//! Credit notes: how much of an invoice can be credited, with which tax, and who gets it back (BIL-1, BIL-8, PRD-3).

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::invoices::InvoiceState;
use crate::ledger::PrepaidParts;
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::taxes::{TaxTotal, Totals, tax_on};
use crate::terms::Term;

/// A line of an invoice with what earlier credit notes took of it; minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditableLine {
    pub position: i32,
    /// After discounts.
    pub net: i64,
    pub tax_rate: Decimal,
    pub credited: i64,
}

impl CreditableLine {
    /// What isn't credited yet.
    pub const fn left(&self) -> i64 {
        self.net - self.credited
    }
}

/// An invoice as a credit note sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditableInvoice {
    pub state: InvoiceState,
    pub lines: Vec<CreditableLine>,
    /// As the invoice states them.
    pub rates: Vec<TaxTotal>,
    /// Tax that earlier credit notes credited, by rate, in minor units.
    pub credited_taxes: Vec<(Decimal, i64)>,
}

/// Which net amount of a line is credited, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCredit {
    pub position: i32,
    pub net: i64,
}

/// What a credit note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    pub lines: Vec<LineCredit>,
    pub totals: Totals,
    /// Where the invoice stands afterwards.
    pub invoice: InvoiceState,
}

impl CreditableInvoice {
    /// Credits all that isn't credited yet.
    ///
    /// # Errors
    /// `invoice_closed`, `nothing_to_credit`.
    pub fn credit_all(&self) -> Result<CreditNote, Refusal> {
        let lines = self.lines.iter().filter(|line| line.left() > 0);
        self.credit(lines.map(|line| LineCredit { position: line.position, net: line.left() }).collect())
    }

    /// Credits net amounts of lines, each at most once. A rate of which nothing is left takes what rounding left of its
    /// tax, so that all credit notes together come to the invoice.
    ///
    /// # Errors
    /// `invoice_closed` where it wasn't paid; `nothing_to_credit`; faults at `/lines/…`: `out_of_range` for more than is
    /// left, `invalid_value` for a line that doesn't exist or comes twice.
    pub fn credit(&self, lines: Vec<LineCredit>) -> Result<CreditNote, Refusal> {
        if !matches!(self.state, InvoiceState::Paid | InvoiceState::PartlyRefunded) {
            return Err(Refusal::new(Code::InvoiceClosed).with("state", self.state.as_str()));
        }
        if lines.is_empty() {
            return Err(Code::NothingToCredit.into());
        }
        let faults = self.faults(&lines);
        if !faults.is_empty() {
            return Err(Refusal::invalid(faults));
        }
        let rates: Vec<_> = self.rates.iter().filter_map(|rate| self.at_rate(rate, &lines)).collect();
        let mut totals = Totals::default();
        for rate in &rates {
            totals.net += rate.net;
            totals.tax += rate.tax;
        }
        let totals = Totals { total: totals.net + totals.tax, rates, ..totals };
        let whole = self.lines.iter().all(|line| line.left() == of_line(&lines, line.position));
        let invoice = if whole { InvoiceState::Refunded } else { InvoiceState::PartlyRefunded };
        Ok(CreditNote { lines, totals, invoice })
    }

    fn faults(&self, lines: &[LineCredit]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, credit) in lines.iter().enumerate() {
            let at = format!("/lines/{index}");
            let twice = lines[..index].iter().any(|other| other.position == credit.position);
            match self.lines.iter().find(|line| line.position == credit.position) {
                Some(line) if !twice => {
                    if !(1..=line.left()).contains(&credit.net) {
                        let fault = Fault::new(format!("{at}/net/amount"), FaultCode::OutOfRange);
                        faults.push(fault.with("min", 1).with("max", line.left()));
                    }
                }
                _ => faults.push(Fault::new(format!("{at}/position"), FaultCode::InvalidValue)),
            }
        }
        faults
    }

    /// `None` where no line of this rate is credited.
    fn at_rate(&self, rate: &TaxTotal, lines: &[LineCredit]) -> Option<TaxTotal> {
        let of_rate = || self.lines.iter().filter(|line| line.tax_rate == rate.rate);
        let net: i64 = of_rate().map(|line| of_line(lines, line.position)).sum();
        if net == 0 {
            return None;
        }
        let left: i64 = of_rate().map(CreditableLine::left).sum();
        let credited = self.credited_taxes.iter().filter(|(of, _)| *of == rate.rate).map(|(_, tax)| tax).sum::<i64>();
        let tax_left = rate.tax - credited;
        let tax = if net == left { tax_left } else { tax_on(net, rate.rate).min(tax_left) };
        Some(TaxTotal { rate: rate.rate, net, tax })
    }
}

fn of_line(lines: &[LineCredit], position: i32) -> i64 {
    lines.iter().filter(|line| line.position == position).map(|line| line.net).sum()
}

/// An amount in minor units × days from `from` to the term's end ÷ days of the term, rounded once, half away from zero
/// (PRD-3): what is credited of the old offer, and what the new one costs until the same end. The day of change belongs
/// to the new offer. Terms not begun are whole, those that ended nothing.
pub fn prorated(amount: i64, term: Term, from: NaiveDate) -> i64 {
    let days = i128::from(term.days());
    if days <= 0 || from >= term.end {
        return 0;
    }
    let unused = i128::from((term.end - from.max(term.start)).num_days());
    let doubled = i128::from(amount) * unused * 2;
    let rounded = (doubled.abs() + days) / (days * 2) * doubled.signum();
    // Not more than the amount.
    i64::try_from(rounded).unwrap_or(amount)
}

/// The credit for the unused days of a term: of what isn't credited yet, in minor units (PRD-3).
pub fn unused_credit(line: &CreditableLine, term: Term, change: NaiveDate) -> i64 {
    prorated(line.left(), term, change)
}

/// What paid an invoice, less what was refunded already; minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refundable {
    pub other: i64,
    pub prepaid: PrepaidParts,
    /// Whether money can go back by the other method; otherwise its part goes to the paid balance.
    pub other_is_refundable: bool,
}

/// Where a refund goes; minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefundSplit {
    pub other: i64,
    pub prepaid: PrepaidParts,
}

impl RefundSplit {
    pub const fn total(self) -> i64 {
        self.other.saturating_add(self.prepaid.total())
    }

    /// The same with the other method's part to the paid balance.
    #[must_use]
    pub const fn to_prepaid(self) -> Self {
        let paid = self.prepaid.paid.saturating_add(self.other);
        Self { other: 0, prepaid: PrepaidParts { promotional: self.prepaid.promotional, paid } }
    }
}

/// A refund goes to the other method first, then to prepaid (paid), then to prepaid (promotional), each at most what it
/// paid (BIL-8).
///
/// # Errors
/// `refund_too_large` with what can be refunded.
pub fn refund_split(amount: i64, paid: Refundable) -> Result<RefundSplit, Refusal> {
    let most = paid.other.saturating_add(paid.prepaid.total());
    if !(0..=most).contains(&amount) {
        return Err(Refusal::new(Code::RefundTooLarge).with("max", most));
    }
    let other = amount.min(paid.other);
    let to_paid = (amount - other).min(paid.prepaid.paid);
    let promotional = amount - other - to_paid;
    let split = RefundSplit { other, prepaid: PrepaidParts { promotional, paid: to_paid } };
    Ok(if paid.other_is_refundable { split } else { split.to_prepaid() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::taxes::totals;

    fn invoice(lines: &[(i64, &str)]) -> CreditableInvoice {
        let lines: Vec<_> = (1..)
            .zip(lines)
            .map(|(position, (net, rate))| CreditableLine {
                position,
                net: *net,
                tax_rate: rate.parse().unwrap(),
                credited: 0,
            })
            .collect();
        let rates = totals(lines.iter().map(|line| (line.net, line.tax_rate))).rates;
        CreditableInvoice { state: InvoiceState::Paid, lines, rates, credited_taxes: Vec::new() }
    }

    fn credited(invoice: &mut CreditableInvoice, note: &CreditNote) {
        for credit in &note.lines {
            invoice
                .lines
                .iter_mut()
                .filter(|line| line.position == credit.position)
                .for_each(|l| l.credited += credit.net);
        }
        invoice.credited_taxes.extend(note.totals.rates.iter().map(|rate| (rate.rate, rate.tax)));
        invoice.state = note.invoice;
    }

    #[test]
    fn the_last_credit_note_takes_the_rounding_remainder() {
        let mut invoice = invoice(&[(31, "8.1"), (31, "8.1"), (31, "8.1")]);
        let mut taxes = Vec::new();
        for position in 1..=3 {
            let note = invoice.credit(vec![LineCredit { position, net: 31 }]).unwrap();
            taxes.push(note.totals.tax);
            credited(&mut invoice, &note);
        }
        assert_eq!((taxes, invoice.state), (vec![3, 3, 2], InvoiceState::Refunded));
        assert_eq!(invoice.credit_all().unwrap_err().code, Code::InvoiceClosed);
    }

    #[test]
    fn a_line_is_credited_at_most_once_at_its_rate() {
        let mut invoice = invoice(&[(1000, "8.1"), (1000, "2.6")]);
        let note = invoice.credit(vec![LineCredit { position: 2, net: 600 }]).unwrap();
        assert_eq!((note.totals.net, note.totals.tax, note.invoice), (600, 16, InvoiceState::PartlyRefunded));
        credited(&mut invoice, &note);
        let bad = vec![
            LineCredit { position: 2, net: 401 },
            LineCredit { position: 2, net: 1 },
            LineCredit { position: 3, net: 1 },
            LineCredit { position: 1, net: 0 },
        ];
        let faults = invoice.credit(bad).unwrap_err().faults;
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/lines/0/net/amount", "/lines/1/position", "/lines/2/position", "/lines/3/net/amount"]);
        let rest = invoice.credit_all().unwrap();
        assert_eq!((rest.totals.net, rest.totals.tax, rest.invoice), (1400, 81 + 10, InvoiceState::Refunded));
        assert_eq!(invoice.credit(Vec::new()).unwrap_err().code, Code::NothingToCredit);
    }

    #[test]
    fn an_unpaid_invoice_is_voided_not_credited() {
        for state in [InvoiceState::Open, InvoiceState::Void, InvoiceState::Refunded] {
            let invoice = CreditableInvoice { state, ..invoice(&[(1000, "8.1")]) };
            assert_eq!(invoice.credit_all().unwrap_err().code, Code::InvoiceClosed);
        }
    }

    #[test]
    fn a_term_not_begun_is_credited_in_full() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let term = Term { start: day("2025-06-01"), end: day("2025-07-01") };
        assert_eq!(prorated(999, term, day("2025-05-01")), 999);
        assert_eq!((prorated(999, term, day("2025-06-01")), prorated(999, term, day("2025-07-01"))), (999, 0));
        let line = CreditableLine { position: 1, net: 3000, tax_rate: Decimal::ZERO, credited: 1000 };
        assert_eq!(unused_credit(&line, term, day("2025-06-16")), 1000);
        assert_eq!((prorated(1, term, day("2025-06-16")), prorated(-1, term, day("2025-06-16"))), (1, -1));
    }

    #[test]
    fn refunds_go_to_the_other_method_first() {
        let paid =
            Refundable { other: 500, prepaid: PrepaidParts { promotional: 200, paid: 300 }, other_is_refundable: true };
        for (amount, other, to_paid, promotional) in
            [(0, 0, 0, 0), (500, 500, 0, 0), (700, 500, 200, 0), (900, 500, 300, 100), (1000, 500, 300, 200)]
        {
            let split = refund_split(amount, paid).unwrap();
            assert_eq!((split.other, split.prepaid.paid, split.prepaid.promotional), (other, to_paid, promotional));
            assert_eq!(split.total(), amount);
        }
        assert_eq!(refund_split(1001, paid).unwrap_err().code, Code::RefundTooLarge);
        assert_eq!(refund_split(-1, paid).unwrap_err().code, Code::RefundTooLarge);
        let by_transfer = refund_split(900, Refundable { other_is_refundable: false, ..paid }).unwrap();
        assert_eq!((by_transfer.other, by_transfer.prepaid), (0, PrepaidParts { promotional: 100, paid: 800 }));
    }

    proptest! {
        /// However an invoice is credited, its credit notes together come to it, and none is below zero.
        #[test]
        fn credit_notes_come_to_the_invoice(
            nets in prop::collection::vec((1_i64..3_000, any::<bool>()), 1..6),
            steps in prop::collection::vec((0_usize..6, 1_i64..2_000), 0..12),
        ) {
            let lines: Vec<_> = nets.iter().map(|(net, high)| (*net, if *high { "8.1" } else { "2.6" })).collect();
            let mut invoice = invoice(&lines);
            let whole = totals(invoice.lines.iter().map(|line| (line.net, line.tax_rate)));
            let mut sum = (0, 0);
            for step in steps.into_iter().map(Some).chain([None]) {
                let note = match step {
                    Some((index, net)) => {
                        let line = &invoice.lines[index % invoice.lines.len()];
                        let position = line.position;
                        invoice.credit(vec![LineCredit { position, net: net.min(line.left()) }])
                    }
                    None => invoice.credit_all(),
                };
                let Ok(note) = note else { continue };
                prop_assert!(note.totals.tax >= 0 && note.totals.net > 0);
                sum = (sum.0 + note.totals.net, sum.1 + note.totals.tax);
                credited(&mut invoice, &note);
            }
            prop_assert_eq!(invoice.state, InvoiceState::Refunded);
            prop_assert_eq!(sum, (whole.net, whole.tax));
        }
    }
}
