//! Roles and rights inside an organization (MEM-1, MEM-2), and the states of invitations (MEM-4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::ProductId;
use crate::words::words;

words! {
    /// What a member is in an organization (MEM-1).
    Role {
        /// Legal representative: grants and removes owners, deletes the organization.
        Owner = "owner",
        /// Full rights.
        Admin = "admin",
        /// Limited rights: product access and billing as granted.
        Member = "member",
    }
}

words! {
    /// How far access to a product goes.
    AccessLevel {
        View = "view",
        Manage = "manage",
    }
}

words! {
    /// Where an invitation stands (MEM-4).
    InvitationState {
        Pending = "pending",
        Accepted = "accepted",
        Declined = "declined",
        Revoked = "revoked",
        Expired = "expired",
    }
}

words! {
    /// How product access is given.
    AccessKind {
        None = "none",
        All = "all",
        Grants = "grants",
    }
}

/// One grant: exactly one of `product`, `product_type` and `category` says on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub product: Option<ProductId>,
    /// A product type's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, max_length = 64)]
    pub product_type: Option<String>,
    /// A category's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, max_length = 64)]
    pub category: Option<String>,
    pub level: AccessLevel,
}

impl Grant {
    /// Whether exactly one thing is named.
    pub const fn is_well_formed(&self) -> bool {
        self.product.is_some() as u8 + self.product_type.is_some() as u8 + self.category.is_some() as u8 == 1
    }

    /// Whether it is about this product.
    pub fn covers(&self, product: &ProductRef) -> bool {
        self.product == Some(product.id)
            || self.product_type.as_deref() == Some(&product.product_type)
            || self.category.as_deref() == Some(&product.category)
    }
}

/// Which products a member reaches (MEM-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"access": "all", "level": "view"}), json!({"access": "grants", "grants": [{"category": "web_domain", "level": "manage"}]})))]
pub struct ProductAccess {
    pub access: AccessKind,
    /// With `all`: how far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub level: Option<AccessLevel>,
    /// With `grants`: at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 200)]
    pub grants: Vec<Grant>,
}

/// Grants a membership may hold.
pub const MAX_GRANTS: usize = 200;

impl ProductAccess {
    pub const NONE: Self = Self { access: AccessKind::None, level: None, grants: Vec::new() };

    pub const fn all(level: AccessLevel) -> Self {
        Self { access: AccessKind::All, level: Some(level), grants: Vec::new() }
    }

    pub const fn grants(grants: Vec<Grant>) -> Self {
        Self { access: AccessKind::Grants, level: None, grants }
    }

    /// Access that reaches all that either reaches and nothing else; `None` where no form of access says that.
    pub fn union(&self, other: &Self) -> Option<Self> {
        let everything = Self::all(AccessLevel::Manage);
        match (self.access, other.access) {
            _ if self == other || *other == Self::NONE => Some(self.clone()),
            _ if *self == Self::NONE => Some(other.clone()),
            _ if *self == everything || *other == everything => Some(everything),
            (AccessKind::Grants, AccessKind::Grants) => {
                let new = other.grants.iter().filter(|grant| !self.grants.contains(grant));
                let grants: Vec<Grant> = self.grants.iter().chain(new).cloned().collect();
                (grants.len() <= MAX_GRANTS).then(|| Self::grants(grants))
            }
            (AccessKind::All, _) => other.only_views().then(|| self.clone()),
            _ => self.only_views().then(|| other.clone()),
        }
    }

    fn only_views(&self) -> bool {
        self.grants.iter().all(|grant| grant.level == AccessLevel::View)
    }

    /// Whether level and grants fit the kind of access.
    pub fn is_well_formed(&self) -> bool {
        match self.access {
            AccessKind::None => self.level.is_none() && self.grants.is_empty(),
            AccessKind::All => self.level.is_some() && self.grants.is_empty(),
            AccessKind::Grants => {
                self.level.is_none()
                    && !self.grants.is_empty()
                    && self.grants.len() <= MAX_GRANTS
                    && self.grants.iter().all(Grant::is_well_formed)
            }
        }
    }

    /// The highest level on this product.
    pub fn level_on(&self, product: &ProductRef) -> Option<AccessLevel> {
        match self.access {
            AccessKind::None => None,
            AccessKind::All => self.level,
            AccessKind::Grants => {
                let levels = self.grants.iter().filter(|grant| grant.covers(product)).map(|grant| grant.level);
                levels.max_by_key(|level| matches!(level, AccessLevel::Manage))
            }
        }
    }
}

