//! Organizations and their settings (ORG-1, ORG-2, ORG-3).

use actix_web::{get, patch, post, web};
use manager_domain::ids::OrganizationId;
use manager_domain::languages::Language;
use manager_domain::memberships::{ProductAccess, Role};
use manager_domain::organizations::{
    BillingAddress, Founder, NewOrganization, OrganizationChanges, OrganizationDraft, OrganizationKind,
};
use manager_domain::{Currency, Instant};
use manager_services::organizations::{self, Organization};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::permissions::{ManageOrganization, Required, ViewOrganization};
use crate::auth::{Caller, Member};
use crate::etags::{Etag, IfMatch, Tagged};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::{Json, MergePatch};
use crate::paging::{ListQuery, Page};
use crate::patch::{self, Patch};
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// An organization. Address, VAT number, website and phone are shown to owners and admins.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "number": "48210377", "kind": "company", "name": "Analytical Engines SA",
    "country": "CH", "locale": "fr", "time_zone": "Europe/Zurich", "currency": "CHF", "currency_fixed": false,
    "billing_address": {"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"},
    "vat_number": "CHE-109.322.551", "vat_verified": false, "website": null, "phone": null,
    "created_at": "2026-03-01T09:30:00Z"
})))]
pub struct OrganizationView {
    pub id: OrganizationId,
    /// The number on its invoices.
    pub number: String,
    pub kind: OrganizationKind,
    pub name: String,
    /// ISO 3166-1 alpha-2; decides tax.
    pub country: String,
    pub locale: Language,
    pub time_zone: String,
    pub currency: Currency,
    /// Whether money moved, so that the currency stays.
    pub currency_fixed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub billing_address: Option<BillingAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub vat_number: Option<String>,
    pub vat_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub phone: Option<String>,
    pub created_at: Instant,
}

impl OrganizationView {
    pub(super) fn of(row: Organization, is_admin: bool) -> Self {
        Self {
            id: row.id,
            number: row.number,
            kind: row.kind,
            name: row.name,
            country: row.country,
            locale: row.locale,
            time_zone: row.time_zone,
            currency: row.currency,
            currency_fixed: row.currency_fixed,
            billing_address: row.billing_address.map(|address| address.0).filter(|_| is_admin),
            vat_number: row.vat_number.filter(|_| is_admin),
            vat_verified: row.vat_verified_at.is_some(),
            website: row.website.filter(|_| is_admin),
            phone: row.phone.filter(|_| is_admin),
            created_at: row.created_at,
        }
    }
}

/// An organization in the list of those a person belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "name": "Analytical Engines SA", "kind": "company", "role": "member",
    "products": {"access": "all", "level": "view"}, "billing": true, "expires_at": null
})))]
pub struct OrganizationItem {
    pub id: OrganizationId,
    pub name: String,
    pub kind: OrganizationKind,
    pub role: Role,
    /// What I reach there: owners and admins everything.
    pub products: ProductAccess,
    pub billing: bool,
    /// When the access ends by itself.
    #[schema(required)]
    pub expires_at: Option<Instant>,
}

/// List my organizations
///
/// Those this account is a member of, with its own rights in each; memberships that ended are left out.
#[utoipa::path(tag = "organizations", params(ListQuery), responses(
    (status = 200, description = "Those I belong to, with my rights, oldest first", body = Page<OrganizationItem>),
), security(("bearer" = []), ("cookie" = [])))]
#[get("/v1/organizations")]
pub async fn list_organizations(
    state: web::Data<AppState>,
    query: Then<Caller, Query<ListQuery>>,
) -> Result<Page<OrganizationItem>, Problem> {
    let Then(caller, Query(query)) = query;
    let limit = query.limit();
    let (account, after) = (caller.account.id, query.after()?);
    let rows = organizations::list(&state.services, &caller.call, account, after, i64::from(limit) + 1).await?;
    Page::of(
        rows,
        limit,
        |row| row.1.id,
        |(membership, organization)| {
            let rights = membership.rights().effective();
            OrganizationItem {
                id: organization.id,
                name: organization.name,
                kind: organization.kind,
                role: rights.role,
                products: rights.products,
                billing: rights.billing,
                expires_at: membership.expires_at,
            }
        },
    )
}

/// An organization to be, whether a person's first (ACC-3) or another.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"kind": "company", "name": "Analytical Engines SA", "country": "CH"})))]
pub struct OrganizationRequest {
    pub kind: OrganizationKind,
    /// The business name; an individual's organization is named after the person.
    #[serde(default)]
    #[validate(length(min = 1, max = 120))]
    #[schema(required = false, min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2; that of the billing address without it, else CH.
    #[serde(default)]
    #[validate(length(min = 2, max = 2))]
    #[schema(required = false, min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    pub billing_address: Option<BillingAddress>,
    #[serde(default)]
    #[validate(length(max = 20))]
    #[schema(required = false, max_length = 20)]
    pub vat_number: Option<String>,
    /// The country's currency without it.
    #[serde(default)]
    #[schema(required = false)]
    pub currency: Option<Currency>,
}

impl From<OrganizationRequest> for OrganizationDraft {
    fn from(body: OrganizationRequest) -> Self {
        let OrganizationRequest { kind, name, country, billing_address, vat_number, currency } = body;
        Self { kind, name, country, billing_address, vat_number, currency }
    }
}

