-- Deleting an account erases its addresses from the logs: those of the entries about invitations that it answered, under
-- whichever address it had then, found by few rows of the log.
CREATE INDEX audit_log_personal ON audit_log (organization_id, subject) WHERE personal_hash IS NOT NULL;
CREATE INDEX audit_log_answered ON audit_log (account_id) WHERE action IN ('invitation.accepted', 'invitation.declined');
