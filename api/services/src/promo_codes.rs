//! Promo codes: applied to carts, with a bound on guesses, and made and withdrawn by staff (ORD-2, ORD-3).

use std::collections::BTreeSet;

use manager_domain::catalogue::Catalogue;
use manager_domain::discounts::Discount;
use manager_domain::ids::*;
use manager_domain::promo_code_placements::Placement;
use manager_domain::promo_codes::{CodeText, PromoCode, PromoCodeReason, Scope};
use manager_domain::staff::StaffPermission;
use manager_domain::{Code, Fault, FaultCode, Instant, Money, Refusal};
use manager_repository::promo_codes as rows;
use manager_repository::{AnyConnection, Json};
use serde_json::{Value, json};

use crate::errors::{Error, Result};
use crate::vault::random;
use crate::{Call, Services, catalogue, staff, throttles};

pub use rows::{PromoCodeFilter, StoredPromoCode};

/// Codes that are made in one call.
pub const MAX_BATCH: u32 = 1_000;
/// Redemptions to which a code may be capped.
const MAX_CAP: u32 = 1_000_000_000;

/// Codes that staff wants: a given one, or so many generated ones, all with the same rules.
#[derive(Debug, Clone)]
pub struct Draft {
    pub code: Option<String>,
    pub count: Option<u32>,
    /// `None` where its form was faulty.
    pub discount: Option<Discount>,
    pub scope: Scope,
    pub terms: u32,
    pub valid_from: Option<Instant>,
    /// Exclusive.
    pub valid_until: Option<Instant>,
    pub total_cap: Option<u32>,
    pub organization_cap: Option<u32>,
    pub first_order_only: bool,
    pub minimum_net: Vec<Money>,
    pub is_test: bool,
    /// What is wrong with its form already, to be told with everything else.
    pub faults: Vec<Fault>,
}

impl Draft {
    /// The codes, or what is wrong with how they were asked for.
    fn codes(&self) -> Result<std::result::Result<Vec<CodeText>, Fault>> {
        let fault = |pointer, code| Ok(Err(Fault::new(pointer, code)));
        match (&self.code, self.count) {
            (None, None) => fault("/code", FaultCode::Missing),
            (Some(_), Some(_)) => fault("/count", FaultCode::NotAllowed),
            (Some(text), None) => Ok(CodeText::parse(text).map(|code| vec![code]).map_err(|c| Fault::new("/code", c))),
            (None, Some(count)) if (1..=MAX_BATCH).contains(&count) => Ok(Ok(generated(count)?)),
            (None, Some(_)) => {
                let fault = Fault::new("/count", FaultCode::OutOfRange).with("min", 1).with("max", MAX_BATCH);
                Ok(Err(fault))
            }
        }
    }

    /// One of the codes.
    fn rules(&self, code: CodeText) -> PromoCode {
        PromoCode {
            code,
            // A faulty discount is told of elsewhere.
            discount: self.discount.clone().unwrap_or(Discount::Percentage { percent: 1.into() }),
            scope: self.scope.clone(),
            terms: self.terms,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            total_cap: self.total_cap,
            organization_cap: self.organization_cap,
            first_order_only: self.first_order_only,
            minimum_net: self.minimum_net.clone(),
            is_test: self.is_test,
            is_withdrawn: false,
        }
    }
}

/// Codes that were made.
#[derive(Debug, Clone)]
pub struct Made {
    pub batch: Option<PromoCodeBatchId>,
    pub codes: Vec<CodeText>,
}

/// A code with how often it was used, where that is counted.
#[derive(Debug, Clone)]
pub struct Counted {
    pub row: StoredPromoCode,
    pub used: Option<u32>,
}

