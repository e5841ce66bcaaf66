//! Reads camt.054 notifications, and camt.053 statements, which are built alike: versions 04 and 08 of ISO 20022 as the
//! Swiss Payment Standards use them, with the details of batched entries (BIL-5).

use std::collections::HashMap;

use manager_domain::Money;

use super::errors::{FaultKind, FileFault, Place, quoted};
use super::identities::{Identities, References};
use super::xml_tree::{self, Element};
use super::{BankFile, Direction, FileKind, Identity, IdentityBasis, Party, Reference, Row, fields};

/// The elements that are read; all others are skipped with what they hold.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "Document", "BkToCstmrDbtCdtNtfctn", "BkToCstmrStmt", "GrpHdr", "MsgId", "Ntfctn", "Stmt", "Id", "Acct", "IBAN",
    "Othr", "Ntry", "NtryRef", "Amt", "CdtDbtInd", "RvslInd", "Sts", "Cd", "BookgDt", "ValDt", "Dt", "DtTm",
    "AcctSvcrRef", "NtryDtls", "Btch", "NbOfTxs", "TxDtls", "Refs", "EndToEndId", "AmtDtls", "TxAmt", "RltdPties",
    "Dbtr", "Cdtr", "UltmtDbtr", "Pty", "Nm", "DbtrAcct", "CdtrAcct", "RmtInf", "Strd", "Ustrd", "CdtrRefInf", "Ref",
    "AddtlRmtInf", "Chrgs", "RtrInf", "Rsn", "AddtlNtryInf",
];

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.";

/// Reads a file. The caller bounds its size; memory is bounded by it and by the number of elements.
///
/// # Errors
/// A [`FileFault`] with its place: broken XML, another message, and whatever is unclear about money. Nothing is dropped
/// silently: an entry in a currency that this seller doesn't have refuses the file.
pub fn parse(bytes: &[u8]) -> Result<BankFile, FileFault> {
    let document = xml_tree::read(bytes, NAMES)?;
    let message = document.namespace.strip_prefix(NAMESPACE);
    let (kind, body, report) = match message {
        Some("053.001.04" | "053.001.08") => (FileKind::Statement, "BkToCstmrStmt", "Stmt"),
        Some("054.001.04" | "054.001.08") => (FileKind::Notification, "BkToCstmrDbtCdtNtfctn", "Ntfctn"),
        _ => {
            let kind = FaultKind::UnknownMessage(quoted(message.unwrap_or(&document.namespace)));
            return Err(at(&document.root, "Document")(kind));
        }
    };
    let root = &document.root;
    let body = root.child(body).ok_or_else(|| at(root, "Document")(FaultKind::Missing(body)))?;
    let message_id = body.text_at(&["GrpHdr", "MsgId"]);
    let message_id = message_id.ok_or_else(|| at(body, body.name)(FaultKind::Missing("MsgId")))?;
    let mut file = BankFile { kind, message_id: quoted(message_id), rows: Vec::new() };
    let mut identities = Identities::default();
    for (index, report) in body.all(report).enumerate() {
        read_report(report, &format!("{}[{}]", report.name, index + 1), &mut identities, &mut file.rows)?;
    }
    Ok(file)
}

fn at(element: &Element, path: &str) -> impl Fn(FaultKind) -> FileFault + use<> {
    let place = Place { path: path.to_owned(), line: element.line };
    move |kind| FileFault { kind, place: place.clone() }
}

fn read_report(
    report: &Element,
    path: &str,
    identities: &mut Identities,
    rows: &mut Vec<Row>,
) -> Result<(), FileFault> {
    let account = report.text_at(&["Acct", "Id", "IBAN"]).or_else(|| report.text_at(&["Acct", "Id", "Othr", "Id"]));
    let account = account.ok_or_else(|| at(report, path)(FaultKind::Missing("Acct/Id")))?;
    for (index, entry) in report.all("Ntry").enumerate() {
        let path = format!("{path}/Ntry[{}]", index + 1);
        Entry::read(entry, path, compact(account))?.rows(identities, rows)?;
    }
    Ok(())
}

/// An entry and what its transactions take from it.
struct Entry<'a> {
    element: &'a Element,
    path: String,
    blank: Row,
    transactions: Vec<(&'a Element, String)>,
    /// How many there should be, where the bank says that.
    announced: Option<u32>,
}

