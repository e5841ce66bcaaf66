//! Lists in pages: `limit`, an opaque cursor, and `Link: rel="next"`.

use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manager_domain::FaultCode;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::__dev::ComposeSchema;
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use validator::Validate;

use crate::problems::Problem;
use crate::state::AppState;

const MAX: u64 = 100;
const USUAL: u32 = 20;

/// How many entries a page has: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = u64::deserialize(deserializer)?;
        let out_of_range = || D::Error::custom(format_args!("{} {{\"min\":1,\"max\":{MAX}}}", FaultCode::OutOfRange));
        if limit == 0 || limit > MAX {
            return Err(out_of_range());
        }
        u32::try_from(limit).map(Self).map_err(|_| out_of_range())
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(1))
            .maximum(Some(100))
            .default(Some(serde_json::json!(USUAL)))
            .into()
    }
}

impl ToSchema for Limit {}

/// Where the next page begins; only this service can read it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cursor(String);

impl Cursor {
    pub fn encode<K: Serialize>(key: &K) -> Result<Self, Problem> {
        let key = serde_json::to_vec(key).map_err(Problem::internal)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(key)))
    }

    /// The sort key of the last entry that was given.
    pub fn decode<K: DeserializeOwned>(&self) -> Result<K, Problem> {
        let refused = || Problem::fault("query:cursor", FaultCode::InvalidCursor);
        let key = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| refused())?;
        serde_json::from_slice(&key).map_err(|_| refused())
    }
}

impl PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).max_length(Some(1024)).into()
    }
}

impl ToSchema for Cursor {}

/// The parameters of a list without filters; lists with filters repeat these two fields.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

impl ListQuery {
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or_default().get()
    }

    /// The sort key after which the page begins.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.as_ref().map(Cursor::decode).transpose()
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// From up to `limit + 1` rows in order: the surplus row tells that there is more. `key` is the row's sort key.
    pub fn of<R, K: Serialize>(
        mut rows: Vec<R>,
        limit: u32,
        key: impl Fn(&R) -> K,
        item: impl FnMut(R) -> T,
    ) -> Result<Self, Problem> {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| Cursor::encode(&key(row))).transpose()?.map(|cursor| cursor.0);
        Ok(Self { data: rows.into_iter().map(item).collect(), next_cursor })
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            response.insert_header((LINK, format!("<{}>; rel=\"next\"", next_url(request, cursor))));
        }
        response.json(self)
    }
}

fn next_url(request: &HttpRequest, cursor: &str) -> String {
    let base = request.app_data::<web::Data<AppState>>().map(|state| state.config.public_url()).unwrap_or_default();
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<&str> = kept.collect();
    let separator = if query.is_empty() { "" } else { "&" };
    format!("{base}{}?{}{separator}cursor={cursor}", request.path(), query.join("&"))
}

/// By hand, because the derived schema would repeat the item's instead of referring to it.
impl<T: ToSchema> ComposeSchema for Page<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let cursor = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        ObjectBuilder::new()
            .property("data", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .required("data")
            .property("next_cursor", cursor.description(Some("Where the next page begins; null on the last one")))
            .required("next_cursor")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Page") // utoipa appends the item's name
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Page::of(vec![1, 2, 3], 2, |n| (*n, "x"), |n| n).unwrap();
        assert_eq!(page.data, [1, 2]);
        let key: (i32, String) = Cursor(page.next_cursor.unwrap()).decode().unwrap();
        assert_eq!(key, (2, "x".to_owned()));
        assert_eq!(Page::of(vec![1, 2], 2, |n| *n, |n| n).unwrap().next_cursor, None);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "!", "bnVsbA", "WzFd"] {
            let problem = Cursor(text.to_owned()).decode::<(i64, String)>().unwrap_err();
            assert_eq!(problem.refusal().faults[0].code, FaultCode::InvalidCursor, "{text}");
        }
    }
}
