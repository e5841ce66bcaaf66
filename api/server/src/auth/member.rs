//! A member of the organization in the path, with the right the handler requires.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use manager_domain::Code;
use manager_domain::ids::{AccountId, OrganizationId, ProductId, SessionId};
use manager_domain::memberships::Rights;
use manager_domain::permissions::{Decision, Permission, decide};
use manager_services::calls::Actor;
use manager_services::memberships::{self, Access, Ask, Membership};
use manager_services::products::{Product, reference};
use manager_services::{Call, sessions};

use super::caller::{Credential, credential, entered};
use super::client::{Client, state};
use super::cookies;
use super::permissions::Required;
use crate::problems::Problem;
use crate::state::AppState;

/// A signed-in member who has the permission `P` in the organization that the path names.
///
/// Strangers get the 404 of an organization that doesn't exist (ORG-3), members without the right a 403.
#[derive(Debug, Clone)]
pub struct Member<P> {
    call: Call,
    /// The member's account.
    pub account: AccountId,
    pub organization: OrganizationId,
    pub membership: Membership,
    pub rights: Rights,
    permission: PhantomData<P>,
}

/// A member who has the permission `P` for the product that the path names, and the product, loaded in the query that
/// decides. A product out of reach is one that doesn't exist.
#[derive(Debug, Clone)]
pub struct ProductMember<P> {
    pub member: Member<P>,
    pub product: Product,
}

/// Who asks, before it is known what they may do.
struct Asking {
    call: Call,
    session: SessionId,
    /// The one the token names.
    account: Option<AccountId>,
    organization: Option<OrganizationId>,
}

impl Asking {
    async fn begin(request: &HttpRequest, state: &AppState, client: Result<Client, Problem>) -> Result<Self, Problem> {
        let Client(call) = client?;
        let (session, account) = match credential(request, state, &call).await? {
            Credential::Token(bearer) => (bearer.session, Some(bearer.account)),
            Credential::Cookie(secret) => {
                let found = sessions::by_secret(&state.services, &secret, call.now).await?;
                let (session, _) = found.ok_or_else(|| Problem::new(Code::SessionEnded))?;
                cookies::check_unsafe(request, state, session.id)?;
                (session.id, None)
            }
        };
        let organization = request.match_info().get("org").and_then(|id| id.parse().ok());
        Ok(Self { call, session, account, organization })
    }

    /// Who isn't signed in learns that first; then a malformed id is a foreign one.
    fn ask(&self, product: Option<ProductId>) -> Ask {
        let organization = self.organization.unwrap_or_else(|| OrganizationId::from_uuid(Default::default()));
        Ask { session: self.session, organization, product, now: self.call.now }
    }

    fn admit<P: Required>(self, request: &HttpRequest, access: Option<Access>) -> Result<Member<P>, Problem> {
        let access = access.filter(|access| self.account.is_none_or(|id| id == access.account));
        let access = access.ok_or_else(|| Problem::new(Code::SessionEnded))?;
        let actor =
            Actor { account: access.account, session: access.session, authenticated_at: access.authenticated_at };
        let call = entered(request, self.call, actor, access.locale);
        let (Some(membership), Some(organization)) = (access.membership, self.organization) else {
            return Err(Problem::not_found());
        };
        let rights = membership.rights();
        refuse_unless(&decide(&rights, P::PERMISSION, None))?;
        Ok(Member { call, account: access.account, organization, membership, rights, permission: PhantomData })
    }
}

fn refuse_unless(decision: &Decision) -> Result<(), Problem> {
    if decision.allowed {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden).with("reason", decision.reason.as_str()))
}

impl<P> Member<P> {
    pub fn call(&self) -> &Call {
        &self.call
    }
}

impl<P: Required> FromRequest for Member<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let client = Client::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let state = state(&request)?;
            let asking = Asking::begin(&request, state, client.await).await?;
            let access = memberships::access(&state.services, asking.ask(None)).await?;
            asking.admit(&request, access)
        })
    }
}

impl<P: Required> FromRequest for ProductMember<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let client = Client::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let state = state(&request)?;
            let asking = Asking::begin(&request, state, client.await).await?;
            let product: Option<ProductId> = request.match_info().get("id").and_then(|id| id.parse().ok());
            let product = product.unwrap_or_else(|| ProductId::from_uuid(Default::default()));
            let mut access = memberships::access(&state.services, asking.ask(Some(product))).await?;
            let product = access.as_mut().and_then(|access| access.product.take());
            let member: Member<P> = asking.admit(&request, access)?;
            let product = product.ok_or_else(Problem::not_found)?;
            let reference = reference(&product);
            if !decide(&member.rights, Permission::ViewProducts, Some(&reference)).allowed {
                return Err(Problem::not_found());
            }
            refuse_unless(&decide(&member.rights, P::PERMISSION, Some(&reference)))?;
            Ok(Self { member, product })
        })
    }
}
