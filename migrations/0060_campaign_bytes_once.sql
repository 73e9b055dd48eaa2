-- The bytes of a campaign are kept once. `accounts` holds them while the account exists; `campaigns.data` only those of
-- a campaign that has ended, of which `accounts` holds a tombstone. NULL while it has not. Campaigns that are here
-- already keep their bytes until they change the next time.
--
-- Older services take NULL for an error: they have to stop first.
UPDATE schema_compatibility SET oldest = 60;

ALTER TABLE mirror.campaigns ALTER COLUMN data DROP NOT NULL;
