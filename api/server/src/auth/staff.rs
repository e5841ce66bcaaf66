//! A support agent with the right that the handler requires (STF-1).

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use manager_domain::Code;

use super::caller::Caller;
use super::permissions::StaffRequired;
use crate::problems::Problem;

/// A signed-in account whose staff role includes `P`; everybody else gets a 403.
#[derive(Debug, Clone)]
pub struct Staff<P> {
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<P: StaffRequired> FromRequest for Staff<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            if caller.account.staff_role.is_some_and(|role| role.may(P::PERMISSION)) {
                return Ok(Self { caller, permission: PhantomData });
            }
            Err(Problem::new(Code::Forbidden).with("reason", "staff_role_required"))
        })
    }
}
