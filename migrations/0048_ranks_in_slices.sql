-- Conversions of one second count in several transactions, and the leaderboards of a day earlier end with
-- their periods.
--
-- An older indexer would count the rest of a second twice, or never: older services have to stop first.
UPDATE schema_compatibility SET oldest = 48;

-- Those that wait, in the order in which they count. Keeps the writer of the mirror out while it is built, some seconds for a
-- million conversions that wait; readers go on.
CREATE INDEX maturing_by_place ON mirror.maturing (matures_at, conversion);
DROP INDEX mirror.maturing_by_time;

-- How far conversions count is a place in the order (matures_at, address): those up to
-- (final_time, final_address). Every address sorts before a tilde, which stands for the end of the second.
-- The leaderboards of a day earlier have such a place, too.
ALTER TABLE mirror.indexer_state
    ADD COLUMN final_address   text COLLATE "C" NOT NULL DEFAULT '~',
    ADD COLUMN earlier_address text COLLATE "C" NOT NULL DEFAULT '~';

CREATE OR REPLACE VIEW mirror.ranked_conversions AS
SELECT conversions.* FROM conversions, indexer_state
WHERE status <> 'cancelled' AND seq <= final_seq
  AND (matures_at, address) <= (final_time, final_address);

CREATE OR REPLACE VIEW mirror.counted_referrals AS
SELECT referrals.address AS referral, counted.*
FROM referrals CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
           count(*) FILTER (WHERE status <> 'cancelled' AND conversions.seq <= final_seq
               AND (matures_at, conversions.address) <= (final_time, final_address)) AS conversions_final,
           COALESCE(sum(reward_referrer) FILTER (
               WHERE status <> 'cancelled' AND settled & 1 = 1), 0) AS rewards_paid,
           COALESCE(sum(reward_referrer) FILTER (
               WHERE status = 'pending' AND settled & 1 = 0), 0) AS rewards_pending
    FROM conversions, indexer_state WHERE referral = referrals.address
) AS counted;

-- Unix seconds of the first moment after a period; NULL for all time, and for what is no period of a year
-- with four digits.
CREATE FUNCTION public.leaderboard_period_end(period text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT extract(epoch FROM CASE
        WHEN period ~ '^[0-9]{4}$' THEN to_date(period, 'YYYY') + interval '1 year'
        WHEN period ~ '^[0-9]{4}-Q[1-4]$' THEN
            make_date(left(period, 4)::integer, right(period, 1)::integer * 3 - 2, 1) + interval '3 months'
        WHEN period ~ '^[0-9]{4}-[0-9]{2}$' THEN to_date(period, 'YYYY-MM') + interval '1 month'
        WHEN period ~ '^[0-9]{4}-W[0-9]{2}$' THEN to_date(period, 'IYYY-"W"IW') + interval '7 days'
    END)::bigint
$$;

-- Whether this leaderboard, whose period begins with '@', is one of a day earlier that nobody can ask for
-- any more at a time of the chain's clock: its period has been over for a day. Such a leaderboard gets no
-- entry any more, is not shown, and the indexer deletes it in steps; a recount does not look at it.
CREATE FUNCTION public.is_earlier_and_over(period text, clock bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT COALESCE(period ^@ '@' AND public.leaderboard_period_end(substr(period, 2)) + 86400 <= clock, false)
$$;

-- The leaderboards of a day earlier by their periods: the indexer looks for those that are over.
CREATE INDEX boards_earlier ON mirror.boards (period, campaign) WHERE period > '@' AND period < 'A';

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
  AND NOT public.is_earlier_and_over(mark.mark || span.period, (SELECT final_time FROM indexer_state))
GROUP BY campaign, referrer, (mark.mark || span.period) COLLATE "C";

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
  AND NOT public.is_earlier_and_over(mark.mark || span.period, (SELECT final_time FROM indexer_state))
GROUP BY board.campaign COLLATE "C", referrer, (mark.mark || span.period) COLLATE "C";
