//! Column types of our own, native on each engine: ids, instants, keywords (enums) and JSON.

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::expression::{SqlLiteral, TypedExpressionType};
use diesel::internal::derives::as_expression::Bound;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, SqlType, Text, Timestamptz, Uuid as UuidType};
use diesel::sqlite::Sqlite;
use manager_domain::absorptions::{AbsorptionState, StepState};
use manager_domain::carts::CartState;
use manager_domain::disputes::DisputeState;
use manager_domain::free_offers::FreeOfferState;
use manager_domain::ids::{Id, Kind};
use manager_domain::invoices::InvoiceState;
use manager_domain::languages::Language;
use manager_domain::ledger::{LedgerAccount, TransferKind};
use manager_domain::memberships::{InvitationState, Role};
use manager_domain::one_time_tokens::TokenPurpose;
use manager_domain::orders::OrderState;
use manager_domain::organizations::OrganizationKind;
use manager_domain::payments::{PaymentMethodKind, PaymentState, SandboxDecision};
use manager_domain::products::ProductState;
use manager_domain::promotional_credits::PromotionalCreditState;
use manager_domain::redemptions::RedemptionState;
use manager_domain::refunds::{RefundDestination, RefundState};
use manager_domain::staff::StaffRole;
use manager_domain::terms::Frequency;
use manager_domain::top_ups::TopUpState;
use manager_domain::{Currency, Instant};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::connection::MultiBackend;

/// `uuid` on PostgreSQL, 16 bytes on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct SqlId;

/// `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Long"))]
pub struct SqlInstant;

/// The stored word of an enum.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 25, array_oid = 1009), sqlite_type(name = "Text"))]
pub struct SqlKeyword;

/// JSON as text, which both engines keep alike.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 25, array_oid = 1009), sqlite_type(name = "Text"))]
pub struct SqlJson;

/// A value kept as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

macro_rules! known_to_both_engines {
    ($($sql:ty),*) => {$(
        impl HasSqlType<$sql> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                MultiBackend::lookup_sql_type::<$sql>(lookup)
            }
        }
    )*};
}
known_to_both_engines!(SqlId, SqlInstant, SqlKeyword, SqlJson);

/// What a value must implement beyond its two engines' `ToSql` and `FromSql` to be used in queries on either.
macro_rules! column_value {
    ([$($generics:tt)*] $value:ty, $sql:ty) => {
        impl<$($generics)*> FromSql<$sql, MultiBackend> for $value {
            fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                bytes.from_sql::<$value, $sql>()
            }
        }
        impl<$($generics)*> ToSql<$sql, MultiBackend> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value((<$sql>::default(), self));
                Ok(IsNull::No)
            }
        }
        impl<$($generics)*> Stored for $value {
            type SqlType = $sql;
        }
    };
}

/// The same for values that diesel doesn't know as what a query answers.
macro_rules! own_column_value {
    ([$($generics:tt)*] $value:ty, $sql:ty) => {
        column_value!([$($generics)*] $value, $sql);
        impl<DB: Backend, $($generics)*> Queryable<$sql, DB> for $value where $value: FromSql<$sql, DB> {
            type Row = Self;
            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    };
}

/// A value with a column type of its own; [`sql`] makes it part of a query.
///
/// The values belong to the domain, which knows no diesel, so they can't be expressions themselves.
pub trait Stored {
    type SqlType: SqlType + TypedExpressionType;
}

impl<T: Stored> Stored for Option<T>
where
    Nullable<T::SqlType>: SqlType + TypedExpressionType,
{
    type SqlType = Nullable<T::SqlType>;
}

/// The value as an expression: `table::id.eq(sql(id))`.
pub fn sql<T: Stored>(value: T) -> Bound<T::SqlType, T> {
    Bound::new(value)
}

/// A condition whose values are part of the statement: SQLite uses an index over one state only where the query says the
/// state so, for its plans don't depend on bound values.
pub(crate) fn literally(condition: &'static str) -> SqlLiteral<Bool> {
    diesel::dsl::sql(condition)
}

own_column_value!([K: Kind] Id<K>, SqlId);
column_value!([] Uuid, SqlId);
own_column_value!([] Instant, SqlInstant);
own_column_value!([T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static] Json<T>, SqlJson);

impl ToSql<SqlId, Pg> for Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<UuidType, Pg>::to_sql(self, &mut out.reborrow())
    }
}
impl FromSql<SqlId, Pg> for Uuid {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Self as FromSql<UuidType, Pg>>::from_sql(bytes)
    }
}
impl ToSql<SqlId, Sqlite> for Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_bytes().to_vec());
        Ok(IsNull::No)
    }
}
impl FromSql<SqlId, Sqlite> for Uuid {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(bytes)?;
        Ok(Self::from_slice(&bytes)?)
    }
}

