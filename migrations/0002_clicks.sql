-- Clicks on share links, and what a campaign says about itself off chain.

CREATE TABLE campaign_profiles (
    campaign    text        NOT NULL,
    name        text        NOT NULL,
    landing_url text        NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_profiles_pkey PRIMARY KEY (campaign),
    CONSTRAINT campaign_profiles_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT campaign_profiles_landing_url_length CHECK (octet_length(landing_url) BETWEEN 1 AND 2048)
);

-- One partition for each day: old clicks leave by dropping a table. The id comes
-- from the api, so that a click which is replayed from the spool file counts once.
-- `visitor` is a keyed hash whose key lives for a day; an address is never stored.
CREATE TABLE clicks (
    id             uuid        NOT NULL,
    clicked_at     timestamptz NOT NULL,
    campaign       text        NOT NULL,
    referral       text        NOT NULL,
    code           text        NOT NULL,
    visitor        bytea       NOT NULL,
    user_agent     text,
    referrer_url   text,
    source         text,
    utm            jsonb,
    wallet         text,
    verdict        text        NOT NULL,
    verdict_reason text,
    CONSTRAINT clicks_pkey PRIMARY KEY (id, clicked_at),
    CONSTRAINT clicks_verdict_known CHECK (verdict IN ('human', 'bot', 'suspicious'))
) PARTITION BY RANGE (clicked_at);

-- Takes what no day's partition does: a click is never refused for want of one.
CREATE TABLE clicks_default PARTITION OF clicks DEFAULT;

CREATE INDEX clicks_by_referral ON clicks (referral, clicked_at DESC);
CREATE INDEX clicks_by_visitor ON clicks (visitor, clicked_at DESC);

-- Makes the partition of one day (UTC). True when it is new.
--
-- Call it before the day begins: rows of that day that are already in the default
-- partition make it fail, and stay readable where they are.
CREATE FUNCTION create_click_partition(day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'clicks_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF clicks FOR VALUES FROM (%L) TO (%L)',
        partition,
        day::text || ' 00:00:00+00',
        (day + 1)::text || ' 00:00:00+00'
    );
    RETURN true;
END
$$;

-- Who has been seen on a link: what makes the count of visitors exact.
CREATE TABLE referral_visitors (
    referral         text        NOT NULL,
    visitor          bytea       NOT NULL,
    first_clicked_at timestamptz NOT NULL,
    CONSTRAINT referral_visitors_pkey PRIMARY KEY (referral, visitor)
);
