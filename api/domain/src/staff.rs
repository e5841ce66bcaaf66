//! Staff roles (STF-1).

use crate::words::words;

words! {
    /// What a service token is good for (STF-2).
    ServiceRole {
        Provisioning = "provisioning",
    }
}

words! {
    /// What a support agent may do beyond their own account.
    StaffRole {
        Support = "support",
        Finance = "finance",
        Catalogue = "catalogue",
        Admin = "admin",
    }
}
