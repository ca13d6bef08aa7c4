-- Rights that can be taken away, changes in the registry that count as a risk,
-- and challenges that no QR code vouches for.

-- +goose Up
ALTER TABLE agents ADD COLUMN disabled_at BIGINT NOT NULL DEFAULT 0; -- since then they cannot log in
ALTER TABLE agents ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;       -- sessions of another epoch are over

-- When the desk itself saw a change after the recorder was enrolled, whatever
-- date the owner's own is given with.
ALTER TABLE recorders ADD COLUMN owner_changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE recorders ADD COLUMN addresses_changed_at BIGINT NOT NULL DEFAULT 0;

-- A challenge was given that the case's QR code does not vouch for.
ALTER TABLE cases ADD COLUMN unvouched INTEGER NOT NULL DEFAULT 0 CHECK (unvouched IN (0, 1));

-- +goose Down
ALTER TABLE cases DROP COLUMN unvouched;
ALTER TABLE recorders DROP COLUMN addresses_changed_at;
ALTER TABLE recorders DROP COLUMN owner_changed_at;
ALTER TABLE agents DROP COLUMN epoch;
ALTER TABLE agents DROP COLUMN disabled_at;
