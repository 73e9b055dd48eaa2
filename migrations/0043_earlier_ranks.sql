-- Each leaderboard as it was a day earlier, for the change of ranks.
--
-- An older indexer would not keep them: older services have to stop first.
UPDATE schema_compatibility SET oldest = 43;

-- The leaderboards of a day earlier count the conversions that counted at this time of the chain's
-- clock: those that matured by then. It follows `final_time` by a day, and by more while it has to
-- catch up; NULL before the first step. Their periods begin with '@': '@', '@2026', '@2026-W21'.
ALTER TABLE mirror.indexer_state ADD COLUMN earlier_time bigint;

-- Those of the day's conversions that counted at `earlier_time`.
ALTER TABLE mirror.referrer_daily
    ADD COLUMN earlier_conversions       bigint        NOT NULL DEFAULT 0,
    ADD COLUMN earlier_rewards           numeric(39,0) NOT NULL DEFAULT 0,
    ADD COLUMN earlier_last_converted_at bigint        NOT NULL DEFAULT 0,
    ADD COLUMN earlier_volume            numeric(39,0) NOT NULL DEFAULT 0;

-- The conversions that begin to count a day later, in steps. Keeps writers of the mirror out while it is
-- built, some seconds for each million conversions; readers go on.
CREATE INDEX conversions_by_maturity ON mirror.conversions (matures_at, address);

-- `referrer_totals` of the campaigns, from the days.
CREATE OR REPLACE VIEW mirror.counted_referrers AS
SELECT campaign, referrer, (mark.mark || span.period) COLLATE "C" AS period,
       sum(mark.conversions)::bigint AS conversions, sum(mark.rewards) AS rewards,
       max(mark.last_converted_at) AS last_converted_at, sum(mark.volume) AS volume
FROM referrer_daily AS daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
     CROSS JOIN LATERAL (VALUES
         ('', daily.conversions, daily.rewards, daily.last_converted_at, daily.volume),
         ('@', earlier_conversions, earlier_rewards, earlier_last_converted_at, earlier_volume)
     ) AS mark (mark, conversions, rewards, last_converted_at, volume)
WHERE mark.conversions > 0
GROUP BY campaign, referrer, (mark.mark || span.period) COLLATE "C";

-- Over all campaigns: of all referrers, and of the groups of each.
CREATE OR REPLACE VIEW mirror.counted_everywhere AS
SELECT board.campaign COLLATE "C" AS campaign, referrer,
       (mark.mark || span.period) COLLATE "C" AS period,
       sum(mark.conversions)::bigint AS conversions, 0::numeric(39,0) AS rewards,
       max(mark.last_converted_at) AS last_converted_at, 0::numeric(39,0) AS volume
FROM referrer_daily AS daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
     CROSS JOIN LATERAL (VALUES
         ('', daily.conversions, daily.last_converted_at),
         ('@', earlier_conversions, earlier_last_converted_at)
     ) AS mark (mark, conversions, last_converted_at)
     CROSS JOIN LATERAL (
         SELECT '' AS campaign UNION ALL SELECT own.board FROM public.referrer_groups(referrer, day) AS own
     ) AS board
WHERE mark.conversions > 0
GROUP BY board.campaign COLLATE "C", referrer, (mark.mark || span.period) COLLATE "C";

CREATE OR REPLACE VIEW mirror.counted_boards AS
SELECT campaign, period, count(*) AS referrers, public.leaderboard_ends_at(campaign, period) AS ends_at
FROM referrer_totals GROUP BY campaign, period;