impl<'a> Entry<'a> {
    fn read(element: &'a Element, path: String, account: String) -> Result<Self, FileFault> {
        let fault = at(element, &path);
        let amount = single(element, "Amt").map_err(&fault)?.ok_or_else(|| fault(FaultKind::Missing("Amt")))?;
        let amount = fields::money(amount).map_err(at(amount, &format!("{path}/Amt")))?;
        let direction = direction(element).map_err(&fault)?.ok_or_else(|| fault(FaultKind::Missing("CdtDbtInd")))?;
        let is_reversal = element.text_at(&["RvslInd"]).map_or(Ok(false), fields::flag).map_err(&fault)?;
        // Version 08 has a code below, version 04 the code itself.
        let status = element.text_at(&["Sts", "Cd"]).or_else(|| element.text_at(&["Sts"]));
        let blank = Row {
            account,
            entry_reference: element.text_at(&["NtryRef"]).and_then(fields::tidy),
            amount,
            direction,
            is_reversal,
            is_booked: status == Some("BOOK"),
            booked_on: fields::date(element.child("BookgDt")).map_err(&fault)?,
            valued_on: fields::date(element.child("ValDt")).map_err(&fault)?,
            reference: None,
            end_to_end_id: None,
            text: None,
            debtor: Party::default(),
            creditor: Party::default(),
            return_reason: None,
            bank_reference: bank_reference(element).map(quoted),
            identity: Identity { key: String::new(), basis: IdentityBasis::Content },
            stands_for: 1,
            line: element.line,
        };
        let mut transactions = Vec::new();
        for (index, details) in element.all("NtryDtls").enumerate() {
            for (place, transaction) in details.all("TxDtls").enumerate() {
                transactions.push((transaction, format!("{path}/NtryDtls[{}]/TxDtls[{}]", index + 1, place + 1)));
            }
        }
        Ok(Self { element, path, blank, transactions, announced: announced(element) })
    }

    fn rows(&self, identities: &mut Identities, rows: &mut Vec<Row>) -> Result<(), FileFault> {
        let fault = at(self.element, &self.path);
        let of = self.transactions.len();
        if of == 0 {
            let mut row = self.blank.clone();
            row.text = self.element.text_at(&["AddtlNtryInf"]).and_then(fields::tidy);
            row.stands_for = self.announced.unwrap_or(1).max(1);
            let references =
                References { entry: bank_reference(self.element), transaction: None, is_unique: true, position: 0, of };
            row.identity = identities.of(&row, &references);
            rows.push(row);
            return Ok(());
        }
        let mut repeated: HashMap<&str, usize> = HashMap::new();
        for (transaction, _) in &self.transactions {
            *repeated.entry(own_reference(transaction).unwrap_or_default()).or_default() += 1;
        }
        let first = rows.len();
        for (position, (transaction, path)) in self.transactions.iter().enumerate() {
            let mut row = self.row(transaction, path)?;
            let own = own_reference(transaction);
            let references = References {
                entry: bank_reference(self.element),
                transaction: own,
                is_unique: own.is_some_and(|own| repeated.get(own) == Some(&1)),
                position,
                of,
            };
            row.identity = identities.of(&row, &references);
            rows.push(row);
        }
        self.check_total(rows.get(first..).unwrap_or_default()).map_err(fault)?;
        // What one transaction brought is what was booked, charges taken off.
        if let (1, Some(row)) = (of, rows.get_mut(first)) {
            row.amount = self.blank.amount;
            row.direction = self.blank.direction;
        }
        Ok(())
    }

    fn row(&self, transaction: &Element, path: &str) -> Result<Row, FileFault> {
        let fault = at(transaction, path);
        let mut row = self.blank.clone();
        row.amount = self.amount(transaction, path)?;
        row.direction = direction(transaction).map_err(&fault)?.unwrap_or(row.direction);
        row.line = transaction.line;
        row.end_to_end_id = transaction.text_at(&["Refs", "EndToEndId"]).and_then(fields::tidy);
        row.return_reason = transaction.text_at(&["RtrInf", "Rsn", "Cd"]).and_then(fields::tidy);
        if let Some(own) = own_reference(transaction) {
            row.bank_reference = Some(quoted(own));
        }
        if let Some(parties) = transaction.child("RltdPties") {
            row.debtor = Party { name: name(parties, "Dbtr"), iban: iban(parties, "DbtrAcct") };
            row.debtor.name = row.debtor.name.or_else(|| name(parties, "UltmtDbtr"));
            row.creditor = Party { name: name(parties, "Cdtr"), iban: iban(parties, "CdtrAcct") };
        }
        let remittances = || transaction.all("RmtInf");
        let structured = || remittances().flat_map(|remittance| remittance.all("Strd"));
        row.reference = structured().filter_map(|part| part.text_at(&["CdtrRefInf", "Ref"])).find_map(Reference::read);
        let free = remittances().flat_map(|remittance| remittance.all("Ustrd"));
        let additional = structured().flat_map(|part| part.all("AddtlRmtInf"));
        let words: Vec<&str> = free.chain(additional).filter_map(|line| fields::meant(&line.text)).collect();
        row.text = fields::tidy(&words.join(" "));
        Ok(row)
    }

