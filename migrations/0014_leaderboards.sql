-- Kept totals for every leaderboard that is offered: of each campaign and over all of them, of all
-- time and of each year, quarter, month and week. So no request adds up days.
--
-- The columns `month` become `period`, and an older indexer would keep none of the new rows: older
-- services have to stop first.
UPDATE schema_compatibility SET oldest = 14;

ALTER TABLE mirror.referrer_totals RENAME COLUMN month TO period;
ALTER TABLE mirror.boards RENAME COLUMN month TO period;

-- The periods (UTC) that a day is in: '' for all time, 2026, 2026-Q2, 2026-05 and 2026-W21. Weeks are
-- those of ISO 8601: they begin on Monday, and belong to the year of their Thursday.
CREATE FUNCTION public.leaderboard_periods(day date) RETURNS TABLE (period text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    VALUES (''), (to_char(day::timestamp, 'YYYY')), (to_char(day::timestamp, 'YYYY-"Q"Q')),
           (to_char(day::timestamp, 'YYYY-MM')), (to_char(day::timestamp, 'IYYY-"W"IW'))
$$;

-- Unix seconds of the first moment after a period; NULL if it is not a month of a year with four
-- digits. Only months have a leader.
CREATE FUNCTION public.leaderboard_month_end(period text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN period ~ '^[0-9]{4}-[0-9]{2}$' THEN
        extract(epoch FROM to_date(period, 'YYYY-MM') + interval '1 month')::bigint
    END
$$;

-- `referrer_totals` of the campaigns, from the days.
DROP VIEW mirror.counted_referrers;
CREATE VIEW mirror.counted_referrers AS
SELECT campaign, referrer, span.period COLLATE "C" AS period,
       sum(conversions)::bigint AS conversions, sum(rewards) AS rewards,
       max(last_converted_at) AS last_converted_at
FROM referrer_daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
GROUP BY campaign, referrer, span.period COLLATE "C";

-- The same over all campaigns: the rows whose campaign is ''. Their rewards are 0, because campaigns
-- pay in different tokens, and units of different tokens are never added.
CREATE VIEW mirror.counted_everywhere AS
SELECT ''::text COLLATE "C" AS campaign, referrer, span.period COLLATE "C" AS period,
       sum(conversions)::bigint AS conversions, 0::numeric(39,0) AS rewards,
       max(last_converted_at) AS last_converted_at
FROM referrer_daily CROSS JOIN LATERAL public.leaderboard_periods(day) AS span
GROUP BY referrer, span.period COLLATE "C";

-- Finds the days of a referrer in all campaigns.
CREATE INDEX referrer_daily_by_referrer ON mirror.referrer_daily (referrer);

-- `boards`, from the totals.
DROP VIEW mirror.counted_boards;
CREATE VIEW mirror.counted_boards AS
SELECT campaign, period, count(*) AS referrers,
       CASE WHEN campaign <> '' THEN public.leaderboard_month_end(period) END AS ends_at
FROM referrer_totals GROUP BY campaign, period;

-- What was counted before.
DROP INDEX mirror.referrer_totals_by_rank;
TRUNCATE mirror.referrer_totals;
INSERT INTO mirror.referrer_totals SELECT * FROM mirror.counted_referrers;
INSERT INTO mirror.referrer_totals SELECT * FROM mirror.counted_everywhere;
INSERT INTO mirror.boards SELECT *, ends_at FROM mirror.counted_boards
ON CONFLICT (campaign, period) DO NOTHING;

-- The orders of a leaderboard: by conversions, and by rewards, which have one token within a
-- campaign. Of equals, the one whose last conversion is earlier comes first: it got there first.
CREATE INDEX referrer_totals_by_conversions ON mirror.referrer_totals
    (campaign, period, conversions DESC, last_converted_at, referrer);
CREATE INDEX referrer_totals_by_rewards ON mirror.referrer_totals
    (campaign, period, rewards DESC, last_converted_at, referrer) WHERE campaign <> '';
