DELETE FROM payments WHERE invoice_id IS NULL OR created_by IS NULL;
DROP INDEX payments_organization_id_top_up_id_key;
ALTER TABLE payments DROP CONSTRAINT payments_amount_check;
UPDATE payments SET amount = amount + prepaid_promotional + prepaid_paid;
ALTER TABLE payments
    ALTER COLUMN invoice_id SET NOT NULL,
    ALTER COLUMN created_by SET NOT NULL,
    DROP COLUMN top_up_id,
    DROP COLUMN prepaid_promotional,
    DROP COLUMN prepaid_paid,
    DROP COLUMN action,
    DROP COLUMN booked_elsewhere,
    ADD CONSTRAINT payments_amount_check CHECK (amount > 0);
DROP TABLE top_ups;
