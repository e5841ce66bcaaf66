DROP TABLE sandbox_payments;
DROP TABLE disputes;
DROP TABLE payment_references;
DROP TABLE payment_events;
