-- Whose a short link is: of the first referral with its code, in the order of the chain. Nothing but
-- the end of a fork changes a row, so a link never changes hands, also when its code is closed; and
-- the order of transactions, unlike an address, cannot be ground by trying keys.
--
-- An older indexer would not keep it: older services have to stop first.
UPDATE schema_compatibility SET oldest = 17;

CREATE TABLE mirror.short_links (
    code     text     COLLATE "C" NOT NULL,
    referral text     COLLATE "C" NOT NULL,
    campaign text     COLLATE "C" NOT NULL,
    -- The event that registered the code.
    seq      bigint   NOT NULL,
    place    smallint NOT NULL,
    CONSTRAINT short_links_pkey PRIMARY KEY (code)
);

INSERT INTO mirror.short_links
SELECT DISTINCT ON (detail->>'code') detail->>'code', referral, campaign, seq, place
FROM mirror.events WHERE kind = 'code_created'
ORDER BY detail->>'code', seq, place;

-- It was for the owner of a short link.
DROP INDEX mirror.referrals_by_code;
