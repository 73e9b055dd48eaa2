-- Clicks by time and by where they come from.
--
-- Whoever writes a click appends a note of it and waits for nobody. One process at a time counts the notes.
--
-- An older API would not count: older APIs have to stop first.
UPDATE schema_compatibility SET oldest = 37;

-- Clicks by the quarter of an hour in which they were made. Every zone that is in use is a number of
-- quarters of an hour away from UTC, so the days of each of them are sums of these rows.
CREATE TABLE click_quarters (
    -- A referral, or a campaign with the sum of its referrals.
    subject           text   COLLATE "C" NOT NULL,
    -- Unix seconds of the beginning, a multiple of 900. 0 holds the sum since the beginning, for ever.
    quarter           bigint NOT NULL,
    clicks            bigint NOT NULL,
    -- Two kinds of them.
    bot_clicks        bigint NOT NULL,
    suspicious_clicks bigint NOT NULL,
    -- Visitors who are no bots, in the quarter in which a referral first saw them.
    visitors          bigint NOT NULL,
    CONSTRAINT click_quarters_pkey PRIMARY KEY (subject, quarter)
) WITH (fillfactor = 80);

-- Finds what is old.
CREATE INDEX click_quarters_by_time ON click_quarters (quarter);

-- Clicks of people (verdict `human`) by the UTC day and by one property.
CREATE TABLE click_days (
    -- As above.
    subject   text   COLLATE "C" NOT NULL,
    day       date   NOT NULL,
    -- source, device or country; code for campaigns.
    dimension text   COLLATE "C" NOT NULL,
    -- Empty where the click did not say it.
    value     text   COLLATE "C" NOT NULL,
    -- All other values of the day: clients invent sources, so their number has a bound.
    is_rest   boolean NOT NULL,
    clicks    bigint NOT NULL,
    CONSTRAINT click_days_pkey PRIMARY KEY (subject, day, dimension, value, is_rest),
    CONSTRAINT click_days_rest_has_no_value CHECK (NOT is_rest OR value = '')
) WITH (fillfactor = 80);

CREATE INDEX click_days_by_time ON click_days (day);

-- Clicks that are stored, and not counted yet. Rows are only appended and deleted.
CREATE TABLE uncounted_clicks (
    campaign          text   COLLATE "C" NOT NULL,
    referral          text   COLLATE "C" NOT NULL,
    code              text   COLLATE "C" NOT NULL,
    quarter           bigint NOT NULL,
    source            text   COLLATE "C" NOT NULL,
    device            text   COLLATE "C" NOT NULL,
    country           text   COLLATE "C" NOT NULL,
    clicks            bigint NOT NULL,
    bot_clicks        bigint NOT NULL,
    suspicious_clicks bigint NOT NULL,
    visitors          bigint NOT NULL
);

-- The beginning of the quarter of an hour, in Unix seconds. The time of an interval is immutable, that of a
-- moment is not, and only then a planner puts the expression in the function's place.
CREATE FUNCTION click_quarter(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM at - timestamptz '1970-01-01 00:00:00+00') / 900)::bigint * 900
$$;