impl<K: Kind> ToSql<SqlId, Pg> for Id<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<UuidType, Pg>::to_sql(&self.uuid(), &mut out.reborrow())
    }
}
impl<K: Kind> FromSql<SqlId, Pg> for Id<K> {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<SqlId, Pg>>::from_sql(bytes).map(Self::from_uuid)
    }
}
impl<K: Kind> ToSql<SqlId, Sqlite> for Id<K> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.uuid().as_bytes().to_vec());
        Ok(IsNull::No)
    }
}
impl<K: Kind> FromSql<SqlId, Sqlite> for Id<K> {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<SqlId, Sqlite>>::from_sql(bytes).map(Self::from_uuid)
    }
}

impl ToSql<SqlInstant, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.utc(), &mut out.reborrow())
    }
}
impl FromSql<SqlInstant, Pg> for Instant {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(bytes).map(Self::new)
    }
}
impl ToSql<SqlInstant, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.micros());
        Ok(IsNull::No)
    }
}
impl FromSql<SqlInstant, Sqlite> for Instant {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Sqlite>>::from_sql(bytes)?;
        Self::from_micros(micros).ok_or_else(|| "instant out of range".into())
    }
}

impl<T: Serialize + std::fmt::Debug> ToSql<SqlJson, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let text = serde_json::to_string(&self.0)?;
        ToSql::<Text, Pg>::to_sql(&text, &mut out.reborrow())
    }
}
impl<T: DeserializeOwned> FromSql<SqlJson, Pg> for Json<T> {
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_slice(bytes.as_bytes())?))
    }
}
impl<T: Serialize + std::fmt::Debug> ToSql<SqlJson, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}
impl<T: DeserializeOwned> FromSql<SqlJson, Sqlite> for Json<T> {
    fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

/// Makes an enum with `as_str` and `parse` storable as a [`SqlKeyword`].
macro_rules! keywords {
    ($($value:ty),* $(,)?) => {$(
        own_column_value!([] $value, SqlKeyword);
        impl ToSql<SqlKeyword, Pg> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<Text, Pg>::to_sql(self.as_str(), &mut out.reborrow())
            }
        }
        impl FromSql<SqlKeyword, Pg> for $value {
            fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                let text = <String as FromSql<Text, Pg>>::from_sql(bytes)?;
                Self::parse(&text).ok_or_else(|| format!("unknown keyword {text}").into())
            }
        }
        impl ToSql<SqlKeyword, Sqlite> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.as_str());
                Ok(IsNull::No)
            }
        }
        impl FromSql<SqlKeyword, Sqlite> for $value {
            fn from_sql(bytes: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                let text = <String as FromSql<Text, Sqlite>>::from_sql(bytes)?;
                Self::parse(&text).ok_or_else(|| format!("unknown keyword {text}").into())
            }
        }
    )*};
}
keywords!(
    AbsorptionState,
    StepState,
    CartState,
    TokenPurpose,
    Currency,
    Language,
    OrganizationKind,
    InvitationState,
    Role,
    StaffRole,
    OrderState,
    InvoiceState,
    ProductState,
    PaymentState,
    PaymentMethodKind,
    Frequency,
    LedgerAccount,
    TransferKind,
    TopUpState,
    DisputeState,
    SandboxDecision,
    RedemptionState,
    FreeOfferState,
    RefundState,
    RefundDestination,
    PromotionalCreditState,
);
