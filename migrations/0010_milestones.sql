-- Kept totals of each referrer, and the badges that they earn.
--
-- `referrer_totals` and `boards` follow from the chain. `badges` and `awards` do not: an
-- award is given once and stays, whatever happens to the mirror.

-- Conversions that count for ranks, summed up for each referrer: in all (month '') and by the
-- month (UTC, as 2026-01) of the conversion. The sums of `referrer_daily`, kept in the database
-- transaction that changes them.
CREATE TABLE mirror.referrer_totals (
    campaign          text          COLLATE "C" NOT NULL,
    referrer          text          COLLATE "C" NOT NULL,
    month             text          COLLATE "C" NOT NULL,
    conversions       bigint        NOT NULL,
    -- The referrer's parts, whether paid or still owed, in base units.
    rewards           numeric(39,0) NOT NULL,
    -- Unix seconds of the last counted conversion.
    last_converted_at bigint        NOT NULL,
    CONSTRAINT referrer_totals_pkey PRIMARY KEY (campaign, referrer, month)
);

-- The order of a leaderboard.
CREATE INDEX referrer_totals_by_rank ON referrer_totals
    (campaign, month, conversions DESC, rewards DESC, last_converted_at, referrer);

-- The leaderboards of campaigns: of all time (month '') and of each month.
CREATE TABLE mirror.boards (
    campaign  text   COLLATE "C" NOT NULL,
    month     text   COLLATE "C" NOT NULL,
    -- How many referrers have a place.
    referrers bigint NOT NULL,
    -- Unix seconds of the first moment after the month.
    ends_at   bigint,
    -- The chain's clock from which the leader can be decided; NULL when it is decided.
    decide_at bigint,
    CONSTRAINT boards_pkey PRIMARY KEY (campaign, month)
);

CREATE INDEX boards_by_time ON boards (decide_at) WHERE decide_at IS NOT NULL;

-- Whether a conversion of a month still waits is a question to this index.
ALTER TABLE maturing ADD COLUMN campaign text COLLATE "C", ADD COLUMN converted_at bigint;
UPDATE maturing SET campaign = conversions.campaign, converted_at = conversions.converted_at
FROM conversions WHERE address = conversion;
ALTER TABLE maturing ALTER COLUMN campaign SET NOT NULL, ALTER COLUMN converted_at SET NOT NULL;
CREATE INDEX maturing_by_campaign ON maturing (campaign, converted_at);

-- Every kind of badge.
CREATE TABLE badges (
    badge       text     COLLATE "C" NOT NULL,
    -- Conversions of one referrer within a campaign that earn it; NULL if something else does.
    threshold   bigint,
    title       text     NOT NULL,
    description text     NOT NULL,
    -- What the referrer gets for it, in words.
    reward      text     NOT NULL,
    -- Name of an icon in the Lucide set.
    icon        text     NOT NULL,
    -- As CSS has it: #rrggbb.
    colour      text     NOT NULL,
    -- Order in a list.
    place       smallint NOT NULL,
    CONSTRAINT badges_pkey PRIMARY KEY (badge),
    CONSTRAINT badges_threshold_once UNIQUE (threshold),
    CONSTRAINT badges_threshold_positive CHECK (threshold > 0),
    CONSTRAINT badges_colour_is_one CHECK (colour ~ '^#[0-9a-f]{6}$')
);

INSERT INTO badges (badge, threshold, title, description, reward, icon, colour, place) VALUES
    ('conversions_1', 1, 'First referral', 'The first conversion in a campaign.',
     'A badge on the profile', 'sprout', '#4caf50', 1),
    ('conversions_5', 5, 'Five referrals', 'Five conversions in a campaign.',
     'A badge on the profile', 'star', '#cd7f32', 2),
    ('conversions_10', 10, 'Ten referrals', 'Ten conversions in a campaign.',
     'A badge on the profile', 'medal', '#9e9e9e', 3),
    ('conversions_25', 25, 'Twenty-five referrals', 'Twenty-five conversions in a campaign.',
     'A badge on the profile', 'award', '#d4af37', 4),
    ('conversions_50', 50, 'Fifty referrals', 'Fifty conversions in a campaign.',
     'A badge on the profile', 'gem', '#00acc1', 5),
    ('conversions_100', 100, 'A hundred referrals', 'A hundred conversions in a campaign.',
     'A badge on the profile', 'crown', '#8e24aa', 6),
    ('monthly_leader', NULL, 'Leader of the month', 'The most conversions of a month in a campaign.',
     'A badge on the profile', 'trophy', '#ff8f00', 7),
    ('category_leader', NULL, 'Leader of a category', 'The most conversions of a month in a category.',
     'A badge on the profile', 'flame', '#e53935', 8);

