-- Accounts end: codes are closed, and rent is given back when a campaign is over.
-- What was known of them stays, or nobody could say any more who was paid for what.
--
-- `gone` says that the account is no more; the row and its `data` are the last that
-- was seen of it. `was_final` tells an account that ended from one that only a fork
-- had: a row that was final once never vanishes.

ALTER TABLE campaigns
    ADD COLUMN closed_at    bigint,
    ADD COLUMN owed         numeric(20,0) NOT NULL DEFAULT 0,
    ADD COLUMN longest_hold bigint        NOT NULL DEFAULT 0,
    ADD COLUMN gone         boolean       NOT NULL DEFAULT false,
    ADD COLUMN was_final    boolean       NOT NULL DEFAULT false;

ALTER TABLE referrals
    ADD COLUMN reward_account   text          NOT NULL DEFAULT '',
    ADD COLUMN partner_pending  numeric(20,0) NOT NULL DEFAULT 0,
    ADD COLUMN open_conversions numeric(20,0) NOT NULL DEFAULT 0,
    ADD COLUMN gone             boolean       NOT NULL DEFAULT false,
    ADD COLUMN was_final        boolean       NOT NULL DEFAULT false;

ALTER TABLE conversions
    ADD COLUMN bonuses   smallint NOT NULL DEFAULT 0,
    ADD COLUMN gone      boolean  NOT NULL DEFAULT false,
    ADD COLUMN was_final boolean  NOT NULL DEFAULT false;

UPDATE campaigns SET was_final = true WHERE commitment = 'finalized';
UPDATE referrals SET was_final = true WHERE commitment = 'finalized';
UPDATE conversions SET was_final = true WHERE commitment = 'finalized';

-- First touches: which code brought a wallet to a campaign first, and until when that
-- counts.
CREATE TABLE referees (
    address    text    NOT NULL,
    campaign   text    NOT NULL,
    wallet     text    NOT NULL,
    referral   text    NOT NULL,
    bound_at   bigint  NOT NULL,
    expires_at bigint  NOT NULL,
    data       bytea   NOT NULL,
    slot       bigint  NOT NULL,
    commitment text    NOT NULL,
    gone       boolean NOT NULL DEFAULT false,
    was_final  boolean NOT NULL DEFAULT false,
    CONSTRAINT referees_pkey PRIMARY KEY (address),
    CONSTRAINT referees_commitment_known CHECK (commitment IN ('confirmed', 'finalized')),
    CONSTRAINT referees_slot_not_negative CHECK (slot >= 0)
);

CREATE INDEX referees_by_wallet ON referees (wallet);
CREATE INDEX referees_by_referral ON referees (referral, bound_at);
CREATE INDEX referees_unfinalized ON referees (slot) WHERE commitment = 'confirmed';
