-- +goose Up
-- When the recorder said that it was reset by its button; 0 = it was not. From
-- then on its owner can do one thing here: release its activation lock.
ALTER TABLE links ADD COLUMN reset_at BIGINT NOT NULL DEFAULT 0;

-- When "that was not me" was pressed; 0 = it was not. Nobody logs in until a new
-- password is set by e-mail.
ALTER TABLE owners ADD COLUMN frozen_at BIGINT NOT NULL DEFAULT 0;

-- The second factor: the key of an authenticator (base64, sealed to cloud.key;
-- empty = none), and the newest step whose code was taken.
ALTER TABLE owners ADD COLUMN totp TEXT NOT NULL DEFAULT '';
ALTER TABLE owners ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;

-- Codes for the day on which the authenticator is gone. Each counts once.
CREATE TABLE sheets (
    owner TEXT NOT NULL REFERENCES owners (id),
    code  TEXT NOT NULL, -- SHA-256
    PRIMARY KEY (owner, code)
);

-- What a link that ended leaves is its key, so that whoever comes with it is told
-- that it is over, and when and why.
UPDATE links SET device_id = '', model = '', name = '', owner = '', address = '' WHERE state = 'ended';
DELETE FROM requests WHERE link IN (SELECT id FROM links WHERE state = 'ended');

-- +goose Down
DROP TABLE sheets;
ALTER TABLE owners DROP COLUMN totp_step;
ALTER TABLE owners DROP COLUMN totp;
ALTER TABLE owners DROP COLUMN frozen_at;
ALTER TABLE links DROP COLUMN reset_at;
