//! Promo codes as staff makes, finds and withdraws them (ORD-3).

use actix_web::http::StatusCode;
use actix_web::{get, post, web};
use manager_domain::discounts::Discount;
use manager_domain::ids::{AccountId, PromoCodeBatchId, PromoCodeId};
use manager_domain::promo_codes::{CodeText, Scope};
use manager_domain::terms::Frequency;
use manager_domain::{Fault, FaultCode, Instant, Money};
use manager_services::promo_codes::{self, Counted, Draft, Made, PromoCodeFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::Staff;
use crate::auth::permissions::{ManagePromoCodes, StaffRequired};
use crate::idempotency::{Answer, OptionalKey, Repeatable};
use crate::json::{Json, Nothing};
use crate::paging::{Cursor, Limit, Page};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// How a promo code takes something off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscountKind {
    Percentage,
    Fixed,
}

/// What a promo code takes off.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"kind": "percentage", "percent": "33.3", "amounts": []})))]
pub struct PromoCodeDiscount {
    pub kind: DiscountKind,
    /// Of each line's price, such as `33.3`; of a percentage alone.
    #[serde(default)]
    #[validate(length(max = 16))]
    #[schema(max_length = 16)]
    pub percent: Option<String>,
    /// Net, once per item, one for each currency in which the code is good; of a fixed discount alone.
    #[serde(default)]
    #[validate(length(max = 8))]
    #[schema(required = false)]
    pub amounts: Vec<Money>,
}

impl PromoCodeDiscount {
    fn of(discount: Discount) -> Self {
        match discount {
            Discount::Percentage { percent } => Self {
                kind: DiscountKind::Percentage,
                percent: Some(percent.normalize().to_string()),
                amounts: Vec::new(),
            },
            Discount::Fixed { amounts } => Self { kind: DiscountKind::Fixed, percent: None, amounts },
        }
    }

    /// The discount, or what is wrong with its form.
    fn read(self) -> Result<Discount, Fault> {
        match (self.kind, self.percent) {
            (DiscountKind::Percentage, _) if !self.amounts.is_empty() => {
                Err(Fault::new("/discount/amounts", FaultCode::NotForThisKind))
            }
            (DiscountKind::Percentage, None) => Err(Fault::new("/discount/percent", FaultCode::Missing)),
            (DiscountKind::Percentage, Some(percent)) => {
                let discount = Discount::percentage(&percent);
                discount.ok_or_else(|| Fault::new("/discount/percent", FaultCode::InvalidValue))
            }
            (DiscountKind::Fixed, Some(_)) => Err(Fault::new("/discount/percent", FaultCode::NotForThisKind)),
            (DiscountKind::Fixed, None) => Ok(Discount::Fixed { amounts: self.amounts }),
        }
    }
}

/// What a promo code is good for; an empty list says "any". An item fits by its product type or by its offer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(examples(json!({"product_types": ["domain_name"], "offers": [], "frequencies": ["yearly"]})))]
pub struct PromoCodeScope {
    #[validate(length(max = 100))]
    #[schema(required = false, max_items = 100)]
    pub product_types: Vec<String>,
    #[validate(length(max = 100))]
    #[schema(required = false, max_items = 100)]
    pub offers: Vec<String>,
    #[validate(length(max = 10))]
    #[schema(required = false, max_items = 10)]
    pub frequencies: Vec<Frequency>,
}

/// Promo codes to be made: a given one, or so many generated ones with the same rules.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"code": "WELCOME-2026", "discount": {"kind": "percentage", "percent": "50"},
    "scope": {"product_types": ["domain_name"]}, "total_cap": 500, "organization_cap": 1, "first_order_only": true})))]
