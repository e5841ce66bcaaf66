//! The elements of a payment file, in the order that its schema wants.

use quick_xml::escape::escape;

use manager_domain::{Currency, Instant, Money};

use super::{Address, Group, MAX_NAME, MAX_TEXT, PaymentFile, Transfer, institution, is_sepa, is_swiss};
use crate::payouts::characters::written;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";

/// Elements, written one into another.
struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn line(&mut self, line: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// An element that holds others.
    fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    /// An element that holds a text.
    fn leaf(&mut self, name: &str, text: &str) {
        self.line(&format!("<{name}>{}</{name}>", escape(text)));
    }

    /// A leaf at the end of a path.
    fn deep(&mut self, path: &[&str], text: &str) {
        match path {
            [] => {}
            [name] => self.leaf(name, text),
            [name, rest @ ..] => self.within(name, |xml| xml.deep(rest, text)),
        }
    }
}

/// The document as bytes. All was checked before.
pub(super) fn document(file: &PaymentFile, groups: &[Group<'_>], total: i64) -> Vec<u8> {
    let mut xml = Xml { text: String::new(), depth: 0 };
    xml.line(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    xml.line(&format!(r#"<Document xmlns="{NAMESPACE}">"#));
    xml.depth += 1;
    xml.within("CstmrCdtTrfInitn", |xml| {
        header(xml, file, total);
        for group in groups {
            xml.within("PmtInf", |xml| payments(xml, file, group));
        }
    });
    xml.depth -= 1;
    xml.line("</Document>");
    xml.text.into_bytes()
}

fn header(xml: &mut Xml, file: &PaymentFile, total: i64) {
    xml.within("GrpHdr", |xml| {
        xml.leaf("MsgId", &file.message_id);
        xml.leaf("CreDtTm", &moment(file.created_at));
        xml.leaf("NbOfTxs", &file.transfers.len().to_string());
        // Over all currencies: a check, not an amount.
        xml.leaf("CtrlSum", &decimal(total));
        xml.deep(&["InitgPty", "Nm"], &written(&file.debtor.name, MAX_NAME));
    });
}

fn payments(xml: &mut Xml, file: &PaymentFile, group: &Group<'_>) {
    xml.leaf("PmtInfId", &format!("{}-{}", file.message_id, group.currency));
    xml.leaf("PmtMtd", "TRF");
    xml.leaf("BtchBookg", "true");
    xml.leaf("NbOfTxs", &group.transfers.len().to_string());
    xml.leaf("CtrlSum", &decimal(group.total));
    xml.deep(&["ReqdExctnDt", "Dt"], &file.execute_on.to_string());
    xml.deep(&["Dbtr", "Nm"], &written(&file.debtor.name, MAX_NAME));
    xml.within("DbtrAcct", |xml| {
        xml.deep(&["Id", "IBAN"], group.account);
        xml.leaf("Ccy", group.currency.as_str());
    });
    xml.within("DbtrAgt", |xml| agent(xml, group.account));
    for transfer in &group.transfers {
        xml.within("CdtTrfTxInf", |xml| payment(xml, group, transfer));
    }
}

/// The debtor's bank without BIC: by its number in the Swiss clearing, elsewhere it follows from the IBAN.
fn agent(xml: &mut Xml, iban: &str) {
    xml.within("FinInstnId", |xml| match institution(iban) {
        Some(number) => xml.within("ClrSysMmbId", |xml| {
            xml.deep(&["ClrSysId", "Cd"], "CHBCC");
            xml.leaf("MmbId", &number.to_string());
        }),
        None => xml.deep(&["Othr", "Id"], "NOTPROVIDED"),
    });
}

fn payment(xml: &mut Xml, group: &Group<'_>, transfer: &Transfer) {
    xml.within("PmtId", |xml| {
        xml.leaf("InstrId", &transfer.end_to_end_id);
        xml.leaf("EndToEndId", &transfer.end_to_end_id);
    });
    let is_domestic = is_swiss(group.account) && is_swiss(&transfer.creditor_iban);
    let by_sepa = !is_domestic && is_sepa(transfer);
    if by_sepa {
        xml.deep(&["PmtTpInf", "SvcLvl", "Cd"], "SEPA");
    }
    let Money { amount, currency } = transfer.amount;
    xml.within("Amt", |xml| instructed(xml, amount, currency));
    match (by_sepa, is_domestic) {
        (true, _) => xml.leaf("ChrgBr", "SLEV"),
        (false, false) => xml.leaf("ChrgBr", "SHAR"),
        (false, true) => {}
    }
    if let Some(bic) = &transfer.creditor_bic {
        xml.deep(&["CdtrAgt", "FinInstnId", "BICFI"], bic);
    }
    xml.within("Cdtr", |xml| {
        xml.leaf("Nm", &written(&transfer.creditor_name, MAX_NAME));
        if let Some(address) = &transfer.creditor_address {
            xml.within("PstlAdr", |xml| postal(xml, address));
        }
    });
    xml.deep(&["CdtrAcct", "Id", "IBAN"], &transfer.creditor_iban);
    let text = transfer.text.as_deref().map(|text| written(text, MAX_TEXT)).filter(|text| !text.is_empty());
    if let Some(text) = text {
        xml.deep(&["RmtInf", "Ustrd"], &text);
    }
}

fn instructed(xml: &mut Xml, amount: i64, currency: Currency) {
    xml.line(&format!(r#"<InstdAmt Ccy="{currency}">{}</InstdAmt>"#, decimal(amount)));
}

fn postal(xml: &mut Xml, address: &Address) {
    let parts = [
        ("StrtNm", address.street.as_deref(), 70),
        ("BldgNb", address.building_number.as_deref(), 16),
        ("PstCd", address.postal_code.as_deref(), 16),
        ("TwnNm", Some(address.town.as_str()), 35),
        ("Ctry", Some(address.country.as_str()), 2),
    ];
    for (name, text, max) in parts {
        let text = text.map(|text| written(text, max)).filter(|text| !text.is_empty());
        if let Some(text) = text {
            xml.leaf(name, &text);
        }
    }
}

/// To the second, in UTC.
fn moment(instant: Instant) -> String {
    instant.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Minor units as a decimal number; there are no negative ones here.
fn decimal(amount: i64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}
