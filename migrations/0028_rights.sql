-- Keys and profiles remember who made them.

-- For how long a key was made to live, in seconds; NULL for ever. A rotation shortens `expires_at` of
-- the old key, so the new key's life cannot follow from that.
ALTER TABLE api_keys
    ADD COLUMN life_seconds double precision,
    -- The key of the last rotation of this one.
    ADD COLUMN replaced_by  uuid,
    ADD CONSTRAINT api_keys_life_positive CHECK (life_seconds > 0);

UPDATE api_keys SET life_seconds = extract(epoch FROM expires_at - created_at)
WHERE expires_at > created_at;

-- The campaign's authority that set the profile, itself or by one of its keys. The profile is not
-- shown while somebody else is the authority, nor when nobody knows who set it.
ALTER TABLE campaign_profiles ADD COLUMN set_by text COLLATE "C";

-- A profile that is older than a change of the authority may be of a former one.
UPDATE campaign_profiles AS profile SET set_by = campaigns.authority
FROM mirror.campaigns WHERE campaigns.address = profile.campaign
  AND NOT EXISTS (
      SELECT FROM mirror.events JOIN mirror.transactions USING (seq)
      WHERE events.campaign = profile.campaign AND events.kind = 'authority_changed'
        AND to_timestamp(block_time) + interval '5 minutes' > profile.updated_at);
