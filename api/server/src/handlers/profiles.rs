//! The signed-in person's profile (ACC-4, ACC-11).

use actix_web::http::header::SET_COOKIE;
use actix_web::{CustomizeResponder, Responder, get, patch, web};
use manager_domain::ids::{AccountId, OrganizationId};
use manager_domain::languages::Language;
use manager_domain::memberships::{ProductAccess, Role};
use manager_domain::profiles::ProfileChanges;
use manager_domain::{accounts, emails};
use manager_services::profiles::{self, Profile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use super::login_id_changes::PendingLoginId;
use crate::auth::{Caller, cookies};
use crate::etags::{IfMatch, Tagged};
use crate::json::MergePatch;
use crate::patch::{self, Patch};
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// A person's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra", "login_id": "ada@example.com", "first_name": "Ada",
    "last_name": "Lovelace", "display_name": "Ada Lovelace", "initials": "AL", "avatar_url": null, "pending_recovery_email": null, "pending_login_id": null, "locale": "en",
    "time_zone": "Europe/Zurich", "recovery_email": "a•••@e•••.org", "default_organization": null, "ui_settings": {},
    "staff_role": null,
    "organizations": [{"id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Ada Lovelace", "role": "owner",
        "products": {"access": "all", "level": "manage"}, "billing": true}]
})))]
pub struct Me {
    pub id: AccountId,
    pub login_id: String,
    pub first_name: String,
    pub last_name: String,
    /// The name chosen, else "First Last".
    pub display_name: String,
    pub initials: String,
    /// Where the picture is; null: show the initials.
    #[schema(required)]
    pub avatar_url: Option<&'static str>,
    pub locale: Language,
    pub time_zone: String,
    /// Masked.
    #[schema(required)]
    pub recovery_email: Option<String>,
    /// A recovery e-mail that waits for its confirmation, masked.
    #[schema(required)]
    pub pending_recovery_email: Option<String>,
    /// A login ID that waits for its confirmation.
    #[schema(required)]
    pub pending_login_id: Option<PendingLoginId>,
    /// One of the person's organizations.
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
    /// What the person reaches there: owners and admins everything.
    pub products: ProductAccess,
    pub billing: bool,
}

impl From<Profile> for Me {
    fn from(profile: Profile) -> Self {
        let account = profile.account;
        let organizations = profile.organizations.into_iter().map(|(membership, organization)| {
            let rights = membership.rights().effective();
            MyOrganization {
                id: organization.id,
                name: organization.name,
                role: rights.role,
                products: rights.products,
                billing: rights.billing,
            }
        });
        Self {
            display_name: account.name(),
            initials: accounts::initials(&account.first_name, &account.last_name),
            avatar_url: account.avatar_etag.as_ref().map(|_| "/v1/me/avatar"),
            pending_recovery_email: profile.pending_recovery_email.as_deref().map(emails::mask),
            pending_login_id: profile.pending_login_id.map(PendingLoginId::from),
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
///
/// The account with its preferences, and the organizations it belongs to with its rights in each. Addresses other than
/// the login ID are masked.
#[utoipa::path(tag = "accounts", responses((status = 200, description = "The signed-in person", body = Me),
        (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/me")]
pub async fn get_me(caller: Caller, state: web::Data<AppState>) -> Result<Tagged<Me>, Problem> {
    let version = caller.account.version;
    let profile = profiles::get(&state.services, &caller.call, caller.account).await?;
    Ok(Tagged::version(version, profile.into()))
}

/// What may be changed; what is left out stays, null clears what can be empty.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"display_name": "Ada L.", "locale": "fr", "ui_settings": {"theme": "dark"}})))]
pub struct ProfilePatch {
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false, min_length = 1, max_length = 100)]
    pub first_name: Option<String>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false, min_length = 1, max_length = 100)]
    pub last_name: Option<String>,
    /// Null: back to "First Last".
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false, max_length = 100)]
    pub display_name: Patch<String>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub locale: Option<Language>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false, max_length = 64)]
    pub time_zone: Option<String>,
    /// One of the person's organizations.
    #[serde(default)]
    #[schema(value_type = Option<OrganizationId>, required = false)]
    pub default_organization: Patch<OrganizationId>,
    /// Merged into what is there; null empties it. At most 8 KiB as a whole.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    pub ui_settings: Patch<Map<String, Value>>,
}

/// Change my profile
///
/// What is left out stays, null clears what can be empty. Locale and time zone hold for the person's mails and
/// messages, not for their organizations. Login ID, password and recovery e-mail have operations of their own, since
/// they need the password.
#[utoipa::path(tag = "accounts",
    params(("If-Match" = Option<String>, Header, description = "The version you saw")),
    request_body(content = ProfilePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Changed", body = Me),
        (status = 422, description = "`validation_failed` or `ui_settings_too_large`")),
    security(("bearer" = []), ("cookie" = [])))]
#[patch("/v1/me")]
pub async fn update_me(
    state: web::Data<AppState>,
    body: Then<Caller, Then<IfMatch, MergePatch<ProfilePatch>>>,
) -> Result<CustomizeResponder<Tagged<Me>>, Problem> {
    let Then(caller, Then(seen, MergePatch(body))) = body;
    let changes = ProfileChanges {
        first_name: body.first_name,
        last_name: body.last_name,
        display_name: body.display_name.into_option(),
        locale: body.locale,
        time_zone: body.time_zone,
        default_organization: body.default_organization.into_option(),
        ui_settings: body.ui_settings.into_option(),
    };
    let seen = seen.expected_version()?;
    let profile = profiles::update(&state.services, &caller.call, caller.account.id, seen, changes).await?;
    let answer = Tagged::version(profile.account.version, profile.into()).customize();
    // Where the person's browser asks, it remembers the new language.
    Ok(match body.locale.filter(|_| caller.session.is_cookie()) {
        Some(locale) => answer.append_header((SET_COOKIE, cookies::language(locale).to_string())),
        None => answer,
    })
}
