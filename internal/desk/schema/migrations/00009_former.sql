-- Addresses of before, what an approval was for, and the firmware of recorders.

-- +goose Up
-- Addresses that were removed or replaced. For 30 days they are told of cases.
CREATE TABLE former_addresses (
    device_id  TEXT   NOT NULL REFERENCES recorders (device_id),
    address    TEXT   NOT NULL, -- mailto: or tel:
    removed_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, address)
);
CREATE INDEX former_addresses_by_time ON former_addresses (removed_at);

ALTER TABLE recorders ADD COLUMN firmware TEXT NOT NULL DEFAULT ''; -- as the recorder's maker enrolled it

-- The names of the rules of the level high that held at the approval, by
-- semicolons; empty = it was approved when this was not kept.
ALTER TABLE cases ADD COLUMN approved_rules TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE cases DROP COLUMN approved_rules;
ALTER TABLE recorders DROP COLUMN firmware;
DROP TABLE former_addresses;
