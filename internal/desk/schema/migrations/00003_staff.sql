-- Agents come in with passkeys, or by an identity provider; programs with keys.
-- Passwords are gone: agents of before keep their names and roles and need a link.

-- +goose Up
ALTER TABLE agents DROP COLUMN password;
ALTER TABLE agents ADD COLUMN sso TEXT NOT NULL DEFAULT ''; -- e-mail address at the identity provider, lower case; empty = none
CREATE UNIQUE INDEX agents_by_sso ON agents (sso) WHERE sso <> '';

CREATE TABLE passkeys (
    id         TEXT   NOT NULL PRIMARY KEY, -- the credential's, base64url
    agent      TEXT   NOT NULL REFERENCES agents (name),
    label      TEXT   NOT NULL,
    credential TEXT   NOT NULL, -- public key and flags, JSON
    uses       BIGINT NOT NULL, -- the highest count of signatures that it told; always 0 where it does not count
    added_at   BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX passkeys_by_agent ON passkeys (agent);

-- The one link of an agent that registers a passkey. It is deleted when it is used.
CREATE TABLE invitations (
    agent TEXT    NOT NULL PRIMARY KEY REFERENCES agents (name),
    token TEXT    NOT NULL UNIQUE, -- keyed hash
    fresh INTEGER NOT NULL CHECK (fresh IN (0, 1)), -- the passkeys of before are removed when it is used
    until BIGINT  NOT NULL
);

-- A name is never given twice, so that the security log stays clear.
CREATE TABLE api_keys (
    name       TEXT   NOT NULL PRIMARY KEY,
    secret     TEXT   NOT NULL UNIQUE, -- keyed hash
    scopes     TEXT   NOT NULL,        -- by commas
    made_by    TEXT   NOT NULL,        -- an agent, or the operator
    made_at    BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE api_keys;
DROP TABLE invitations;
DROP TABLE passkeys;
DROP INDEX agents_by_sso;
ALTER TABLE agents DROP COLUMN sso;
ALTER TABLE agents ADD COLUMN password TEXT NOT NULL DEFAULT '';