/// Create an organization
///
/// The caller becomes its owner. An individual's organization is named after the person.
#[utoipa::path(tag = "organizations", params(OptionalKey), request_body = OrganizationRequest, responses(
    (status = 201, description = "Created", body = OrganizationView),
    (status = 409, description = "`too_many_organizations`"),
), security(("bearer" = []), ("cookie" = [])))]
#[post("/v1/organizations")]
pub async fn create_organization(
    state: web::Data<AppState>,
    body: Then<Caller, Repeatable<Json<OrganizationRequest>>>,
) -> Result<Answer, Problem> {
    let Then(caller, Repeatable(Json(body), key)) = body;
    let account = &caller.account;
    let founder = Founder {
        first_name: &account.first_name,
        last_name: &account.last_name,
        locale: account.locale,
        time_zone: &account.time_zone,
    };
    let new = NewOrganization::check(body.into(), founder, &state.services.settings.currencies, "");
    let new = new.map_err(Problem::invalid)?;
    let owner = account.id;
    let render = |row: &Organization| {
        Answer::created(&OrganizationView::of(row.clone(), true))
            .location(&format!("/v1/organizations/{}", row.id))
            .etag(&Etag::version(row.version))
    };
    key.once(&state.services, &caller.call, render, async move |services, call| {
        organizations::create(&services, &call, owner, new).await
    })
    .await
}

/// Show an organization
///
/// Members see the name and what they need to work; owners and admins the legal data too. Its tag is needed to change
/// it.
#[utoipa::path(tag = "organizations", params(("org" = OrganizationId, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = OrganizationView), (status = 304, description = "You have it")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ViewOrganization::NAME))))]
#[get("/v1/organizations/{org}")]
pub async fn get_organization(
    member: Member<ViewOrganization>,
    state: web::Data<AppState>,
) -> Result<Tagged<OrganizationView>, Problem> {
    let row = organizations::get(&state.services, member.organization).await?;
    Ok(Tagged::version(row.version, OrganizationView::of(row, member.rights.is_admin())))
}

/// What may be changed; what is left out stays, null clears what can be empty.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Analytical Engines SA", "website": "https://engines.example"})))]
pub struct OrganizationPatch {
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub kind: Option<OrganizationKind>,
    #[serde(default, deserialize_with = "patch::set")]
    #[validate(length(min = 1, max = 120))]
    #[schema(required = false, min_length = 1, max_length = 120)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<BillingAddress>, required = false)]
    pub billing_address: Patch<BillingAddress>,
    /// That of the billing address, where there is one.
    #[serde(default, deserialize_with = "patch::set")]
    #[validate(length(min = 2, max = 2))]
    #[schema(required = false, min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    #[serde(default)]
    #[validate(length(max = 20))]
    #[schema(value_type = Option<String>, required = false, max_length = 20)]
    pub vat_number: Patch<String>,
    #[serde(default)]
    #[validate(length(min = 1, max = 200))]
    #[schema(value_type = Option<String>, required = false, max_length = 200)]
    pub website: Patch<String>,
    #[serde(default)]
    #[validate(length(min = 3, max = 32))]
    #[schema(value_type = Option<String>, required = false, max_length = 32)]
    pub phone: Patch<String>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub locale: Option<Language>,
    #[serde(default, deserialize_with = "patch::set")]
    #[validate(length(max = 64))]
    #[schema(required = false, max_length = 64)]
    pub time_zone: Option<String>,
    #[serde(default, deserialize_with = "patch::set")]
    #[schema(required = false)]
    pub currency: Option<Currency>,
}

/// Change an organization
///
/// What is left out stays, null clears what can be empty. The version that was seen must be named, since legal data
/// decides tax. A new VAT number, country or name must be verified again. Country and currency decide what later
/// invoices look like; those that were issued keep what they say. The currency is fixed once money moved (ORG-1). It is
/// written to the audit log.
#[utoipa::path(tag = "organizations",
    params(("org" = OrganizationId, Path, description = "The organization"),
        ("If-Match" = String, Header, description = "The version you saw")),
    request_body(content = OrganizationPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Changed", body = OrganizationView),
        (status = 409, description = "`currency_fixed`: money moved, or `orders` are open; `payment_in_progress`: the \
            `payment` keeps country, address, kind, VAT number and currency")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-required-permission" = json!(ManageOrganization::NAME))))]
#[patch("/v1/organizations/{org}")]
pub async fn update_organization(
    state: web::Data<AppState>,
    body: Then<Member<ManageOrganization>, Then<IfMatch, MergePatch<OrganizationPatch>>>,
) -> Result<Tagged<OrganizationView>, Problem> {
    let Then(member, Then(seen, MergePatch(body))) = body;
    let seen = seen.require()?.expected_version()?;
    let row = organizations::update(&state.services, member.call(), member.organization, seen, body.into()).await?;
    Ok(Tagged::version(row.version, OrganizationView::of(row, true)))
}

impl From<OrganizationPatch> for OrganizationChanges {
    fn from(body: OrganizationPatch) -> Self {
        Self {
            kind: body.kind,
            name: body.name,
            billing_address: body.billing_address.into_option(),
            country: body.country,
            vat_number: body.vat_number.into_option(),
            website: body.website.into_option(),
            phone: body.phone.into_option(),
            locale: body.locale,
            time_zone: body.time_zone,
            currency: body.currency,
        }
    }
}
