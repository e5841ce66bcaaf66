//! Mails of development mode, kept for the local mail page.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::development_mails;
use crate::sql_types::{Json, sql};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = development_mails)]
pub struct DevelopmentMail {
    /// The id of the job that sent it, so that sending twice shows once.
    pub id: JobId,
    pub recipient: String,
    pub subject: String,
    pub text_body: String,
    pub html_body: String,
    pub links: Json<Vec<String>>,
    pub code: Option<String>,
    pub sent_at: Instant,
}

/// Keeps a mail; one that was kept already stays as it is.
pub fn insert(tx: &mut AnyConnection, row: &DevelopmentMail) -> Result<(), Error> {
    crate::each!(tx, |c| diesel::insert_into(development_mails::table)
        .values((
            development_mails::id.eq(sql(row.id)),
            development_mails::recipient.eq(&row.recipient),
            development_mails::subject.eq(&row.subject),
            development_mails::text_body.eq(&row.text_body),
            development_mails::html_body.eq(&row.html_body),
            development_mails::links.eq(sql(row.links.clone())),
            development_mails::code.eq(&row.code),
            development_mails::sent_at.eq(sql(row.sent_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(())
}

/// Newest first.
pub fn list(conn: &mut AnyConnection, limit: i64) -> Result<Vec<DevelopmentMail>, Error> {
    let query = development_mails::table.order((development_mails::sent_at.desc(), development_mails::id.desc()));
    Ok(query.limit(limit).select(DevelopmentMail::as_select()).load(conn)?)
}
