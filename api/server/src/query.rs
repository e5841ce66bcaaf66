//! Query parameters, read strictly: unknown and repeated ones are refused.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use manager_domain::{Code, FaultCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use validator::Validate;

use crate::json::{Place, is_refused, strict, validated};
use crate::problems::Problem;

/// The query as a `T`, shape and rules checked; pointers are `query:<name>`.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Validate> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned + Validate>(query: &str) -> Result<T, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map_err(|_| Problem::new(Code::MalformedRequest))?.into_inner();
    let mut values = Map::new();
    for (name, value) in pairs {
        let refused = |code| Problem::fault(Place::Query.pointer(std::slice::from_ref(&name)), code);
        if name.chars().chain(value.chars()).any(is_refused) {
            return Err(refused(FaultCode::ControlCharacter));
        }
        if values.contains_key(&name) {
            return Err(refused(FaultCode::DuplicateField));
        }
        values.insert(name, Value::String(value));
    }
    let value = strict::from_texts(values).map_err(|error| Problem::invalid(vec![error.fault(Place::Query)]))?;
    validated(value, Place::Query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging::ListQuery;

    #[test]
    fn every_fault_names_its_parameter() {
        for (query, pointer, code) in [
            ("offset=3", "query:offset", FaultCode::UnknownField),
            ("limit=1&limit=2", "query:limit", FaultCode::DuplicateField),
            ("limit=0", "query:limit", FaultCode::OutOfRange),
            ("limit=101", "query:limit", FaultCode::OutOfRange),
            ("limit=ten", "query:limit", FaultCode::WrongType),
            ("limit=1%000", "query:limit", FaultCode::ControlCharacter),
        ] {
            let problem = parse::<ListQuery>(query).unwrap_err();
            let fault = &problem.refusal().faults[0];
            assert_eq!((fault.pointer.as_str(), fault.code), (pointer, code), "{query}");
        }
        assert_eq!(parse::<ListQuery>("").unwrap().limit(), 20);
        assert_eq!(parse::<ListQuery>("limit=7").unwrap().limit(), 7);
    }
}
