DO $$
DECLARE
    item record;
    definition text;
BEGIN
    -- The copy belongs to the owner of the live one, who migrates it later, and not to the role that fills it. A role
    -- that may not act as the owner is refused.
    EXECUTE format('SET LOCAL ROLE %I', (
        SELECT rolname FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner
        WHERE nspname = 'mirror'));
    CREATE SCHEMA mirror_next;
    FOR item IN
        SELECT relname AS name, array_to_string(reloptions, ', ') AS options FROM pg_class
        WHERE relnamespace = 'mirror'::regnamespace AND relkind = 'r' ORDER BY oid
    LOOP
        EXECUTE format(
            'CREATE TABLE mirror_next.%1$I (LIKE mirror.%1$I INCLUDING ALL EXCLUDING INDEXES)',
            item.name);
        -- LIKE leaves them out.
        IF item.options IS NOT NULL THEN
            EXECUTE format('ALTER TABLE mirror_next.%I SET (%s)', item.name, item.options);
        END IF;
    END LOOP;
    -- Keys and indexes keep their names, which LIKE would not give them.
    FOR item IN
        SELECT relname AS relation, conname AS name, pg_get_constraintdef(key.oid) AS definition
        FROM pg_constraint AS key JOIN pg_class ON pg_class.oid = conrelid
        WHERE connamespace = 'mirror'::regnamespace AND contype IN ('p', 'u', 'x')
        ORDER BY key.oid
    LOOP
        EXECUTE format('ALTER TABLE mirror_next.%I ADD CONSTRAINT %I %s',
            item.relation, item.name, item.definition);
    END LOOP;
    FOR item IN
        SELECT pg_get_indexdef(indexrelid) AS definition
        FROM pg_index JOIN pg_class AS indexed ON indexed.oid = indrelid
        WHERE relnamespace = 'mirror'::regnamespace AND relkind = 'r'
          AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        ORDER BY indexrelid
    LOOP
        EXECUTE regexp_replace(item.definition, ' ON mirror\.', ' ON mirror_next.');
    END LOOP;
    FOR item IN
        SELECT oid, relname AS name,
               COALESCE('WITH (' || array_to_string(reloptions, ', ') || ')', '') AS options
        FROM pg_class WHERE relnamespace = 'mirror'::regnamespace AND relkind = 'v' ORDER BY oid
    LOOP
        -- A definition names the relations without their schema if the path leads to them.
        SET LOCAL search_path = mirror;
        definition := pg_get_viewdef(item.oid);
        SET LOCAL search_path = mirror_next;
        EXECUTE format('CREATE VIEW mirror_next.%I %s AS %s', item.name, item.options, definition);
    END LOOP;
    SET LOCAL search_path = pg_catalog;
    FOR item IN
        SELECT relname AS name, privilege_type AS privilege, CASE grantee
                   WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
        FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = 'mirror'::regnamespace AND relkind IN ('r', 'v')
          AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON mirror_next.%I TO %s',
            item.privilege, item.name, item.grantee);
    END LOOP;
    FOR item IN
        SELECT privilege_type AS privilege, CASE grantee
                   WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
        FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = 'mirror' AND grantee <> nspowner
    LOOP
        EXECUTE format('GRANT %s ON SCHEMA mirror_next TO %s', item.privilege, item.grantee);
    END LOOP;
    INSERT INTO mirror_next.indexer_state DEFAULT VALUES;
END
$$
