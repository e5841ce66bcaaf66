//! From bytes to a JSON value, refusing what serde would let pass: duplicate keys, control characters, depth.

use std::fmt;

use manager_domain::{Code, Fault, FaultCode};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::faults::Place;
use crate::problems::Problem;

const DEPTH: usize = 32;

pub fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let mut found = Found::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Reader { found: &mut found }.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    value.map_err(|error| match found.fault {
        Some(fault) => Problem::invalid(vec![fault]),
        None => Problem::new(Code::MalformedJson).with("line", error.line()).with("column", error.column()),
    })
}

#[derive(Default)]
struct Found {
    path: Vec<String>,
    fault: Option<Fault>,
}

impl Found {
    fn refuse<E: Error>(&mut self, code: FaultCode) -> E {
        self.fault = Some(Fault::new(Place::Body.pointer(&self.path), code));
        E::custom(code)
    }

    fn check<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if text.chars().any(is_refused) { Err(self.refuse(FaultCode::ControlCharacter)) } else { Ok(()) }
    }

    fn enter<E: Error>(&mut self, segment: String) -> Result<(), E> {
        self.path.push(segment);
        if self.path.len() > DEPTH { Err(E::custom("too deep")) } else { Ok(()) }
    }
}

/// Control characters, line separators, and those that turn the direction of what follows: they disguise a text.
pub fn is_refused(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

struct Reader<'a> {
    found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.found.check(value)?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.found.enter(items.len().to_string())?;
            let item = access.next_element_seed(Reader { found: &mut *self.found })?;
            self.found.path.pop();
            match item {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.found.enter(key.clone())?;
            self.found.check(&key)?;
            if map.contains_key(&key) {
                return Err(self.found.refuse(FaultCode::DuplicateField));
            }
            let value = access.next_value_seed(Reader { found: &mut *self.found })?;
            self.found.path.pop();
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
