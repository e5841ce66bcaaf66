//! Amounts of money in integer minor units (`1250` CHF is 12.50 francs).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A currency the seller bills in, by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Chf,
    Eur,
}

impl Currency {
    pub const ALL: [Self; 2] = [Self::Chf, Self::Eur];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chf => "CHF",
            Self::Eur => "EUR",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.as_str() == text)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"amount": 1250, "currency": "CHF"})))]
pub struct Money {
    /// Minor units: 1250 is 12.50.
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The amount in major units with two digits, `-12.50`, for machines to read.
    pub fn decimal(self) -> String {
        let (sign, units) = (if self.amount < 0 { "-" } else { "" }, self.amount.unsigned_abs());
        format!("{sign}{}.{:02}", units / 100, units % 100)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}
