CREATE TABLE development_mail_attachments (
    mail_id BLOB NOT NULL REFERENCES development_mails (id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (mail_id, position)
);
