DROP TABLE throttles;
DROP TABLE idempotency_keys;
DROP TABLE development_mails;
DROP TABLE jobs;
