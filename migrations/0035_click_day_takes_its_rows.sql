-- A day of clicks is made also when clicks of it are there: it takes them out of the default partition.

-- Makes the partition of one day (UTC). True when it is new.
--
-- The table is made beside `clicks` and attached when it is ready. Attaching takes no lock that
-- clicks wait for: of `clicks` one that lets rows be written, and of the default partition one that
-- only its readers and writers notice, for at most the time below. The check lets Postgres attach the
-- table without reading it.
--
-- Call it before the day begins: then there is nothing to move. Clicks that came first (a new
-- installation, a job that failed for a week) move to the day in the same transaction, at most
-- `most_moved` of them, because clicks of that day wait meanwhile. A day with more stays where it is,
-- readable: that is an error.
CREATE OR REPLACE FUNCTION create_click_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    partition text := 'clicks_' || to_char(day, 'YYYYMMDD');
    first timestamptz := (day::text || ' 00:00:00+00')::timestamptz;
    next timestamptz := ((day + 1)::text || ' 00:00:00+00')::timestamptz;
    most_moved constant integer := 20000;
    waiting integer;
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE clicks INCLUDING ALL)', partition);
    EXECUTE format(
        'ALTER TABLE %I ADD CONSTRAINT within_its_day CHECK (clicked_at >= %L AND clicked_at < %L)',
        partition, first, next);
    -- The locks that attaching takes, in its order, so that no click of the day comes in between.
    LOCK TABLE ONLY clicks IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE clicks_default IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO waiting FROM (
        SELECT FROM clicks_default WHERE clicked_at >= first AND clicked_at < next
        LIMIT most_moved + 1) AS found;
    IF waiting > most_moved THEN
        RAISE EXCEPTION 'more than % clicks of % are in the default partition and stay there',
            most_moved, day USING ERRCODE = 'check_violation';
    END IF;
    IF waiting > 0 THEN
        EXECUTE format(
            'WITH moved AS (
                 DELETE FROM clicks_default WHERE clicked_at >= %L AND clicked_at < %L RETURNING *)
             INSERT INTO %I SELECT * FROM moved', first, next, partition);
    END IF;
    EXECUTE format('ALTER TABLE clicks ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first, next);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT within_its_day', partition);
    RETURN true;
END
$$;