/// Makes promo codes.
///
/// # Errors
/// `forbidden`; `promo_code_taken`; all faults of the draft, also against the catalogue of the day.
pub async fn create(services: &Services, call: &Call, draft: Draft) -> Result<Made> {
    let mut faulty = draft.faults.clone();
    let codes = draft.codes()?.unwrap_or_else(|fault| {
        faulty.push(fault);
        Vec::new()
    });
    let stand_in = match codes.first() {
        Some(code) => code.clone(),
        None => generated(1)?.swap_remove(0),
    };
    let rules = draft.rules(stand_in);
    let batch = draft.count.map(|_| services.id(call.now));
    let (shared, caller) = (services.clone(), call.clone());
    let ids: Vec<PromoCodeId> = codes.iter().map(|_| services.id(call.now)).collect();
    let write = move |tx: &mut AnyConnection| {
        let account = staff::require(tx, &caller, StaffPermission::ManagePromoCodes)?;
        let version = catalogue::in_force(tx, &shared, catalogue::today(&shared, caller.now))?;
        let faults = faults(&shared, &rules, &version.catalogue, &faulty);
        if !faults.is_empty() {
            return Err(Refusal::invalid(faults).into());
        }
        let template = stored(&rules, batch, account, caller.now)?;
        let row = |(id, code): (&PromoCodeId, &CodeText)| StoredPromoCode {
            id: *id,
            code: code.as_str().to_owned(),
            ..template.clone()
        };
        let rows: Vec<_> = ids.iter().zip(&codes).map(row).collect();
        if !rows::insert(tx, &rows)? {
            return Err(Code::PromoCodeTaken.into());
        }
        Ok(Made { batch, codes: codes.clone() })
    };
    services.write(call.clone(), write).await
}

fn generated(count: u32) -> Result<Vec<CodeText>> {
    let mut codes = BTreeSet::new();
    // Bounded: equal ones, and bytes that don't suffice, practically never come.
    for _ in 0..count.saturating_mul(2) {
        if codes.len() < count as usize {
            codes.extend(CodeText::generated(&random::<64>()?));
        }
    }
    if codes.len() == count as usize { Ok(codes.into_iter().collect()) } else { Err(Error::defect("too few codes")) }
}

/// All that is wrong with the rules of a code.
fn faults(services: &Services, rules: &PromoCode, catalogue: &Catalogue, faulty: &[Fault]) -> Vec<Fault> {
    let mut faults = [faulty, &rules.faults()].concat();
    for (pointer, cap) in [("/total_cap", rules.total_cap), ("/organization_cap", rules.organization_cap)] {
        if cap.is_some_and(|cap| cap > MAX_CAP) {
            faults.push(Fault::new(pointer, FaultCode::OutOfRange).with("max", MAX_CAP));
        }
    }
    for (index, code) in rules.scope.product_types.iter().enumerate() {
        if catalogue.product_type(code).is_none() {
            faults.push(Fault::new(format!("/scope/product_types/{index}"), FaultCode::InvalidValue));
        }
    }
    for (index, code) in rules.scope.offers.iter().enumerate() {
        if catalogue.offer(code).is_none() {
            faults.push(Fault::new(format!("/scope/offers/{index}"), FaultCode::UnknownOffer));
        }
    }
    let offered = |currency| services.settings.currencies.contains(&currency);
    for (index, minimum) in rules.minimum_net.iter().enumerate() {
        if !offered(minimum.currency) {
            faults.push(Fault::new(format!("/minimum_net/{index}/currency"), FaultCode::WrongCurrency));
        }
    }
    if let Discount::Fixed { amounts } = &rules.discount {
        for (index, amount) in amounts.iter().enumerate() {
            if !offered(amount.currency) {
                faults.push(Fault::new(format!("/discount/amounts/{index}/currency"), FaultCode::WrongCurrency));
            }
        }
    }
    faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    faults
}

