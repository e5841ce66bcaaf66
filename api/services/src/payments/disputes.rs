//! Disputes: the available prepaid balance makes a payment good that its payer had taken back, the rest is owed (BIL-7).

use manager_domain::Money;
use manager_domain::disputes::{DisputeState, Step, step};
use manager_domain::ledger::PrepaidParts;
use manager_domain::payments::{PaymentState, Report, Verdict, judge};
use manager_domain::postings::{self, DisputeSplit, Source};
use manager_repository::disputes::{self as rows, Dispute};
use manager_repository::payments::{self, Payment};
use manager_repository::{AnyConnection, ledger as balances};
use serde_json::json;

use super::providers::{DisputeReport, Outcome};
use super::settlement::{Target, settle, standing};
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::{Call, Services, ledger};

/// A dispute on its way into the books; the caller holds the organization's lock.
pub(super) struct Disputing<'a> {
    pub services: &'a Services,
    pub call: &'a Call,
    pub report: &'a DisputeReport,
}

impl Disputing<'_> {
    pub fn carry_out(&self, tx: &mut AnyConnection, payment: &Payment) -> Result<()> {
        let known = rows::find(tx, payment.organization_id, &payment.provider, &self.report.reference)?;
        let step = step(known.as_ref().map(|row| row.state), self.report.state);
        match (step, known) {
            (Step::Ignore, _) => Ok(()),
            (Step::Note, _) => self.keep(tx, payment, DisputeState::Won, no_split()).map(|_| ()),
            (Step::Book(state), _) => self.book(tx, payment, state),
            (Step::Undo, Some(row)) => self.undo(tx, payment, &row),
            (Step::Lose, Some(row)) => self.close(tx, &row, DisputeState::Lost),
            (Step::Undo | Step::Lose, None) => Err(Error::defect("an unknown dispute has no end")),
        }
    }

    /// The money went. The success that this implies may not have been heard of yet.
    fn book(&self, tx: &mut AnyConnection, payment: &Payment, state: DisputeState) -> Result<()> {
        let mut payment = payment.clone();
        let mut verdict = judged(tx, &payment, Report::Disputed)?;
        if verdict == Verdict::SucceedFirst {
            settle(tx, self.services, self.call, &payment, &Outcome::of(PaymentState::Succeeded))?;
            let found = payments::find(tx, payment.organization_id, payment.id)?;
            payment = found.ok_or_else(|| Error::defect("a payment is gone"))?;
            verdict = judged(tx, &payment, Report::Disputed)?;
        }
        // A second dispute of the same payment takes nothing that the first one left.
        let Verdict::Dispute { amount } = verdict else {
            return self.keep(tx, &payment, state, no_split()).map(|_| ());
        };
        let of = (payment.organization_id, payment.currency);
        match self.report.amount {
            Some(taken) if taken.currency != payment.currency => {
                // What waited in suspense in its own currency.
                let row = self.keep(tx, &payment, state, no_split())?;
                let transfer = postings::suspense_returned(taken.currency, Source::Provider, taken.amount);
                ledger::book(tx, self.services, self.call, (of.0, taken.currency), row.id, transfer)?;
            }
            taken => {
                let amount = taken.map_or(amount, |taken| taken.amount.clamp(0, amount));
                let available = balances::balances(tx, payment.organization_id, payment.currency)?.available();
                let split = postings::dispute_split(available, amount);
                let row = self.keep(tx, &payment, state, split)?;
                let transfer = postings::dispute(payment.currency, split);
                ledger::book(tx, self.services, self.call, of, row.id, transfer)?;
            }
        }
        self.advance(tx, &payment, PaymentState::Disputed)
    }

    /// The money came again: what is still owed is owed no more, the rest is paid balance.
    fn undo(&self, tx: &mut AnyConnection, payment: &Payment, row: &Dispute) -> Result<()> {
        self.close(tx, row, DisputeState::Won)?;
        let split = DisputeSplit { prepaid: row.prepaid(), receivable: row.receivable };
        if split == no_split() {
            return Ok(());
        }
        let of = (row.organization_id, row.currency);
        let owed = balances::balances(tx, of.0, of.1)?.receivable.min(row.receivable);
        let transfer = postings::dispute_won(row.currency, split, owed);
        ledger::book(tx, self.services, self.call, of, row.id, transfer)?;
        match judged(tx, payment, Report::DisputeWon)? {
            Verdict::UndoDispute if payment.booked_elsewhere > 0 => self.advance(tx, payment, PaymentState::Failed),
            Verdict::UndoDispute => self.advance(tx, payment, PaymentState::Succeeded),
            _ => Ok(()),
        }
    }

    fn keep(
        &self,
        tx: &mut AnyConnection,
        payment: &Payment,
        state: DisputeState,
        split: DisputeSplit,
    ) -> Result<Dispute> {
        let now = self.call.now;
        let row = Dispute {
            organization_id: payment.organization_id,
            id: self.services.id(now),
            provider: payment.provider.clone(),
            reference: self.report.reference.clone(),
            payment_id: payment.id,
            state,
            reason: self.report.reason.clone(),
            currency: payment.currency,
            prepaid_promotional: split.prepaid.promotional,
            prepaid_paid: split.prepaid.paid,
            receivable: split.receivable,
            opened_at: now,
            closed_at: (state != DisputeState::Open).then_some(now),
        };
        rows::insert(tx, &row)?;
        let amount = Money::new(split.prepaid.total() + split.receivable, payment.currency);
        let after = json!({ "state": state, "payment": payment.id, "amount": amount, "owed": split.receivable });
        let entry = Entry::new("dispute.opened", row.id).after(after);
        audit_log::append(tx, self.services, self.call, row.organization_id, entry)?;
        Ok(row)
    }

    fn close(&self, tx: &mut AnyConnection, row: &Dispute, state: DisputeState) -> Result<()> {
        if !rows::close(tx, row, state, self.call.now)? {
            return Err(Error::defect(format!("{} changed although its organization is locked", row.id)));
        }
        let entry = Entry::new("dispute.closed", row.id).before(json!({ "state": row.state }));
        let entry = entry.after(json!({ "state": state }));
        audit_log::append(tx, self.services, self.call, row.organization_id, entry)
    }

    fn advance(&self, tx: &mut AnyConnection, payment: &Payment, state: PaymentState) -> Result<()> {
        let written = payments::Outcome {
            state,
            reference: None,
            failure_code: payment.failure_code.as_deref(),
            action: None,
            booked_elsewhere: 0,
        };
        let (organization, id) = (payment.organization_id, payment.id);
        if !payments::advance(tx, organization, id, payment.state, &written, self.call.now)? {
            return Err(Error::defect(format!("{id} changed although its organization is locked")));
        }
        let entry = super::changed(id, payment.state, state, &Outcome::of(state));
        audit_log::append(tx, self.services, self.call, organization, entry)
    }
}

const fn no_split() -> DisputeSplit {
    DisputeSplit { prepaid: PrepaidParts::NONE, receivable: 0 }
}

fn judged(tx: &mut AnyConnection, payment: &Payment, report: Report) -> Result<Verdict> {
    let target = Target::of(tx, payment)?;
    Ok(judge(&standing(tx, payment, &target)?, report))
}
