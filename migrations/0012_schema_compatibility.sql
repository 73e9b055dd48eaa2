-- Which services work with this schema. Version is the number of a migration.
--
-- A service knows the migrations that it was built with. It refuses a schema that lacks one of them.
-- It accepts a newer schema, unless the newest migration that it knows is older than `oldest`. So a
-- migration that breaks older services says
--
--     UPDATE schema_compatibility SET oldest = <its own version>;
--
-- and one that only adds something says nothing.
CREATE TABLE schema_compatibility (
    singleton boolean NOT NULL DEFAULT true,
    oldest    bigint  NOT NULL,
    CONSTRAINT schema_compatibility_pkey PRIMARY KEY (singleton),
    CONSTRAINT schema_compatibility_one_row CHECK (singleton)
);

INSERT INTO schema_compatibility (oldest) VALUES (12);

-- Only the owner of `clicks` can add a partition. The API is not the owner, and calls this function
-- with the owner's rights. Its only argument is a date, and nothing that it names can be replaced by
-- another schema's.
ALTER FUNCTION create_click_partition(date) SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE ALL ON FUNCTION create_click_partition(date) FROM PUBLIC;
