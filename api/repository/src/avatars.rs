//! Pictures of persons, re-encoded before they come here.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::avatars;
use crate::sql_types::sql;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = avatars)]
pub struct Avatar {
    pub account_id: AccountId,
    pub content_type: String,
    pub image: Vec<u8>,
    pub etag: String,
    pub updated_at: Instant,
}

pub fn find(conn: &mut AnyConnection, account: AccountId) -> Result<Option<Avatar>, Error> {
    let query = avatars::table.filter(avatars::account_id.eq(sql(account)));
    Ok(query.select(Avatar::as_select()).first(conn).optional()?)
}

/// Sets the picture, in place of an older one.
pub fn put(tx: &mut AnyConnection, row: &Avatar) -> Result<(), Error> {
    delete(tx, row.account_id)?;
    diesel::insert_into(avatars::table)
        .values((
            avatars::account_id.eq(sql(row.account_id)),
            avatars::content_type.eq(&row.content_type),
            avatars::image.eq(&row.image),
            avatars::etag.eq(&row.etag),
            avatars::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Removes the picture; tells whether there was one.
pub fn delete(tx: &mut AnyConnection, account: AccountId) -> Result<bool, Error> {
    Ok(diesel::delete(avatars::table.filter(avatars::account_id.eq(sql(account)))).execute(tx)? == 1)
}
