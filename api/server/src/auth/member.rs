//! A member of the organization in the path, with the right the handler requires.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use manager_domain::Code;
use manager_domain::ids::OrganizationId;
use manager_domain::memberships::Rights;
use manager_domain::permissions::decide;
use manager_repository::memberships::Membership;
use manager_services::{Call, memberships, sessions};

use super::caller::{Caller, Credential, credential};
use super::client::{Client, state};
use super::cookies;
use super::permissions::Required;
use crate::problems::Problem;

/// A signed-in member who has the permission `P` in the organization that the path names.
///
/// Strangers get the 404 of an organization that doesn't exist (ORG-3), members without the right a 403.
#[derive(Debug, Clone)]
pub struct Member<P> {
    pub caller: Caller,
    pub organization: OrganizationId,
    pub membership: Membership,
    pub rights: Rights,
    permission: PhantomData<P>,
}

impl<P> Member<P> {
    pub fn call(&self) -> &Call {
        &self.caller.call
    }
}

impl<P: Required> FromRequest for Member<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let client = Client::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let Client(call) = client.await?;
            let state = state(&request)?;
            let (session, account) = match credential(&request, state, &call).await? {
                Credential::Token(claims) => (claims.sid, Some(claims.sub)),
                Credential::Cookie(secret) => {
                    let found = sessions::by_secret(&state.services, &secret, call.now).await?;
                    let (session, _) = found.ok_or_else(|| Problem::new(Code::SessionEnded))?;
                    cookies::check_unsafe(&request, state, session.id)?;
                    (session.id, None)
                }
            };
            // Who isn't signed in learns that first; then a malformed id is a foreign one.
            let organization: Option<OrganizationId> = request.match_info().get("org").and_then(|id| id.parse().ok());
            let nowhere = OrganizationId::from_uuid(Default::default());
            let access =
                memberships::access(&state.services, session, organization.unwrap_or(nowhere), call.now).await?;
            let access = access.filter(|access| account.is_none_or(|id| id == access.account.id));
            let access = access.ok_or_else(|| Problem::new(Code::SessionEnded))?;
            let caller = Caller::enter(&request, call, access.session, access.account);
            let (Some(membership), Some(organization)) = (access.membership, organization) else {
                return Err(Problem::not_found());
            };
            let rights = membership.rights();
            let decision = decide(&rights, P::PERMISSION, None);
            if !decision.allowed {
                return Err(Problem::new(Code::Forbidden).with("reason", decision.reason.as_str()));
            }
            Ok(Self { caller, organization, membership, rights, permission: PhantomData })
        })
    }
}
