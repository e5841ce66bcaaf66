//! Keys that sign access tokens, shared by all servers.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use manager_domain::Instant;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::signing_keys;
use crate::sql_types::sql;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKey {
    pub kid: String,
    pub public_key: Vec<u8>,
    /// Encrypted under the root key.
    pub private_key: Vec<u8>,
    pub created_at: Instant,
    pub retired_at: Option<Instant>,
}

/// All keys, newest first.
pub fn list(conn: &mut AnyConnection) -> Result<Vec<SigningKey>, Error> {
    let query = signing_keys::table.order((signing_keys::created_at.desc(), signing_keys::kid.desc()));
    Ok(query.select(SigningKey::as_select()).load(conn)?)
}

/// Keeps others from making keys until this transaction ends; reading goes on. SQLite has one writer anyway.
pub fn lock(tx: &mut AnyConnection) -> Result<(), Error> {
    match tx {
        AnyConnection::Pg(c) => Ok(c.batch_execute("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")?),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

pub fn insert(tx: &mut AnyConnection, key: &SigningKey) -> Result<(), Error> {
    diesel::insert_into(signing_keys::table)
        .values((
            signing_keys::kid.eq(&key.kid),
            signing_keys::public_key.eq(&key.public_key),
            signing_keys::private_key.eq(&key.private_key),
            signing_keys::created_at.eq(sql(key.created_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Retires every key but `kid`; they verify until their tokens are gone.
pub fn retire_others(tx: &mut AnyConnection, kid: &str, now: Instant) -> Result<(), Error> {
    diesel::update(signing_keys::table.filter(signing_keys::kid.ne(kid).and(signing_keys::retired_at.is_null())))
        .set(signing_keys::retired_at.eq(sql(Some(now))))
        .execute(tx)?;
    Ok(())
}

/// Deletes every key but `kid`: what they signed counts no more.
pub fn delete_others(tx: &mut AnyConnection, kid: &str) -> Result<(), Error> {
    diesel::delete(signing_keys::table.filter(signing_keys::kid.ne(kid))).execute(tx)?;
    Ok(())
}

pub fn purge(tx: &mut AnyConnection, retired_before: Instant) -> Result<usize, Error> {
    let gone = signing_keys::table.filter(signing_keys::retired_at.lt(sql(Some(retired_before))));
    Ok(diesel::delete(gone).execute(tx)?)
}
