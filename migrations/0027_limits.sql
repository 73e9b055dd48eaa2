-- How often somebody may ask, shared by all replicas of the API.
--
-- It is the generic cell rate algorithm: each quota is known by the time at which it is whole again,
-- and each request moves that time by one step. A row whose time has passed says nothing, and is
-- deleted.
--
-- Unlogged: a crash of Postgres makes every quota whole, and no write waits for the disk.
CREATE UNLOGGED TABLE limits (
    -- Keyed hash of the policy and of who asked. No address is stored.
    subject  bytea       NOT NULL,
    whole_at timestamptz NOT NULL,
    CONSTRAINT limits_pkey PRIMARY KEY (subject),
    CONSTRAINT limits_subject_size CHECK (octet_length(subject) = 16)
) WITH (fillfactor = 50);
