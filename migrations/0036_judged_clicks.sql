-- Clicks say the device and the country, and what is suspicious is counted apart.
--
-- An older API writes whole rows of `clicks`, which Postgres refuses from now on. While it runs on, its
-- clicks go to its spool file, and the next version brings them in: older APIs have to stop soon.
UPDATE schema_compatibility SET oldest = 36;

ALTER TABLE clicks
    -- phone, tablet, desktop or other. NULL for clicks of older services.
    ADD COLUMN device  text,
    -- ISO 3166-1 alpha-2, as a trusted proxy has said it.
    ADD COLUMN country text;

-- Clicks with the verdict `suspicious`. They are among `clicks`, and never among `bot_clicks`.
ALTER TABLE referral_clicks
    ADD COLUMN suspicious_clicks bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT referral_clicks_not_negative,
    ADD CONSTRAINT referral_clicks_not_negative CHECK (
        clicks >= 0 AND unique_visitors >= 0 AND bot_clicks >= 0 AND suspicious_clicks >= 0
    );

-- What a page's address holds beyond its path is not kept any more. This procedure takes it away from older
-- clicks, a day at a time, so that it holds no lock for long: docs/deploy.md says when to call it. It may be
-- repeated.
CREATE PROCEDURE strip_click_referrers()
LANGUAGE plpgsql AS $$
DECLARE
    day timestamptz := (SELECT date_trunc('day', min(clicked_at), 'UTC') FROM clicks);
    last timestamptz := (SELECT max(clicked_at) FROM clicks);
BEGIN
    WHILE day <= last LOOP
        UPDATE clicks SET referrer_url = regexp_replace(
            regexp_replace(referrer_url, '[?#].*$', ''), '^([^:/]+://)[^/]*@', '\1')
        WHERE clicked_at >= day AND clicked_at < day + interval '24 hours' AND referrer_url ~ '[?#@]';
        COMMIT;
        day := day + interval '24 hours';
    END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE strip_click_referrers() FROM PUBLIC;
