-- What pages show.

-- What the campaign calls its token.
ALTER TABLE campaign_profiles
    ADD COLUMN symbol text,
    ADD CONSTRAINT campaign_profiles_symbol_form CHECK (symbol ~ '^[A-Za-z0-9$]{1,10}$');

-- What became of a conversion, for its page. Few events have these kinds more than three times for
-- one conversion.
CREATE INDEX events_by_conversion ON mirror.events (subject, seq, place)
    WHERE kind IN ('part_paid', 'conversion_released', 'conversion_cancelled', 'conversion_lapsed');
