DROP TABLE audit_personal;
DROP TABLE audit_log;
DROP TABLE absorption_steps;
DROP TABLE absorptions;
DROP TABLE invitations;
DROP TABLE memberships;
DROP TABLE organizations;
DROP TABLE organization_numbers;
