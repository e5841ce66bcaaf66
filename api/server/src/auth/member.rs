//! A member of the organization in the path, with the right the handler requires.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use manager_domain::Code;
use manager_domain::ids::{AccountId, OrganizationId, ProductId, SessionId};
use manager_domain::memberships::Rights;
use manager_services::access::{self, Admission, Authority};
use manager_services::calls::Actor;
use manager_services::memberships::Membership;
use manager_services::products::Product;
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
        Ok(Self { call, session, account })
    }

    /// Lets in for the permission `P`: in the organization, and for the product, that the path names.
    async fn admit<P: Required>(
        self,
        request: &HttpRequest,
        state: &AppState,
        product: Option<ProductId>,
    ) -> Result<(Member<P>, Option<Product>), Problem> {
        // Who isn't signed in learns that first; then a malformed id is a foreign one.
        let organization = request.match_info().get("org").and_then(|id| id.parse().ok());
        let organization = organization.unwrap_or_else(|| OrganizationId::from_uuid(Default::default()));
        let admission = Admission { organization, product, permission: P::PERMISSION };
        let access = access::find(&state.services, admission.ask(self.session, self.call.now)).await?;
        let access = access.filter(|access| self.account.is_none_or(|id| id == access.account));
        let access = access.ok_or_else(|| Problem::new(Code::SessionEnded))?;
        let actor = Actor {
            account: access.account,
            session: access.session,
            authenticated_at: access.authenticated_at,
            admission: Some(admission),
        };
        let (account, call) = (access.account, entered(request, self.call, actor, access.locale));
        let Authority { membership, rights, product } = admission.decide(access)?;
        Ok((Member { call, account, organization, membership, rights, permission: PhantomData }, product))
    }
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
            Ok(asking.admit(&request, state, None).await?.0)
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
            let (member, product) = asking.admit(&request, state, Some(product)).await?;
            let product = product.ok_or_else(Problem::not_found)?;
            Ok(Self { member, product })
        })
    }
}
