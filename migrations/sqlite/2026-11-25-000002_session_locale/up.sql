-- The account's language, kept with its sessions: a request then reads session, membership and what it asks for alone.
ALTER TABLE sessions ADD COLUMN locale TEXT NOT NULL DEFAULT 'en';
UPDATE sessions SET locale = (SELECT accounts.locale FROM accounts WHERE accounts.id = sessions.account_id);
