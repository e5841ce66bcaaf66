//! Extractors one after the other: permission is decided before the body is read.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};

/// First `A`, which sees no body; then `B`. Taken apart inside the handler: utoipa wants plain names in the signature.
#[derive(Debug, Clone)]
pub struct Then<A, B>(pub A, pub B);

impl<A, B> FromRequest for Then<A, B>
where
    A: FromRequest + 'static,
    B: FromRequest + 'static,
{
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let first = A::from_request(&request, &mut Payload::None).await.map_err(Into::into)?;
            let second = B::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(Self(first, second))
        })
    }
}
