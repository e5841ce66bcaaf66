//! Path parameters: what isn't an id of the right kind can't exist, so it answers 404.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::problems::Problem;

/// One parameter (`Path<(AccountId,)>`) or several in order (`Path<(OrganizationId, InvitationId)>`).
/// Ids stand in a tuple because utoipa takes a lone `Path<AccountId>` for a struct of parameters.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let path = web::Path::<T>::extract(request).into_inner();
        ready(path.map(|path| Self(path.into_inner())).map_err(|_| Problem::not_found()))
    }
}