pub struct PromoCodeCreation {
    /// 4 to 32 letters, digits and hyphens; either this or `count`.
    #[serde(default)]
    #[validate(length(max = 64))]
    #[schema(required = false, max_length = 64)]
    pub code: Option<String>,
    /// How many to generate, as a batch.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub count: Option<u32>,
    #[validate(nested)]
    pub discount: PromoCodeDiscount,
    #[serde(default)]
    #[validate(nested)]
    #[schema(required = false)]
    pub scope: PromoCodeScope,
    /// Terms of a product that it is for; 1, the first one, without it.
    #[serde(default = "one")]
    #[schema(required = false, minimum = 1, maximum = 120)]
    pub terms: u32,
    #[serde(default)]
    #[schema(required = false)]
    pub valid_from: Option<Instant>,
    /// Exclusive.
    #[serde(default)]
    #[schema(required = false)]
    pub valid_until: Option<Instant>,
    /// Redemptions by all.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 1_000_000_000)]
    pub total_cap: Option<u32>,
    /// Redemptions by one organization.
    #[serde(default)]
    #[schema(required = false, minimum = 1, maximum = 1_000_000_000)]
    pub organization_cap: Option<u32>,
    /// Open orders count as orders.
    #[serde(default)]
    #[schema(required = false)]
    pub first_order_only: bool,
    /// Net of the cart before discounts that it needs, for each currency that has one.
    #[serde(default)]
    #[validate(length(max = 8))]
    #[schema(required = false, max_items = 8)]
    pub minimum_net: Vec<Money>,
    /// For test organizations, and for them only.
    #[serde(default)]
    #[schema(required = false)]
    pub test: bool,
}

const fn one() -> u32 {
    1
}

impl From<PromoCodeCreation> for Draft {
    fn from(body: PromoCodeCreation) -> Self {
        let discount = body.discount.read();
        let PromoCodeScope { product_types, offers, frequencies } = body.scope;
        Self {
            code: body.code,
            count: body.count,
            faults: discount.as_ref().err().cloned().into_iter().collect(),
            discount: discount.ok(),
            scope: Scope { product_types, offers, frequencies },
            terms: body.terms,
            valid_from: body.valid_from,
            valid_until: body.valid_until,
            total_cap: body.total_cap,
            organization_cap: body.organization_cap,
            first_order_only: body.first_order_only,
            minimum_net: body.minimum_net,
            is_test: body.test,
        }
    }
}

/// Promo codes that were made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"batch": null, "codes": ["WELCOME-2026"]})))]
pub struct MadePromoCodes {
    /// Finds generated codes again; null for a given one.
    #[schema(required)]
    pub batch: Option<PromoCodeBatchId>,
    pub codes: Vec<String>,
}

/// Make promo codes
///
/// A given code, or up to 1000 generated ones of 12 unambiguous characters. A code never changes afterwards; it can be
/// withdrawn.
#[utoipa::path(tag = "staff", params(OptionalKey), request_body = PromoCodeCreation,
    responses((status = 201, description = "The codes", body = MadePromoCodes),
        (status = 409, description = "`promo_code_taken`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePromoCodes::NAME))))]
#[post("/v1/admin/promo-codes")]
pub async fn create_promo_codes(
    state: web::Data<AppState>,
    body: Then<Staff<ManagePromoCodes>, Repeatable<Json<PromoCodeCreation>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Repeatable(Json(body), key)) = body;
    let render = |made: &Made| {
        let codes = made.codes.iter().map(ToString::to_string).collect();
        Answer::json(StatusCode::CREATED, &MadePromoCodes { batch: made.batch, codes })
    };
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        promo_codes::create(&services, &call, body.into()).await
    })
    .await
}

/// A promo code as staff sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "pro_01k5x9dzt4f3gsv6t1n0q8m2ra", "code": "WELCOME-2026", "batch": null,
    "discount": {"kind": "percentage", "percent": "50", "amounts": []},
    "scope": {"product_types": ["domain_name"], "offers": [], "frequencies": []}, "terms": 1, "valid_from": null,
    "valid_until": "2026-12-31T23:00:00Z", "total_cap": 500, "used": 12, "organization_cap": 1,
    "first_order_only": true, "minimum_net": [], "test": false, "created_by": "acc_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "created_at": "2026-03-01T09:30:00Z", "withdrawn_at": null
})))]
pub struct PromoCodeView {
    pub id: PromoCodeId,
    pub code: String,
    #[schema(required)]
    pub batch: Option<PromoCodeBatchId>,
    pub discount: PromoCodeDiscount,
    pub scope: PromoCodeScope,
    pub terms: u32,
    #[schema(required)]
    pub valid_from: Option<Instant>,
    /// Exclusive.
    #[schema(required)]
    pub valid_until: Option<Instant>,
    #[schema(required)]
    pub total_cap: Option<u32>,
    /// Reserved and redeemed so far; null where there is no total cap, as it isn't counted then.
    #[schema(required)]
    pub used: Option<u32>,
    #[schema(required)]
    pub organization_cap: Option<u32>,
    pub first_order_only: bool,
    pub minimum_net: Vec<Money>,
    pub test: bool,
    pub created_by: AccountId,
    pub created_at: Instant,
    #[schema(required)]
    pub withdrawn_at: Option<Instant>,
}

