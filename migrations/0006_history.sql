-- The mirror is computed from the program's transactions, in the order of the chain, and
-- no longer copied from its accounts. What it holds follows from the chain alone, so the
-- old tables are dropped and filled again from the first transaction on. Clicks and
-- profiles are kept.
--
-- Each transaction has a number, `seq`: it is the seq-th among all transactions that name
-- the program. Everything that follows from it carries that number. Transactions above
-- `indexer_state.final_seq` are confirmed and may be abandoned by the cluster. Then
-- everything above a number is undone.
--
-- Addresses and signatures are base58, in byte order (COLLATE "C"). Amounts are u64 in base
-- units (numeric(20,0)), times are unix seconds (bigint), NULL stands for a zero that means
-- "none" on chain. There are no foreign keys: one writer writes all rows that follow from a
-- transaction in one database transaction.
--
-- Most of these tables are also row types. The indexer sends a batch of rows as one array of
-- that type, so the order of the columns is that of a struct in `crates/db`.

DROP TABLE accounts, campaigns, referrals, conversions, conversion_receipts, referrer_daily,
    indexer_state;

-- Every transaction that names the program, failed ones and strangers' included.
CREATE TABLE transactions (
    seq                bigint   NOT NULL,
    slot               bigint   NOT NULL,
    -- Place in its block; NULL if the node does not tell it.
    block_index        integer,
    block_time         bigint   NOT NULL,
    signature          text     COLLATE "C" NOT NULL,
    fee_payer          text     COLLATE "C" NOT NULL,
    -- Lamports; NULL if the node does not tell it.
    fee                bigint,
    succeeded          boolean  NOT NULL,
    -- The instruction that failed, and the error code that its program gave.
    failed_instruction smallint,
    error_code         bigint,
    CONSTRAINT transactions_pkey PRIMARY KEY (seq),
    CONSTRAINT transactions_once UNIQUE (signature),
    CONSTRAINT transactions_seq_positive CHECK (seq > 0)
);

-- Every call of the program, also by other programs, and in failed transactions those that
-- were tried.
CREATE TABLE calls (
    seq         bigint   NOT NULL,
    -- Index of the message's instruction.
    instruction smallint NOT NULL,
    -- Index among the CPIs of that instruction; -1 for the instruction itself.
    inner_index smallint NOT NULL,
    -- The instruction's name in the IDL; NULL if the program has no such instruction.
    name        text,
    campaign    text     COLLATE "C",
    referral    text     COLLATE "C",
    conversion  text     COLLATE "C",
    -- The wallet that the call asked to sign: the referee of a sale, the owner of a code.
    wallet      text     COLLATE "C",
    CONSTRAINT calls_pkey PRIMARY KEY (seq, instruction, inner_index)
);

-- What calls established, in the order in which they did.
CREATE TABLE events (
    seq        bigint        NOT NULL,
    -- Its place among the events of the transaction.
    place      smallint      NOT NULL,
    kind       text          NOT NULL,
    campaign   text          COLLATE "C",
    referral   text          COLLATE "C",
    -- The account that it is about; of a payment, its conversion.
    subject    text          COLLATE "C",
    -- Who was credited, was paid, or acted.
    wallet     text          COLLATE "C",
    -- Base units that were credited, paid or moved.
    units      numeric(20,0),
    -- What is particular to the kind.
    detail     jsonb,
    CONSTRAINT events_pkey PRIMARY KEY (seq, place)
);

-- The bytes of every account of the program after transaction `confirmed_seq`.
CREATE TABLE accounts (
    address text   COLLATE "C" NOT NULL,
    -- NULL if there is no such account any more.
    data    bytea,
    -- The transaction that changed it last, and its slot.
    seq     bigint NOT NULL,
    slot    bigint NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (address)
);

-- For each transaction that is not final, what it changed: the accounts as they were before.
CREATE TABLE accounts_before (
    seq         bigint NOT NULL,
    address     text   COLLATE "C" NOT NULL,
    data        bytea,
    -- NULL if there was no row.
    before_seq  bigint,
    before_slot bigint,
    CONSTRAINT accounts_before_pkey PRIMARY KEY (seq, address)
);

