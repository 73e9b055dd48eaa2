-- Clicks by time and by where they come from, counted when they are written.
--
-- An older API would not count: older APIs have to stop first.
UPDATE schema_compatibility SET oldest = 37;

-- Clicks by the quarter of an hour in which they were made. Every zone that is in use is a number of
-- quarters of an hour away from UTC, so the days of each of them are sums of these rows.
CREATE TABLE click_quarters (
    -- A referral, or a campaign with the sum of its referrals.
    subject           text   COLLATE "C" NOT NULL,
    -- Unix seconds of the beginning, a multiple of 900. 0 holds what is older than rollups are kept.
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

-- The beginning of the quarter of an hour, in Unix seconds.
CREATE FUNCTION click_quarter(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM at) / 900)::bigint * 900
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

-- How many values of a dimension a subject has in a day; NULL for no bound, because nobody invents them.
CREATE FUNCTION click_values(dimension text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE dimension WHEN 'source' THEN 50 WHEN 'code' THEN 1000 END
$$;

-- Counts what is there. No click comes in between.
LOCK TABLE clicks IN SHARE MODE;

INSERT INTO click_quarters SELECT * FROM counted_click_quarters('-infinity', 'infinity');
-- What was counted of clicks that are deleted.
INSERT INTO click_quarters
SELECT total.referral, 0, GREATEST(total.clicks - COALESCE(kept.clicks, 0), 0),
       GREATEST(total.bot_clicks - COALESCE(kept.bot_clicks, 0), 0),
       GREATEST(total.suspicious_clicks - COALESCE(kept.suspicious_clicks, 0), 0),
       GREATEST(total.unique_visitors - COALESCE(kept.visitors, 0), 0)
FROM referral_clicks AS total LEFT JOIN (
    SELECT subject, sum(clicks) AS clicks, sum(bot_clicks) AS bot_clicks,
           sum(suspicious_clicks) AS suspicious_clicks, sum(visitors) AS visitors
    FROM click_quarters GROUP BY subject) AS kept ON kept.subject = total.referral
WHERE total.clicks > COALESCE(kept.clicks, 0);
INSERT INTO click_quarters
SELECT campaign, 0, sum(clicks), sum(bot_clicks), sum(suspicious_clicks), sum(visitors)
FROM click_quarters JOIN mirror.referrals ON address = subject
WHERE quarter = 0 GROUP BY campaign;

INSERT INTO click_days
SELECT subject, day, dimension, CASE WHEN is_rest THEN '' ELSE value END, is_rest, sum(clicks)
FROM (
    SELECT *, COALESCE(row_number() OVER (PARTITION BY subject, day, dimension
                                          ORDER BY clicks DESC, value) > click_values(dimension), false)
                  AS is_rest
    FROM counted_click_days('-infinity', 'infinity')
) AS ranked
GROUP BY 1, 2, 3, 4, 5;

-- Adds rows that are older than rollups are kept to one row for each subject, at most `most` of them.
-- Returns how many.
CREATE FUNCTION fold_click_quarters(before bigint, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH old AS (
        DELETE FROM click_quarters WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM click_quarters WHERE quarter > 0 AND quarter < before
            ORDER BY quarter LIMIT most))
        RETURNING *
    ), folded AS (
        INSERT INTO click_quarters AS kept
        SELECT subject, 0, sum(clicks), sum(bot_clicks), sum(suspicious_clicks), sum(visitors)
        FROM old GROUP BY subject ORDER BY subject
        ON CONFLICT (subject, quarter) DO UPDATE SET
            clicks = kept.clicks + EXCLUDED.clicks,
            bot_clicks = kept.bot_clicks + EXCLUDED.bot_clicks,
            suspicious_clicks = kept.suspicious_clicks + EXCLUDED.suspicious_clicks,
            visitors = kept.visitors + EXCLUDED.visitors
    )
    SELECT count(*) FROM old
$$;
REVOKE ALL ON FUNCTION fold_click_quarters(bigint, integer) FROM PUBLIC;

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
