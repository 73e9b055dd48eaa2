-- How far ranks are, sums for each token, and indexes of rewards that hold no other rows.
--
-- An older indexer would keep neither: older services have to stop first.
UPDATE schema_compatibility SET oldest = 25;

-- Everything that counts for ranks at this slot is counted. It is behind `finalized_slot` while very
-- many conversions mature together, because they are counted in steps. NULL until the first step.
ALTER TABLE mirror.indexer_state ADD COLUMN ranked_slot bigint;

-- The sums of `referral_totals` over all campaigns with one token, kept in the database transaction
-- that changes those. No constraint: a counter that is wrong must not stop the mirror.
CREATE TABLE mirror.mint_totals (
    -- The zero address for SOL.
    mint            text          COLLATE "C" NOT NULL,
    -- Codes that have a conversion which is not cancelled.
    codes           bigint        NOT NULL,
    conversions     bigint        NOT NULL,
    rewards_paid    numeric(39,0) NOT NULL,
    rewards_pending numeric(39,0) NOT NULL,
    CONSTRAINT mint_totals_pkey PRIMARY KEY (mint)
);

CREATE INDEX mint_totals_by_conversions ON mirror.mint_totals (conversions DESC, mint);
-- Finds the campaigns of a token: their decimals and names, and what its sums follow from.
CREATE INDEX campaigns_by_mint ON mirror.campaigns (mint);

-- `mint_totals`, from the totals of referrals.
CREATE VIEW mirror.counted_mints AS
SELECT mint, count(*) FILTER (WHERE total.conversions > 0) AS codes,
       sum(total.conversions)::bigint AS conversions, sum(rewards_paid) AS rewards_paid,
       sum(rewards_pending) AS rewards_pending
FROM campaigns JOIN referrals ON referrals.campaign = campaigns.address
     JOIN referral_totals AS total ON total.referral = referrals.address
GROUP BY mint;

INSERT INTO mirror.mint_totals SELECT * FROM mirror.counted_mints;

-- The state of a part of a reward; `part` is its bit in `settled`.
CREATE FUNCTION public.part_state(status text, settled smallint, part integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN status = 'cancelled' THEN 'cancelled' WHEN settled & part <> 0 THEN 'paid'
                WHEN status = 'lapsed' THEN 'lapsed' ELSE 'pending' END
$$;

-- The rewards of a wallet by what became of them, the newest first. A page of one state reads as many
-- rows as it has.
DROP INDEX mirror.conversions_by_referrer;
DROP INDEX mirror.conversions_by_partner;
DROP INDEX mirror.conversions_pending_by_referrer;
DROP INDEX mirror.conversions_pending_by_partner;
CREATE INDEX conversions_by_referrer ON mirror.conversions
    (referrer, public.part_state(status, settled, 1), converted_at DESC, address DESC)
    WHERE reward_referrer > 0;
CREATE INDEX conversions_by_rewarded_referee ON mirror.conversions
    (referee, public.part_state(status, settled, 2), converted_at DESC, address DESC)
    WHERE reward_referee > 0;
CREATE INDEX conversions_by_partner ON mirror.conversions
    (partner, public.part_state(status, settled, 4), converted_at DESC, address DESC)
    WHERE reward_partner > 0;
