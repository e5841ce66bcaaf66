//! Mails of development mode, kept for the local mail page.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{development_mail_attachments, development_mails};
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

/// A file that went with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = development_mail_attachments)]
pub struct DevelopmentAttachment {
    pub mail_id: JobId,
    /// From 0 on.
    pub position: i32,
    pub name: String,
    pub content_type: String,
    pub content: Vec<u8>,
}

/// Keeps a mail with its files; one that was kept already stays as it is.
pub fn insert(tx: &mut AnyConnection, row: &DevelopmentMail, files: &[DevelopmentAttachment]) -> Result<(), Error> {
    let kept = crate::each!(&mut *tx, |c| diesel::insert_into(development_mails::table)
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
    if kept == 1 {
        files.iter().try_for_each(|file| insert_attachment(tx, file))?;
    }
    Ok(())
}

fn insert_attachment(tx: &mut AnyConnection, row: &DevelopmentAttachment) -> Result<(), Error> {
    diesel::insert_into(development_mail_attachments::table)
        .values((
            development_mail_attachments::mail_id.eq(sql(row.mail_id)),
            development_mail_attachments::position.eq(row.position),
            development_mail_attachments::name.eq(&row.name),
            development_mail_attachments::content_type.eq(&row.content_type),
            development_mail_attachments::content.eq(&row.content),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find_attachment(
    conn: &mut AnyConnection,
    mail: JobId,
    position: i32,
) -> Result<Option<DevelopmentAttachment>, Error> {
    let query = development_mail_attachments::table.filter(development_mail_attachments::mail_id.eq(sql(mail)));
    let query = query.filter(development_mail_attachments::position.eq(position));
    Ok(query.select(DevelopmentAttachment::as_select()).first(conn).optional()?)
}

/// What is attached to the mails sent since: the mail, the place in it, and the file's name, in the order of their places.
pub fn list_attachments(conn: &mut AnyConnection, since: Instant) -> Result<Vec<(JobId, i32, String)>, Error> {
    let on = development_mails::id.eq(development_mail_attachments::mail_id);
    let query = development_mail_attachments::table.inner_join(development_mails::table.on(on));
    let query = query.filter(development_mails::sent_at.ge(sql(since)));
    let select = (
        development_mail_attachments::mail_id,
        development_mail_attachments::position,
        development_mail_attachments::name,
    );
    Ok(query.order(development_mail_attachments::position).select(select).load(conn)?)
}

/// Newest first.
pub fn list(conn: &mut AnyConnection, limit: i64) -> Result<Vec<DevelopmentMail>, Error> {
    let query = development_mails::table.order((development_mails::sent_at.desc(), development_mails::id.desc()));
    Ok(query.limit(limit).select(DevelopmentMail::as_select()).load(conn)?)
}
