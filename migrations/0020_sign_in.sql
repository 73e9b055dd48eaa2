-- Sign-in with a wallet, and keys for the servers of campaigns. docs/decisions/sign-in.md says why
-- challenges are not stored.
--
-- Tokens are 256 random bits. Only their SHA-256 is stored.

-- The key under which the API makes the nonces of its challenges. The first API process makes it.
CREATE TABLE sign_in_key (
    singleton boolean NOT NULL DEFAULT true,
    key       bytea   NOT NULL,
    CONSTRAINT sign_in_key_pkey PRIMARY KEY (singleton),
    CONSTRAINT sign_in_key_one_row CHECK (singleton),
    CONSTRAINT sign_in_key_size CHECK (octet_length(key) = 32)
);

-- Nonces that a valid signature has used, until their challenge has expired for a long time.
CREATE TABLE used_nonces (
    nonce      bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT used_nonces_pkey PRIMARY KEY (nonce)
);

-- Expired ones are deleted.
CREATE INDEX used_nonces_by_expiry ON used_nonces (expires_at);

CREATE TABLE sessions (
    id           uuid        NOT NULL,
    wallet       text        COLLATE "C" NOT NULL,
    token_hash   bytea       NOT NULL,
    -- cookie or bearer: how its token is sent.
    kind         text        NOT NULL,
    -- The beginning of the browser's name, for the list of sessions.
    user_agent   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- To a minute.
    last_used_at timestamptz NOT NULL DEFAULT now(),
    -- It ends then, or earlier if it is not used.
    expires_at   timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_token_once UNIQUE (token_hash),
    CONSTRAINT sessions_token_is_hashed CHECK (octet_length(token_hash) = 32),
    CONSTRAINT sessions_kind_known CHECK (kind IN ('cookie', 'bearer'))
);

CREATE INDEX sessions_by_wallet ON sessions (wallet, created_at, id);
-- Expired and unused ones are deleted.
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_use ON sessions (last_used_at);

CREATE TABLE api_keys (
    id           uuid        NOT NULL,
    campaign     text        COLLATE "C" NOT NULL,
    -- The campaign's authority that made it. It works only while this wallet is the authority.
    created_by   text        COLLATE "C" NOT NULL,
    name         text        NOT NULL,
    -- The beginning of the key, to recognise it by.
    prefix       text        NOT NULL,
    key_hash     bytea       NOT NULL,
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- To a minute.
    last_used_at timestamptz,
    -- NULL for never.
    expires_at   timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_key_once UNIQUE (key_hash),
    CONSTRAINT api_keys_key_is_hashed CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
    CONSTRAINT api_keys_some_scope CHECK (cardinality(scopes) BETWEEN 1 AND 16)
);

CREATE INDEX api_keys_by_campaign ON api_keys (campaign, created_at, id);
-- Those that have ended are deleted after a while.
CREATE INDEX api_keys_by_end ON api_keys (LEAST(expires_at, revoked_at))
    WHERE LEAST(expires_at, revoked_at) IS NOT NULL;
