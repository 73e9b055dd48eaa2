-- The sponsor, which pays the fees of other wallets: what it has signed, and what a day has cost.

-- Every transaction that the sponsor signs, written before it is signed. No row is changed or deleted.
CREATE TABLE sponsored_transactions (
    -- SHA-256 of the message. A message has one signature of the sponsor, so a repeated request changes nothing.
    message_hash      bytea         NOT NULL,
    -- The signed bytes.
    message           bytea         NOT NULL,
    sponsor           text          COLLATE "C" NOT NULL,
    campaign          text          COLLATE "C" NOT NULL,
    -- The wallet that acts: the one that the transaction counts for. Others may sign as well.
    wallet            text          COLLATE "C" NOT NULL,
    -- Lamports: signatures and priority.
    fee               numeric(20,0) NOT NULL,
    -- Lamports, at most, of accounts whose rent comes back to the sponsor.
    rent              numeric(20,0) NOT NULL,
    -- No block above this height takes the transaction.
    last_valid_height numeric(20,0) NOT NULL,
    created_at        timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT sponsored_transactions_pkey PRIMARY KEY (message_hash),
    CONSTRAINT sponsored_transactions_hash_size CHECK (octet_length(message_hash) = 32),
    CONSTRAINT sponsored_transactions_message_fits CHECK (octet_length(message) BETWEEN 1 AND 1232)
);

CREATE INDEX sponsored_transactions_by_time ON sponsored_transactions (created_at);
-- Finds the transaction of a wallet that may still land.
CREATE INDEX sponsored_transactions_by_wallet ON sponsored_transactions (wallet, last_valid_height);

-- What the sponsor has signed for on a day (UTC): in all, for a campaign, for a wallet, and for a network, of which
-- only a keyed hash is stored, and deleted when the day is over. All replicas of the API count here, before they sign.
CREATE TABLE sponsor_days (
    day          date          NOT NULL,
    subject      text          COLLATE "C" NOT NULL,
    transactions bigint        NOT NULL,
    lamports     numeric(20,0) NOT NULL,
    CONSTRAINT sponsor_days_pkey PRIMARY KEY (day, subject)
) WITH (fillfactor = 70);
