//! Prefixed, sortable, opaque identifiers: a UUIDv7 written in the TypeID form.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::SchemaType, schema::Type};
use uuid::Uuid;

use crate::time::Instant;

/// What an id names; its prefix stands before the underscore.
pub trait Kind: 'static {
    const PREFIX: &'static str;
}

/// The id of a `K`, unique in the whole system and never reused.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $alias:ident $prefix:literal;)*) => {
        /// The kinds of things that have ids.
        pub mod kind {
            $($(#[$doc])* #[derive(Debug)] pub enum $kind {})*
        }
        $(
            impl Kind for kind::$kind { const PREFIX: &'static str = $prefix; }
            $(#[$doc])* pub type $alias = Id<kind::$kind>;
        )*
    };
}

kinds! {
    /// A person's account.
    Account AccountId "acc";
    /// A session of an account.
    Session SessionId "ses";
    /// A pending registration.
    Registration RegistrationId "reg";
    /// A requested change of the login ID.
    LoginIdChange LoginIdChangeId "lic";
    /// An organization.
    Organization OrganizationId "org";
    /// A membership of an account in an organization.
    Membership MembershipId "mem";
    /// An invitation into an organization.
    Invitation InvitationId "ivt";
    /// The absorption of an old account by a new one.
    Absorption AbsorptionId "abs";
    /// A cart.
    Cart CartId "crt";
    /// An item of a cart.
    Item ItemId "itm";
    /// A quote: exact lines behind a price token.
    Quote QuoteId "quo";
    /// An order.
    Order OrderId "ord";
    /// A product.
    Product ProductId "prd";
    /// A term of a product.
    /// An invoice.
    Invoice InvoiceId "inv";
    /// A credit note.
    CreditNote CreditNoteId "crn";
    /// A refund of an invoice.
    Refund RefundId "rfd";
    /// What support gave an organization to spend.
    PromotionalCredit PromotionalCreditId "pcr";
    /// A payment.
    Payment PaymentId "pay";
    /// A dispute of a payment.
    Dispute DisputeId "dsp";
    /// A saved payment method.
    PaymentMethod PaymentMethodId "pmt";
    /// A transfer in the ledger.
    LedgerTransfer LedgerTransferId "led";
    /// A top-up of a prepaid account.
    TopUp TopUpId "top";
    /// A withdrawal from a prepaid account.
    Withdrawal WithdrawalId "wdr";
    /// A promo code.
    PromoCode PromoCodeId "pro";
    /// Promo codes that were made together.
    PromoCodeBatch PromoCodeBatchId "pcb";
    /// The redemption of a promo code or a free offer.
    Redemption RedemptionId "rdm";
    /// A free offer.
    FreeOffer FreeOfferId "ofr";
    /// A version of the catalogue.
    CatalogueVersion CatalogueVersionId "cat";
    /// An entry of an audit or security log.
    Event EventId "evt";
    /// A token of another system.
    ServiceToken ServiceTokenId "stk";
    /// A piece of background work.
    Job JobId "job";
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED: usize = 26;

impl<K> Id<K> {
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

/// Makes ids; one generator is injected into the program.
pub trait IdGenerator: Send + Sync {
    fn uuid(&self, now: Instant) -> Uuid;
}

impl dyn IdGenerator {
    /// A fresh id whose sort order follows `now`.
    pub fn next<K>(&self, now: Instant) -> Id<K> {
        Id::from_uuid(self.uuid(now))
    }
}

/// Why a text is not an id of the expected kind. Callers answer with 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedId;

impl fmt::Display for MalformedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of this kind")
    }
}

impl std::error::Error for MalformedId {}

impl<K: Kind> FromStr for Id<K> {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let encoded = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(MalformedId)?;
        if encoded.len() != ENCODED || encoded.as_bytes()[0] > b'7' {
            return Err(MalformedId);
        }
        let mut value: u128 = 0;
        for byte in encoded.bytes() {
            let digit = ALPHABET.iter().position(|&c| c == byte).ok_or(MalformedId)?;
            value = value << 5 | digit as u128;
        }
        Ok(Self::from_uuid(Uuid::from_u128(value)))
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.uuid.as_u128();
        let mut encoded = [0u8; ENCODED];
        for (index, slot) in encoded.iter_mut().enumerate() {
            let shift = 5 * (ENCODED - 1 - index);
            *slot = ALPHABET[(value >> shift) as usize & 31];
        }
        write!(f, "{}_{}", K::PREFIX, std::str::from_utf8(&encoded).map_err(|_| fmt::Error)?)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<K: Kind> utoipa::PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .pattern(Some(format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX)))
            .examples([serde_json::json!(format!("{}_01k5x9dzt4f3gsv6t1n0q8m2ra", K::PREFIX))])
            .into()
    }
}

impl<K: Kind> utoipa::ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Id_{}", K::PREFIX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_wrote() {
        let id = AccountId::from_uuid(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "acc_01h2xcejqtf2nbrexx3vqjhp41");
        assert_eq!("acc_01h2xcejqtf2nbrexx3vqjhp41".parse(), Ok(id));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "acc_",
            "org_01h2xcejqtf2nbrexx3vqjhp41",
            "acc_01H2XCEJQTF2NBREXX3VQJHP41",
            "acc_81h2xcejqtf2nbrexx3vqjhp41",
            "acc_01h2xcejqtf2nbrexx3vqjhp4",
            "acc_01h2xcejqtf2nbrexx3vqjhp4u",
        ] {
            assert_eq!(text.parse::<AccountId>(), Err(MalformedId), "{text}");
        }
    }
}
