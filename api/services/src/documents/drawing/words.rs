//! The words of documents, one file per language in `texts/documents/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use manager_domain::languages::Language;
use manager_domain::payments::PaymentMethodKind;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{Document, Error, Kind, Means, formats};

/// What documents say in one language. `{name}` stands for what is filled in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// How dates are written, as chrono's patterns.
    pub date: String,
    pub percent: String,
    pub titles: Titles,
    pub facts: Facts,
    pub columns: Columns,
    pub lines: Lines,
    pub totals: Totals,
    pub means: Names,
    pub notes: Notes,
    pub watermarks: Watermarks,
    pub footer: Footer,
    pub payment_part: PaymentPart,
    /// By ISO 3166-1 alpha-2; others are printed as their code.
    pub countries: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Titles {
    pub invoice: String,
    pub pro_forma: String,
    pub credit_note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub invoice_number: String,
    pub credit_note_number: String,
    pub date: String,
    pub due: String,
    pub period: String,
    pub customer_number: String,
    pub order_number: String,
    pub corrects: String,
    pub buyer_vat_number: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    pub description: String,
    pub quantity: String,
    pub unit_price: String,
    pub discount: String,
    pub tax: String,
    pub net: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    pub period: String,
    pub month: String,
    pub months: String,
    pub carried_forward: String,
    pub brought_forward: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub before_discounts: String,
    pub discounts: String,
    pub net: String,
    pub tax: String,
    pub total: String,
    pub total_credited: String,
    pub paid: String,
    pub returned: String,
    pub open: String,
    pub open_until: String,
    pub to_return: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    card: String,
    paypal: String,
    twint: String,
    postfinance: String,
    bank_transfer: String,
    prepaid: String,
    promotional_balance: String,
    credit_note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    pub reverse_charge: String,
    pub export: String,
    pub pro_forma: String,
    pub paid: String,
    pub correction: String,
    pub reason: String,
    pub pay_with_payment_part: String,
    pub test: String,
    pub void: String,
}

/// Large across every page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermarks {
    pub test: String,
    pub void: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    pub page: String,
    pub seller_vat_number: String,
}

/// Headings as the guidelines prescribe them in German, French, Italian and English.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentPart {
    pub payment_part: String,
    pub receipt: String,
    pub account: String,
    pub reference: String,
    pub additional_information: String,
    pub payable_by: String,
    pub payable_by_blank: String,
    pub currency: String,
    pub amount: String,
    pub acceptance_point: String,
    /// What is in the message to the seller.
    pub message: String,
    pub message_pro_forma: String,
    /// What the QR code is, for those who can't see it.
    pub code: String,
}

/// The words of a language.
///
/// # Errors
/// [`Error::Texts`] where its file is malformed, which a test rules out.
pub fn of(language: Language) -> Result<&'static Words, Error> {
    static ALL: LazyLock<Vec<Result<Words, String>>> = LazyLock::new(|| {
        let source = |language| match language {
            Language::En => include_str!("../../../texts/documents/en.toml"),
            Language::Fr => include_str!("../../../texts/documents/fr.toml"),
            Language::De => include_str!("../../../texts/documents/de.toml"),
            Language::It => include_str!("../../../texts/documents/it.toml"),
            Language::Es => include_str!("../../../texts/documents/es.toml"),
        };
        Language::ALL.iter().map(|language| toml::from_str(source(*language)).map_err(|e| e.to_string())).collect()
    });
    let index = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
    let words = ALL.get(index).ok_or_else(|| Error::Texts("no such language".to_owned()))?;
    words.as_ref().map_err(|e| Error::Texts(e.clone()))
}

/// A text with its `{name}`s filled in.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

impl Words {
    /// `Invoice M48213-2026-7`.
    pub fn title(&self, document: &Document) -> String {
        let kind = match document.kind {
            Kind::Invoice => &self.titles.invoice,
            Kind::ProForma | Kind::Void => &self.titles.pro_forma,
            Kind::CreditNote(_) => &self.titles.credit_note,
        };
        match &document.number {
            Some(number) => format!("{kind} {number}"),
            None => kind.clone(),
        }
    }

    /// What is written across the pages, if anything is.
    pub fn watermark(&self, document: &Document) -> Option<&str> {
        let watermarks = &self.watermarks;
        let void = (document.kind == Kind::Void).then_some(&watermarks.void);
        document.test.then_some(&watermarks.test).or(void).map(String::as_str)
    }

    pub fn date(&self, date: NaiveDate) -> String {
        formats::date(date, &self.date)
    }

    pub fn percent(&self, rate: Decimal) -> String {
        fill(&self.percent, &[("number", &rate.normalize().to_string())])
    }

    /// A country's name, or its code.
    pub fn country<'a>(&'a self, code: &'a str) -> &'a str {
        self.countries.get(code).map_or(code, String::as_str)
    }

    pub fn means(&self, means: &Means) -> String {
        let name = match means {
            Means::Method(PaymentMethodKind::Card) => &self.means.card,
            Means::Method(PaymentMethodKind::Paypal) => &self.means.paypal,
            Means::Method(PaymentMethodKind::Twint) => &self.means.twint,
            Means::Method(PaymentMethodKind::Postfinance) => &self.means.postfinance,
            Means::Method(PaymentMethodKind::BankTransfer) => &self.means.bank_transfer,
            Means::Method(PaymentMethodKind::Prepaid) => &self.means.prepaid,
            Means::PromotionalBalance => &self.means.promotional_balance,
            Means::CreditNote(number) => return fill(&self.means.credit_note, &[("number", number)]),
        };
        name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_word_and_every_country() {
        let known = |language| of(language).unwrap().countries.keys().collect::<Vec<_>>();
        for language in Language::ALL {
            assert_eq!(known(*language), known(Language::En), "{language:?}");
        }
    }
}
