-- Webhooks tell of milestones, and of vaults that cannot pay the next conversion. Each message has a
-- number, by which a receiver can sort.

-- Whoever adds awards waits until all others that do have committed. So ids become visible in their
-- order, and a reader that remembers the last one misses none: whichever process adds them, and
-- whatever other locks it holds. The key spells "VouchAwa".
CREATE FUNCTION awards_one_by_one() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'566f756368417761'::bigint);
    RETURN NULL;
END
$$;
CREATE TRIGGER awards_one_by_one BEFORE INSERT ON awards
    FOR EACH STATEMENT EXECUTE FUNCTION awards_one_by_one();

ALTER TABLE webhook_cursor
    -- Up to which award every milestone was made a message.
    ADD COLUMN award    bigint NOT NULL DEFAULT 0,
    -- The number of the last message.
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
-- Nobody asked for what was before.
UPDATE webhook_cursor SET award = COALESCE((SELECT max(id) FROM awards), 0);

-- Base units of the smallest reward that the next conversion can have; 0 if there can be none. A
-- vault is short if it holds less than this and what is owed.
ALTER TABLE vaults ADD COLUMN next_reward numeric(20,0) NOT NULL DEFAULT 0;
-- Nobody reads by it: webhooks look up the vaults of campaigns with an endpoint.
DROP INDEX vaults_short;

-- The shortage of each vault that was told last.
CREATE TABLE webhook_vaults (
    campaign    text        COLLATE "C" NOT NULL,
    -- The beginning of the shortage, which identifies it.
    short_since timestamptz NOT NULL,
    CONSTRAINT webhook_vaults_pkey PRIMARY KEY (campaign)
);

-- A delivery without its message or its endpoint would wait for ever. New rows are checked first, so
-- that none is added behind the deletion.
ALTER TABLE webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_of_a_message FOREIGN KEY (message)
        REFERENCES webhook_messages (id) ON DELETE CASCADE NOT VALID,
    ADD CONSTRAINT webhook_deliveries_of_an_endpoint FOREIGN KEY (endpoint)
        REFERENCES webhook_endpoints (id) ON DELETE CASCADE NOT VALID;
DELETE FROM webhook_deliveries AS delivery
WHERE NOT EXISTS (SELECT FROM webhook_messages WHERE id = delivery.message)
   OR NOT EXISTS (SELECT FROM webhook_endpoints WHERE id = delivery.endpoint);
ALTER TABLE webhook_deliveries VALIDATE CONSTRAINT webhook_deliveries_of_a_message,
    VALIDATE CONSTRAINT webhook_deliveries_of_an_endpoint;

-- What a day has cost, and what of it was spent in vain.
DROP INDEX keeper_intents_by_time;
CREATE INDEX keeper_intents_by_time ON keeper_intents (created_at)
    INCLUDE (kind, campaign, fee, state) WHERE state <> 'expired';
