-- The desk's tables. TEXT, INTEGER and BIGINT only, times as Unix microseconds
-- (0 = never), so that the same statements run on PostgreSQL. Bytes are hex.

-- +goose Up
CREATE TABLE agents (
    name     TEXT   NOT NULL PRIMARY KEY,
    role     TEXT   NOT NULL CHECK (role IN ('agent', 'approver', 'supervisor', 'auditor', 'administrator')),
    password TEXT   NOT NULL, -- argon2id in PHC form
    added_at BIGINT NOT NULL
);

-- Who may not try to log in for a while. The subject is a keyed hash of an
-- agent's name or of an address, whether or not there is such an agent.
CREATE TABLE throttles (
    subject    TEXT    NOT NULL PRIMARY KEY,
    fails      INTEGER NOT NULL,
    last_at    BIGINT  NOT NULL,
    blocked_to BIGINT  NOT NULL
);

CREATE TABLE recorders (
    device_id      TEXT    NOT NULL PRIMARY KEY, -- as on the label
    model          TEXT    NOT NULL,
    serial         TEXT    NOT NULL,
    epoch          INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 255),
    owner          TEXT    NOT NULL,
    owned_since    BIGINT  NOT NULL,
    stolen         INTEGER NOT NULL CHECK (stolen IN (0, 1)),
    enrolled_at    BIGINT  NOT NULL,
    last_counter   INTEGER NOT NULL CHECK (last_counter BETWEEN -1 AND 65535), -- -1 = none seen
    last_challenge TEXT    NOT NULL                                            -- SHA-256
);

-- K_dev at rest: sealed with a key of the row, which is wrapped by the desk's
-- key. Both are bound to the Device ID and the epoch.
CREATE TABLE recorder_keys (
    device_id TEXT    NOT NULL PRIMARY KEY REFERENCES recorders (device_id),
    epoch     INTEGER NOT NULL,
    wrapped   TEXT    NOT NULL,
    sealed    TEXT    NOT NULL
);

CREATE TABLE addresses (
    device_id TEXT NOT NULL REFERENCES recorders (device_id),
    address   TEXT NOT NULL, -- mailto: or tel:
    PRIMARY KEY (device_id, address)
);

CREATE TABLE cases (
    number         INTEGER NOT NULL PRIMARY KEY,
    device_id      TEXT    NOT NULL REFERENCES recorders (device_id),
    account        TEXT    NOT NULL,
    purpose        INTEGER NOT NULL CHECK (purpose BETWEEN 0 AND 2),
    caller         TEXT    NOT NULL, -- same value = same telephone number, within 30 days
    opened_by      TEXT    NOT NULL REFERENCES agents (name),
    opened_at      BIGINT  NOT NULL,
    counter_behind INTEGER NOT NULL CHECK (counter_behind IN (0, 1)),
    approved_by    TEXT    REFERENCES agents (name),
    approved_at    BIGINT  NOT NULL,
    approved_level INTEGER NOT NULL,
    closed_by      TEXT    REFERENCES agents (name),
    closed_at      BIGINT  NOT NULL,
    outcome        TEXT    NOT NULL,
    CONSTRAINT requester_is_not_approver CHECK (approved_by IS NULL OR approved_by <> opened_by)
);
CREATE INDEX cases_by_recorder ON cases (device_id);
CREATE INDEX cases_by_time ON cases (opened_at);

-- The caller's telephone number is kept as an HMAC only. Deleting the row
-- forgets the number for good; the case and the security log stay whole.
CREATE TABLE caller_salts (
    case_number INTEGER NOT NULL PRIMARY KEY REFERENCES cases (number),
    salt        TEXT    NOT NULL,
    hmac        TEXT    NOT NULL
);

CREATE TABLE evidence (
    case_number INTEGER NOT NULL REFERENCES cases (number),
    kind        TEXT    NOT NULL CHECK (kind IN ('E1', 'E2', 'E3', 'E4', 'E5', 'E6')),
    note        TEXT    NOT NULL,
    qr          TEXT    NOT NULL, -- E1: the text of the QR code
    added_by    TEXT    NOT NULL REFERENCES agents (name),
    added_at    BIGINT  NOT NULL,
    PRIMARY KEY (case_number, kind)
);

-- One row for every answer, written before the answer exists. The answer
-- itself is never stored.
CREATE TABLE reveals (
    challenge   TEXT    NOT NULL PRIMARY KEY, -- SHA-256
    case_number INTEGER NOT NULL UNIQUE REFERENCES cases (number),
    device_id   TEXT    NOT NULL REFERENCES recorders (device_id),
    account     TEXT    NOT NULL,
    purpose     INTEGER NOT NULL,
    caller      TEXT    NOT NULL,
    agent       TEXT    NOT NULL REFERENCES agents (name),
    approver    TEXT    REFERENCES agents (name),
    evidence    TEXT    NOT NULL, -- kinds, by commas
    at          BIGINT  NOT NULL,
    CONSTRAINT revealer_is_not_approver CHECK (approver IS NULL OR approver <> agent)
);
CREATE INDEX reveals_by_recorder ON reveals (device_id, at);
CREATE INDEX reveals_by_caller ON reveals (caller, at);
CREATE INDEX reveals_by_agent ON reveals (agent, at);

-- +goose Down
DROP TABLE reveals;
DROP TABLE evidence;
DROP TABLE caller_salts;
DROP TABLE cases;
DROP TABLE addresses;
DROP TABLE recorder_keys;
DROP TABLE recorders;
DROP TABLE throttles;
DROP TABLE agents;
