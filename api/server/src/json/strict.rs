//! From a JSON value, or from query parameters, to a type: structs are objects and nothing else, unknown fields are
//! refused whether the type says so or not, and errors are faults with a pointer.

use std::fmt;

use manager_domain::{Fault, FaultCode};
use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, json};

use super::faults::Place;

pub fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Node { value, text: false })
}

/// Values are texts; numbers and booleans are read out of them.
pub fn from_texts<T: DeserializeOwned>(values: Map<String, Value>) -> Result<T, Error> {
    T::deserialize(Node { value: Value::Object(values), text: true })
}

/// One fault; the path grows from its end while the error travels outward.
#[derive(Debug)]
pub struct Error {
    path: Vec<String>,
    code: FaultCode,
    params: Map<String, Value>,
}

impl Error {
    fn new(code: FaultCode) -> Self {
        Self { path: Vec::new(), code, params: Map::new() }
    }

    fn at(mut self, segment: impl Into<String>) -> Self {
        self.path.push(segment.into());
        self
    }

    pub fn fault(mut self, place: Place) -> Fault {
        self.path.reverse();
        Fault { pointer: place.pointer(&self.path), code: self.code, params: self.params }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.code, f)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    /// A message that is a fault's code, perhaps followed by its parameters as JSON, becomes that fault.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let (name, params) = message.split_once(' ').unwrap_or((&message, "{}"));
        match FaultCode::ALL.iter().find(|code| code.as_str() == name) {
            Some(&code) => Self { params: serde_json::from_str(params).unwrap_or_default(), ..Self::new(code) },
            None => Self::new(FaultCode::InvalidValue),
        }
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::new(FaultCode::WrongType)
    }

    fn invalid_value(value: Unexpected<'_>, _: &dyn Expected) -> Self {
        match value {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => Self::new(FaultCode::OutOfRange),
            _ => Self::new(FaultCode::InvalidValue),
        }
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::new(FaultCode::WrongType)
    }

    fn unknown_variant(_: &str, allowed: &'static [&'static str]) -> Self {
        let mut error = Self::new(FaultCode::InvalidValue);
        error.params.insert("allowed".to_owned(), json!(allowed));
        error
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new(FaultCode::UnknownField).at(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(FaultCode::Missing).at(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(FaultCode::DuplicateField).at(field)
    }
}

struct Node {
    value: Value,
    text: bool,
}

impl Node {
    fn wrong_type<T>() -> Result<T, Error> {
        Err(Error::new(FaultCode::WrongType))
    }

    /// In a query, the number or boolean that the text spells.
    fn scalar(self) -> Self {
        let spelled = match &self.value {
            Value::String(text) if self.text => {
                let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
                plain.then(|| serde_json::from_str(text).ok()).flatten()
            }
            _ => None,
        };
        match spelled {
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Self { value, ..self },
            _ => self,
        }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.scalar().deserialize_any(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                _ => Self::wrong_type(),
            },
            Value::String(value) => visitor.visit_string(value),
            Value::Array(items) => visit_items(items, self.text, visitor),
            Value::Object(map) => visitor.visit_map(Fields { fields: map.into_iter(), text: self.text, current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Object(map) = &self.value else { return Self::wrong_type() };
        match map.keys().find(|key| !fields.contains(&key.as_str())) {
            Some(unknown) => Err(de::Error::unknown_field(unknown, fields)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.value {
            Value::String(variant) => visitor.visit_enum(Variant { variant, content: None }),
            Value::Object(map) if map.len() == 1 => match map.into_iter().next() {
                Some((variant, value)) => {
                    let content = Some(Self { value, text: self.text });
                    visitor.visit_enum(Variant { variant, content })
                }
                None => Self::wrong_type(),
            },
            _ => Self::wrong_type(),
        }
    }
}

fn visit_items<'de, V: Visitor<'de>>(items: Vec<Value>, text: bool, visitor: V) -> Result<V::Value, Error> {
    let length = items.len();
    let mut access = Items { items: items.into_iter(), text, index: 0 };
    let value = visitor.visit_seq(&mut access)?;
    if access.index == length { Ok(value) } else { Node::wrong_type() }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    text: bool,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let item =
            seed.deserialize(Node { value, text: self.text }).map_err(|error| error.at(self.index.to_string()))?;
        self.index += 1;
        Ok(Some(item))
    }
}

struct Fields {
    fields: serde_json::map::IntoIter,
    text: bool,
    current: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.current = self.fields.next();
        let Some((key, _)) = &self.current else { return Ok(None) };
        seed.deserialize(StringDeserializer::new(key.clone())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some((key, value)) = self.current.take() else { return Node::wrong_type() };
        seed.deserialize(Node { value, text: self.text }).map_err(|error| error.at(key))
    }
}

struct Variant {
    variant: String,
    content: Option<Node>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content), Error> {
        let variant = seed.deserialize(IntoDeserializer::<Error>::into_deserializer(self.variant.clone()))?;
        Ok((variant, Content { variant: self.variant, content: self.content }))
    }
}

struct Content {
    variant: String,
    content: Option<Node>,
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.content.is_none() { Ok(()) } else { Node::wrong_type() }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let content = self.content.ok_or_else(|| Error::new(FaultCode::WrongType))?;
        seed.deserialize(content).map_err(|error| error.at(self.variant))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        let content = self.content.ok_or_else(|| Error::new(FaultCode::WrongType))?;
        content.deserialize_any(visitor).map_err(|error| error.at(self.variant))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let content = self.content.ok_or_else(|| Error::new(FaultCode::WrongType))?;
        content.deserialize_struct("", fields, visitor).map_err(|error| error.at(self.variant))
    }
}
