//! Memberships: who belongs to an organization, with which rights (MEM-1 to MEM-3, MEM-5, MEM-6).

use chrono::Duration;
use manager_domain::ids::*;
use manager_domain::memberships::{Grant, ProductAccess, ProductFilter, Rights, Role};
use manager_domain::permissions::{Decision, Permission, decide};
use manager_domain::{Code, Fault, FaultCode, Instant, Refusal};
use manager_repository::memberships as rows;
use manager_repository::products::ProductQuery;
use manager_repository::{AnyConnection, Json, organizations, products};
use serde_json::{Value, json};

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::housekeeping::each_due;
use crate::mails::times::moment;
use crate::mails::{Mail, Template};
use crate::versions::fresh;
use crate::{Call, Services, catalogue};

pub use rows::{Belonger, Membership};

/// A member is reminded so long before their access ends (MEM-5).
const REMINDER: Duration = Duration::days(3);
const ALL: ProductFilter = ProductFilter::All;

/// A page of the organization's memberships in the order of joining.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    after: Option<MembershipId>,
    limit: i64,
) -> Result<Vec<Belonger>> {
    let now = call.now;
    services.db.read(move |conn| Ok(rows::list(conn, organization, after, limit, now)?)).await
}

/// One membership of the organization.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, call: &Call, organization: OrganizationId, id: MembershipId) -> Result<Belonger> {
    let now = call.now;
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, organization, id, now)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// Every action with its verdict and reason (MEM-6).
pub fn explain(rights: &Rights) -> Vec<(Permission, Decision)> {
    Permission::ALL.iter().map(|permission| (*permission, decide(rights, *permission, None))).collect()
}

/// Granting *owner* needs a session authenticated a short while ago.
///
/// # Errors
/// `step_up_required`.
pub fn require_step_up(services: &Services, call: &Call) -> Result<()> {
    if call.actor.is_some_and(|actor| call.now - actor.authenticated_at <= services.settings.step_up_lifetime) {
        return Ok(());
    }
    Err(Code::StepUpRequired.into())
}

/// Changes of a membership; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub role: Option<Role>,
    pub products: Option<ProductAccess>,
    pub billing: Option<bool>,
    pub expires_at: Option<Option<Instant>>,
}

/// Checks rights and end of access as a request gave them.
///
/// # Errors
/// `validation_failed`, `owner_cannot_expire`.
pub fn check(rights: &Rights, expires_at: Option<Instant>, now: Instant) -> Result<()> {
    if rights.role == Role::Owner && expires_at.is_some() {
        return Err(Code::OwnerCannotExpire.into());
    }
    if !rights.is_well_formed() {
        // Owners and admins reach everything anyhow: it is what was said beside the role that doesn't fit.
        return Err(Refusal::fault("/products", FaultCode::InvalidValue).into());
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Refusal::fault("/expires_at", FaultCode::InThePast).into());
    }
    Ok(())
}

/// Checks that every grant reaches something: a code of the catalogue in force or of a product that is there, a product
/// of the organization. A mistyped one would grant nothing until something came by that name (MEM-2).
///
/// # Errors
/// `validation_failed` with each that doesn't.
pub(crate) fn check_grants(
    tx: &mut AnyConnection,
    services: &Services,
    organization: OrganizationId,
    access: &ProductAccess,
    now: Instant,
) -> Result<()> {
    if access.grants.is_empty() {
        return Ok(());
    }
    let catalogue = catalogue::in_force(tx, services, catalogue::today(services, now))?.catalogue;
    let mut faults = Vec::new();
    for (index, Grant { product, product_type, category, .. }) in access.grants.iter().enumerate() {
        let of_type = |code: &String| catalogue.product_type(code).is_some();
        let of_category = |code: &String| catalogue.categories.iter().any(|category| category.code == *code);
        let (name, known) = match product {
            Some(id) => ("product", products::find(tx, organization, *id)?.is_some()),
            None if product_type.as_ref().or(category.as_ref()).is_none() => continue,
            None => {
                let sold = product_type.as_ref().is_some_and(of_type) || category.as_ref().is_some_and(of_category);
                let query = ProductQuery {
                    product_type: product_type.clone(),
                    category: category.clone(),
                    ..ProductQuery::default()
                };
                let is_there = |tx: &mut AnyConnection| products::list(tx, organization, &ALL, &query, None, 1);
                let name = if product_type.is_some() { "product_type" } else { "category" };
                (name, sold || !is_there(tx)?.is_empty())
            }
        };
        if !known {
            faults.push(Fault::new(format!("/products/grants/{index}/{name}"), FaultCode::InvalidValue));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::invalid(faults).into()) }
}

