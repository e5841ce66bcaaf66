//! What a session reaches in an organization: the question that every request of a member asks.
//!
//! Many ask at once under load, so the engine room answers those that wait together: on PostgreSQL in one statement,
//! which costs the backend little more than a single one.

use diesel::dsl::SqlTypeOf;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable};
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::languages::Language;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::memberships::{Membership, unexpired};
use crate::products::Product;
use crate::schema::{memberships, products, sessions};
use crate::sessions::living;
use crate::sql_types::{SqlId, SqlInstant, SqlKeyword, sql};

/// Who asks what they reach.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub session: SessionId,
    pub organization: OrganizationId,
    /// A product of the organization, where the request is about one.
    pub product: Option<ProductId>,
    pub now: Instant,
}

/// A living session, and what it reaches in an organization.
#[derive(Debug, Clone)]
pub struct Access {
    pub session: SessionId,
    pub account: AccountId,
    pub authenticated_at: Instant,
    pub locale: Language,
    /// Absent for strangers, for those whose access ended, and where there is no such organization.
    pub membership: Option<Membership>,
    /// The product asked about; whether the membership reaches it is for the caller to decide.
    pub product: Option<Product>,
}

/// Answers one ask; `None` where the session isn't living.
pub fn find(conn: &mut AnyConnection, ask: Ask) -> Result<Option<Access>, Error> {
    match conn {
        AnyConnection::Pg(conn) => together_alone(conn, ask),
        AnyConnection::Sqlite(conn) => alone(conn, ask),
    }
}

/// Answers asks in their order. A row that can't be read is the trouble of the one who asked for it.
pub(crate) fn find_all(conn: &mut AnyConnection, asks: &[Ask]) -> Vec<Result<Option<Access>, Error>> {
    match conn {
        AnyConnection::Sqlite(conn) => asks.iter().map(|ask| alone(conn, *ask)).collect(),
        AnyConnection::Pg(conn) => match together(conn, asks) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Error::Defect(_)) if asks.len() > 1 => asks.iter().map(|ask| together_alone(conn, *ask)).collect(),
            Err(error) => vec![Err(error); asks.len()],
        },
    }
}

fn together_alone(conn: &mut PgConnection, ask: Ask) -> Result<Option<Access>, Error> {
    Ok(together(conn, &[ask])?.pop().flatten())
}

type Row = (AccountId, Instant, Language, Option<Membership>, Option<Product>);

fn answer(ask: Ask, (account, authenticated_at, locale, membership, product): Row) -> Access {
    Access { session: ask.session, account, authenticated_at, locale, membership, product }
}

/// A deleted account has no living session and a deleted organization no membership, so neither is looked at.
fn alone(conn: &mut SqliteConnection, ask: Ask) -> Result<Option<Access>, Error> {
    let Ask { session, organization, product, now } = ask;
    let membership = memberships::account_id
        .eq(sessions::account_id)
        .and(memberships::organization_id.eq(sql(organization)))
        .and(unexpired(now));
    let living = sessions::table
        .left_join(memberships::table.on(membership))
        .filter(sessions::id.eq(sql(session)).and(living(now)));
    let session = (sessions::account_id, sessions::authenticated_at, sessions::locale);
    let Some(product) = product else {
        let query = living.select((session, Option::<Membership>::as_select()));
        let row: Option<((AccountId, Instant, Language), Option<Membership>)> = query.first(conn).optional()?;
        return Ok(row.map(|((account, at, locale), membership)| answer(ask, (account, at, locale, membership, None))));
    };
    let of_organization = products::organization_id.eq(sql(organization)).and(products::id.eq(sql(product)));
    let query = living.left_join(products::table.on(of_organization)).select((
        sessions::account_id,
        sessions::authenticated_at,
        sessions::locale,
        Option::<Membership>::as_select(),
        Option::<Product>::as_select(),
    ));
    Ok(query.first::<Row>(conn).optional()?.map(|row| answer(ask, row)))
}

/// One statement for all; it answers the places of the asks that found something.
fn together(conn: &mut PgConnection, asks: &[Ask]) -> Result<Vec<Option<Access>>, Error> {
    let question = Together {
        sessions: asks.iter().map(|ask| ask.session).collect(),
        organizations: asks.iter().map(|ask| ask.organization).collect(),
        products: asks.iter().map(|ask| ask.product).collect(),
        moments: asks.iter().map(|ask| ask.now).collect(),
        membership: <Membership as Selectable<Pg>>::construct_selection(),
        product: <Product as Selectable<Pg>>::construct_selection(),
    };
    let mut answers = vec![None; asks.len()];
    for (place, account, authenticated_at, locale, membership, product) in question.load::<PlacedRow>(conn)? {
        let place = usize::try_from(place - 1).unwrap_or(usize::MAX);
        if let (Some(ask), Some(slot)) = (asks.get(place), answers.get_mut(place)) {
            *slot = Some(answer(*ask, (account, authenticated_at, locale, membership, product)));
        }
    }
    Ok(answers)
}

type PlacedRow = (i64, AccountId, Instant, Language, Option<Membership>, Option<Product>);

/// The statement that answers several asks. Its subqueries are taken one ask at a time (`LIMIT` keeps the planner from
/// joining whole tables), each by a unique key. The lists are selected, so that their lengths say nothing to the planner:
/// else it would plan each execution anew.
#[derive(QueryId)]
struct Together {
    sessions: Vec<SessionId>,
    organizations: Vec<OrganizationId>,
    products: Vec<Option<ProductId>>,
    moments: Vec<Instant>,
    membership: <Membership as Selectable<Pg>>::SelectExpression,
    product: <Product as Selectable<Pg>>::SelectExpression,
}

impl Query for Together {
    type SqlType = (
        BigInt,
        SqlId,
        SqlInstant,
        SqlKeyword,
        Nullable<SqlTypeOf<<Membership as Selectable<Pg>>::SelectExpression>>,
        Nullable<SqlTypeOf<<Product as Selectable<Pg>>::SelectExpression>>,
    );
}

impl diesel::RunQueryDsl<PgConnection> for Together {}

impl QueryFragment<Pg> for Together {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.place, sessions.account_id, sessions.authenticated_at, sessions.locale, ");
        self.membership.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.product.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest((SELECT ");
        out.push_bind_param::<Array<SqlId>, _>(&self.sessions)?;
        out.push_sql("), (SELECT ");
        out.push_bind_param::<Array<SqlId>, _>(&self.organizations)?;
        out.push_sql("), (SELECT ");
        out.push_bind_param::<Array<Nullable<SqlId>>, _>(&self.products)?;
        out.push_sql("), (SELECT ");
        out.push_bind_param::<Array<SqlInstant>, _>(&self.moments)?;
        out.push_sql(
            ")) WITH ORDINALITY AS asked (session, organization, product, moment, place) \
             CROSS JOIN LATERAL (SELECT * FROM sessions \
             WHERE id = asked.session AND ended_at IS NULL AND expires_at > asked.moment LIMIT 1) sessions \
             LEFT JOIN LATERAL (SELECT * FROM memberships \
             WHERE account_id = sessions.account_id AND organization_id = asked.organization \
             AND (expires_at IS NULL OR expires_at > asked.moment) LIMIT 1) memberships ON true \
             LEFT JOIN LATERAL (SELECT * FROM products \
             WHERE organization_id = asked.organization AND id = asked.product LIMIT 1) products ON true",
        );
        Ok(())
    }
}
