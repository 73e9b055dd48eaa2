-- Old clicks are deleted in parts, each in a transaction of its own, so that no part holds a lock for
-- long, waits for the others, or undoes them. Older services go on calling `drop_click_partitions`.

-- Drops the oldest partition of a day (UTC) before this one. False if there is none. It waits for readers
-- of clicks for at most the time below, because clicks wait behind it.
CREATE FUNCTION drop_click_partition(before date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    partition text := (
        SELECT min(relname) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'clicks'::regclass AND relname ~ '^clicks_[0-9]{8}$'
          AND relname < 'clicks_' || to_char(before, 'YYYYMMDD')
    );
BEGIN
    IF partition IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', partition);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION drop_click_partition(date) FROM PUBLIC;

-- Deletes at most `most` clicks of days (UTC) before this one from the default partition, the oldest
-- first. Returns how many. It locks the rows alone.
CREATE FUNCTION delete_default_clicks(before date, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
    WITH deleted AS (
        DELETE FROM clicks_default WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM clicks_default
            WHERE clicked_at < before::timestamp AT TIME ZONE 'UTC'
            ORDER BY clicked_at LIMIT most))
        RETURNING true
    )
    SELECT count(*) FROM deleted
$$;
REVOKE ALL ON FUNCTION delete_default_clicks(date, integer) FROM PUBLIC;

-- Finds them without reading the others.
CREATE INDEX clicks_default_by_time ON clicks_default (clicked_at);
