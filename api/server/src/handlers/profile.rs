//! The signed-in person's profile (ACC-4, ACC-11).

use actix_web::{get, web};
use manager_domain::ids::{AccountId, OrganizationId};
use manager_domain::languages::Language;
use manager_domain::memberships::{ProductAccess, Role};
use manager_domain::{accounts, emails};
use manager_services::profiles::{self, Profile};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::etags::Tagged;
use crate::problems::Problem;
use crate::state::AppState;

/// A person's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "login_id": "ada@example.com", "first_name": "Ada",
    "last_name": "Lovelace", "display_name": "Ada Lovelace", "initials": "AL", "locale": "en",
    "time_zone": "Europe/Zurich", "recovery_email": "a•••@e•••.org", "default_organization": null, "ui_settings": {},
    "staff_role": null,
    "organizations": [{"id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Ada Lovelace", "role": "owner",
        "products": {"access": "none"}, "billing": false}]
})))]
pub struct Me {
    pub id: AccountId,
    pub login_id: String,
    pub first_name: String,
    pub last_name: String,
    /// The name chosen, else "First Last".
    pub display_name: String,
    pub initials: String,
    pub locale: Language,
    pub time_zone: String,
    /// Masked.
    #[schema(required)]
    pub recovery_email: Option<String>,
    #[schema(required)]
    pub default_organization: Option<OrganizationId>,
    /// Whatever the panel keeps for this person.
    pub ui_settings: serde_json::Map<String, serde_json::Value>,
    #[schema(required)]
    pub staff_role: Option<manager_domain::staff::StaffRole>,
    /// The organizations the account belongs to, with its rights in each (at most 100 here; `GET /v1/organizations`
    /// lists them all).
    pub organizations: Vec<MyOrganization>,
}

/// An organization as one of its members sees it in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyOrganization {
    pub id: OrganizationId,
    pub name: String,
    pub role: Role,
    pub products: ProductAccess,
    pub billing: bool,
}

impl From<Profile> for Me {
    fn from(profile: Profile) -> Self {
        let account = profile.account;
        let organizations = profile.organizations.into_iter().map(|(membership, organization)| MyOrganization {
            id: organization.id,
            name: organization.name,
            role: membership.role,
            products: membership.products.0,
            billing: membership.billing,
        });
        Self {
            display_name: account.name(),
            initials: accounts::initials(&account.first_name, &account.last_name),
            id: account.id,
            login_id: account.login_id,
            first_name: account.first_name,
            last_name: account.last_name,
            locale: account.locale,
            time_zone: account.time_zone,
            recovery_email: account.recovery_email.as_deref().map(emails::mask),
            default_organization: account.default_organization_id,
            ui_settings: account.ui_settings.0.as_object().cloned().unwrap_or_default(),
            staff_role: account.staff_role,
            organizations: organizations.collect(),
        }
    }
}

/// Who I am
#[utoipa::path(tag = "accounts", responses((status = 200, description = "The signed-in person", body = Me)),
    security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me")]
pub async fn get_me(caller: Caller, state: web::Data<AppState>) -> Result<Tagged<Me>, Problem> {
    let version = caller.account.version;
    let profile = profiles::get(&state.services, &caller.call, caller.account).await?;
    Ok(Tagged::version(version, profile.into()))
}
