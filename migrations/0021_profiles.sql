-- What the owner of a code says about it, and what a wallet asks about itself.

-- Plain text. Lengths are in characters.
CREATE TABLE code_profiles (
    -- Address of the referral.
    referral    text        COLLATE "C" NOT NULL,
    -- The owner that wrote it. It is not shown while somebody else owns the code.
    owner       text        COLLATE "C" NOT NULL,
    nickname    text,
    description text,
    message     text,
    category    text        COLLATE "C",
    -- ISO 3166-1 alpha-2.
    region      text        COLLATE "C",
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT code_profiles_pkey PRIMARY KEY (referral),
    CONSTRAINT code_profiles_nickname_length CHECK (char_length(nickname) BETWEEN 1 AND 40),
    CONSTRAINT code_profiles_description_length CHECK (char_length(description) BETWEEN 1 AND 500),
    CONSTRAINT code_profiles_message_length CHECK (char_length(message) BETWEEN 1 AND 280),
    CONSTRAINT code_profiles_category_form CHECK (category ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(category) <= 32),
    CONSTRAINT code_profiles_region_form CHECK (region ~ '^[A-Z]{2}$')
);

-- The codes of a wallet, and its rewards: the newest first, also those that are still owed.
CREATE INDEX referrals_by_owner ON mirror.referrals (owner, created_at DESC, address DESC);
CREATE INDEX conversions_by_referrer ON mirror.conversions
    (referrer, converted_at DESC, address DESC);
CREATE INDEX conversions_by_partner ON mirror.conversions
    (partner, converted_at DESC, address DESC) WHERE partner IS NOT NULL;
CREATE INDEX conversions_pending_by_referrer ON mirror.conversions
    (referrer, converted_at DESC, address DESC) WHERE status = 'pending';
CREATE INDEX conversions_pending_by_partner ON mirror.conversions
    (partner, converted_at DESC, address DESC) WHERE status = 'pending' AND partner IS NOT NULL;

-- The payments of a conversion.
CREATE INDEX IF NOT EXISTS events_by_conversion ON mirror.events (subject, seq, place)
    WHERE kind IN ('part_paid', 'conversion_released', 'conversion_cancelled', 'conversion_lapsed');
