//! Writes pain.001.001.09 files for the bank, as the Swiss Payment Standards want them: one group of transfers a
//! currency, each transfer with an identifier that the bank gives back (PRE-4).

mod xml;

use std::collections::HashSet;

use chrono::NaiveDate;
use manager_domain::{Currency, Instant, Money};

use super::characters;

/// What the standard allows a name.
const MAX_NAME: usize = 70;
const MAX_TEXT: usize = 140;
/// Minor units: 9 999 999 999.99.
const MAX_AMOUNT: i64 = 999_999_999_999;
/// Leaves room for the currency that names a group.
const MAX_MESSAGE_ID: usize = 31;

/// Where euros go by SEPA: the scheme's countries, by the first letters of their IBANs.
#[rustfmt::skip]
const SEPA: &[&str] = &[
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR", "HU",
    "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE",
    "SI", "SK", "SM", "VA",
];

/// What the bank is asked to do.
#[derive(Debug, Clone)]
pub struct PaymentFile {
    /// New for every file: banks refuse a repeated one for 90 days. 1 to 31 characters as in an end-to-end id.
    pub message_id: String,
    pub created_at: Instant,
    /// The banking day on which the money leaves.
    pub execute_on: NaiveDate,
    pub debtor: Debtor,
    pub transfers: Vec<Transfer>,
}

/// Whose money it is.
#[derive(Debug, Clone)]
pub struct Debtor {
    pub name: String,
    /// The accounts that currencies are paid from, checked IBANs without spaces. The bank follows from the IBAN.
    pub accounts: Vec<(Currency, String)>,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// As [`end_to_end_id`] makes it.
    pub end_to_end_id: String,
    pub amount: Money,
    pub creditor_name: String,
    /// A checked IBAN without spaces.
    pub creditor_iban: String,
    /// Only asked for where the IBAN doesn't name the bank well enough: see [`check`].
    pub creditor_bic: Option<String>,
    pub creditor_address: Option<Address>,
    /// For the creditor to read; cut to 140 characters.
    pub text: Option<String>,
}

/// Where a creditor lives. Banks want town and country where there is an address at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub street: Option<String>,
    pub building_number: Option<String>,
    pub postal_code: Option<String>,
    pub town: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Why no file was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentFileFault {
    #[error("nothing to pay")]
    Empty,
    #[error("a message id that isn't one")]
    BadMessageId,
    #[error("a debtor without a name that can be written")]
    UnwritableDebtor,
    #[error("no account to pay {0} from")]
    NoAccount(Currency),
    #[error("an account for {0} that nothing can be paid from")]
    BadAccount(Currency),
    #[error("totals beyond what can be written")]
    TotalTooLarge,
    /// `index` counts from 0.
    #[error("transfer {index}: {fault}")]
    Transfer { index: usize, fault: TransferFault },
}

/// Why a transfer can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferFault {
    #[error("an end-to-end id that isn't one")]
    BadEndToEndId,
    #[error("an end-to-end id that another transfer has")]
    RepeatedEndToEndId,
    #[error("an amount that is not between 0.01 and 9 999 999 999.99")]
    BadAmount,
    #[error("a creditor without a name that can be written")]
    UnwritableName,
    #[error("an account that isn't an IBAN")]
    BadIban,
    /// Such accounts take payments with a QR reference only.
    #[error("a QR-IBAN, to which nothing can be paid out")]
    QrIban,
    /// The payment is neither within Switzerland and Liechtenstein nor by SEPA.
    #[error("a creditor whose bank must be named by its BIC")]
    BicNeeded,
    #[error("a BIC that isn't one")]
    BadBic,
    #[error("an address without town and country")]
    BadAddress,
}

/// An identifier of this system in the characters that banks pass on: `wdr_…` becomes `wdr-…`.
pub fn end_to_end_id(id: &str) -> String {
    id.replace('_', "-")
}

/// Whether a transfer can be written, to be asked before one is accepted.
///
/// # Errors
/// A [`TransferFault`], but for a repeated identifier, which only a file can show.
pub fn check(transfer: &Transfer) -> Result<(), TransferFault> {
    if !characters::is_identifier(&transfer.end_to_end_id) {
        return Err(TransferFault::BadEndToEndId);
    }
    if !(1..=MAX_AMOUNT).contains(&transfer.amount.amount) {
        return Err(TransferFault::BadAmount);
    }
    if !characters::is_readable(&characters::written(&transfer.creditor_name, MAX_NAME)) {
        return Err(TransferFault::UnwritableName);
    }
    if !is_iban(&transfer.creditor_iban) {
        return Err(TransferFault::BadIban);
    }
    if is_qr(&transfer.creditor_iban) {
        return Err(TransferFault::QrIban);
    }
    if transfer.creditor_bic.as_deref().is_some_and(|bic| !is_bic(bic)) {
        return Err(TransferFault::BadBic);
    }
    if transfer.creditor_address.as_ref().is_some_and(|address| !is_address(address)) {
        return Err(TransferFault::BadAddress);
    }
    let is_plain = is_swiss(&transfer.creditor_iban) || is_sepa(transfer);
    if is_plain || transfer.creditor_bic.is_some() { Ok(()) } else { Err(TransferFault::BicNeeded) }
}

