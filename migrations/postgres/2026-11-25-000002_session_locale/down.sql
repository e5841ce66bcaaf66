ALTER TABLE sessions DROP COLUMN locale;
