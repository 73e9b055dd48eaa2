-- While a mirror reads its first history, only days are counted, and the totals of referrers are added up once at
-- the end, referrer after referrer.
--
-- An older indexer would count conversions of referrers that have no totals yet, which would then count twice: older
-- services have to stop first.
UPDATE schema_compatibility SET oldest = 65;

-- `referrer_totals` and `boards` hold the referrers up to this one. A tilde sorts after all of them.
ALTER TABLE mirror.indexer_state ADD COLUMN totals_to text COLLATE "C" NOT NULL DEFAULT '~';

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
  AND referrer <= (SELECT totals_to FROM indexer_state)
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
  AND referrer <= (SELECT totals_to FROM indexer_state)
  AND NOT public.is_earlier_and_over(mark.mark || span.period, (SELECT final_time FROM indexer_state))
GROUP BY board.campaign COLLATE "C", referrer, (mark.mark || span.period) COLLATE "C";
