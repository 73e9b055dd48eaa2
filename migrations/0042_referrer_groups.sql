-- Leaderboards of the referrers of a category or a region, and the leader of each category's month.
--
-- An older indexer would keep none of them: older services have to stop first.
UPDATE schema_compatibility SET oldest = 42;

-- The category and the region that a referrer has chosen, from a day (UTC) on. A conversion belongs to
-- those that its referrer had on its day, for good: a change moves nothing, and no conversion counts in
-- two categories.
--
-- A choice begins on a later day than the one on which it is made, so the indexer knows it before it
-- counts the first conversion of that day. A row that has begun is never changed, so each copy of the
-- mirror counts the same.
CREATE TABLE referrer_choices (
    referrer  text        COLLATE "C" NOT NULL,
    kind      text        COLLATE "C" NOT NULL,
    from_day  date        NOT NULL,
    -- A category, or a country as ISO 3166-1 alpha-2; NULL for none.
    value     text        COLLATE "C",
    chosen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT referrer_choices_pkey PRIMARY KEY (referrer, kind, from_day),
    CONSTRAINT referrer_choices_kind_known CHECK (kind IN ('category', 'region')),
    CONSTRAINT referrer_choices_category_known CHECK (kind <> 'category' OR value IN (
        'art', 'business', 'education', 'fashion', 'finance', 'food', 'gaming', 'health', 'home',
        'media', 'music', 'science', 'society', 'software', 'sports', 'travel')),
    CONSTRAINT referrer_choices_region_form CHECK (kind <> 'region' OR value ~ '^[A-Z]{2}$'),
    -- The chain's clock and this one may differ by an hour.
    CONSTRAINT referrer_choices_ahead
        CHECK (from_day > ((chosen_at + interval '1 hour') AT TIME ZONE 'UTC')::date)
);

-- The leaderboards of groups that a referrer's conversion of this day is in: `#category/music`,
-- `#region/DE`. They stand in the columns `campaign` of leaderboards. They sort before every
-- address, as does '', which stands for all referrers: a campaign is what is at least '1'.
CREATE FUNCTION public.referrer_groups(wallet text, at date) RETURNS TABLE (board text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ('#' || choice.kind || '/' || choice.value) COLLATE "C"
    FROM (VALUES ('category' COLLATE "C"), ('region')) AS kinds (name) CROSS JOIN LATERAL (
        SELECT kind, value FROM public.referrer_choices
        WHERE referrer = wallet AND kind = kinds.name AND from_day <= at
        ORDER BY from_day DESC LIMIT 1
    ) AS choice
    WHERE choice.value IS NOT NULL
$$;

-- Unix seconds of the first moment after a leaderboard's period, if it gets a leader: the months of
-- campaigns and of categories do.
CREATE FUNCTION public.leaderboard_ends_at(campaign text, period text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN campaign COLLATE "C" >= '1' OR campaign COLLATE "C" ^@ '#category/' THEN
        public.leaderboard_month_end(period)
    END
$$;

-- Rewards and volumes of groups are 0, because they would be of different tokens. Their rows are in
-- the indexes by rewards and by volume all the same: without them, these would have to be built
-- anew, and nobody could read a leaderboard meanwhile.

-- Which conversions of a month still wait, in any campaign. Keeps writers of the mirror out while it is
-- built, some seconds for a million conversions that wait; readers go on.
CREATE INDEX maturing_by_conversion ON mirror.maturing (converted_at);
