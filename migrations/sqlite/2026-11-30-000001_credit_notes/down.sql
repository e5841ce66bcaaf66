DROP TABLE promotional_credits;
DROP TABLE refunds;
DROP TABLE credit_note_lines;
DROP TABLE credit_notes;
DROP TABLE credit_note_series;
ALTER TABLE invoices DROP COLUMN credited;
