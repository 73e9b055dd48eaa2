-- Days of clicks come and go without anybody waiting for them.

-- Makes the partition of one day (UTC). True when it is new.
--
-- The table is made beside `clicks` and attached when it is ready. Attaching takes no lock that
-- clicks wait for: of `clicks` one that lets rows be written, and of the default partition one that
-- only its readers and writers notice, for at most the time below. The check lets Postgres attach the
-- table without reading it.
--
-- Call it before the day begins: rows of that day that are already in the default
-- partition make it fail, and stay readable where they are.
CREATE OR REPLACE FUNCTION create_click_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    partition text := 'clicks_' || to_char(day, 'YYYYMMDD');
    first text := day::text || ' 00:00:00+00';
    next text := (day + 1)::text || ' 00:00:00+00';
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE clicks INCLUDING ALL)', partition);
    EXECUTE format(
        'ALTER TABLE %I ADD CONSTRAINT within_its_day CHECK (clicked_at >= %L AND clicked_at < %L)',
        partition, first, next);
    EXECUTE format('ALTER TABLE clicks ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first, next);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT within_its_day', partition);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION create_click_partition(date) FROM PUBLIC;

-- Deletes the clicks before a day (UTC). Returns the number of partitions that it dropped. It waits
-- for readers of clicks for at most the time below, because clicks wait behind it.
CREATE FUNCTION drop_click_partitions(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'clicks'::regclass AND relname ~ '^clicks_[0-9]{8}$'
          AND relname < 'clicks_' || to_char(before, 'YYYYMMDD')
        ORDER BY relname
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM clicks_default WHERE clicked_at < before::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION drop_click_partitions(date) FROM PUBLIC;

-- Pseudonyms of visitors change each day, so old ones are never seen again. Finds them.
CREATE INDEX referral_visitors_by_time ON referral_visitors (first_clicked_at);