impl From<Counted> for PromoCodeView {
    fn from(Counted { row, used }: Counted) -> Self {
        let Scope { product_types, offers, frequencies } = row.scope.0;
        Self {
            id: row.id,
            code: row.code,
            batch: row.batch_id,
            discount: PromoCodeDiscount::of(row.discount.0),
            scope: PromoCodeScope { product_types, offers, frequencies },
            terms: row.terms.unsigned_abs(),
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            total_cap: row.total_cap.map(i32::unsigned_abs),
            used,
            organization_cap: row.organization_cap.map(i32::unsigned_abs),
            first_order_only: row.first_order_only,
            minimum_net: row.minimum_net.0,
            test: row.is_test,
            created_by: row.created_by,
            created_at: row.created_at,
            withdrawn_at: row.withdrawn_at,
        }
    }
}

/// Which promo codes to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PromoCodeQuery {
    /// Made together.
    #[serde(default)]
    batch: Option<PromoCodeBatchId>,
    /// For test organizations, or for the others.
    #[serde(default)]
    test: Option<bool>,
    #[serde(default)]
    withdrawn: Option<bool>,
    /// Entries in the page.
    #[serde(default)]
    #[param(inline, value_type = Option<Limit>)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(inline, value_type = Option<Cursor>)]
    cursor: Option<Cursor>,
}

/// List promo codes
///
/// Newest first, with how often each was reserved or redeemed where a cap counts that.
#[utoipa::path(tag = "staff", params(PromoCodeQuery),
    responses((status = 200, description = "Newest first", body = Page<PromoCodeView>)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePromoCodes::NAME))))]
#[get("/v1/admin/promo-codes")]
pub async fn list_promo_codes(
    state: web::Data<AppState>,
    query: Then<Staff<ManagePromoCodes>, Query<PromoCodeQuery>>,
) -> Result<Page<PromoCodeView>, Problem> {
    let Then(_, Query(query)) = query;
    let limit = query.limit.unwrap_or_default().get();
    let before = query.cursor.as_ref().map(Cursor::decode).transpose()?;
    let filter = PromoCodeFilter { batch: query.batch, is_test: query.test, is_withdrawn: query.withdrawn };
    let rows = promo_codes::list(&state.services, filter, before, i64::from(limit) + 1).await?;
    Page::of(rows, limit, |counted| counted.row.id, PromoCodeView::from)
}

/// Show a promo code
///
/// Its rules as they were made, and how often it was reserved or redeemed where a cap counts that.
#[utoipa::path(tag = "staff", params(("code" = String, Path, description = "The code, in either case")),
    responses((status = 200, description = "The code, with how often it was used", body = PromoCodeView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePromoCodes::NAME))))]
#[get("/v1/admin/promo-codes/{code}")]
pub async fn get_promo_code(
    state: web::Data<AppState>,
    path: Then<Staff<ManagePromoCodes>, Path<(CodeText,)>>,
) -> Result<Json<PromoCodeView>, Problem> {
    let Then(_, Path((code,))) = path;
    Ok(Json(promo_codes::get(&state.services, code).await?.into()))
}

/// Withdraw a promo code
///
/// From then on it is good for no cart; what orders reserved or redeemed of it stays.
#[utoipa::path(tag = "staff", params(("code" = String, Path, description = "The code, in either case"), OptionalKey),
    responses((status = 200, description = "The withdrawn code", body = PromoCodeView),
        (status = 409, description = "`promo_code_withdrawn`: it was before")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ManagePromoCodes::NAME))))]
#[post("/v1/admin/promo-codes/{code}/withdraw")]
pub async fn withdraw_promo_code(
    state: web::Data<AppState>,
    path: Then<Staff<ManagePromoCodes>, Then<Path<(CodeText,)>, Repeatable<Nothing>>>,
) -> Result<Answer, Problem> {
    let Then(staff, Then(Path((code,)), Repeatable(Nothing, key))) = path;
    let render = |counted: &Counted| Answer::ok(&PromoCodeView::from(counted.clone()));
    key.once(&state.services, &staff.caller.call, render, async move |services, call| {
        promo_codes::withdraw(&services, &call, code).await
    })
    .await
}
