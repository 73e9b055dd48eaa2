-- The owner of the schema, and the roles of the services. Run it once for each server, as an
-- administrator, and set the passwords with \password. `vouch-indexer migrate --grants` then gives
-- each role its rights.
CREATE ROLE vouch_owner LOGIN;
CREATE ROLE vouch_indexer LOGIN;
CREATE ROLE vouch_api LOGIN;
CREATE ROLE vouch_keeper LOGIN;
CREATE ROLE vouch_webhooks LOGIN;
CREATE DATABASE vouch OWNER vouch_owner;
-- Nobody else comes in.
REVOKE ALL ON DATABASE vouch FROM PUBLIC;
GRANT CONNECT ON DATABASE vouch TO vouch_indexer, vouch_api, vouch_keeper, vouch_webhooks;