/// The rules as a row, without its id and code.
fn stored(
    rules: &PromoCode,
    batch: Option<PromoCodeBatchId>,
    account: AccountId,
    now: Instant,
) -> Result<StoredPromoCode> {
    let count = |value: u32| i32::try_from(value).map_err(Error::defect);
    Ok(StoredPromoCode {
        id: PromoCodeId::from_uuid(Default::default()),
        code: String::new(),
        batch_id: batch,
        discount: Json(rules.discount.clone()),
        scope: Json(rules.scope.clone()),
        terms: count(rules.terms)?,
        valid_from: rules.valid_from,
        valid_until: rules.valid_until,
        total_cap: rules.total_cap.map(count).transpose()?,
        organization_cap: rules.organization_cap.map(count).transpose()?,
        first_order_only: rules.first_order_only,
        minimum_net: Json(rules.minimum_net.clone()),
        is_test: rules.is_test,
        created_by: account,
        created_at: now,
        withdrawn_by: None,
        withdrawn_at: None,
    })
}

fn counted(conn: &mut AnyConnection, row: StoredPromoCode) -> Result<Counted> {
    let used = match row.total_cap {
        Some(_) => Some(rows::used(conn, &row.code)?.unsigned_abs()),
        None => None,
    };
    Ok(Counted { row, used })
}

/// A page of promo codes, newest first.
pub async fn list(
    services: &Services,
    filter: PromoCodeFilter,
    before: Option<PromoCodeId>,
    limit: i64,
) -> Result<Vec<Counted>> {
    let read = move |conn: &mut AnyConnection| {
        let found = rows::list(conn, filter, before, limit)?;
        found.into_iter().map(|row| counted(conn, row)).collect()
    };
    services.db.read(read).await
}

/// # Errors
/// `not_found`.
pub async fn get(services: &Services, code: CodeText) -> Result<Counted> {
    let read = move |conn: &mut AnyConnection| {
        let row = rows::find(conn, code.as_str())?.ok_or(Code::NotFound)?;
        counted(conn, row)
    };
    services.db.read(read).await
}

/// Takes a code out of use; what orders reserved or redeemed of it stays.
///
/// # Errors
/// `not_found`, `forbidden`, `promo_code_withdrawn` where it was withdrawn before.
pub async fn withdraw(services: &Services, call: &Call, code: CodeText) -> Result<Counted> {
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let account = staff::require(tx, &caller, StaffPermission::ManagePromoCodes)?;
        rows::find(tx, code.as_str())?.ok_or(Code::NotFound)?;
        if !rows::withdraw(tx, code.as_str(), account, caller.now)? {
            return Err(Code::PromoCodeWithdrawn.into());
        }
        let row = rows::find(tx, code.as_str())?.ok_or(Code::NotFound)?;
        counted(tx, row)
    };
    services.write(call.clone(), write).await
}

/// The buckets in which tries to apply a code are counted: of the account and of the network address.
fn buckets(call: &Call) -> Vec<(throttles::Limit, String)> {
    let account = call.actor.map(|actor| (throttles::PROMO_CODES_ACCOUNT, actor.account.to_string()));
    account.into_iter().chain([(throttles::PROMO_CODES_IP, throttles::network(&call.ip))]).collect()
}

/// Counts a try to apply a code, before anything is looked up.
///
/// # Errors
/// `too_many_requests`.
pub(crate) fn count_try(tx: &mut AnyConnection, services: &Services, call: &Call) -> Result<()> {
    buckets(call).iter().try_for_each(|(limit, key)| throttles::take(tx, services, call.now, *limit, key))
}

/// Takes the try back, as the code was good.
pub(crate) fn forgive_try(tx: &mut AnyConnection, services: &Services, call: &Call) -> Result<()> {
    buckets(call).iter().try_for_each(|(limit, key)| throttles::give_back(tx, services, *limit, key))
}

/// Why a code that was to be applied is on no item; a visitor is told the same of every code (ORD-3).
pub(crate) fn refusal(placement: &Placement) -> Option<Refusal> {
    let reason = placement.refused?;
    if reason == PromoCodeReason::CodeNotUsable {
        return Some(Code::CodeNotUsable.into());
    }
    let items: Vec<Value> =
        placement.elsewhere.iter().map(|(item, reason)| json!({ "item": item, "reason": reason })).collect();
    let refusal = Refusal::new(Code::PromoCodeRefused).with("promo_code", placement.code.as_str());
    Some(refusal.with("reason", reason.as_str()).with("items", items))
}
