-- What housekeeping and metrics look for. Where an index holds one state alone, the query says that state literally.
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX spent_refresh_tokens_session_id ON spent_refresh_tokens (session_id);
CREATE INDEX registrations_expires_at ON registrations (expires_at);
CREATE INDEX login_id_changes_expires_at ON login_id_changes (expires_at);
CREATE INDEX one_time_tokens_expires_at ON one_time_tokens (expires_at);
CREATE INDEX security_log_at ON security_log (at);
CREATE INDEX throttles_window_ends_at ON throttles (window_ends_at);
CREATE INDEX anonymous_carts_expires_at ON anonymous_carts (expires_at);
CREATE INDEX quotes_expires_at ON quotes (expires_at);
CREATE INDEX payments_order_id ON payments (organization_id, order_id);
CREATE INDEX memberships_expires_at ON memberships (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX invitations_expires_at ON invitations (expires_at) WHERE state = 'pending';
CREATE INDEX absorptions_running ON absorptions (id) WHERE state = 'running';
CREATE INDEX absorptions_ended_at ON absorptions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_done_at ON jobs (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (run_at) WHERE state = 'failed';
-- Jobs that were given up are emptied, and deleted some time after their end.
UPDATE jobs SET payload = '', done_at = run_at WHERE state = 'failed';
