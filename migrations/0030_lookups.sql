-- Look-ups of what became of an order, and of what a wallet has tried.

-- Orders, by their hash.
CREATE INDEX conversions_by_reference ON mirror.conversions
    (reference, converted_at DESC, address DESC) WHERE reference IS NOT NULL;

-- The attempts of a referred wallet, and those to make one conversion, also those that failed.
CREATE INDEX calls_by_wallet ON mirror.calls (wallet, campaign, seq DESC)
    WHERE name IN ('bind', 'convert', 'purchase');
CREATE INDEX calls_by_conversion ON mirror.calls (conversion, seq DESC)
    WHERE name IN ('convert', 'purchase');
