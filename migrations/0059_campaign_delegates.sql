-- Wallets that campaigns' authorities have named to act for them off chain, by a memo on chain:
-- docs/decisions/multisig-authorities.md. Only a final transaction is written here.
--
-- One row for each campaign and authority, because a former authority must not be able to end what the
-- present one has said.
CREATE TABLE campaign_delegates (
    campaign  text COLLATE "C" NOT NULL,
    authority text COLLATE "C" NOT NULL,
    -- NULL for nobody.
    wallet    text COLLATE "C",
    -- Slot of the transaction that said so last.
    slot      bigint NOT NULL,
    -- The transaction; of two in one slot that disagree, the one that was shown last.
    signature text COLLATE "C" NOT NULL,
    shown_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_delegates_pkey PRIMARY KEY (campaign, authority),
    CONSTRAINT campaign_delegates_slot_check CHECK (slot >= 0)
);

-- Reader: the campaigns of a delegate (`crates/db/src/api/auth/delegates.rs`).
CREATE INDEX campaign_delegates_wallet_idx ON campaign_delegates (wallet, campaign, authority)
    WHERE wallet IS NOT NULL;

-- The wallet that made a key: the authority in `created_by`, or its delegate. NULL for the authority: an older
-- API does not write it.
ALTER TABLE api_keys ADD COLUMN made_by text COLLATE "C";

-- Whether the wallet that made a key may still act for its campaign. One place for all readers. Vouchers move money, so
-- a delegate's key has none signed, also if the delegate has replaced the authority's.
CREATE FUNCTION key_maker_acts(key api_keys, campaign_authority text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT key.created_by = campaign_authority
       AND (COALESCE(key.made_by, key.created_by) = campaign_authority
            OR NOT 'write:attestations' = ANY(key.scopes)
           AND EXISTS (SELECT FROM public.campaign_delegates d
                       WHERE d.campaign = key.campaign AND d.authority = campaign_authority
                         AND d.wallet = key.made_by))
$$;
