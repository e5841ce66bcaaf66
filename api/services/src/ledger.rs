//! Booking events of money in the transaction of the event (PRE-1).

use std::fmt::Display;

use manager_domain::ids::*;
use manager_domain::ledger::{Balances, LedgerAccount, PostingError, Transfer};
use manager_domain::{Code, Currency, Money, Refusal};
use manager_repository::AnyConnection;
use manager_repository::ledger::{self as rows, BookedTransfer};
use serde_json::json;

use crate::errors::{Error, Result};
use crate::{Call, Services};

/// Books a transfer of an organization, whose lock the caller holds; answers the balances afterwards. One that comes to
/// nothing isn't booked.
///
/// # Errors
/// `insufficient_balance` where a balance would go below zero.
pub(crate) fn book(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    (organization, currency): (OrganizationId, Currency),
    about: impl Display,
    transfer: std::result::Result<Transfer, PostingError>,
) -> Result<Balances> {
    let before = rows::balances(tx, organization, currency)?;
    let transfer = transfer.map_err(|error| unbooked(error, before, currency))?;
    if transfer.entries().is_empty() {
        return Ok(before);
    }
    let after = before.after(&transfer).map_err(|error| unbooked(error, before, currency))?;
    for entry in transfer.entries().iter().filter(|entry| entry.account.is_of_organization()) {
        // Guarded again by the row itself, so that nothing depends on the lock.
        if !rows::change_balance(tx, organization, entry.account, entry.amount.currency, entry.change())? {
            return Err(unbooked(PostingError::Insufficient(entry.account), before, currency));
        }
    }
    let sequence = rows::next_sequence(tx, organization)?;
    let row = transfer_row(services, call, (organization, currency), sequence, about, &transfer, after);
    rows::append(tx, &row, &transfer)?;
    Ok(after)
}

/// A transfer as the ledger keeps it; `after` are the balances that it leads to.
pub(crate) fn transfer_row(
    services: &Services,
    call: &Call,
    (organization_id, currency): (OrganizationId, Currency),
    sequence: i64,
    about: impl Display,
    transfer: &Transfer,
    after: Balances,
) -> BookedTransfer {
    BookedTransfer {
        organization_id,
        id: services.id(call.now),
        sequence,
        kind: transfer.kind(),
        about: about.to_string(),
        currency,
        prepaid_change: transfer.prepaid_change(),
        prepaid_balance: after.available().total(),
        created_by: call.actor.map(|actor| actor.account),
        created_at: call.now,
    }
}

fn unbooked(error: PostingError, balances: Balances, currency: Currency) -> Error {
    match error {
        PostingError::Insufficient(LedgerAccount::PrepaidPaid | LedgerAccount::PrepaidPromotional) => {
            let available = Money::new(balances.available().total(), currency);
            Refusal::new(Code::InsufficientBalance).with("available", json!(available)).into()
        }
        error => Error::defect(error),
    }
}
