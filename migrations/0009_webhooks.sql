-- Webhooks: what the mirror holds, told to the endpoints of each campaign. `events` is the
-- outbox; docs/decisions/webhooks.md says how messages follow from it.
--
-- These tables do not follow from the chain alone: they say what was told to whom.

-- Up to which transaction every fact was made a message. Whoever makes messages, or adds an
-- endpoint, updates this row in the same database transaction; so an endpoint is told of
-- everything after the transaction at which it was added, and of nothing twice.
CREATE TABLE webhook_cursor (
    singleton  boolean     NOT NULL DEFAULT true,
    -- Only final transactions are passed.
    seq        bigint      NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_cursor_pkey PRIMARY KEY (singleton),
    CONSTRAINT webhook_cursor_one_row CHECK (singleton)
);
-- Nobody asked for what was before.
INSERT INTO webhook_cursor (seq) SELECT final_seq FROM indexer_state;

CREATE TABLE webhook_endpoints (
    id                uuid        NOT NULL,
    campaign          text        COLLATE "C" NOT NULL,
    url               text        NOT NULL,
    -- The types of messages that it wants; all if there is none.
    types             text[]      NOT NULL,
    enabled           boolean     NOT NULL DEFAULT true,
    -- Why it is disabled.
    disabled_reason   text,
    -- Since when every attempt failed.
    failing_since     timestamptz,
    -- Whether its last answer was slow.
    slow              boolean     NOT NULL DEFAULT false,
    -- To about a second.
    last_delivered_at timestamptz,
    -- It is deleted as soon as its deliveries are.
    removed           boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_endpoints_disabled_for_a_reason CHECK (enabled = (disabled_reason IS NULL)),
    CONSTRAINT webhook_endpoints_removed_disabled CHECK (NOT (removed AND enabled))
);

CREATE INDEX webhook_endpoints_by_campaign ON webhook_endpoints (campaign);

-- The keys that sign what is sent to an endpoint. Several are valid while one replaces another.
CREATE TABLE webhook_secrets (
    endpoint   uuid        NOT NULL,
    key        bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- NULL for the one that is not replaced.
    expires_at timestamptz,
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (endpoint, key),
    CONSTRAINT webhook_secrets_of_an_endpoint FOREIGN KEY (endpoint)
        REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT webhook_secrets_long_enough CHECK (octet_length(key) BETWEEN 24 AND 64)
);

-- What is told. Only campaigns with an endpoint have messages.
CREATE TABLE webhook_messages (
    -- Derived from the fact, so that a fact cannot be told twice.
    id         text        COLLATE "C" NOT NULL,
    type       text        NOT NULL,
    campaign   text        COLLATE "C" NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_messages_pkey PRIMARY KEY (id)
);

-- Replays go by campaign and time.
CREATE INDEX webhook_messages_by_campaign ON webhook_messages (campaign, created_at, id);
-- Old ones are deleted.
CREATE INDEX webhook_messages_by_time ON webhook_messages (created_at);

-- No foreign keys: old messages and removed endpoints are deleted after their deliveries, in
-- parts.
CREATE TABLE webhook_deliveries (
    message      text        COLLATE "C" NOT NULL,
    endpoint     uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- Attempts whose outcome is known.
    attempts     integer     NOT NULL DEFAULT 0,
    first_try    timestamptz,
    -- NULL if nothing is to be done any more. A sender that takes a delivery moves this to the
    -- end of its lease.
    next_try     timestamptz DEFAULT now(),
    delivered_at timestamptz,
    -- HTTP status of the last answer.
    last_status  smallint,
    -- Why the last attempt failed.
    last_error   text,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (message, endpoint)
);

-- What is due, by endpoint; also the number that waits, and the age of the oldest.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (endpoint, next_try)
    INCLUDE (created_at) WHERE next_try IS NOT NULL;
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint, created_at, message);

-- Conversions that were told as confirmed, and are not final yet. What is not confirmed any
-- more is found by comparing this table with the mirror, and told as retracted.
CREATE TABLE webhook_confirmations (
    -- The conversion's transaction, and the place of the fact in it.
    signature    text        COLLATE "C" NOT NULL,
    place        smallint    NOT NULL,
    -- Where the transaction was when it was told.
    slot         bigint      NOT NULL,
    -- How often it was confirmed again after it was retracted.
    round        integer     NOT NULL,
    message      text        COLLATE "C" NOT NULL,
    -- NULL while it stands.
    retracted_at timestamptz,
    CONSTRAINT webhook_confirmations_pkey PRIMARY KEY (signature, place)
);

-- Final conversions with a hold that is not over, of campaigns with an endpoint.
CREATE TABLE webhook_maturing (
    conversion text     COLLATE "C" NOT NULL,
    campaign   text     COLLATE "C" NOT NULL,
    -- Of its fact.
    seq        bigint   NOT NULL,
    place      smallint NOT NULL,
    matures_at bigint   NOT NULL,
    CONSTRAINT webhook_maturing_pkey PRIMARY KEY (conversion)
);

CREATE INDEX webhook_maturing_by_time ON webhook_maturing (matures_at);

-- How much of a campaign's budget was told to be used.
CREATE TABLE webhook_budgets (
    campaign text          COLLATE "C" NOT NULL,
    -- The transaction whose account was looked at last.
    seq      bigint        NOT NULL,
    budget   numeric(20,0) NOT NULL,
    -- The percentage of this budget that was told: 0, 80 or 100.
    told     smallint      NOT NULL,
    CONSTRAINT webhook_budgets_pkey PRIMARY KEY (campaign),
    CONSTRAINT webhook_budgets_told_known CHECK (told IN (0, 80, 100))
);