-- Where a click comes from: what the link's owner said last (`utm_source`), else the place where the link
-- was shown. Empty if nobody said it.
CREATE FUNCTION click_source(source text, utm jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT COALESCE(NULLIF(left(lower(utm->>'utm_source'), 64), ''), source, '')
$$;

-- What `click_quarters` follows from. A range of `clicked_at` has to be of whole days (UTC).
CREATE FUNCTION counted_click_quarters(since timestamptz, until timestamptz)
RETURNS TABLE (subject text, quarter bigint, clicks bigint, bot_clicks bigint, suspicious_clicks bigint,
               visitors bigint)
LANGUAGE sql STABLE AS $$
    SELECT of.subject COLLATE "C", each.quarter, sum(each.clicks)::bigint, sum(each.bots)::bigint,
           sum(each.suspicious)::bigint, sum(each.visitors)::bigint
    FROM (
        SELECT referral, campaign, click_quarter(clicked_at) AS quarter, 1 AS clicks,
               (verdict = 'bot')::integer AS bots, (verdict = 'suspicious')::integer AS suspicious,
               0 AS visitors
        FROM clicks WHERE clicked_at >= since AND clicked_at < until
        UNION ALL
        SELECT referral, campaign, click_quarter(min(clicked_at)), 0, 0, 0, 1
        FROM clicks WHERE clicked_at >= since AND clicked_at < until AND verdict <> 'bot'
        GROUP BY referral, campaign, visitor
    ) AS each CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
    GROUP BY 1, 2
$$;

-- What `click_days` follows from, without a bound on the values.
CREATE FUNCTION counted_click_days(since timestamptz, until timestamptz)
RETURNS TABLE (subject text, day date, dimension text, value text, clicks bigint)
LANGUAGE sql STABLE AS $$
    SELECT of.subject COLLATE "C", (clicked_at AT TIME ZONE 'UTC')::date, of.dimension COLLATE "C",
           of.value COLLATE "C", count(*)
    FROM clicks CROSS JOIN LATERAL (VALUES
        (referral, 'source', click_source(source, utm)), (campaign, 'source', click_source(source, utm)),
        (referral, 'device', COALESCE(device, '')), (campaign, 'device', COALESCE(device, '')),
        (referral, 'country', COALESCE(country, '')), (campaign, 'country', COALESCE(country, '')),
        (campaign, 'code', code)) AS of (subject, dimension, value)
    WHERE clicked_at >= since AND clicked_at < until AND verdict = 'human'
    GROUP BY 1, 2, 3, 4
$$;

-- How many values of a dimension a subject has in a day, besides those that are known; NULL for no bound,
-- because nobody invents them.
CREATE FUNCTION click_values(dimension text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE dimension WHEN 'source' THEN 50 WHEN 'code' THEN 1000 END
$$;

-- Values that have a row of their own in any case: the places of `src`, and the usual names of sources.
CREATE FUNCTION click_value_is_known(dimension text, value text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT dimension NOT IN ('source', 'code') OR dimension = 'source' AND value IN (
        '', 'link', 'qr', 'email', 'sms', 'social', 'app', 'blink', 'pay',
        'bing', 'discord', 'facebook', 'farcaster', 'github', 'google', 'instagram', 'linkedin', 'medium',
        'newsletter', 'pinterest', 'reddit', 'snapchat', 'substack', 'telegram', 'threads', 'tiktok', 'twitch',
        'twitter', 'whatsapp', 'x', 'youtube')
$$;

-- Counts what is there. No lock is needed: no API that is older than 36 can write clicks, and a newer one
-- waits for this migration.
INSERT INTO click_quarters SELECT * FROM counted_click_quarters('-infinity', 'infinity');
-- The sums have what was counted of clicks that are deleted.
INSERT INTO click_quarters
SELECT referral, 0, clicks, bot_clicks, suspicious_clicks, unique_visitors FROM referral_clicks;
INSERT INTO click_quarters
SELECT campaign, 0, sum(clicks), sum(bot_clicks), sum(suspicious_clicks), sum(visitors)
FROM click_quarters JOIN mirror.referrals ON address = subject
WHERE quarter = 0 GROUP BY campaign;

INSERT INTO click_days
SELECT subject, day, dimension, CASE WHEN is_rest THEN '' ELSE value END, is_rest, sum(clicks)
FROM (
    SELECT *, NOT is_known AND row_number() OVER (PARTITION BY subject, day, dimension, is_known
                                                  ORDER BY clicks DESC, value) > click_values(dimension)
                  AS is_rest
    FROM (SELECT *, click_value_is_known(dimension, value) AS is_known
          FROM counted_click_days('-infinity', 'infinity')) AS each
) AS ranked
GROUP BY 1, 2, 3, 4, 5;

-- Counts at most `most` notes of clicks. Returns how many; 0 also while another process counts.
CREATE FUNCTION count_clicks(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    counted bigint;
BEGIN
    -- With one that counts, nobody waits for rows, and the bound on values has no exception. The next
    -- statement sees what the one before has counted.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('count_clicks', 0)) THEN
        RETURN 0;
    END IF;
    WITH taken AS (
        DELETE FROM uncounted_clicks WHERE ctid = ANY (ARRAY(SELECT ctid FROM uncounted_clicks LIMIT most))
        RETURNING *
    ), quarters AS (
        INSERT INTO click_quarters AS kept
        SELECT of.subject, each.quarter, sum(clicks), sum(bot_clicks), sum(suspicious_clicks), sum(visitors)
        FROM taken CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
             CROSS JOIN LATERAL (VALUES (0), (taken.quarter)) AS each (quarter)
        GROUP BY 1, 2
        ON CONFLICT (subject, quarter) DO UPDATE SET
            clicks = kept.clicks + EXCLUDED.clicks,
            bot_clicks = kept.bot_clicks + EXCLUDED.bot_clicks,
            suspicious_clicks = kept.suspicious_clicks + EXCLUDED.suspicious_clicks,
            visitors = kept.visitors + EXCLUDED.visitors
    ), people AS (
        SELECT of.subject, (to_timestamp(quarter) AT TIME ZONE 'UTC')::date AS day, of.dimension, of.value,
               click_value_is_known(of.dimension, of.value) AS is_known,
               sum(clicks - bot_clicks - suspicious_clicks)::bigint AS clicks
        FROM taken CROSS JOIN LATERAL (VALUES
            (referral, 'source' COLLATE "C", source), (campaign, 'source', source),
            (referral, 'device', device), (campaign, 'device', device),
            (referral, 'country', country), (campaign, 'country', country),
            (campaign, 'code', code)) AS of (subject, dimension, value)
        GROUP BY 1, 2, 3, 4
        HAVING sum(clicks - bot_clicks - suspicious_clicks) > 0
    ), named AS (
        -- The named values of each day that gets more of them, once for each: at most as many as the bound.
        SELECT touched.subject, touched.day, touched.dimension, before.value, before.clicks, before.spot
        FROM (SELECT DISTINCT subject, day, dimension FROM people WHERE NOT is_known) AS touched
             CROSS JOIN LATERAL (
                 SELECT value, clicks, ctid AS spot FROM click_days AS each
                 WHERE (each.subject, each.day, each.dimension)
                     = (touched.subject, touched.day, touched.dimension) AND NOT each.is_rest
                 OFFSET 0) AS before
        WHERE NOT click_value_is_known(touched.dimension, before.value)
    ), places AS (
        SELECT *, row_number() OVER (
            PARTITION BY subject, day, dimension ORDER BY added + had DESC, value) AS place
        FROM (
            SELECT subject, day, dimension, value, COALESCE(fresh.clicks, 0) AS added,
                   COALESCE(named.clicks, 0) AS had, spot, spot IS NULL AS is_new
            FROM (SELECT * FROM people WHERE NOT is_known) AS fresh
                 FULL JOIN named USING (subject, day, dimension, value)
        ) AS each
    ), kept AS (
        -- Four of five places are for those with the most clicks. The others are for new ones first, so
        -- that values which come early cannot keep out what comes later.
        SELECT *, place <= first_places OR row_number() OVER (
                PARTITION BY subject, day, dimension, place <= first_places
                ORDER BY is_new DESC, added + had DESC, value) <= click_values(dimension) - first_places AS is_kept
        FROM (SELECT *, click_values(dimension) * 4 / 5 AS first_places FROM places) AS each
    ), gone AS (
        DELETE FROM click_days
        WHERE ctid = ANY (ARRAY(SELECT spot FROM kept WHERE NOT is_kept AND NOT is_new))
    ), days AS (
        INSERT INTO click_days AS each
        SELECT subject, day, dimension, value, false, clicks FROM people WHERE is_known
        UNION ALL
        SELECT subject, day, dimension, value, false, added FROM kept WHERE is_kept AND added > 0
        UNION ALL
        SELECT subject, day, dimension, '', true, sum(added + had) FROM kept WHERE NOT is_kept
        GROUP BY 1, 2, 3
        ON CONFLICT (subject, day, dimension, value, is_rest) DO UPDATE SET
            clicks = each.clicks + EXCLUDED.clicks
    )
    SELECT count(*) INTO counted FROM taken;
    RETURN counted;
END
$$;
REVOKE ALL ON FUNCTION count_clicks(integer) FROM PUBLIC;

-- What is counted in a range of time with what is not counted yet, for recounts.
CREATE FUNCTION kept_click_quarters(since bigint, until bigint)
RETURNS TABLE (subject text, quarter bigint, clicks bigint, bot_clicks bigint, suspicious_clicks bigint,
               visitors bigint)
LANGUAGE sql STABLE AS $$
    SELECT each.subject, each.quarter, sum(each.clicks)::bigint, sum(each.bot_clicks)::bigint,
           sum(each.suspicious_clicks)::bigint, sum(each.visitors)::bigint
    FROM (
        SELECT * FROM click_quarters
        UNION ALL
        SELECT of.subject, noted.quarter, noted.clicks, noted.bot_clicks, noted.suspicious_clicks,
               noted.visitors
        FROM uncounted_clicks AS noted CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
    ) AS each
    WHERE each.quarter >= since AND each.quarter < until
    GROUP BY 1, 2
$$;

-- The same of a day (UTC), without those that are counted together.
CREATE FUNCTION kept_click_days(of_day date)
RETURNS TABLE (subject text, dimension text, value text, clicks bigint)
LANGUAGE sql STABLE AS $$
    SELECT each.subject, each.dimension, each.value, sum(each.clicks)::bigint
    FROM (
        SELECT days.subject, days.dimension, days.value, days.clicks FROM click_days AS days
        WHERE days.day = of_day AND NOT is_rest
        UNION ALL
        SELECT of.subject, of.dimension, of.value,
               noted.clicks - noted.bot_clicks - noted.suspicious_clicks
        FROM uncounted_clicks AS noted CROSS JOIN LATERAL (VALUES
            (referral, 'source' COLLATE "C", source), (campaign, 'source', source),
            (referral, 'device', device), (campaign, 'device', device),
            (referral, 'country', country), (campaign, 'country', country),
            (campaign, 'code', code)) AS of (subject, dimension, value)
        WHERE (to_timestamp(noted.quarter) AT TIME ZONE 'UTC')::date = of_day
    ) AS each
    GROUP BY 1, 2, 3
    HAVING sum(each.clicks) > 0
$$;

-- Deletes rows of quarters of an hour before this one, at most `most` of them. Their sums stay. Returns how
-- many.
CREATE FUNCTION delete_click_quarters(before bigint, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM click_quarters WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM click_quarters WHERE quarter > 0 AND quarter < before
            ORDER BY quarter LIMIT most))
        RETURNING true
    )
    SELECT count(*) FROM deleted
$$;
REVOKE ALL ON FUNCTION delete_click_quarters(bigint, integer) FROM PUBLIC;

-- Deletes rows of days (UTC) before this one, at most `most` of them. Returns how many.
CREATE FUNCTION delete_click_days(before date, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH deleted AS (
        DELETE FROM click_days WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM click_days WHERE day < before ORDER BY day LIMIT most))
        RETURNING true
    )
    SELECT count(*) FROM deleted
$$;
REVOKE ALL ON FUNCTION delete_click_days(date, integer) FROM PUBLIC;
