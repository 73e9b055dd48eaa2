-- Counters that answer at once. Each is written in the same transaction as the
-- rows it counts, by whoever writes those rows.

-- The api counts clicks here, the indexer conversions. Both write rows in the order
-- of `referral`, so that they cannot wait for each other in a circle.
-- Sums have more digits than one u64: a reward may be minted, burnt and minted again.
CREATE TABLE referral_totals (
    referral              text          NOT NULL,
    clicks                bigint        NOT NULL DEFAULT 0,
    unique_visitors       bigint        NOT NULL DEFAULT 0,
    bot_clicks            bigint        NOT NULL DEFAULT 0,
    -- All but the cancelled ones, confirmed and finalized.
    conversions           bigint        NOT NULL DEFAULT 0,
    -- Those of them that are finalized.
    conversions_finalized bigint        NOT NULL DEFAULT 0,
    -- The referrer's rewards, in base units.
    rewards_paid          numeric(39,0) NOT NULL DEFAULT 0,
    rewards_pending       numeric(39,0) NOT NULL DEFAULT 0,
    CONSTRAINT referral_totals_pkey PRIMARY KEY (referral),
    CONSTRAINT referral_totals_not_negative CHECK (
        clicks >= 0 AND unique_visitors >= 0 AND bot_clicks >= 0
        AND conversions >= 0 AND conversions_finalized >= 0
        AND rewards_paid >= 0 AND rewards_pending >= 0
    )
);

-- What leaderboards add up: conversions that are finalized and paid, by the day
-- (UTC) of the conversion.
CREATE TABLE referrer_daily (
    campaign          text          NOT NULL,
    referrer          text          NOT NULL,
    day               date          NOT NULL,
    conversions       bigint        NOT NULL,
    rewards           numeric(39,0) NOT NULL,
    -- Unix seconds of the day's last counted conversion: earlier wins a tie.
    last_converted_at bigint        NOT NULL,
    CONSTRAINT referrer_daily_pkey PRIMARY KEY (campaign, referrer, day),
    CONSTRAINT referrer_daily_positive CHECK (conversions > 0 AND rewards >= 0)
);

CREATE INDEX referrer_daily_by_day ON referrer_daily (day);
