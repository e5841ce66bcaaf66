DROP INDEX audit_log_answered;
DROP INDEX audit_log_personal;
