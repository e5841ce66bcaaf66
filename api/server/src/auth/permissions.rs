//! Permissions as types, so that a handler's signature tells what it requires.

use manager_domain::permissions::Permission;
use manager_domain::staff::StaffPermission;

/// A permission as a type.
pub trait Required: 'static {
    const PERMISSION: Permission;
    /// As `x-required-permission` shows it.
    const NAME: &'static str = Self::PERMISSION.as_str();
}

macro_rules! required {
    ($($name:ident,)*) => {$(
        #[derive(Debug)]
        pub enum $name {}

        impl Required for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

required! {
    ViewOrganization,
    ManageOrganization,
    DeleteOrganization,
    ViewAuditLog,
    ViewMembers,
    ManageMembers,
    ManageOwners,
    ViewProducts,
    ManageProducts,
    ViewBilling,
    ManageBilling,
    Order,
}

/// A staff permission as a type.
pub trait StaffRequired: 'static {
    const PERMISSION: StaffPermission;
    /// As `x-required-permission` shows it.
    const NAME: &'static str = Self::PERMISSION.as_str();
}

macro_rules! required_of_staff {
    ($($name:ident,)*) => {$(
        #[derive(Debug)]
        pub enum $name {}

        impl StaffRequired for $name {
            const PERMISSION: StaffPermission = StaffPermission::$name;
        }
    )*};
}

required_of_staff! {
    ReadOrganizations,
    ManagePromoCodes,
    ManageFreeOffers,
    ManageRefunds,
    ManagePrepaid,
    ReadBooks,
}
