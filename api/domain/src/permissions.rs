//! Who may do what inside an organization: one decision for extractors, lists and explanations (MEM-2, MEM-6).

use crate::memberships::{AccessKind, AccessLevel, Grant, ProductAccess, ProductRef, Rights, Role};
use crate::words::words;

words! {
    /// An action inside an organization, as `x-required-permission` names it.
    Permission {
        /// See the organization's name and own settings: every member.
        ViewOrganization = "view_organization",
        /// Change the organization's settings and legal data.
        ManageOrganization = "manage_organization",
        /// Start, follow and perform the organization's deletion.
        DeleteOrganization = "delete_organization",
        ViewAuditLog = "view_audit_log",
        /// See the others' names and roles: every member.
        ViewMembers = "view_members",
        /// Invite, change and remove members.
        ManageMembers = "manage_members",
        /// Whatever touches an owner.
        ManageOwners = "manage_owners",
        ViewProducts = "view_products",
        ManageProducts = "manage_products",
        /// Invoices, dues, prices paid, payment methods, prepaid account.
        ViewBilling = "view_billing",
        /// Pay what is open.
        ManageBilling = "manage_billing",
        /// Order, change offer or frequency, auto-renewal: manage and billing.
        Order = "order",
    }
}

words! {
    /// Why an action is allowed or refused.
    Reason {
        Owner = "owner",
        Admin = "admin",
        EveryMember = "every_member",
        ProductAccess = "product_access",
        Billing = "billing",
        ProductAccessAndBilling = "product_access_and_billing",
        OwnerRequired = "owner_required",
        AdminRequired = "admin_required",
        ProductAccessRequired = "product_access_required",
        BillingRequired = "billing_required",
        ManageAndBillingRequired = "manage_and_billing_required",
    }
}

/// A verdict with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub reason: Reason,
}

const fn allowed(reason: Reason) -> Decision {
    Decision { allowed: true, reason }
}

const fn refused(reason: Reason) -> Decision {
    Decision { allowed: false, reason }
}

/// Decides an action. Without a product, product actions ask whether there may be any product it is allowed on.
pub fn decide(rights: &Rights, permission: Permission, product: Option<&ProductRef>) -> Decision {
    match (rights.role, permission) {
        (Role::Owner, _) => allowed(Reason::Owner),
        (_, Permission::DeleteOrganization | Permission::ManageOwners) => refused(Reason::OwnerRequired),
        (Role::Admin, _) => allowed(Reason::Admin),
        (Role::Member, permission) => decide_for_member(rights, permission, product),
    }
}

fn decide_for_member(rights: &Rights, permission: Permission, product: Option<&ProductRef>) -> Decision {
    let when = |condition: bool, yes: Reason, no: Reason| if condition { allowed(yes) } else { refused(no) };
    match permission {
        Permission::ViewOrganization | Permission::ViewMembers => allowed(Reason::EveryMember),
        Permission::ManageOrganization | Permission::ViewAuditLog | Permission::ManageMembers => {
            refused(Reason::AdminRequired)
        }
        Permission::DeleteOrganization | Permission::ManageOwners => refused(Reason::OwnerRequired),
        Permission::ViewProducts => when(
            reaches(&rights.products, AccessLevel::View, product),
            Reason::ProductAccess,
            Reason::ProductAccessRequired,
        ),
        Permission::ManageProducts => when(
            reaches(&rights.products, AccessLevel::Manage, product),
            Reason::ProductAccess,
            Reason::ProductAccessRequired,
        ),
        Permission::ViewBilling | Permission::ManageBilling => {
            when(rights.billing, Reason::Billing, Reason::BillingRequired)
        }
        Permission::Order => when(
            rights.billing && reaches(&rights.products, AccessLevel::Manage, product),
            Reason::ProductAccessAndBilling,
            Reason::ManageAndBillingRequired,
        ),
    }
}

fn reaches(access: &ProductAccess, needed: AccessLevel, product: Option<&ProductRef>) -> bool {
    let enough = |level: AccessLevel| needed == AccessLevel::View || level == AccessLevel::Manage;
    match product {
        Some(product) => access.level_on(product).is_some_and(enough),
        None => match access.access {
            AccessKind::None => false,
            AccessKind::All => access.level.is_some_and(enough),
            AccessKind::Grants => access.grants.iter().any(|grant| enough(grant.level)),
        },
    }
}

/// The whole role × action matrix as a table, for a reviewed snapshot.
pub fn matrix() -> String {
    let member = |products: ProductAccess, billing: bool| Rights { role: Role::Member, products, billing };
    let grant = |level| {
        let grant = Grant { product: None, product_type: None, category: Some("cloud".to_owned()), level };
        ProductAccess::grants(vec![grant])
    };
    let rows = [
        ("owner", Rights::OWNER),
        ("admin", Rights { role: Role::Admin, ..Rights::OWNER }),
        ("member: nothing", member(ProductAccess::NONE, false)),
        ("member: view all", member(ProductAccess::all(AccessLevel::View), false)),
        ("member: manage all", member(ProductAccess::all(AccessLevel::Manage), false)),
        ("member: billing", member(ProductAccess::NONE, true)),
        ("member: view all, billing", member(ProductAccess::all(AccessLevel::View), true)),
        ("member: manage all, billing", member(ProductAccess::all(AccessLevel::Manage), true)),
        ("member: view one category", member(grant(AccessLevel::View), false)),
        ("member: manage one category, billing", member(grant(AccessLevel::Manage), true)),
    ];
    let mut table = String::new();
    for (name, rights) in &rows {
        table.push_str(&format!("{name}\n"));
        for permission in Permission::ALL {
            let decision = decide(rights, *permission, None);
            let verdict = if decision.allowed { "yes" } else { "no " };
            table.push_str(&format!("  {verdict} {:<20} {}\n", permission.as_str(), decision.reason.as_str()));
        }
    }
    table
}
