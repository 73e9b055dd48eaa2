-- Numbers of codes by day, for whoever reads them by SQL: docs/sql.md.
--
-- The view is in this schema because a rebuilt mirror gets its views and their rights, too. It reads with
-- the rights of its owner, so its readers need no right to a table.
CREATE VIEW mirror.code_days AS
SELECT referrals.campaign, referrals.code, referrals.address AS referral, referrals.owner,
       (to_timestamp(each.quarter) AT TIME ZONE 'UTC')::date AS day,
       sum(each.clicks)::bigint AS clicks,
       sum(each.clicks - each.bot_clicks - each.suspicious_clicks)::bigint AS people_clicks,
       sum(each.bot_clicks)::bigint AS bot_clicks,
       sum(each.suspicious_clicks)::bigint AS suspicious_clicks,
       sum(each.visitors)::bigint AS visitors,
       sum(each.conversions)::bigint AS conversions,
       campaigns.mint, campaigns.mint_decimals,
       sum(each.rewards_paid) AS rewards_paid, sum(each.rewards_pending) AS rewards_pending
FROM (
    SELECT subject, quarter, clicks, bot_clicks, suspicious_clicks, visitors, 0 AS conversions,
           0::numeric AS rewards_paid, 0::numeric AS rewards_pending
    FROM public.click_quarters WHERE quarter > 0
    UNION ALL
    SELECT subject, quarter, 0, 0, 0, 0, conversions, rewards_paid, rewards_pending
    FROM conversion_quarters
) AS each
JOIN referrals ON referrals.address = each.subject
JOIN campaigns ON campaigns.address = referrals.campaign
GROUP BY referrals.address, referrals.campaign, referrals.code, referrals.owner, day, campaigns.mint,
         campaigns.mint_decimals;
