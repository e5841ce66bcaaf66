//! Bodies as bytes, within a limit.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::Stream;
use manager_domain::Code;

use crate::idempotency::{self, BodyRead};
use crate::problems::Problem;

/// A body of any type, as it came: webhooks and uploads.
#[derive(Debug, Clone)]
pub struct Raw<const LIMIT: usize>(pub Bytes);

impl<const LIMIT: usize> FromRequest for Raw<LIMIT> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move { read(&request, &mut payload, LIMIT).await.map(Self) })
    }
}

/// What every body may take, in seconds, and how many bytes a slow line carries in one more.
const PATIENCE: u64 = 10;
const SLOW_LINE: u64 = 64 * 1024;

/// The whole body; more than `limit` bytes are refused, compressed ones too, and so is one that takes too long: a
/// connection that sends next to nothing would be held forever.
pub async fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Result<Bytes, Problem> {
    let patience = Duration::from_secs(PATIENCE + limit as u64 / SLOW_LINE);
    let late = |_| Problem::new(Code::RequestTimeout).header(CONNECTION, HeaderValue::from_static("close"));
    tokio::time::timeout(patience, collect(request, payload, limit)).await.map_err(late)?
}

async fn collect(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge).with("max", limit);
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    if announced > limit {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(announced.min(limit));
    let mut payload = pin!(payload);
    while let Some(chunk) = poll_fn(|context| payload.as_mut().poll_next(context)).await {
        let chunk = chunk.map_err(|_| Problem::new(Code::MalformedRequest))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let body = body.freeze();
    if request.headers().contains_key(idempotency::HEADER) {
        request.extensions_mut().insert(BodyRead(body.clone()));
    }
    Ok(body)
}