-- Projections: of each account the columns that a query reads, as they were last. The row of
-- an account that was closed stays, because people still ask for it.
CREATE TABLE campaigns (
    address        text          COLLATE "C" NOT NULL,
    creator        text          COLLATE "C" NOT NULL,
    campaign_id    numeric(20,0) NOT NULL,
    authority      text          COLLATE "C" NOT NULL,
    mint           text          COLLATE "C" NOT NULL,
    mint_decimals  smallint      NOT NULL,
    token_program  text          COLLATE "C" NOT NULL,
    funding        text          NOT NULL,
    proof          text          NOT NULL,
    uniqueness     text          NOT NULL,
    reward_kind    text          NOT NULL,
    paused         boolean       NOT NULL,
    closed         boolean       NOT NULL,
    reward_fixed   numeric(20,0) NOT NULL,
    reward_bps     integer       NOT NULL,
    reward_max     numeric(20,0),
    starts_at      bigint,
    ends_at        bigint,
    created_at     bigint        NOT NULL,
    -- The account's bytes. They hold the announced settings.
    data           bytea         NOT NULL,
    -- The transaction that changed it last, and its slot.
    seq            bigint        NOT NULL,
    slot           bigint        NOT NULL,
    CONSTRAINT campaigns_pkey PRIMARY KEY (address),
    CONSTRAINT campaigns_funding_known CHECK (funding IN ('mint_authority', 'vault', 'payment_split')),
    CONSTRAINT campaigns_proof_known CHECK (proof IN ('open', 'attested', 'payment')),
    CONSTRAINT campaigns_uniqueness_known CHECK (uniqueness IN ('wallet', 'wallet_and_code', 'order')),
    CONSTRAINT campaigns_reward_kind_known CHECK (reward_kind IN ('fixed', 'percent'))
);

CREATE INDEX campaigns_by_time ON campaigns (created_at DESC, address DESC);

CREATE TABLE referrals (
    address     text          COLLATE "C" NOT NULL,
    campaign    text          COLLATE "C" NOT NULL,
    code        text          COLLATE "C" NOT NULL,
    owner       text          COLLATE "C" NOT NULL,
    active      boolean       NOT NULL,
    suspended   boolean       NOT NULL,
    usage_limit numeric(20,0),
    conversions numeric(20,0) NOT NULL,
    expires_at  bigint,
    created_at  bigint        NOT NULL,
    -- Its owner closed it, or its rent was returned.
    closed      boolean       NOT NULL,
    seq         bigint        NOT NULL,
    slot        bigint        NOT NULL,
    CONSTRAINT referrals_pkey PRIMARY KEY (address),
    -- The address is derived from both.
    CONSTRAINT referrals_code_once_per_campaign UNIQUE (campaign, code)
);

-- Whose a short code is when several campaigns use it: the oldest open referral's.
CREATE INDEX referrals_by_code ON referrals (code, closed, created_at, address);

CREATE TABLE conversions (
    address         text          COLLATE "C" NOT NULL,
    -- The transaction that made it, and its slot.
    seq             bigint        NOT NULL,
    slot            bigint        NOT NULL,
    campaign        text          COLLATE "C" NOT NULL,
    referral        text          COLLATE "C" NOT NULL,
    code            text          COLLATE "C" NOT NULL,
    -- The referral's owner and partner at that moment.
    referrer        text          COLLATE "C" NOT NULL,
    partner         text          COLLATE "C",
    referee         text          COLLATE "C" NOT NULL,
    action          text          NOT NULL,
    amount          numeric(20,0) NOT NULL,
    reference       bytea,
    reward_referrer numeric(20,0) NOT NULL,
    reward_referee  numeric(20,0) NOT NULL,
    reward_partner  numeric(20,0) NOT NULL,
    converted_at    bigint        NOT NULL,
    -- Until then the campaign can cancel it. Equal to `converted_at` without a hold.
    matures_at      bigint        NOT NULL,
    -- pending: a part is owed. paid: none is. cancelled: within its hold. lapsed: the period
    -- for claims ended before all parts were claimed.
    status          text          NOT NULL,
    -- Parts that are not owed: bit 0 referrer, 1 referee, 2 partner.
    settled         smallint      NOT NULL,
    CONSTRAINT conversions_pkey PRIMARY KEY (address),
    CONSTRAINT conversions_status_known CHECK (status IN ('pending', 'paid', 'cancelled', 'lapsed')),
    CONSTRAINT conversions_reference_size CHECK (octet_length(reference) = 32)
);

CREATE INDEX conversions_by_time ON conversions (converted_at DESC, address DESC);
CREATE INDEX conversions_by_campaign ON conversions (campaign, converted_at DESC, address DESC);
CREATE INDEX conversions_by_referral ON conversions (referral, converted_at DESC, address DESC);
CREATE INDEX conversions_by_referee ON conversions (referee, converted_at DESC, address DESC);

