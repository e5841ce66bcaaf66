//! Stripe's objects, as far as they are read. What isn't named here is ignored.

use manager_domain::{Currency, Money};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Hidden;

/// An amount in whatever currency Stripe names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// In Stripe's smallest unit of the currency; for ours, minor units.
    pub units: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

impl Amount {
    pub(super) fn new(units: i64, currency: &str) -> Self {
        Self { units, currency: currency.to_ascii_uppercase() }
    }

    /// `None` in a currency that this seller doesn't have: a matter of `suspense` (BIL-7).
    pub fn money(&self) -> Option<Money> {
        Currency::parse(&self.currency).map(|currency| Money::new(self.units, currency))
    }
}

/// What was written to an object when it was made: our own ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(Map<String, Value>);

impl Metadata {
    pub fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).and_then(Value::as_str).map(str::to_owned)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub error: ErrorObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorObject {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
    #[serde(default)]
    pub param: Option<String>,
    #[serde(default)]
    pub payment_intent: Option<PaymentIntent>,
}

/// Why an attempt failed, as it stands in intents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AttemptError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub status: String,
    pub amount: i64,
    #[serde(default)]
    pub amount_received: Option<i64>,
    pub currency: String,
    #[serde(default, deserialize_with = "hidden")]
    pub client_secret: Option<Hidden>,
    #[serde(default)]
    pub next_action: Option<NextAction>,
    #[serde(default)]
    pub last_payment_error: Option<AttemptError>,
    #[serde(default)]
    pub cancellation_reason: Option<String>,
    #[serde(default, deserialize_with = "id_of")]
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct NextAction {
    #[serde(default)]
    pub redirect_to_url: Option<RedirectToUrl>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RedirectToUrl {
    #[serde(default, deserialize_with = "hidden")]
    pub url: Option<Hidden>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct SetupIntent {
    pub id: String,
    pub status: String,
    #[serde(default, deserialize_with = "hidden")]
    pub client_secret: Option<Hidden>,
    #[serde(default)]
    pub next_action: Option<NextAction>,
    #[serde(default)]
    pub last_setup_error: Option<AttemptError>,
    #[serde(default, deserialize_with = "id_of")]
    pub payment_method: Option<String>,
    #[serde(default, deserialize_with = "id_of")]
    pub customer: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    #[serde(default)]
    pub status: Option<String>,
    pub amount: i64,
    pub currency: String,
    #[serde(default)]
    pub failure_reason: Option<String>,
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    pub id: String,
    pub amount_refunded: i64,
    pub currency: String,
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DisputeObject {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default, deserialize_with = "id_of")]
    pub charge: Option<String>,
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Customer {
    pub id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentMethod {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "id_of")]
    pub customer: Option<String>,
    #[serde(default)]
    pub card: Option<Card>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Card {
    #[serde(default)]
    pub brand: String,
    #[serde(default)]
    pub last4: String,
    pub exp_month: u32,
    pub exp_year: i32,
}

/// A page of search results; more than one would be a defect.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub data: Vec<T>,
}

/// The id of what is named by it or written out.
fn id_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named {
        Id(String),
        Object { id: String },
    }
    Ok(Option::<Named>::deserialize(deserializer)?.map(|named| match named {
        Named::Id(id) | Named::Object { id } => id,
    }))
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hidden>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Hidden::new))
}

/// `null` is as good as absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