/// What access to a product is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRef {
    pub id: ProductId,
    pub product_type: String,
    pub category: String,
}

/// All that a membership or an invitation grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    pub role: Role,
    /// Only for members; owners and admins reach everything.
    pub products: ProductAccess,
    /// Only for members; owners and admins see all money.
    pub billing: bool,
}

impl Rights {
    pub const OWNER: Self = Self { role: Role::Owner, products: ProductAccess::NONE, billing: false };

    /// What these rights come to, said in the words that members' rights are said in: owners and admins reach everything.
    #[must_use]
    pub fn effective(self) -> Self {
        if self.is_admin() {
            return Self { products: ProductAccess::all(AccessLevel::Manage), billing: true, ..self };
        }
        self
    }

    pub const fn is_admin(&self) -> bool {
        matches!(self.role, Role::Owner | Role::Admin)
    }

    /// Whether someone with these rights may give `other` to somebody (MEM-1, MEM-4): only owners make owners, only
    /// owners and admins give anything.
    pub const fn may_grant(&self, other: Role) -> bool {
        match other {
            Role::Owner => matches!(self.role, Role::Owner),
            Role::Admin | Role::Member => self.is_admin(),
        }
    }

    /// The rights of both together, for a person whose two memberships become one (MEM-7); `None` where there is no
    /// form for that.
    pub fn union(&self, other: &Self) -> Option<Self> {
        match (self.role, other.role) {
            (Role::Owner, _) | (Role::Admin, Role::Admin | Role::Member) => Some(self.clone()),
            (Role::Admin | Role::Member, Role::Owner) | (Role::Member, Role::Admin) => Some(other.clone()),
            (Role::Member, Role::Member) => Some(Self {
                role: Role::Member,
                products: self.products.union(&other.products)?,
                billing: self.billing || other.billing,
            }),
        }
    }

    /// Product access and billing are said for members only.
    pub fn is_well_formed(&self) -> bool {
        match self.role {
            Role::Owner | Role::Admin => self.products == ProductAccess::NONE && !self.billing,
            Role::Member => self.products.is_well_formed(),
        }
    }
}

/// Which products a list may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductFilter {
    All,
    These { ids: Vec<ProductId>, product_types: Vec<String>, categories: Vec<String> },
    Nothing,
}

impl ProductFilter {
    /// What these rights let someone see at least.
    pub fn of(rights: &Rights) -> Self {
        if rights.is_admin() || rights.products.access == AccessKind::All {
            return Self::All;
        }
        if rights.products.access == AccessKind::None {
            return Self::Nothing;
        }
        let grants = &rights.products.grants;
        Self::These {
            ids: grants.iter().filter_map(|grant| grant.product).collect(),
            product_types: grants.iter().filter_map(|grant| grant.product_type.clone()).collect(),
            categories: grants.iter().filter_map(|grant| grant.category.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(name: &str, level: AccessLevel) -> Grant {
        Grant { product: None, product_type: None, category: Some(name.to_owned()), level }
    }

    #[test]
    fn two_memberships_become_one_without_gaining_or_losing_anything() {
        let view_all = ProductAccess::all(AccessLevel::View);
        let manage_cloud = ProductAccess::grants(vec![category("cloud", AccessLevel::Manage)]);
        let view_mail = ProductAccess::grants(vec![category("mail", AccessLevel::View)]);
        let both = vec![category("cloud", AccessLevel::Manage), category("mail", AccessLevel::View)];
        assert_eq!(manage_cloud.union(&view_mail), Some(ProductAccess::grants(both)));
        assert_eq!(view_all.union(&view_mail), Some(view_all.clone()));
        assert_eq!(view_all.union(&manage_cloud), None, "no form says this");
        assert_eq!(ProductAccess::NONE.union(&manage_cloud), Some(manage_cloud.clone()));
        let member = Rights { role: Role::Member, products: view_mail.clone(), billing: true };
        let other = Rights { billing: false, products: ProductAccess::NONE, ..member.clone() };
        assert_eq!(other.union(&member), Some(member.clone()));
        assert_eq!(member.union(&Rights::OWNER), Some(Rights::OWNER));
    }
}
