//! Versions of the catalogue. Global.

use chrono::NaiveDate;
use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::catalogue_versions;
use crate::sql_types::sql;

/// A version to be loaded.
pub struct NewVersion<'a> {
    pub id: CatalogueVersionId,
    pub valid_from: NaiveDate,
    /// JSON as `FORMAT.md` describes it.
    pub document: &'a str,
    pub etag: &'a str,
    pub now: Instant,
}

/// The version in force on a day: the latest that began by then, of several that began together the last one loaded.
pub fn in_force(conn: &mut AnyConnection, date: NaiveDate) -> Result<Option<(CatalogueVersionId, String)>, Error> {
    let begun = catalogue_versions::table.filter(catalogue_versions::valid_from.le(date));
    let latest = begun.order((catalogue_versions::valid_from.desc(), catalogue_versions::id.desc()));
    Ok(latest.select((catalogue_versions::id, catalogue_versions::etag)).first(conn).optional()?)
}

/// The document of a version, as it was loaded.
pub fn document(conn: &mut AnyConnection, id: CatalogueVersionId) -> Result<Option<String>, Error> {
    let query = catalogue_versions::table.filter(catalogue_versions::id.eq(sql(id)));
    Ok(query.select(catalogue_versions::document).first(conn).optional()?)
}

/// Whether there is any version.
pub fn is_empty(conn: &mut AnyConnection) -> Result<bool, Error> {
    Ok(catalogue_versions::table.count().get_result::<i64>(conn)? == 0)
}

pub fn insert(tx: &mut AnyConnection, version: &NewVersion<'_>) -> Result<(), Error> {
    crate::each!(tx, |c| diesel::insert_into(catalogue_versions::table)
        .values((
            catalogue_versions::id.eq(sql(version.id)),
            catalogue_versions::valid_from.eq(version.valid_from),
            catalogue_versions::document.eq(version.document),
            catalogue_versions::etag.eq(version.etag),
            catalogue_versions::created_at.eq(sql(version.now)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(())
}
