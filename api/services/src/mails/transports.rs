//! How mails leave: by SMTP, or, in development, printed and kept for the local mail page.

use std::collections::HashMap;
use std::error::Error as _;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::transport::smtp::response::Severity;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use manager_domain::Instant;
use manager_domain::ids::JobId;
use manager_repository::{AnyConnection, Json, development_mails as rows};

use super::rendering::Rendered;
use crate::Services;
use crate::documents::File;
use crate::errors::{Error, Result};

/// What documents are.
const PDF: &str = "application/pdf";

/// Where mails go.
#[derive(Clone)]
pub enum Transport {
    Smtp {
        mailer: AsyncSmtpTransport<Tokio1Executor>,
        from: Mailbox,
    },
    /// Printed, and kept in the database for the local page.
    Development,
}

/// Whether a mail left.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Yes,
    /// The server refused its recipient for good: trying again is of no use.
    Refused(String),
    /// The server is away or busy, or takes nothing from us as things stand.
    Later(String),
}

impl Transport {
    /// A transport for `smtp://` and `smtps://` URLs, connected when first needed.
    ///
    /// # Errors
    /// A text that says what is wrong with the URL or the sender.
    pub fn smtp(url: &str, from: &str) -> std::result::Result<Self, String> {
        let mailer = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|error| error.to_string())?;
        let mailer = mailer.timeout(Some(std::time::Duration::from_secs(20))).build();
        let from = from.parse().map_err(|error| format!("sender {from}: {error}"))?;
        Ok(Self::Smtp { mailer, from })
    }

    /// Sends one mail; `id` makes sending twice recognisable.
    pub async fn send(
        &self,
        services: &Services,
        id: JobId,
        to: &str,
        mail: Rendered,
        files: Vec<File>,
        now: Instant,
    ) -> Result<Sent> {
        match self {
            Self::Smtp { mailer, from } => send_smtp(mailer, from, id, to, mail, files).await,
            Self::Development => keep(services, id, to, mail, files, now).await.map(|()| Sent::Yes),
        }
    }
}

/// Text and HTML, and the files beside them.
fn body(mail: Rendered, files: Vec<File>) -> Result<(String, MultiPart)> {
    let text = MultiPart::alternative_plain_html(mail.text, mail.html);
    if files.is_empty() {
        return Ok((mail.subject, text));
    }
    let kind = ContentType::parse(PDF).map_err(Error::defect)?;
    let mixed = files.into_iter().fold(MultiPart::mixed().multipart(text), |parts, file| {
        parts.singlepart(Attachment::new(file.name).body(file.content, kind.clone()))
    });
    Ok((mail.subject, mixed))
}

async fn send_smtp(
    mailer: &AsyncSmtpTransport<Tokio1Executor>,
    from: &Mailbox,
    id: JobId,
    to: &str,
    mail: Rendered,
    files: Vec<File>,
) -> Result<Sent> {
    let Ok(to) = to.parse::<lettre::Address>() else { return Ok(Sent::Refused("not an address".to_owned())) };
    let (subject, body) = body(mail, files)?;
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .subject(subject)
        .multipart(body)
        .map_err(Error::defect)?;
    Ok(match mailer.send(message).await {
        Ok(response) if response.code().severity == Severity::PositiveCompletion => Sent::Yes,
        Ok(response) => Sent::Later(response.code().to_string()),
        Err(error)
            if error.is_permanent() && error.source().is_some_and(|said| blames_recipient(&said.to_string())) =>
        {
            Sent::Refused(error.to_string())
        }
        Err(error) => Sent::Later(error.to_string()),
    })
}

/// Whether a permanent refusal is about the recipient, told by its enhanced code (RFC 3463): no such mailbox, no such
/// host, bad syntax, moved away, takes no mail, disabled. Wrong credentials, a relay or a sender that is refused meet
/// every mail and pass when somebody mends them; so may what a server says without such a code.
fn blames_recipient(answer: &str) -> bool {
    const CODES: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
    answer.split_ascii_whitespace().next().is_some_and(|code| CODES.contains(&code))
}

async fn keep(services: &Services, id: JobId, to: &str, mail: Rendered, files: Vec<File>, now: Instant) -> Result<()> {
    print(to, &mail, &files);
    let attachments: Vec<_> = (0..)
        .zip(files)
        .map(|(position, file)| rows::DevelopmentAttachment {
            mail_id: id,
            position,
            name: file.name,
            content_type: PDF.to_owned(),
            content: file.content,
        })
        .collect();
    let row = rows::DevelopmentMail {
        id,
        recipient: to.to_owned(),
        subject: mail.subject,
        text_body: mail.text,
        html_body: mail.html,
        links: Json(mail.links),
        code: mail.code,
        sent_at: now,
    };
    services.db.write(move |tx| Ok::<_, Error>(rows::insert(tx, &row, &attachments)?)).await
}

#[allow(clippy::print_stdout, reason = "development mode prints mails for the person at the terminal")]
fn print(to: &str, mail: &Rendered, files: &[File]) {
    println!("--- mail to {to}: {}\n{}", mail.subject, mail.text);
    for file in files {
        println!("[{}, {} bytes]", file.name, file.content.len());
    }
    println!("---");
}

/// An attachment of a kept mail.
pub async fn find_kept_attachment(
    services: &Services,
    mail: JobId,
    position: i32,
) -> Result<Option<rows::DevelopmentAttachment>> {
    services.db.read(move |conn| Ok(rows::find_attachment(conn, mail, position)?)).await
}

/// A kept mail, and the names of the files that went with it, in their places.
pub type Kept = (rows::DevelopmentMail, Vec<(i32, String)>);

/// The kept mails, newest first.
pub async fn list_kept(services: &Services, limit: i64) -> Result<Vec<Kept>> {
    let read = move |conn: &mut AnyConnection| {
        let mails = rows::list(conn, limit)?;
        let mut files: HashMap<JobId, Vec<(i32, String)>> = HashMap::new();
        if let Some(oldest) = mails.last() {
            for (mail, position, name) in rows::list_attachments(conn, oldest.sent_at)? {
                files.entry(mail).or_default().push((position, name));
            }
        }
        let with_files = |mail: rows::DevelopmentMail| {
            let own = files.remove(&mail.id).unwrap_or_default();
            (mail, own)
        };
        Ok(mails.into_iter().map(with_files).collect())
    };
    services.db.read(read).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_the_recipient_is_final() {
        for answer in ["5.1.1 <a@b.example>: User unknown", "5.2.1 The account is disabled", "5.1.10 null MX"] {
            assert!(blames_recipient(answer), "{answer}");
        }
        let passing = [
            "5.7.8 Authentication credentials invalid",
            "5.7.1 <a@b.example>: Relay access denied",
            "5.1.8 <us@c.example>: Sender address rejected: Domain not found",
            "5.1.7 Bad sender address syntax",
            "5.2.2 Mailbox full",
            "Requested action not taken",
            "",
        ];
        for answer in passing {
            assert!(!blames_recipient(answer), "{answer}");
        }
    }
}
