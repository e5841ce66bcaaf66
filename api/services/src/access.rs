//! Who may: decided when a request comes in, and once more inside the transaction that does what it asks for.
//!
//! Between the two lie the request's body and the queues of hashes and writes: seconds in which a session may end and a
//! member be removed. So every use case of somebody signed in writes by [`Services::write`] or [`Services::write_as`].

use std::any::Any;

use manager_domain::ids::*;
use manager_domain::memberships::{Rights, Role};
use manager_domain::permissions::{Decision, Permission, decide};
use manager_domain::{Code, Instant, Refusal};
use manager_repository::access::{self as rows, Access, Ask};
use manager_repository::memberships::Membership;
use manager_repository::products::Product;
use manager_repository::{AnyConnection, organizations, sessions};

use crate::calls::Actor;
use crate::errors::{Error, Result};
use crate::products::reference;
use crate::{Call, Services};

/// What a member is let in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub organization: OrganizationId,
    /// The product that it is about, where it is about one.
    pub product: Option<ProductId>,
    pub permission: Permission,
}

/// A member who was let in, with their rights of this moment.
#[derive(Debug, Clone)]
pub struct Authority {
    pub membership: Membership,
    pub rights: Rights,
    /// The product that the admission names.
    pub product: Option<Product>,
}

/// What a living session reaches in an organization; `None` where the session isn't living.
pub async fn find(services: &Services, ask: Ask) -> Result<Option<Access>> {
    Ok(services.db.access(ask).await?)
}

/// # Errors
/// `forbidden` with the reason.
pub fn allowed(decision: Decision) -> Result<()> {
    if decision.allowed {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden).with("reason", decision.reason.as_str()).into())
}

impl Admission {
    pub fn ask(&self, session: SessionId, now: Instant) -> Ask {
        Ask { session, organization: self.organization, product: self.product, now }
    }

    /// Decides it for what a session reaches.
    ///
    /// # Errors
    /// `not_found` for strangers (ORG-3) and for products out of reach, `forbidden` for members without the right.
    pub fn decide(&self, access: Access) -> Result<Authority> {
        let membership = access.membership.ok_or(Code::NotFound)?;
        let rights = membership.rights();
        allowed(decide(&rights, self.permission, None))?;
        if self.product.is_some() {
            let product = reference(access.product.as_ref().ok_or(Code::NotFound)?);
            if !decide(&rights, Permission::ViewProducts, Some(&product)).allowed {
                return Err(Code::NotFound.into());
            }
            allowed(decide(&rights, self.permission, Some(&product)))?;
        }
        Ok(Authority { membership, rights, product: access.product })
    }
}

impl Authority {
    /// Decides the call's admission anew with the organization's row locked: from here to the end of the transaction
    /// nobody changes its members.
    ///
    /// # Errors
    /// `session_ended`, and as [`Admission::decide`].
    pub(crate) fn lock(tx: &mut AnyConnection, call: &Call) -> Result<Self> {
        let actor = call.actor.ok_or(Code::Unauthenticated)?;
        let admission = actor.admission.ok_or_else(|| Error::defect("a member's write names no permission"))?;
        let is_there = organizations::lock(tx, admission.organization)?;
        let access = rows::find(tx, admission.ask(actor.session, call.now))?.ok_or(Code::SessionEnded)?;
        if is_there { admission.decide(access) } else { Err(Code::NotFound.into()) }
    }

    /// # Errors
    /// `forbidden` with the reason.
    pub(crate) fn require(&self, permission: Permission) -> Result<()> {
        allowed(decide(&self.rights, permission, None))
    }

    /// Whatever touches an owner needs an owner (MEM-2).
    pub(crate) fn require_over(&self, role: Role) -> Result<()> {
        self.require(if role == Role::Owner { Permission::ManageOwners } else { Permission::ManageMembers })
    }
}

/// Whoever the call's actor is, they still may.
///
/// # Errors
/// `session_ended`, and as [`Admission::decide`].
fn confirm(tx: &mut AnyConnection, call: &Call) -> Result<()> {
    match call.actor {
        None => Ok(()),
        Some(Actor { admission: Some(_), .. }) => Authority::lock(tx, call).map(drop),
        Some(Actor { session, .. }) if sessions::is_living(tx, session, call.now)? => Ok(()),
        Some(_) => Err(Code::SessionEnded.into()),
    }
}

impl Services {
    /// The transaction of a use case. The call's session, and what its member was let in for, are looked at again in it;
    /// where the request may be repeated, the answer is kept in it.
    ///
    /// # Errors
    /// `session_ended`, `not_found` for who is no member any more, `forbidden` for who lost the right; those of `work`.
    pub async fn write<T: Any + Send>(
        &self,
        call: Call,
        work: impl Fn(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let claim = call.claim.clone();
        let confirmed = move |tx: &mut AnyConnection| {
            confirm(tx, &call)?;
            work(tx)
        };
        self.write_claimed(claim, confirmed).await
    }

    /// As [`Self::write`], for a member's use case that goes by their rights: it is given those of this moment.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_as<T: Any + Send>(
        &self,
        call: Call,
        work: impl Fn(&mut AnyConnection, &Authority) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let claim = call.claim.clone();
        let confirmed = move |tx: &mut AnyConnection| {
            let authority = Authority::lock(tx, &call)?;
            work(tx, &authority)
        };
        self.write_claimed(claim, confirmed).await
    }
}
