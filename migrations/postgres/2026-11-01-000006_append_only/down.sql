DROP TRIGGER audit_personal_no_update ON audit_personal;
DROP TRIGGER audit_log_no_change ON audit_log;
DROP FUNCTION refuse_change();
