//! What a person sees and changes of themselves (ACC-4, ACC-11).

use manager_domain::profiles::{MAX_UI_SETTINGS, ProfileChanges, merge};
use manager_domain::{Code, FaultCode, Refusal, ids::*};
use manager_repository::accounts;
use manager_repository::login_id_changes::{self, LoginIdChange};
use manager_repository::memberships::{self, Belonging};
use manager_repository::{AnyConnection, Json, sessions};
use serde_json::Value;

use crate::errors::Result;
use crate::versions::fresh;
use crate::{Call, Services, recovery_emails};

pub use accounts::Account;

/// Organizations shown with a profile; the list of organizations has them all.
const SHOWN: i64 = 100;

/// An account with the organizations it belongs to and the changes that wait for a confirmation.
#[derive(Debug, Clone)]
pub struct Profile {
    pub account: Account,
    pub organizations: Vec<Belonging>,
    pub pending_login_id: Option<LoginIdChange>,
    /// Masked.
    pub pending_recovery_email: Option<String>,
}

/// The person's profile.
pub async fn get(services: &Services, call: &Call, account: Account) -> Result<Profile> {
    let call = call.clone();
    services.db.read(move |conn| load(conn, &call, account)).await
}

fn load(conn: &mut AnyConnection, call: &Call, account: Account) -> Result<Profile> {
    // One that the person was removed from, or whose access ended, is no default; should they come back, it is again.
    let default = account.default_organization_id;
    let reached = default.map(|id| memberships::find_reached(conn, id, account.id, call.now)).transpose()?.flatten();
    let account = Account { default_organization_id: reached, ..account };
    Ok(Profile {
        organizations: memberships::list_of_account(conn, account.id, None, SHOWN, call.now)?,
        pending_login_id: login_id_changes::find_pending(conn, account.id, call.now)?,
        pending_recovery_email: recovery_emails::pending(conn, call, account.id)?,
        account,
    })
}

/// Changes the profile if it is still at the version its editor saw, where they said one.
///
/// # Errors
/// `validation_failed`, also for a default organization that isn't one of theirs; `ui_settings_too_large`;
/// `precondition_failed`.
pub async fn update(
    services: &Services,
    call: &Call,
    account: AccountId,
    seen: Option<i64>,
    changes: ProfileChanges,
) -> Result<Profile> {
    let changes = changes.trimmed();
    let faults = changes.faults();
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults).into());
    }
    let call = call.clone();
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let current = accounts::lock(tx, account)?.ok_or(Code::SessionEnded)?;
        fresh(seen, current.version)?;
        if let Some(Some(organization)) = changes.default_organization {
            let membership = memberships::find_by_account(tx, organization, account, call.now)?;
            membership.ok_or_else(|| Refusal::fault("/default_organization", FaultCode::NotAllowed))?;
        }
        let next = changed(&current, &changes)?;
        // What changes nothing is no change and counts no version.
        if settable(&next) == settable(&current) {
            return load(tx, &call, current);
        }
        if !accounts::update_profile(tx, &next, call.now)? {
            return Err(Code::PreconditionFailed.into());
        }
        let updated = accounts::find(tx, account)?.ok_or(Code::SessionEnded)?;
        if updated.locale != current.locale {
            sessions::set_locale(tx, account, updated.locale)?;
        }
        load(tx, &call, updated)
    };
    services.write(caller, write).await
}

/// What a person may set of their profile.
fn settable(row: &Account) -> impl PartialEq + '_ {
    let names = (&row.first_name, &row.last_name, &row.display_name);
    (names, row.locale, &row.time_zone, row.default_organization_id, &row.ui_settings)
}

fn changed(current: &Account, changes: &ProfileChanges) -> Result<Account> {
    let mut next = current.clone();
    next.first_name = changes.first_name.clone().unwrap_or(next.first_name);
    next.last_name = changes.last_name.clone().unwrap_or(next.last_name);
    next.display_name = changes.display_name.clone().unwrap_or(next.display_name);
    next.locale = changes.locale.unwrap_or(next.locale);
    next.time_zone = changes.time_zone.clone().unwrap_or(next.time_zone);
    next.default_organization_id = changes.default_organization.unwrap_or(next.default_organization_id);
    if let Some(patch) = &changes.ui_settings {
        let mut settings = next.ui_settings.0.as_object().cloned().unwrap_or_default();
        match patch {
            Some(patch) => merge(&mut settings, patch),
            None => settings.clear(),
        }
        next.ui_settings = Json(Value::Object(settings));
        if next.ui_settings.0.to_string().len() > MAX_UI_SETTINGS {
            return Err(Refusal::new(Code::UiSettingsTooLarge).with("max", MAX_UI_SETTINGS).into());
        }
    }
    Ok(next)
}
