-- The program's accounts, mirrored.
--
-- Addresses are base58, amounts are u64 in base units (numeric(20,0)), times that
-- come from the chain are unix seconds (bigint): a campaign may name any 64-bit
-- number as its start or end, and not all of them are a timestamptz. A zeroed
-- address or a zero that means "none" on chain is NULL here.
--
-- `data` holds the account's bytes, so that the reconciler compares what the chain
-- says and not what a decoder made of it. `slot` is where those bytes were read,
-- `commitment` how settled they are.
--
-- There are no foreign keys between mirrored tables: accounts may arrive in any
-- order, and the chain has already checked how they belong together.

CREATE TABLE campaigns (
    address               text          NOT NULL,
    creator               text          NOT NULL,
    campaign_id           numeric(20,0) NOT NULL,
    authority             text          NOT NULL,
    pending_authority     text,
    mint                  text          NOT NULL,
    mint_decimals         smallint      NOT NULL,
    token_program         text          NOT NULL,
    vault                 text,
    attestor              text,
    treasury              text,
    payment_mint          text,
    funding               text          NOT NULL,
    proof                 text          NOT NULL,
    uniqueness            text          NOT NULL,
    reward_kind           text          NOT NULL,
    paused                boolean       NOT NULL,
    closed                boolean       NOT NULL,
    attested_codes        boolean       NOT NULL,
    reward_fixed          numeric(20,0) NOT NULL,
    reward_bps            integer       NOT NULL,
    referee_share_bps     integer       NOT NULL,
    max_partner_share_bps integer       NOT NULL,
    reward_max            numeric(20,0),
    min_amount            numeric(20,0) NOT NULL,
    hold_seconds          bigint        NOT NULL,
    attribution_window    bigint        NOT NULL,
    starts_at             bigint,
    ends_at               bigint,
    budget                numeric(20,0),
    committed             numeric(20,0) NOT NULL,
    created_at            bigint        NOT NULL,
    data                  bytea         NOT NULL,
    slot                  bigint        NOT NULL,
    commitment            text          NOT NULL,
    CONSTRAINT campaigns_pkey PRIMARY KEY (address),
    CONSTRAINT campaigns_commitment_known CHECK (commitment IN ('confirmed', 'finalized')),
    CONSTRAINT campaigns_slot_not_negative CHECK (slot >= 0),
    CONSTRAINT campaigns_funding_known CHECK (funding IN ('mint_authority', 'vault', 'payment_split')),
    CONSTRAINT campaigns_proof_known CHECK (proof IN ('open', 'attested', 'payment')),
    CONSTRAINT campaigns_uniqueness_known CHECK (uniqueness IN ('wallet', 'wallet_and_code', 'order')),
    CONSTRAINT campaigns_reward_kind_known CHECK (reward_kind IN ('fixed', 'percent'))
);

CREATE TABLE referrals (
    address           text          NOT NULL,
    campaign          text          NOT NULL,
    code              text          NOT NULL,
    owner             text          NOT NULL,
    pending_owner     text,
    partner           text,
    partner_share_bps integer       NOT NULL,
    active            boolean       NOT NULL,
    suspended         boolean       NOT NULL,
    usage_limit       numeric(20,0),
    conversions       numeric(20,0) NOT NULL,
    expires_at        bigint,
    created_at        bigint        NOT NULL,
    rewards_total     numeric(20,0) NOT NULL,
    rewards_pending   numeric(20,0) NOT NULL,
    data              bytea         NOT NULL,
    slot              bigint        NOT NULL,
    commitment        text          NOT NULL,
    CONSTRAINT referrals_pkey PRIMARY KEY (address),
    -- The address is derived from both.
    CONSTRAINT referrals_code_once_per_campaign UNIQUE (campaign, code),
    CONSTRAINT referrals_commitment_known CHECK (commitment IN ('confirmed', 'finalized')),
    CONSTRAINT referrals_slot_not_negative CHECK (slot >= 0)
);

-- Whose a short code is when several campaigns use it: the oldest referral's.
CREATE INDEX referrals_by_code ON referrals (code, created_at, address);
CREATE INDEX referrals_by_owner ON referrals (owner);

-- campaign, code and referrer are the referral's, so that no read needs a join.
CREATE TABLE conversions (
    address         text          NOT NULL,
    campaign        text          NOT NULL,
    referral        text          NOT NULL,
    code            text          NOT NULL,
    referrer        text          NOT NULL,
    referee         text          NOT NULL,
    action          text          NOT NULL,
    status          text          NOT NULL,
    settled         smallint      NOT NULL,
    amount          numeric(20,0) NOT NULL,
    reference       bytea,
    reward_referrer numeric(20,0) NOT NULL,
    reward_referee  numeric(20,0) NOT NULL,
    reward_partner  numeric(20,0) NOT NULL,
    converted_at    bigint        NOT NULL,
    hold_seconds    bigint        NOT NULL,
    -- Receipt: the transaction that made the account. NULL until it is found.
    signature       text,
    data            bytea         NOT NULL,
    slot            bigint        NOT NULL,
    commitment      text          NOT NULL,
    CONSTRAINT conversions_pkey PRIMARY KEY (address),
    CONSTRAINT conversions_commitment_known CHECK (commitment IN ('confirmed', 'finalized')),
    CONSTRAINT conversions_status_known CHECK (status IN ('pending', 'paid', 'cancelled')),
    CONSTRAINT conversions_slot_not_negative CHECK (slot >= 0),
    CONSTRAINT conversions_reference_size CHECK (octet_length(reference) = 32)
);

CREATE INDEX conversions_by_time ON conversions (converted_at DESC, address DESC);
CREATE INDEX conversions_by_campaign ON conversions (campaign, converted_at DESC, address DESC);
CREATE INDEX conversions_by_referral ON conversions (referral, converted_at DESC, address DESC);
CREATE INDEX conversions_by_referee ON conversions (referee, converted_at DESC, address DESC);
CREATE INDEX conversions_by_referrer ON conversions (campaign, referrer, converted_at);

-- The queues of the indexer: what is not settled, and what has no receipt yet.
CREATE INDEX campaigns_unfinalized ON campaigns (slot) WHERE commitment = 'confirmed';
CREATE INDEX referrals_unfinalized ON referrals (slot) WHERE commitment = 'confirmed';
CREATE INDEX conversions_unfinalized ON conversions (slot) WHERE commitment = 'confirmed';
CREATE INDEX conversions_without_signature ON conversions (slot) WHERE signature IS NULL;

-- How far the mirror is. `genesis_hash` says of which chain it is a mirror.
CREATE TABLE indexer_state (
    singleton      boolean     NOT NULL DEFAULT true,
    genesis_hash   text,
    indexed_slot   bigint,
    finalized_slot bigint,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT indexer_state_pkey PRIMARY KEY (singleton),
    CONSTRAINT indexer_state_one_row CHECK (singleton)
);
INSERT INTO indexer_state DEFAULT VALUES;