-- Conversions that do not count for ranks yet: they are not final, or can still be cancelled.
CREATE TABLE maturing (
    conversion text   COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    matures_at bigint NOT NULL,
    CONSTRAINT maturing_pkey PRIMARY KEY (conversion)
);

CREATE INDEX maturing_by_time ON maturing (matures_at);

-- The api counts clicks and the indexer conversions, each in a table of its own, so that
-- neither waits for the other.
CREATE TABLE referral_clicks (
    referral        text   COLLATE "C" NOT NULL,
    clicks          bigint NOT NULL DEFAULT 0,
    unique_visitors bigint NOT NULL DEFAULT 0,
    bot_clicks      bigint NOT NULL DEFAULT 0,
    CONSTRAINT referral_clicks_pkey PRIMARY KEY (referral),
    CONSTRAINT referral_clicks_not_negative CHECK (
        clicks >= 0 AND unique_visitors >= 0 AND bot_clicks >= 0
    )
);

INSERT INTO referral_clicks
SELECT referral, clicks, unique_visitors, bot_clicks FROM referral_totals;

DROP TABLE referral_totals;

-- Sums of amounts have more digits than one u64. No constraint: a counter that is wrong must
-- not stop the mirror. `vouch-indexer recount` finds and repairs it.
CREATE TABLE referral_totals (
    referral          text          COLLATE "C" NOT NULL,
    -- All but the cancelled ones.
    conversions       bigint        NOT NULL,
    -- Those that are final and can no longer be cancelled.
    conversions_final bigint        NOT NULL,
    -- The referrer's parts that were paid and that are owed, in base units.
    rewards_paid      numeric(39,0) NOT NULL,
    rewards_pending   numeric(39,0) NOT NULL,
    CONSTRAINT referral_totals_pkey PRIMARY KEY (referral)
);

-- What leaderboards add up: conversions that are final and can no longer be cancelled, by the
-- day (UTC) of the conversion.
CREATE TABLE referrer_daily (
    campaign          text          COLLATE "C" NOT NULL,
    referrer          text          COLLATE "C" NOT NULL,
    day               date          NOT NULL,
    conversions       bigint        NOT NULL,
    -- The referrer's parts, whether paid or still owed, in base units.
    rewards           numeric(39,0) NOT NULL,
    -- Unix seconds of the day's last counted conversion: earlier wins a tie.
    last_converted_at bigint        NOT NULL,
    CONSTRAINT referrer_daily_pkey PRIMARY KEY (campaign, referrer, day)
);

CREATE INDEX referrer_daily_by_day ON referrer_daily (day);

-- Ranges of slots that are proven, each by one proof.
-- listed: every transaction up to the end of the range was listed by a node after the node
-- had called these slots final, and is mirrored.
-- accounts: in addition, every account was equal to the node's at a slot not before the end.
CREATE TABLE coverage (
    proof      text        NOT NULL,
    first_slot bigint      NOT NULL,
    last_slot  bigint      NOT NULL,
    source     text        NOT NULL,
    proven_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT coverage_pkey PRIMARY KEY (proof, first_slot),
    CONSTRAINT coverage_proof_known CHECK (proof IN ('listed', 'accounts')),
    CONSTRAINT coverage_in_order CHECK (first_slot <= last_slot)
);

-- How far the mirror is. `genesis_hash` says of which chain it is a mirror.
CREATE TABLE indexer_state (
    singleton     boolean     NOT NULL DEFAULT true,
    genesis_hash  text        COLLATE "C",
    -- The last transaction that is mirrored.
    confirmed_seq bigint      NOT NULL DEFAULT 0,
    -- The last one of them that is final.
    final_seq     bigint      NOT NULL DEFAULT 0,
    -- The chain's clock up to which matured conversions count for ranks.
    final_time    bigint,
    -- Everything confirmed up to this slot is mirrored.
    indexed_slot  bigint,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT indexer_state_pkey PRIMARY KEY (singleton),
    CONSTRAINT indexer_state_one_row CHECK (singleton),
    CONSTRAINT indexer_state_in_order CHECK (final_seq BETWEEN 0 AND confirmed_seq)
);
INSERT INTO indexer_state DEFAULT VALUES;

-- Everything up to this slot is mirrored, final and proven complete: the end of what is
-- covered without a gap.
CREATE VIEW finality AS
SELECT (SELECT last_slot FROM coverage WHERE proof = 'listed' AND first_slot = 0) AS finalized_slot;
