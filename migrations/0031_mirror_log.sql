-- What changes in the mirror, one row for each database transaction of the writer that changes what
-- people watch. Live streams follow this table: docs/decisions/live.md. A row holds no facts, only how
-- far the mirror was afterwards. So what was added, or became final, are the facts of the transactions
-- after those of the row before.
--
-- It is no part of the mirror: it goes on when a rebuild puts another one in its place.
CREATE TABLE mirror_log (
    -- One process writes at a time, so ids become visible in their order. Some may be missing.
    id            bigint  GENERATED ALWAYS AS IDENTITY,
    -- Tells this row from one that had the same id before a backup was restored.
    mark          integer NOT NULL DEFAULT floor(random() * 2147483648)::integer,
    -- Of `indexer_state`, afterwards. If `confirmed_seq` is less than in the row before, the
    -- transactions between them were undone.
    confirmed_seq bigint  NOT NULL,
    final_seq     bigint  NOT NULL,
    -- The facts of the transactions that were undone: only here are they still known.
    withdrawn     jsonb   NOT NULL DEFAULT '[]',
    -- Campaigns whose leaderboards have changed; '' if they are too many to name.
    ranked        text[]  NOT NULL DEFAULT '{}',
    -- The mirror was made anew, or too much was undone to say it: what was read before may be wrong.
    is_new        boolean NOT NULL DEFAULT false,
    CONSTRAINT mirror_log_pkey PRIMARY KEY (id)
);

INSERT INTO mirror_log (confirmed_seq, final_seq) SELECT confirmed_seq, final_seq FROM indexer_state;
