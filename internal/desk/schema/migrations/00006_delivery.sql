-- Several reveals of one case, of which one at most is delivered; the owner's
-- links, codes and half.

-- +goose Up
-- One row for every challenge that was spent, written before the answer exists.
-- The answer itself is never stored. A row that nobody finished stays pending
-- until the case's next challenge; every row counts against the limits.
CREATE TABLE reveals_of_cases (
    challenge   TEXT    NOT NULL PRIMARY KEY, -- SHA-256
    case_number INTEGER NOT NULL REFERENCES cases (number),
    device_id   TEXT    NOT NULL REFERENCES recorders (device_id),
    account     TEXT    NOT NULL,
    purpose     INTEGER NOT NULL,
    caller      TEXT    NOT NULL,
    agent       TEXT    NOT NULL REFERENCES agents (name),
    approver    TEXT    REFERENCES agents (name),
    evidence    TEXT    NOT NULL, -- kinds, by commas
    at          BIGINT  NOT NULL,
    delivered   TEXT    NOT NULL CHECK (delivered IN ('pending', 'yes', 'no')),
    split       INTEGER NOT NULL CHECK (split IN (0, 1)), -- the agent got groups 1 and 2 alone
    CONSTRAINT revealer_is_not_approver CHECK (approver IS NULL OR approver <> agent)
);
INSERT INTO reveals_of_cases (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, delivered, split)
    SELECT challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, 'yes', 0 FROM reveals;
DROP TABLE reveals;
ALTER TABLE reveals_of_cases RENAME TO reveals;
CREATE UNIQUE INDEX reveals_one_of_a_case ON reveals (case_number) WHERE delivered IN ('pending', 'yes');
CREATE INDEX reveals_by_case ON reveals (case_number);
CREATE INDEX reveals_by_recorder ON reveals (device_id, at);
CREATE INDEX reveals_by_caller ON reveals (caller, at);
CREATE INDEX reveals_by_agent ON reveals (agent, at);
CREATE INDEX reveals_by_time ON reveals (at);

-- A link in a message to the owner. The token stands in the message alone: hash
-- finds its row, and seal_to is a public key whose private half only the token gives.
CREATE TABLE owner_links (
    hash        TEXT    NOT NULL PRIMARY KEY,
    case_number INTEGER NOT NULL REFERENCES cases (number),
    address     TEXT    NOT NULL, -- keyed hash of where it was sent
    masked      TEXT    NOT NULL,
    seal_to     TEXT    NOT NULL,
    made_at     BIGINT  NOT NULL
);
CREATE INDEX owner_links_by_case ON owner_links (case_number);

-- The owner's half of an answer, for ten minutes.
CREATE TABLE owner_halves (
    link   TEXT   NOT NULL PRIMARY KEY REFERENCES owner_links (hash),
    sealed TEXT   NOT NULL,
    until  BIGINT NOT NULL
);

-- Numbers that were sent to a registered address (E2). Of a case only the newest counts.
CREATE TABLE codes (
    case_number INTEGER NOT NULL REFERENCES cases (number),
    turn        INTEGER NOT NULL, -- 1, 2, ... in each case
    sent_at     BIGINT  NOT NULL,
    address     TEXT    NOT NULL, -- keyed hash
    masked      TEXT    NOT NULL,
    code        TEXT    NOT NULL, -- keyed hash; empty = over
    tries       INTEGER NOT NULL CHECK (tries >= 0), -- that are left
    PRIMARY KEY (case_number, turn)
);

-- Registered addresses that are known in a case to be in the owner's hands.
CREATE TABLE confirmed_addresses (
    case_number INTEGER NOT NULL REFERENCES cases (number),
    address     TEXT    NOT NULL, -- keyed hash
    how         TEXT    NOT NULL CHECK (how IN ('number', 'link')),
    at          BIGINT  NOT NULL,
    PRIMARY KEY (case_number, address)
);

-- +goose Down
DROP TABLE confirmed_addresses;
DROP TABLE codes;
DROP TABLE owner_halves;
DROP TABLE owner_links;
CREATE TABLE reveals_once (
    challenge   TEXT    NOT NULL PRIMARY KEY,
    case_number INTEGER NOT NULL UNIQUE REFERENCES cases (number),
    device_id   TEXT    NOT NULL REFERENCES recorders (device_id),
    account     TEXT    NOT NULL,
    purpose     INTEGER NOT NULL,
    caller      TEXT    NOT NULL,
    agent       TEXT    NOT NULL REFERENCES agents (name),
    approver    TEXT    REFERENCES agents (name),
    evidence    TEXT    NOT NULL,
    at          BIGINT  NOT NULL,
    CONSTRAINT revealer_is_not_approver CHECK (approver IS NULL OR approver <> agent)
);
INSERT INTO reveals_once SELECT challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at FROM reveals WHERE delivered = 'yes';
DROP TABLE reveals;
ALTER TABLE reveals_once RENAME TO reveals;
CREATE INDEX reveals_by_recorder ON reveals (device_id, at);
CREATE INDEX reveals_by_caller ON reveals (caller, at);
CREATE INDEX reveals_by_agent ON reveals (agent, at);
