//! Absorptions of old accounts, a step for each organization (MEM-7).

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::absorptions::{AbsorptionState, StepState};
use manager_domain::ids::*;
use manager_domain::memberships::InvitationState;

use crate::Page;
use crate::accounts::Account;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::memberships::unexpired;
use crate::schema::{absorption_steps, absorptions, accounts, invitations, memberships};
use crate::sql_types::{literally, sql};

/// An absorption as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = absorptions)]
pub struct Absorption {
    pub id: AbsorptionId,
    /// The old account.
    pub account_id: AccountId,
    pub target_email: String,
    pub target_key: String,
    pub state: AbsorptionState,
    /// The version of the password in force when it was asked for.
    pub password_version: i32,
    pub created_at: Instant,
    pub ended_at: Option<Instant>,
}

/// An absorption in one organization.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = absorption_steps)]
pub struct Step {
    pub absorption_id: AbsorptionId,
    pub organization_id: OrganizationId,
    /// The organization's name when the absorption was asked for.
    pub name: String,
    pub invitation_id: Option<InvitationId>,
    pub state: StepState,
    pub updated_at: Instant,
}

/// Inserts a running absorption; `false` where the account has one.
pub fn insert(tx: &mut AnyConnection, row: &Absorption) -> Result<bool, Error> {
    let inserted = crate::each!(tx, |c| diesel::insert_into(absorptions::table)
        .values((
            absorptions::id.eq(sql(row.id)),
            absorptions::account_id.eq(sql(row.account_id)),
            absorptions::target_email.eq(&row.target_email),
            absorptions::target_key.eq(&row.target_key),
            absorptions::state.eq(sql(row.state)),
            absorptions::password_version.eq(row.password_version),
            absorptions::created_at.eq(sql(row.created_at)),
            absorptions::ended_at.eq(sql(row.ended_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

pub fn insert_step(tx: &mut AnyConnection, row: &Step) -> Result<(), Error> {
    diesel::insert_into(absorption_steps::table)
        .values((
            absorption_steps::absorption_id.eq(sql(row.absorption_id)),
            absorption_steps::organization_id.eq(sql(row.organization_id)),
            absorption_steps::name.eq(&row.name),
            absorption_steps::invitation_id.eq(sql(row.invitation_id)),
            absorption_steps::state.eq(sql(row.state)),
            absorption_steps::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// The account's latest absorption, running or not.
pub fn find_latest(conn: &mut AnyConnection, account: AccountId) -> Result<Option<Absorption>, Error> {
    let query = absorptions::table.filter(absorptions::account_id.eq(sql(account)));
    Ok(query.order(absorptions::id.desc()).select(Absorption::as_select()).first(conn).optional()?)
}

/// The account's running absorption, locked until the end of the transaction: the first lock, before organizations.
pub fn lock_running(tx: &mut AnyConnection, account: AccountId) -> Result<Option<Absorption>, Error> {
    let running = absorptions::table.filter(absorptions::account_id.eq(sql(account)));
    let query = running.filter(absorptions::state.eq(sql(AbsorptionState::Running)));
    Ok(match tx {
        AnyConnection::Pg(c) => query.for_update().select(Absorption::as_select()).first(c).optional()?,
        AnyConnection::Sqlite(c) => query.select(Absorption::as_select()).first(c).optional()?,
    })
}

/// Locks an absorption that is running.
pub fn lock(tx: &mut AnyConnection, id: AbsorptionId) -> Result<Option<Absorption>, Error> {
    let running = absorptions::table.filter(absorptions::id.eq(sql(id)));
    let query = running.filter(absorptions::state.eq(sql(AbsorptionState::Running)));
    Ok(match tx {
        AnyConnection::Pg(c) => query.for_update().select(Absorption::as_select()).first(c).optional()?,
        AnyConnection::Sqlite(c) => query.select(Absorption::as_select()).first(c).optional()?,
    })
}

/// Ends a running absorption; exactly one caller wins.
pub fn end(tx: &mut AnyConnection, id: AbsorptionId, state: AbsorptionState, now: Instant) -> Result<bool, Error> {
    let running = absorptions::table.filter(absorptions::id.eq(sql(id)));
    let running = running.filter(absorptions::state.eq(sql(AbsorptionState::Running)));
    let ended = diesel::update(running)
        .set((absorptions::state.eq(sql(state)), absorptions::ended_at.eq(sql(Some(now)))))
        .execute(tx)?;
    Ok(ended == 1)
}

/// The steps of an absorption in the order of their organizations.
pub fn list_steps(conn: &mut AnyConnection, id: AbsorptionId) -> Result<Vec<Step>, Error> {
    let query = absorption_steps::table.filter(absorption_steps::absorption_id.eq(sql(id)));
    Ok(query.order(absorption_steps::organization_id).select(Step::as_select()).load(conn)?)
}

/// Running absorptions in which no organization has anything left to answer. Organizations are asked about members only,
/// and for as long as the absorption was asked for after `asked_after`.
pub fn list_answered(
    conn: &mut AnyConnection,
    now: Instant,
    asked_after: Instant,
    page: Page,
) -> Result<Vec<AbsorptionId>, Error> {
    let of_step = invitations::organization_id.eq(absorption_steps::organization_id);
    let of_step = of_step.and(invitations::id.nullable().eq(absorption_steps::invitation_id));
    let pending = invitations::state.eq(sql(InvitationState::Pending)).and(invitations::expires_at.gt(sql(now)));
    let pending = invitations::table.filter(of_step).filter(pending);
    let invited = absorption_steps::table
        .filter(absorption_steps::absorption_id.eq(absorptions::id))
        .filter(absorption_steps::state.eq(sql(StepState::Invited)).and(exists(pending)));
    let asked = memberships::table
        .inner_join(absorption_steps::table.on(absorption_steps::organization_id.eq(memberships::organization_id)))
        .filter(absorption_steps::absorption_id.eq(absorptions::id))
        .filter(absorption_steps::state.eq(sql(StepState::AwaitingApproval)))
        .filter(memberships::account_id.eq(absorptions::account_id).and(unexpired(now)));
    let asked = exists(asked).and(absorptions::created_at.gt(sql(asked_after)));
    let answered = absorptions::table
        .filter(literally("absorptions.state = 'running'"))
        .filter(not(exists(invited).or(asked)))
        .order(absorptions::id)
        .offset(page.skip)
        .limit(page.limit);
    Ok(answered.select(absorptions::id).load(conn)?)
}

/// State and end of the invitation of a step.
pub fn find_invitation(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<Option<(InvitationState, Instant)>, Error> {
    let query =
        invitations::table.filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))));
    Ok(query.select((invitations::state, invitations::expires_at)).first(conn).optional()?)
}

/// A running absorption in an organization, with the old account.
pub type Asked = (Step, Absorption, Account);

/// One running absorption in an organization.
pub fn find_asked(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: AbsorptionId,
) -> Result<Option<Asked>, Error> {
    let query = absorption_steps::table
        .inner_join(absorptions::table)
        .inner_join(accounts::table.on(accounts::id.eq(absorptions::account_id)))
        .filter(absorption_steps::organization_id.eq(sql(organization)))
        .filter(absorption_steps::absorption_id.eq(sql(id)))
        .filter(absorptions::state.eq(sql(AbsorptionState::Running)));
    let select = (Step::as_select(), Absorption::as_select(), Account::as_select());
    Ok(query.select(select).first(conn).optional()?)
}

/// The running absorptions in an organization, newest first, those before `before` where given.
pub fn list_asked(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<AbsorptionId>,
    limit: i64,
) -> Result<Vec<Asked>, Error> {
    let mut query = absorption_steps::table
        .inner_join(absorptions::table)
        .inner_join(accounts::table.on(accounts::id.eq(absorptions::account_id)))
        .filter(absorption_steps::organization_id.eq(sql(organization)))
        .filter(absorptions::state.eq(sql(AbsorptionState::Running)))
        .select((Step::as_select(), Absorption::as_select(), Account::as_select()))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(absorption_steps::absorption_id.lt(sql(before)));
    }
    Ok(query.order(absorption_steps::absorption_id.desc()).limit(limit).load(conn)?)
}

/// The absorptions of an account, and those of others that name its address as the new one.
pub fn list_of_person(conn: &mut AnyConnection, account: AccountId, key: &str) -> Result<Vec<Absorption>, Error> {
    let of_person = absorptions::account_id.eq(sql(account)).or(absorptions::target_key.eq(key));
    Ok(absorptions::table.filter(of_person).select(Absorption::as_select()).load(conn)?)
}

/// Those that ended before, the first to end first.
pub fn list_ended(conn: &mut AnyConnection, before: Instant, page: Page) -> Result<Vec<AbsorptionId>, Error> {
    let ended = absorptions::table.filter(absorptions::ended_at.lt(sql(Some(before))));
    let order = (absorptions::ended_at, absorptions::id);
    Ok(ended.order(order).offset(page.skip).limit(page.limit).select(absorptions::id).load(conn)?)
}

/// Deletes an absorption with its steps.
pub fn delete(tx: &mut AnyConnection, id: AbsorptionId) -> Result<(), Error> {
    diesel::delete(absorption_steps::table.filter(absorption_steps::absorption_id.eq(sql(id)))).execute(tx)?;
    diesel::delete(absorptions::table.filter(absorptions::id.eq(sql(id)))).execute(tx)?;
    Ok(())
}

/// Moves a step from one state to another; exactly one caller wins.
pub fn move_step(
    tx: &mut AnyConnection,
    step: &Step,
    to: StepState,
    invitation: Option<InvitationId>,
    now: Instant,
) -> Result<bool, Error> {
    let current = absorption_steps::table
        .filter(absorption_steps::absorption_id.eq(sql(step.absorption_id)))
        .filter(absorption_steps::organization_id.eq(sql(step.organization_id)))
        .filter(absorption_steps::state.eq(sql(step.state)));
    let moved = diesel::update(current)
        .set((
            absorption_steps::state.eq(sql(to)),
            absorption_steps::invitation_id.eq(sql(invitation)),
            absorption_steps::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(moved == 1)
}
