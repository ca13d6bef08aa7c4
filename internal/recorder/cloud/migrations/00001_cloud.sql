-- The cloud's tables. TEXT, INTEGER and BIGINT only, times as Unix microseconds
-- (0 = never), so that the same statements run on PostgreSQL. Bytes are hex or base64.

-- +goose Up
CREATE TABLE owners (
    id       TEXT   NOT NULL PRIMARY KEY, -- drawn; stands for the address in the security log
    address  TEXT   NOT NULL UNIQUE,      -- e-mail, lower case, confirmed
    password TEXT   NOT NULL,             -- argon2id in PHC form
    epoch    BIGINT NOT NULL              -- rises with each new password: it ends the sessions
);

-- Accounts asked for, and new passwords, until the code that was mailed is typed.
CREATE TABLE confirmations (
    id       TEXT    NOT NULL PRIMARY KEY, -- drawn; in the form of the browser that asked
    address  TEXT    NOT NULL,
    password TEXT    NOT NULL,
    code     TEXT    NOT NULL, -- SHA-256
    tries    INTEGER NOT NULL,
    at       BIGINT  NOT NULL
);

CREATE TABLE links (
    id        TEXT    NOT NULL PRIMARY KEY, -- of the link key
    link_key  TEXT    NOT NULL,             -- Ed25519, public
    device_id TEXT    NOT NULL,             -- as the recorder says; proves nothing
    model     TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    epoch     INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 255),
    enc       TEXT    NOT NULL, -- the key of the answers, sealed to cloud.key
    sealed    TEXT    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('pending', 'linked', 'ended')),
    code      TEXT    NOT NULL, -- SHA-256 of the pairing code; empty once it was typed
    owner     TEXT    NOT NULL, -- owners.id; empty while pending
    address   TEXT    NOT NULL, -- as confirmed at linking: temporary passwords go nowhere else
    begun_at  BIGINT  NOT NULL,
    linked_at BIGINT  NOT NULL,
    ended_at  BIGINT  NOT NULL,
    ended_why TEXT    NOT NULL,
    seen_at   BIGINT  NOT NULL
);
CREATE INDEX links_owner ON links (owner, state);
CREATE INDEX links_code ON links (code);

-- Who else may look at a recorder. The address need not have an account.
CREATE TABLE shares (
    link    TEXT   NOT NULL REFERENCES links (id),
    address TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (link, address)
);
CREATE INDEX shares_address ON shares (address);

-- Temporary passwords asked for. The answer itself is nowhere.
CREATE TABLE requests (
    link      TEXT   NOT NULL REFERENCES links (id),
    challenge TEXT   NOT NULL, -- SHA-256
    at        BIGINT NOT NULL,
    sent_at   BIGINT NOT NULL,
    PRIMARY KEY (link, challenge)
);

-- What counts against a limit. The subject is a keyed hash.
CREATE TABLE uses (
    kind    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX uses_subject ON uses (kind, subject, at);

-- +goose Down
DROP TABLE uses;
DROP TABLE requests;
DROP TABLE shares;
DROP TABLE links;
DROP TABLE confirmations;
DROP TABLE owners;
