CREATE TABLE development_mail_attachments (
    mail_id uuid NOT NULL REFERENCES development_mails (id),
    position integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    content_type text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (mail_id, position)
);
