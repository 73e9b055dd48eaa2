-- Conversions and rewards by time, for charts.
--
-- An older indexer would not count: older services have to stop first.
UPDATE schema_compatibility SET oldest = 38;

-- Conversions, confirmed and finalized, by the quarter of an hour of the conversion.
CREATE TABLE mirror.conversion_quarters (
    -- A referral, or a campaign with the sum of its referrals. Either has one token.
    subject         text          COLLATE "C" NOT NULL,
    -- Unix seconds of the beginning, a multiple of 900.
    quarter         bigint        NOT NULL,
    -- Without cancelled ones.
    conversions     bigint        NOT NULL,
    -- The referrer's parts that were paid and that are owed, in base units.
    rewards_paid    numeric(39,0) NOT NULL,
    rewards_pending numeric(39,0) NOT NULL,
    -- There is no row of zeros. No constraint on the numbers: a counter that is wrong must not stop the mirror.
    CONSTRAINT conversion_quarters_pkey PRIMARY KEY (subject, quarter)
) WITH (fillfactor = 80);

-- The beginning of the quarter of an hour, in Unix seconds.
CREATE FUNCTION public.conversion_quarter(converted_at bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT converted_at - converted_at % 900
$$;

-- No conversion comes in between.
LOCK TABLE mirror.conversions IN SHARE MODE;

INSERT INTO mirror.conversion_quarters
SELECT subject, public.conversion_quarter(converted_at),
       count(*) FILTER (WHERE status <> 'cancelled'),
       COALESCE(sum(reward_referrer)
           FILTER (WHERE public.part_state(status, settled, 1) = 'paid'), 0),
       COALESCE(sum(reward_referrer)
           FILTER (WHERE public.part_state(status, settled, 1) = 'pending'), 0)
FROM mirror.conversions CROSS JOIN LATERAL (VALUES (referral), (campaign)) AS of (subject)
GROUP BY 1, 2
HAVING count(*) FILTER (WHERE status <> 'cancelled') > 0;

-- Finds a range of time, for recounts.
CREATE INDEX conversion_quarters_by_time ON mirror.conversion_quarters (quarter);
