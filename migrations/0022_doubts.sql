-- A transaction may not tell which parts of a reward in SOL it paid: anybody can bring that about, in a
-- campaign of their own or with somebody's claim. The mirror goes on, and says what is not certain.
--
-- Rows of these tables are sent as arrays of their types, so an older indexer could not write them:
-- older services have to stop first.
UPDATE schema_compatibility SET oldest = 22;

-- The doubt about an account, as `crates/replay/src/doubt.rs` encodes it: for a conversion, in
-- which states it may be; for a referral, by how much less it may owe. NULL if nothing is. `data` is
-- the state in which the least was paid.
ALTER TABLE mirror.accounts ADD COLUMN doubt bytea;
ALTER TABLE mirror.accounts_before ADD COLUMN doubt bytea;

CREATE INDEX accounts_in_doubt ON mirror.accounts (address) WHERE doubt IS NOT NULL;

-- The addresses of conversions and referrals of which something is not certain, for readers that need
-- no bytes. Of such a conversion, the row has the parts that are proven to be settled. Slot and number
-- are those of the last transaction that changed it. A claim can prove something only while there is an
-- account.
CREATE VIEW mirror.doubts AS
SELECT address, seq, slot, data IS NOT NULL AS is_provable FROM accounts WHERE doubt IS NOT NULL;
