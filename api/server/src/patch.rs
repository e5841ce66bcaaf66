//! Fields of a JSON Merge Patch.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use validator::{Validate, ValidateEmail, ValidateLength, ValidateRange, ValidateUrl, ValidationErrors};

/// Left alone, cleared, or set. In a struct:
/// `#[serde(default)] #[schema(value_type = Option<T>, required = false)] field: Patch<T>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Outer `None`: leave it; `Some(None)`: clear it.
    pub fn into_option(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(f(value)),
        }
    }

    /// What the field holds afterwards.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        self.into_option().unwrap_or(current)
    }
}

/// For fields that can be set but not cleared:
/// `#[serde(default, deserialize_with = "patch::set")] field: Option<T>`; null is a wrong type.
pub fn set<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<T: Validate> Validate for Patch<T> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        self.value().map_or(Ok(()), Validate::validate)
    }
}

impl<T: ValidateLength<u64>> ValidateLength<u64> for Patch<T> {
    fn length(&self) -> Option<u64> {
        self.value().and_then(ValidateLength::length)
    }
}

impl<T: ValidateEmail> ValidateEmail for Patch<T> {
    fn as_email_string(&self) -> Option<Cow<'_, str>> {
        self.value().and_then(ValidateEmail::as_email_string)
    }
}

impl<T: ValidateUrl> ValidateUrl for Patch<T> {
    fn as_url_string(&self) -> Option<Cow<'_, str>> {
        self.value().and_then(ValidateUrl::as_url_string)
    }
}

impl<T, N> ValidateRange<N> for Patch<T>
where
    T: ValidateRange<N>,
{
    fn greater_than(&self, max: N) -> Option<bool> {
        self.value().and_then(|value| value.greater_than(max))
    }

    fn less_than(&self, min: N) -> Option<bool> {
        self.value().and_then(|value| value.less_than(min))
    }
}
