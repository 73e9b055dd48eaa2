-- The mirror keeps the bytes of every account once, whatever its kind, with how settled
-- they are. The other tables are projections: of each account only the columns that a
-- query reads. So an account with a new field, or of a new kind, needs no migration
-- until a query wants to know of it.
--
-- A projection may be a column short, but never wrong: its row is written in the same
-- transaction as the account's, and stays when the account is gone.
--
-- Each of these tables is also a row type. The indexer sends a batch of rows as one
-- array of that type, so the order of the columns is that of a struct in `crates/db`.

CREATE TABLE accounts (
    address    text    NOT NULL,
    -- The projection: campaign, referral or conversion; other for an account without one.
    kind       text    NOT NULL,
    data       bytea   NOT NULL,
    -- The slot at whose end the account had this data.
    slot       bigint  NOT NULL,
    commitment text    NOT NULL,
    -- The account does not exist any more; the data is what it held last.
    gone       boolean NOT NULL,
    -- It was seen at a finalized slot, so it was there, and not only on a fork.
    was_final  boolean NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (address),
    CONSTRAINT accounts_commitment_known CHECK (commitment IN ('confirmed', 'finalized')),
    CONSTRAINT accounts_slot_not_negative CHECK (slot >= 0)
);

INSERT INTO accounts
SELECT address, 'campaign', data, slot, commitment, gone, was_final FROM campaigns
UNION ALL
SELECT address, 'referral', data, slot, commitment, gone, was_final FROM referrals
UNION ALL
SELECT address, 'conversion', data, slot, commitment, gone, was_final FROM conversions
UNION ALL
SELECT address, 'other', data, slot, commitment, gone, was_final FROM referees;

CREATE INDEX accounts_unfinalized ON accounts (slot) WHERE commitment = 'confirmed';

-- The transaction that made a conversion, and what only its instruction says. The row
-- is made with the conversion's and empty until the transaction is found.
CREATE TABLE conversion_receipts (
    conversion text          NOT NULL,
    signature  text,
    action     text,
    amount     numeric(20,0),
    -- NULL also for none.
    reference  bytea,
    CONSTRAINT conversion_receipts_pkey PRIMARY KEY (conversion),
    CONSTRAINT conversion_receipts_whole CHECK (num_nonnulls(signature, action, amount) IN (0, 3)),
    CONSTRAINT conversion_receipts_reference_size CHECK (octet_length(reference) = 32)
);

INSERT INTO conversion_receipts (conversion, signature, action, amount, reference)
SELECT address, signature,
       CASE WHEN signature IS NOT NULL THEN action END,
       CASE WHEN signature IS NOT NULL THEN amount END,
       CASE WHEN signature IS NOT NULL THEN reference END
FROM conversions;

-- The queue of the indexer: conversions whose transaction is not known yet.
CREATE INDEX conversion_receipts_missing ON conversion_receipts (conversion)
    WHERE signature IS NULL;

-- First touches have no projection: no query reads them.
DROP TABLE referees;

-- Nor does a query ask for the codes of an owner.
DROP INDEX referrals_by_owner;

ALTER TABLE campaigns
    DROP COLUMN pending_authority,
    DROP COLUMN vault,
    DROP COLUMN attestor,
    DROP COLUMN treasury,
    DROP COLUMN payment_mint,
    DROP COLUMN attested_codes,
    DROP COLUMN referee_share_bps,
    DROP COLUMN max_partner_share_bps,
    DROP COLUMN min_amount,
    DROP COLUMN hold_seconds,
    DROP COLUMN attribution_window,
    DROP COLUMN budget,
    DROP COLUMN committed,
    DROP COLUMN closed_at,
    DROP COLUMN owed,
    DROP COLUMN longest_hold,
    DROP COLUMN data,
    DROP COLUMN slot,
    DROP COLUMN commitment,
    DROP COLUMN gone,
    DROP COLUMN was_final;

ALTER TABLE referrals
    DROP COLUMN pending_owner,
    DROP COLUMN partner,
    DROP COLUMN partner_share_bps,
    DROP COLUMN rewards_total,
    DROP COLUMN rewards_pending,
    DROP COLUMN reward_account,
    DROP COLUMN partner_pending,
    DROP COLUMN open_conversions,
    DROP COLUMN data,
    DROP COLUMN slot,
    DROP COLUMN commitment,
    DROP COLUMN gone,
    DROP COLUMN was_final;

ALTER TABLE conversions
    DROP COLUMN action,
    DROP COLUMN settled,
    DROP COLUMN amount,
    DROP COLUMN reference,
    DROP COLUMN bonuses,
    DROP COLUMN signature,
    DROP COLUMN data,
    DROP COLUMN slot,
    DROP COLUMN commitment,
    DROP COLUMN gone,
    DROP COLUMN was_final;
