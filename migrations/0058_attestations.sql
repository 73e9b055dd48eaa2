-- Vouchers that the API signs for a campaign that has left it its attestor's key.

-- What a campaign's authority allows its servers to have signed. They hold while that wallet is the authority.
CREATE TABLE attestation_rules (
    campaign      text          COLLATE "C" NOT NULL,
    set_by        text          COLLATE "C" NOT NULL,
    -- Vouchers for one wallet on a day (UTC).
    per_wallet    bigint        NOT NULL,
    -- Vouchers on a day.
    per_day       bigint        NOT NULL,
    -- Bounds of the amount of a conversion, in the units of the program's amount, both included.
    least_amount  numeric(20,0) NOT NULL,
    most_amount   numeric(20,0) NOT NULL,
    -- Life of a voucher.
    valid_seconds integer       NOT NULL,
    updated_at    timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT attestation_rules_pkey PRIMARY KEY (campaign),
    CONSTRAINT attestation_rules_some CHECK (per_wallet >= 0 AND per_day >= 0),
    CONSTRAINT attestation_rules_amounts CHECK (least_amount >= 0 AND least_amount <= most_amount),
    CONSTRAINT attestation_rules_life CHECK (valid_seconds BETWEEN 60 AND 2592000)
);

-- Every voucher that was signed, written before it is given out. No row is changed or deleted.
CREATE TABLE attestations (
    campaign   text          COLLATE "C" NOT NULL,
    -- The order, or the wallet, that it is for. It has one voucher at a time.
    subject    text          COLLATE "C" NOT NULL,
    -- 0, and one more for each that follows one that has expired.
    turn       integer       NOT NULL,
    referral   text          COLLATE "C" NOT NULL,
    referee    text          COLLATE "C" NOT NULL,
    -- The bytes of the program's voucher, and the attestor's signature of them.
    message    bytea         NOT NULL,
    attestor   text          COLLATE "C" NOT NULL,
    signature  bytea         NOT NULL,
    -- Unix seconds, as they were signed.
    issued_at  bigint        NOT NULL,
    expires_at bigint        NOT NULL,
    -- The authority that asked, itself or by the key.
    asked_by   text          COLLATE "C" NOT NULL,
    created_at timestamptz   NOT NULL DEFAULT now(),
    CONSTRAINT attestations_pkey PRIMARY KEY (campaign, subject, turn),
    CONSTRAINT attestations_message_size CHECK (octet_length(message) = 209),
    CONSTRAINT attestations_signature_size CHECK (octet_length(signature) = 64)
);

-- Vouchers of a campaign on a day (UTC): of each wallet, and with an empty wallet all.
CREATE TABLE attestation_days (
    campaign text   COLLATE "C" NOT NULL,
    day      date   NOT NULL,
    wallet   text   COLLATE "C" NOT NULL,
    vouchers bigint NOT NULL,
    CONSTRAINT attestation_days_pkey PRIMARY KEY (campaign, day, wallet)
) WITH (fillfactor = 70);

-- Finds the days that are over.
CREATE INDEX attestation_days_by_day ON attestation_days (day);