/// Changes a membership that is still at the version its editor saw (MEM-1, MEM-3).
///
/// # Errors
/// `not_found`, `forbidden`, `step_up_required` to grant *owner*, `precondition_failed`, `last_owner`, those of
/// [`check`] and [`check_grants`].
pub async fn change(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: MembershipId,
    seen: Option<i64>,
    changes: Changes,
) -> Result<Belonger> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write_as(call.clone(), move |tx, authority| {
            let (current, account) = rows::find(tx, organization, id, call.now)?.ok_or(Code::NotFound)?;
            authority.require_over(current.role)?;
            let next = changed(&current, &changes);
            authority.require_over(next.role)?;
            fresh(seen, current.version)?;
            // What changes nothing is no change: no version, no entry, no mail.
            if next == current {
                return Ok((current, account));
            }
            check(&next.rights(), next.expires_at, call.now)?;
            if let Some(products) = &changes.products {
                check_grants(tx, &shared, organization, products, call.now)?;
            }
            let promoted = next.role == Role::Owner && current.role != Role::Owner;
            if promoted {
                require_step_up(&shared, &call)?;
            }
            move_owner_count(tx, organization, current.role, next.role)?;
            if !rows::update(tx, &next, call.now)? {
                return Err(Code::PreconditionFailed.into());
            }
            let entry = Entry::new("membership.changed", id).before(summary(&current)).after(summary(&next));
            audit_log::append(tx, &shared, &call, organization, entry)?;
            let template = if promoted { Template::OwnershipGranted } else { Template::MembershipChanged };
            tell(tx, &shared, &call, organization, &account, template)?;
            rows::find(tx, organization, id, call.now)?.ok_or_else(|| Error::defect("the changed membership is gone"))
        })
        .await
}

fn changed(current: &Membership, changes: &Changes) -> Membership {
    let mut next = current.clone();
    if let Some(role) = changes.role {
        next.role = role;
        if role != Role::Member {
            // Owners and admins reach everything; what they could reach as members means nothing any more.
            next.products = Json(ProductAccess::NONE);
            next.billing = false;
        }
    }
    next.products = changes.products.clone().map_or(next.products, Json);
    next.billing = changes.billing.unwrap_or(next.billing);
    next.expires_at = changes.expires_at.unwrap_or(next.expires_at);
    next
}

/// Keeps the organization's count of owners; the last one can't go (MEM-3).
pub(crate) fn move_owner_count(tx: &mut AnyConnection, id: OrganizationId, from: Role, to: Role) -> Result<()> {
    match (from == Role::Owner, to == Role::Owner) {
        (false, true) => Ok(organizations::add_owner(tx, id)?),
        (true, false) if !organizations::remove_owner(tx, id)? => Err(Code::LastOwner.into()),
        _ => Ok(()),
    }
}

pub(crate) fn summary(row: &Membership) -> Value {
    json!({ "account": row.account_id, "role": row.role, "products": row.products.0, "billing": row.billing,
        "expires_at": row.expires_at })
}

/// Tells a person what happened to their membership, and all owners when there is a new one.
pub(crate) fn tell(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    account: &manager_repository::accounts::Account,
    template: Template,
) -> Result<()> {
    let row = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let mut readers = vec![account.clone()];
    if template == Template::OwnershipGranted {
        readers.extend(rows::list_owners(tx, organization)?.into_iter().filter(|owner| owner.id != account.id));
    }
    for reader in readers {
        Mail::new(&reader.login_id, reader.locale, template)
            .with("name", reader.name())
            .with("organization", row.name.clone())
            .with("member", account.name())
            .enqueue(tx, services, call.now)?;
    }
    Ok(())
}

/// Removes a member, or leaves (everybody may end their own membership) (MEM-3).
///
/// # Errors
/// `not_found`, `forbidden`, `last_owner`, `precondition_failed` where `seen` is stale.
pub async fn remove(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: MembershipId,
    seen: Option<i64>,
) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write_as(call.clone(), move |tx, authority| {
            let (current, account) = rows::find(tx, organization, id, call.now)?.ok_or(Code::NotFound)?;
            let leaves = authority.membership.id == id;
            if !leaves {
                authority.require_over(current.role)?;
            }
            fresh(seen, current.version)?;
            move_owner_count(tx, organization, current.role, Role::Member)?;
            if !rows::delete(tx, organization, id)? {
                return Err(Error::from(Code::NotFound));
            }
            let action = if leaves { "membership.left" } else { "membership.removed" };
            let entry = Entry::new(action, id).before(summary(&current));
            audit_log::append(tx, &shared, &call, organization, entry)?;
            if !leaves {
                tell(tx, &shared, &call, organization, &account, Template::MembershipRemoved)?;
            }
            Ok(())
        })
        .await
}

/// Reminds members whose access ends within three days, once each (MEM-5).
pub async fn remind_expiring(services: &Services, now: Instant) -> Result<()> {
    let (shared, list) =
        (services.clone(), move |conn: &mut _, page| rows::list_expiring(conn, now, now + REMINDER, page));
    let remind = move |tx: &mut _, (organization, id)| remind(tx, &shared, organization, id, now);
    each_due(services, list, remind).await.map(|_| ())
}

fn remind(
    tx: &mut AnyConnection,
    services: &Services,
    organization: OrganizationId,
    id: MembershipId,
    now: Instant,
) -> Result<bool> {
    let Some((membership, account)) = rows::find(tx, organization, id, now)? else { return Ok(false) };
    let Some(end) = membership.expires_at.filter(|end| *end <= now + REMINDER) else { return Ok(false) };
    // Whoever changes the membership meanwhile has it looked at anew.
    if !rows::set_reminded(tx, &membership, now)? {
        return Ok(false);
    }
    let row = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    Mail::new(&account.login_id, account.locale, Template::MembershipExpiring)
        .with("name", account.name())
        .with("organization", row.name)
        .with("date", moment(end, &account.time_zone, account.locale))
        .enqueue(tx, services, now)?;
    Ok(true)
}
