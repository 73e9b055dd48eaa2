-- What the keeper works on. It sends `claim` for rewards that are due, and returns the rent of
-- what is over. These tables do not follow from the chain alone: they hold what was tried, and
-- what was meant to be sent.

-- Conversions of which a part is owed, by the end of their hold.
CREATE INDEX conversions_pending ON conversions (matures_at, address) WHERE status = 'pending';

-- One row for each thing to do. The row goes when it is done, whoever did it.
CREATE TABLE keeper_tasks (
    -- claim: pay a conversion. reclaim: return the rent of an account.
    kind      text        COLLATE "C" NOT NULL,
    -- The address of the conversion, or of the account.
    subject   text        COLLATE "C" NOT NULL,
    campaign  text        COLLATE "C" NOT NULL,
    due_at    timestamptz NOT NULL,
    -- It could not be done when it was last tried. Those that wait come after the others.
    waits     boolean     NOT NULL DEFAULT false,
    -- How often it was tried. It also tells whether somebody else has tried since a task was read.
    tries     integer     NOT NULL DEFAULT 0,
    -- Why it waits.
    reason    text,
    -- Transactions that failed because of it on the day (UTC) `failed_on`. Each cost a fee.
    failures  integer     NOT NULL DEFAULT 0,
    failed_on date,
    -- The open intent that works on it. Nobody else may.
    intent    text        COLLATE "C",
    CONSTRAINT keeper_tasks_pkey PRIMARY KEY (kind, subject),
    CONSTRAINT keeper_tasks_kind_known CHECK (kind IN ('claim', 'reclaim'))
);

-- The newest due tasks of each campaign.
CREATE INDEX keeper_tasks_due ON keeper_tasks (kind, campaign, waits, due_at) WHERE intent IS NULL;
-- The tasks of an intent.
CREATE INDEX keeper_tasks_by_intent ON keeper_tasks (intent) WHERE intent IS NOT NULL;

-- Every transaction of a keeper, written before it is sent.
CREATE TABLE keeper_intents (
    signature         text        COLLATE "C" NOT NULL,
    fee_payer         text        COLLATE "C" NOT NULL,
    kind              text        COLLATE "C" NOT NULL,
    campaign          text        COLLATE "C" NOT NULL,
    -- The subjects of its tasks, in the order of their instructions.
    subjects          text[]      COLLATE "C" NOT NULL,
    -- The signed transaction, to be sent again; NULL when the intent has ended.
    transaction       bytea,
    -- No block above this height takes the transaction.
    last_valid_height bigint      NOT NULL,
    -- Lamports: the signature and the priority.
    fee               bigint      NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    -- open: it may still land. landed: it succeeded. failed: it is in a block, with an error.
    -- expired: it is in no block and never will be.
    state             text        COLLATE "C" NOT NULL DEFAULT 'open',
    -- A final slot at which no block could take it any more.
    passed_slot       bigint,
    -- The slot of its block.
    slot              bigint,
    error             text,
    ended_at          timestamptz,
    CONSTRAINT keeper_intents_pkey PRIMARY KEY (signature),
    CONSTRAINT keeper_intents_state_known CHECK (state IN ('open', 'landed', 'failed', 'expired')),
    CONSTRAINT keeper_intents_open_can_be_sent CHECK (state <> 'open' OR transaction IS NOT NULL)
);

CREATE INDEX keeper_intents_open ON keeper_intents (created_at) WHERE state = 'open';
-- What a day has cost.
CREATE INDEX keeper_intents_by_time ON keeper_intents (created_at) INCLUDE (kind, campaign, fee)
    WHERE state <> 'expired';

-- The vaults of campaigns that pay from one, as the chain had them.
CREATE TABLE vaults (
    campaign    text          COLLATE "C" NOT NULL,
    -- Base units.
    balance     numeric(20,0) NOT NULL,
    -- Base units that pending parts need.
    owed        numeric(20,0) NOT NULL,
    -- The slot at which both were read.
    slot        bigint        NOT NULL,
    -- Since when the balance is below what is owed, by our clock; NULL while it is not.
    short_since timestamptz,
    CONSTRAINT vaults_pkey PRIMARY KEY (campaign)
);

CREATE INDEX vaults_short ON vaults (short_since) WHERE short_since IS NOT NULL;
