//! Faults with their pointers: broken validation rules become codes of the domain.

use manager_domain::{Fault, FaultCode};
use serde_json::{Map, Value};
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::problems::Problem;

/// Where the faulty value was: it decides how the pointer is written.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Body,
    Query,
}

impl Place {
    pub fn pointer(self, path: &[String]) -> String {
        match self {
            Self::Body => path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect(),
            Self::Query => format!("query:{}", path.join(".")),
        }
    }
}

/// The value, or every rule it breaks.
pub fn validated<T: Validate>(value: T, place: Place) -> Result<T, Problem> {
    let Err(errors) = value.validate() else { return Ok(value) };
    let mut faults = Vec::new();
    collect(&errors, place, &mut Vec::new(), &mut faults);
    faults.sort_by(|a, b| (&a.pointer, a.code).cmp(&(&b.pointer, b.code)));
    Err(Problem::invalid(faults))
}

fn collect(errors: &ValidationErrors, place: Place, path: &mut Vec<String>, faults: &mut Vec<Fault>) {
    for (field, kind) in errors.errors() {
        // Rules about the whole object, and lists inside lists, have no field of their own.
        let named = field != "__all__" && field != "_tmp_validator";
        if named {
            path.push(field.to_string());
        }
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, place, path, faults),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    path.push(index.to_string());
                    collect(inner, place, path, faults);
                    path.pop();
                }
            }
            ValidationErrorsKind::Field(found) => faults.extend(found.iter().map(|error| fault(error, place, path))),
        }
        if named {
            path.pop();
        }
    }
}

/// A rule about the whole object names its culprit in the parameter `field`.
fn fault(error: &ValidationError, place: Place, path: &[String]) -> Fault {
    let mut path = path.to_vec();
    if let Some(Value::String(field)) = error.params.get("field") {
        path.push(field.clone());
    }
    // The value itself stays here: it may be a password.
    let kept = error.params.iter().filter(|(name, _)| *name != "value" && *name != "field");
    let params: Map<String, Value> = kept.map(|(name, value)| (name.to_string(), value.clone())).collect();
    let mut fault = Fault { pointer: place.pointer(&path), code: FaultCode::InvalidValue, params };
    fault.code = match error.code.as_ref() {
        "length" => length(error, &mut fault.params),
        "range" => FaultCode::OutOfRange,
        "email" => FaultCode::InvalidEmail,
        "url" => FaultCode::InvalidUrl,
        "required" => FaultCode::Missing,
        "non_control_character" => FaultCode::ControlCharacter,
        name => FaultCode::ALL.iter().copied().find(|code| code.as_str() == name).unwrap_or(FaultCode::InvalidValue),
    };
    fault
}

fn length(error: &ValidationError, params: &mut Map<String, Value>) -> FaultCode {
    let actual = match error.params.get("value") {
        Some(Value::String(text)) => text.chars().count(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(map)) => map.len(),
        _ => 0,
    };
    if let Some(equal) = params.remove("equal") {
        params.insert("min".to_owned(), equal.clone());
        params.insert("max".to_owned(), equal);
    }
    let min = params.get("min").and_then(Value::as_u64).unwrap_or(0);
    if (actual as u64) < min { FaultCode::TooShort } else { FaultCode::TooLong }
}