-- Badges that referrers have earned, from final conversions that can no longer be cancelled.
-- Rows are never deleted. Only who keeps every other writer of the mirror out adds them, so the ids
-- become visible in their order.
CREATE TABLE awards (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    campaign   text        COLLATE "C" NOT NULL,
    referrer   text        COLLATE "C" NOT NULL,
    badge      text        COLLATE "C" NOT NULL,
    -- The month (UTC) of a leader; '' for a milestone.
    month      text        COLLATE "C" NOT NULL,
    awarded_at timestamptz NOT NULL DEFAULT now(),
    -- When the referrer claimed it.
    claimed_at timestamptz,
    CONSTRAINT awards_pkey PRIMARY KEY (id),
    CONSTRAINT awards_once UNIQUE (campaign, referrer, badge, month),
    CONSTRAINT awards_badge_known FOREIGN KEY (badge) REFERENCES badges,
    CONSTRAINT awards_month_is_one CHECK (month ~ '^([0-9]{4}-(0[1-9]|1[0-2]))?$')
);

-- A month has one leader.
CREATE UNIQUE INDEX awards_one_leader ON awards (campaign, badge, month) WHERE month <> '';
CREATE INDEX awards_by_referrer ON awards (referrer, id);
CREATE INDEX awards_by_campaign ON awards (campaign, id);
-- The campaigns of a referrer.
CREATE INDEX awards_of_campaigns ON awards (referrer, campaign) WHERE badge = 'conversions_1';

-- What `vouch-indexer recount` compares the counters with.

-- The conversions that count for ranks: final, and no longer to be cancelled.
CREATE VIEW mirror.ranked_conversions AS
SELECT conversions.* FROM conversions, indexer_state
WHERE status <> 'cancelled' AND seq <= final_seq AND matures_at <= final_time;

-- `referral_totals`, from the list of conversions.
CREATE VIEW mirror.counted_referrals AS
SELECT referrals.address AS referral, counted.*
FROM referrals CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status <> 'cancelled') AS conversions,
           count(*) FILTER (WHERE status <> 'cancelled'
               AND conversions.seq <= final_seq AND matures_at <= final_time) AS conversions_final,
           COALESCE(sum(reward_referrer) FILTER (
               WHERE status <> 'cancelled' AND settled & 1 = 1), 0) AS rewards_paid,
           COALESCE(sum(reward_referrer) FILTER (
               WHERE status = 'pending' AND settled & 1 = 0), 0) AS rewards_pending
    FROM conversions, indexer_state WHERE referral = referrals.address
) AS counted;

-- `referrer_totals`, from the days.
CREATE VIEW mirror.counted_referrers AS
SELECT campaign, referrer, span.month, sum(conversions)::bigint AS conversions,
       sum(rewards) AS rewards, max(last_converted_at) AS last_converted_at
FROM referrer_daily CROSS JOIN LATERAL (
    VALUES ('' COLLATE "C"), (to_char(day::timestamp, 'YYYY-MM') COLLATE "C")
) AS span (month)
GROUP BY campaign, referrer, span.month;

-- `boards`, from the totals.
CREATE VIEW mirror.counted_boards AS
SELECT campaign, month, count(*) AS referrers,
       extract(epoch FROM to_date(NULLIF(month, ''), 'YYYY-MM') + interval '1 month')::bigint AS ends_at
FROM referrer_totals GROUP BY campaign, month;

-- What was counted before.
INSERT INTO referrer_totals SELECT * FROM counted_referrers;
INSERT INTO boards SELECT *, ends_at FROM counted_boards;
INSERT INTO awards (campaign, referrer, badge, month)
SELECT campaign, referrer, badge, '' FROM referrer_totals JOIN badges ON threshold <= conversions
WHERE month = '' ORDER BY threshold, campaign, referrer;
