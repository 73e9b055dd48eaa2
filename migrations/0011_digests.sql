-- Digests of the conversions that count and the rewards that were paid, each as of one final
-- transaction. The indexer computes one from time to time, and the api serves them: anybody
-- can compute the same from a node alone. docs/digest.md documents every byte.

-- Finds the conversions of a run of transactions: a digest and its pages go by such runs. The
-- mirror adds to its end only.
CREATE INDEX conversions_by_seq ON conversions (seq);

CREATE TABLE digests (
    -- The last transaction, its slot's end, signature and block time.
    seq          bigint        NOT NULL,
    slot         bigint        NOT NULL,
    signature    text          COLLATE "C" NOT NULL,
    time         bigint        NOT NULL,
    genesis_hash text          COLLATE "C" NOT NULL,
    -- Transactions in one bucket.
    bucket_size  bigint        NOT NULL,
    conversions  bigint        NOT NULL,
    -- The referrers' parts of their rewards, and what of them was paid.
    rewards      numeric(39,0) NOT NULL,
    paid         numeric(39,0) NOT NULL,
    root         bytea         NOT NULL,
    -- The hashes of the buckets, 32 bytes each, one after the other.
    buckets      bytea         NOT NULL,
    computed_at  timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT digests_pkey PRIMARY KEY (seq),
    CONSTRAINT digests_root_size CHECK (octet_length(root) = 32),
    CONSTRAINT digests_buckets_size CHECK (octet_length(buckets) % 32 = 0)
);
