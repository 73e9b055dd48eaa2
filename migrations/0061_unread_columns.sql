-- Nobody reads who paid a transaction, nor its fee: a node tells both by the signature. Changes no row, so it takes an
-- instant.
--
-- Rows of this table are sent as an array of its type, so an older indexer could not write them: older services have to
-- stop first.
UPDATE schema_compatibility SET oldest = 61;

ALTER TABLE mirror.transactions
    DROP COLUMN fee_payer,
    DROP COLUMN fee;