    /// A transaction's amount in the account's currency. What the payer ordered in another one is of no interest.
    fn amount(&self, transaction: &Element, path: &str) -> Result<Money, FileFault> {
        let fault = at(transaction, path);
        let own = single(transaction, "Amt").map_err(&fault)?;
        let booked = transaction.at(&["AmtDtls", "TxAmt", "Amt"]);
        let currency = self.blank.amount.currency;
        let in_currency = |amount: &&Element| amount.currency.as_deref() == Some(currency.as_str());
        let amounts = || own.into_iter().chain(booked);
        if let Some(amount) = amounts().find(in_currency) {
            return fields::money(amount).map_err(at(amount, &format!("{path}/Amt")));
        }
        match (self.transactions.len(), amounts().next()) {
            (1, _) => Ok(self.blank.amount),
            (_, Some(foreign)) => Err(at(foreign, &format!("{path}/Amt"))(FaultKind::ForeignAmount)),
            (_, None) => Err(fault(FaultKind::Missing("Amt"))),
        }
    }

    /// The transactions add up to the entry. Where charges keep them from that, at least their number is right.
    fn check_total(&self, rows: &[Row]) -> Result<(), FaultKind> {
        let entry = self.blank.amount.amount;
        let total = rows.iter().try_fold(0_i64, |total, row| match row.direction == self.blank.direction {
            true => total.checked_add(row.amount.amount),
            false => total.checked_sub(row.amount.amount),
        });
        let total = total.ok_or_else(|| FaultKind::BadAmount("a total beyond all bounds".to_owned()))?;
        if total == entry {
            return Ok(());
        }
        let found = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if let Some(announced) = self.announced.filter(|announced| *announced != found) {
            return Err(FaultKind::WrongCount { announced, found });
        }
        let charged = self.element.child("Chrgs").is_some()
            || self.transactions.iter().any(|(transaction, _)| transaction.child("Chrgs").is_some());
        if charged { Ok(()) } else { Err(FaultKind::WrongTotal { entry, transactions: total }) }
    }
}

/// The only child of a name.
fn single<'a>(element: &'a Element, name: &'static str) -> Result<Option<&'a Element>, FaultKind> {
    let mut all = element.all(name);
    match (all.next(), all.next()) {
        (first, None) => Ok(first),
        _ => Err(FaultKind::Repeated(name)),
    }
}

fn direction(element: &Element) -> Result<Option<Direction>, FaultKind> {
    single(element, "CdtDbtInd")?.map(|indicator| fields::direction(&indicator.text)).transpose()
}

/// How many transactions the batches of an entry announce. A number that isn't one says nothing.
fn announced(entry: &Element) -> Option<u32> {
    let counts = entry.all("NtryDtls").filter_map(|details| details.text_at(&["Btch", "NbOfTxs"])?.parse::<u32>().ok());
    counts.reduce(u32::saturating_add)
}

fn bank_reference(entry: &Element) -> Option<&str> {
    entry.text_at(&["AcctSvcrRef"]).and_then(fields::meant)
}

fn own_reference(transaction: &Element) -> Option<&str> {
    transaction.text_at(&["Refs", "AcctSvcrRef"]).and_then(fields::meant)
}

/// Version 08 has a party below, version 04 the name itself.
fn name(parties: &Element, role: &str) -> Option<String> {
    let name = parties.text_at(&[role, "Pty", "Nm"]).or_else(|| parties.text_at(&[role, "Nm"]));
    name.and_then(fields::tidy)
}

fn iban(parties: &Element, account: &str) -> Option<String> {
    parties.text_at(&[account, "Id", "IBAN"]).map(compact)
}

fn compact(number: &str) -> String {
    number.chars().filter(|c| !c.is_whitespace()).take(40).collect()
}

#[cfg(test)]
mod tests;
