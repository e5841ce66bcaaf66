//! Mails with documents: the job names the document, which is drawn when the mail is sent (BIL-4).

use manager_domain::ids::*;
use manager_domain::permissions::{Permission, decide};
use manager_domain::{Code, Instant, Money};
use manager_repository::accounts::{self, Account};
use manager_repository::invoices::{self as rows, Invoice};
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, memberships};
use serde::{Deserialize, Serialize};

use super::File;
use super::drawing::{amount, title};
use super::invoices::Source;
use crate::errors::{Error, Result};
use crate::mails::{Mail, Template};
use crate::{Call, Services, throttles};

/// A document that goes with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attachment {
    Invoice {
        organization: OrganizationId,
        invoice: InvoiceId,
        /// Whom the mail goes to: their rights are looked at again when it is sent.
        reader: AccountId,
    },
}

impl Attachment {
    /// Reads and draws it; `None` where its reader may not see it any more.
    async fn file(self, services: &Services, now: Instant) -> Result<Option<File>> {
        let Self::Invoice { organization, invoice, reader } = self;
        let read = move |conn: &mut AnyConnection| {
            let membership = memberships::find_by_account(conn, organization, reader, now)?;
            let may = membership.is_some_and(|its| decide(&its.rights(), Permission::ViewBilling, None).allowed);
            Ok::<_, Error>(if may { Source::read(conn, organization, invoice)? } else { None })
        };
        match services.db.read(read).await? {
            Some(source) => source.draw(&services.settings).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The files that go with a mail; `None` where its reader may not see one of them any more, so that it isn't sent.
pub(crate) async fn files(services: &Services, attachments: &[Attachment], now: Instant) -> Result<Option<Vec<File>>> {
    let mut files = Vec::with_capacity(attachments.len());
    for attachment in attachments {
        match attachment.file(services, now).await? {
            Some(file) => files.push(file),
            None => return Ok(None),
        }
    }
    Ok(Some(files))
}

/// Mails an invoice that was paid to every member with billing rights, each in their own language. For the transaction
/// that settles it.
pub fn mail_invoice(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: &Organization,
    invoice: InvoiceId,
) -> Result<()> {
    let row = rows::find(tx, owner.id, invoice)?.ok_or_else(|| Error::defect("an invoice is gone"))?;
    for reader in memberships::list_with_billing(tx, owner.id, call.now)? {
        mail(owner, &row, &reader, Template::InvoicePaid).enqueue(tx, services, call.now)?;
    }
    Ok(())
}

/// Mails an invoice to the member who asks for it, and answers their address.
///
/// # Errors
/// `not_found`; `too_many_requests`.
pub async fn email_invoice(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<String> {
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let (shared, now) = (services.clone(), call.now);
    let write = move |tx: &mut AnyConnection| {
        let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
        let row = rows::find(tx, organization, invoice)?.ok_or(Code::NotFound)?;
        throttles::take(tx, &shared, now, throttles::MAILS_DOCUMENTS, &actor.account.to_string())?;
        let reader = accounts::find(tx, actor.account)?.ok_or(Code::SessionEnded)?;
        mail(&owner, &row, &reader, Template::InvoiceRequested).enqueue(tx, &shared, now)?;
        Ok::<_, Error>(reader.login_id)
    };
    services.write(call.clone(), write).await
}

fn mail(owner: &Organization, invoice: &Invoice, reader: &Account, template: Template) -> Mail {
    let total = Money::new(invoice.total, invoice.currency);
    let attachment = Attachment::Invoice { organization: owner.id, invoice: invoice.id, reader: reader.id };
    Mail::new(&reader.login_id, reader.locale, template)
        .with("name", reader.name())
        .with("organization", owner.name.clone())
        .with("document", title(reader.locale, invoice.number.as_deref()))
        .with("total", amount(total))
        .attach(attachment)
}
