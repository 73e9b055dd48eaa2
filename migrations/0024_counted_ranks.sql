-- Ranks that are counted in steps of a fixed size, and leaderboards by volume.
--
-- An older indexer would keep neither volumes nor fences: older services have to stop first.
UPDATE schema_compatibility SET oldest = 24;

-- The sum of the amounts of the conversions, in the units in which the campaign states amounts. It is 0
-- over all campaigns, whose units differ.
ALTER TABLE mirror.referrer_daily ADD COLUMN volume numeric(39,0) NOT NULL DEFAULT 0;
UPDATE mirror.referrer_daily AS daily SET volume = counted.volume
FROM (SELECT campaign, referrer, (to_timestamp(converted_at) AT TIME ZONE 'UTC')::date AS day,
             sum(amount) AS volume
      FROM mirror.ranked_conversions GROUP BY 1, 2, 3) AS counted
WHERE (daily.campaign, daily.referrer, daily.day)
    = (counted.campaign, counted.referrer, counted.day);
ALTER TABLE mirror.referrer_daily ALTER COLUMN volume DROP DEFAULT;

CREATE OR REPLACE VIEW mirror.counted_referrers AS
SELECT campaign, referrer, span.period COLLATE "C" AS period,
       sum(conversions)::bigint AS conversions, sum(rewards) AS rewards,
       max(last_converted_at) AS last_converted_at, sum(volume) AS volume
FROM referrer_daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
GROUP BY campaign, referrer, span.period COLLATE "C";

CREATE OR REPLACE VIEW mirror.counted_everywhere AS
SELECT ''::text COLLATE "C" AS campaign, referrer, span.period COLLATE "C" AS period,
       sum(conversions)::bigint AS conversions, 0::numeric(39,0) AS rewards,
       max(last_converted_at) AS last_converted_at, 0::numeric(39,0) AS volume
FROM referrer_daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
GROUP BY referrer, span.period COLLATE "C";

DROP INDEX mirror.referrer_totals_by_conversions;
DROP INDEX mirror.referrer_totals_by_rewards;
ALTER TABLE mirror.referrer_totals ADD COLUMN volume numeric(39,0) NOT NULL DEFAULT 0;
TRUNCATE mirror.referrer_totals;
INSERT INTO mirror.referrer_totals SELECT * FROM mirror.counted_referrers;
INSERT INTO mirror.referrer_totals SELECT * FROM mirror.counted_everywhere;
ALTER TABLE mirror.referrer_totals ALTER COLUMN volume DROP DEFAULT;

-- The orders of a leaderboard. The sign of what it is sorted by is turned, so that all columns ascend
-- and a place is one row that can be compared: (score, last_converted_at, referrer). The included
-- column lets an index be read without the table.
CREATE INDEX referrer_totals_by_conversions ON mirror.referrer_totals
    (campaign, period, (-conversions::numeric), last_converted_at, referrer) INCLUDE (conversions);
CREATE INDEX referrer_totals_by_rewards ON mirror.referrer_totals
    (campaign, period, (-rewards), last_converted_at, referrer) INCLUDE (rewards)
    WHERE campaign <> '';
CREATE INDEX referrer_totals_by_volume ON mirror.referrer_totals
    (campaign, period, (-volume), last_converted_at, referrer) INCLUDE (volume)
    WHERE campaign <> '';

-- The places of every leaderboard. A query that gives the measure reads its index alone. Over all
-- campaigns only `conversions` means something. No branch has a condition: Postgres would not look
-- into it.
CREATE VIEW mirror.board_places AS
SELECT campaign, period, 'conversions'::text COLLATE "C" AS measure, -conversions::numeric AS score,
       last_converted_at, referrer, conversions, rewards, volume
FROM referrer_totals
UNION ALL
SELECT campaign, period, 'rewards'::text COLLATE "C", -rewards, last_converted_at, referrer, conversions, rewards, volume
FROM referrer_totals
UNION ALL
SELECT campaign, period, 'volume'::text COLLATE "C", -volume, last_converted_at, referrer, conversions, rewards, volume
FROM referrer_totals;

-- The places at which parts of a leaderboard begin, and how many entries each part has: the upper
-- level of a counted B-tree, whose lower level are the indexes above. A part ends where the next one
-- begins. The first part of a leaderboard begins before every place. Leaderboards of at most 2,048
-- entries have no parts. A part that grows above 2,048 entries is split into parts of about 1,024; one
-- that shrinks below 256 is added to the part before it.
CREATE TABLE mirror.board_fences (
    campaign          text          COLLATE "C" NOT NULL,
    period            text          COLLATE "C" NOT NULL,
    -- conversions, rewards or volume.
    measure           text          COLLATE "C" NOT NULL,
    -- The score by which the leaderboard is sorted, with the sign turned; -10^39 at the first part.
    score             numeric(40,0) NOT NULL,
    last_converted_at bigint        NOT NULL,
    referrer          text          COLLATE "C" NOT NULL,
    -- No constraint: a counter that is wrong must not stop the mirror.
    entries           bigint        NOT NULL,
    CONSTRAINT board_fences_pkey
        PRIMARY KEY (campaign, period, measure, score, last_converted_at, referrer)
) WITH (fillfactor = 50);

INSERT INTO mirror.board_fences
SELECT campaign, period, measure,
       CASE WHEN place = 1 THEN -1e39 ELSE score END,
       CASE WHEN place = 1 THEN 0 ELSE last_converted_at END,
       CASE WHEN place = 1 THEN '' ELSE referrer END,
       LEAST(1024, referrers - place + 1)
FROM (
    SELECT campaign, period, measure, score, last_converted_at, referrer, referrers,
           row_number() OVER (PARTITION BY campaign, period, measure
                              ORDER BY score, last_converted_at, referrer) AS place
    FROM mirror.boards JOIN mirror.board_places USING (campaign, period)
    WHERE referrers > 2048 AND (campaign <> '' OR measure = 'conversions')
) AS places
WHERE place % 1024 = 1;