/// Writes the file. The same input gives the same bytes.
///
/// # Errors
/// A [`PaymentFileFault`]: nothing is left out of a file, so that what was exported is what it holds.
pub fn write(file: &PaymentFile) -> Result<Vec<u8>, PaymentFileFault> {
    if file.transfers.is_empty() {
        return Err(PaymentFileFault::Empty);
    }
    if file.message_id.len() > MAX_MESSAGE_ID || !characters::is_identifier(&file.message_id) {
        return Err(PaymentFileFault::BadMessageId);
    }
    if !characters::is_readable(&characters::written(&file.debtor.name, MAX_NAME)) {
        return Err(PaymentFileFault::UnwritableDebtor);
    }
    let mut seen = HashSet::new();
    for (index, transfer) in file.transfers.iter().enumerate() {
        let unique = if seen.insert(&transfer.end_to_end_id) { Ok(()) } else { Err(TransferFault::RepeatedEndToEndId) };
        check(transfer).and(unique).map_err(|fault| PaymentFileFault::Transfer { index, fault })?;
    }
    let mut groups = Vec::new();
    for currency in Currency::ALL {
        let transfers: Vec<_> = file.transfers.iter().filter(|transfer| transfer.amount.currency == currency).collect();
        if !transfers.is_empty() {
            groups.push(Group { currency, account: account(file, currency)?, total: total(&transfers)?, transfers });
        }
    }
    let total = groups.iter().try_fold(0_i64, |sum, group| sum.checked_add(group.total));
    let total = total.ok_or(PaymentFileFault::TotalTooLarge)?;
    Ok(xml::document(file, &groups, total))
}

/// The transfers of one currency, and the sum of their minor units.
struct Group<'a> {
    currency: Currency,
    account: &'a str,
    transfers: Vec<&'a Transfer>,
    total: i64,
}

fn account(file: &PaymentFile, currency: Currency) -> Result<&str, PaymentFileFault> {
    let account = file.debtor.accounts.iter().find(|(of, _)| *of == currency).map(|(_, iban)| iban.as_str());
    let account = account.ok_or(PaymentFileFault::NoAccount(currency))?;
    let pays = is_iban(account) && !is_qr(account);
    pays.then_some(account).ok_or(PaymentFileFault::BadAccount(currency))
}

fn total(transfers: &[&Transfer]) -> Result<i64, PaymentFileFault> {
    let sum = transfers.iter().try_fold(0_i64, |sum, transfer| sum.checked_add(transfer.amount.amount));
    sum.ok_or(PaymentFileFault::TotalTooLarge)
}

/// The form of an IBAN; its check digits were looked at before.
fn is_iban(iban: &str) -> bool {
    let bytes = iban.as_bytes();
    let fits = bytes.iter().enumerate().all(|(index, byte)| match index {
        0 | 1 => byte.is_ascii_uppercase(),
        2 | 3 => byte.is_ascii_digit(),
        _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
    });
    let swiss_length = !is_swiss(iban) || bytes.len() == 21;
    fits && (15..=34).contains(&bytes.len()) && swiss_length
}

fn is_swiss(iban: &str) -> bool {
    iban.starts_with("CH") || iban.starts_with("LI")
}

/// The number of a Swiss or Liechtenstein bank, from its customer's IBAN.
fn institution(iban: &str) -> Option<u32> {
    iban.get(4..9).filter(|_| is_swiss(iban))?.parse().ok()
}

fn is_qr(iban: &str) -> bool {
    institution(iban).is_some_and(|number| (30_000..=31_999).contains(&number))
}

fn is_sepa(transfer: &Transfer) -> bool {
    transfer.amount.currency == Currency::Eur && SEPA.iter().any(|country| transfer.creditor_iban.starts_with(country))
}

fn is_bic(bic: &str) -> bool {
    let fits = bic.bytes().enumerate().all(|(index, byte)| match index {
        4 | 5 => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
    });
    fits && matches!(bic.len(), 8 | 11)
}

fn is_address(address: &Address) -> bool {
    let country = address.country.len() == 2 && address.country.bytes().all(|byte| byte.is_ascii_uppercase());
    country && characters::is_readable(&characters::written(&address.town, 35))
}

#[cfg(test)]
mod tests;
