-- Who had which part in a case, what was said, phrases, dealers, and what stops
-- a case or a recorder. Three tables are made anew, as their columns change.

-- +goose Up
ALTER TABLE recorders ADD COLUMN frozen_at BIGINT NOT NULL DEFAULT 0; -- since then nobody gets an answer
ALTER TABLE recorders ADD COLUMN frozen_by TEXT NOT NULL DEFAULT '';
ALTER TABLE recorders ADD COLUMN frozen_why TEXT NOT NULL DEFAULT '';
CREATE INDEX recorders_by_time ON recorders (enrolled_at);

-- What only the owner knows, as argon2id hashes in PHC form.
CREATE TABLE phrases (
    device_id TEXT   NOT NULL REFERENCES recorders (device_id),
    kind      TEXT   NOT NULL CHECK (kind IN ('support', 'duress')),
    hash      TEXT   NOT NULL,
    set_at    BIGINT NOT NULL,
    PRIMARY KEY (device_id, kind)
);

-- Vetted accounts of dealers and installers.
CREATE TABLE dealers (
    name     TEXT   NOT NULL PRIMARY KEY,
    company  TEXT   NOT NULL,
    phone    TEXT   NOT NULL,
    until    BIGINT NOT NULL, -- the vetting counts until then
    ended_at BIGINT NOT NULL
);

-- Nobody has two parts in one case. A part is there before the case names it, so
-- it is the case that refers to its parts.
CREATE TABLE case_parts (
    case_number INTEGER NOT NULL,
    agent       TEXT    NOT NULL REFERENCES agents (name),
    part        TEXT    NOT NULL CHECK (part IN ('works', 'approves')),
    at          BIGINT  NOT NULL,
    PRIMARY KEY (case_number, agent),
    UNIQUE (case_number, agent, part)
);
CREATE INDEX case_parts_by_agent ON case_parts (agent, at);

-- No browser has two parts either: who works and who approves are two people.
CREATE TABLE case_browsers (
    case_number INTEGER NOT NULL,
    browser     TEXT    NOT NULL CHECK (browser <> ''), -- a hash
    part        TEXT    NOT NULL CHECK (part IN ('works', 'approves')),
    place       TEXT    NOT NULL DEFAULT '', -- the address that it came from first; empty = none
    PRIMARY KEY (case_number, browser)
);

INSERT INTO case_parts (case_number, agent, part, at)
    SELECT number, opened_by, 'works', opened_at FROM cases;
INSERT INTO case_parts (case_number, agent, part, at)
    SELECT number, approved_by, 'approves', approved_at FROM cases WHERE approved_by IS NOT NULL;

CREATE TABLE cases_of_people (
    number         INTEGER NOT NULL PRIMARY KEY,
    device_id      TEXT    NOT NULL REFERENCES recorders (device_id),
    account        TEXT    NOT NULL,
    purpose        INTEGER NOT NULL CHECK (purpose BETWEEN 0 AND 2),
    caller         TEXT    NOT NULL, -- same value = same telephone number, within 30 days
    dealer         TEXT    REFERENCES dealers (name),
    dealer_phone   INTEGER NOT NULL DEFAULT 0 CHECK (dealer_phone IN (0, 1)), -- it is the number of the dealer that called
    opened_by      TEXT    NOT NULL, -- an agent or a program
    opened_at      BIGINT  NOT NULL,
    worked_by      TEXT,             -- NULL = nobody yet
    worked_as      TEXT    NOT NULL DEFAULT 'works' CHECK (worked_as = 'works'),
    send_to        TEXT    NOT NULL DEFAULT '', -- the registered address that gets the owner's half; empty = not chosen
    counter_behind INTEGER NOT NULL CHECK (counter_behind IN (0, 1)),
    unvouched      INTEGER NOT NULL DEFAULT 0 CHECK (unvouched IN (0, 1)), -- a challenge was given that no fresh QR code vouches for
    phrase_tries   INTEGER NOT NULL DEFAULT 0 CHECK (phrase_tries BETWEEN 0 AND 5),
    duress         INTEGER NOT NULL DEFAULT 0 CHECK (duress IN (0, 1)),
    approved_by    TEXT,
    approved_as    TEXT    NOT NULL DEFAULT 'approves' CHECK (approved_as = 'approves'),
    approved_at    BIGINT  NOT NULL,
    approved_level INTEGER NOT NULL, -- what was approved; where the rules ask for more than these two
    approved_hold  BIGINT  NOT NULL DEFAULT 0, -- (microseconds), it takes another approval
    paused_at      BIGINT  NOT NULL DEFAULT 0,
    paused_why     TEXT    NOT NULL DEFAULT '',
    frozen_at      BIGINT  NOT NULL DEFAULT 0,
    frozen_by      TEXT    NOT NULL DEFAULT '',
    frozen_why     TEXT    NOT NULL DEFAULT '',
    closed_by      TEXT,
    closed_at      BIGINT  NOT NULL,
    outcome        TEXT    NOT NULL,
    password_set   TEXT    NOT NULL DEFAULT '' CHECK (password_set IN ('', 'yes', 'no', 'unknown')),
    caller_in      TEXT    NOT NULL DEFAULT '' CHECK (caller_in IN ('', 'yes', 'no', 'unknown')),
    CONSTRAINT requester_is_not_approver CHECK (approved_by IS NULL OR approved_by <> opened_by),
    CONSTRAINT worker_is_not_approver CHECK (approved_by IS NULL OR worked_by IS NULL OR approved_by <> worked_by),
    CONSTRAINT worker_has_part FOREIGN KEY (number, worked_by, worked_as) REFERENCES case_parts (case_number, agent, part),
    CONSTRAINT approver_has_part FOREIGN KEY (number, approved_by, approved_as) REFERENCES case_parts (case_number, agent, part)
);
INSERT INTO cases_of_people (number, device_id, account, purpose, caller, opened_by, opened_at, worked_by, counter_behind, unvouched,
        approved_by, approved_at, approved_level, approved_hold, closed_by, closed_at, outcome)
    SELECT number, device_id, account, purpose, caller, opened_by, opened_at, opened_by, counter_behind, unvouched,
        approved_by, approved_at, approved_level, CASE WHEN approved_level >= 2 THEN 86400000000 ELSE 0 END, closed_by, closed_at, outcome FROM cases;

CREATE TABLE caller_salts_of_people (
    case_number INTEGER NOT NULL PRIMARY KEY REFERENCES cases_of_people (number),
    salt        TEXT    NOT NULL,
    hmac        TEXT    NOT NULL
);
INSERT INTO caller_salts_of_people (case_number, salt, hmac) SELECT case_number, salt, hmac FROM caller_salts;

CREATE TABLE evidence_of_people (
    case_number INTEGER NOT NULL REFERENCES cases_of_people (number),
    kind        TEXT    NOT NULL CHECK (kind IN ('E1', 'E2', 'E3', 'E4', 'E5', 'E6')),
    note        TEXT    NOT NULL,
    qr          TEXT    NOT NULL, -- E1: the text of the QR code
    added_by    TEXT    NOT NULL, -- an agent, or the owner by a link
    added_at    BIGINT  NOT NULL,
    PRIMARY KEY (case_number, kind)
);
INSERT INTO evidence_of_people (case_number, kind, note, qr, added_by, added_at)
    SELECT case_number, kind, note, qr, added_by, added_at FROM evidence;

CREATE TABLE reveals_of_people (
    challenge   TEXT    NOT NULL PRIMARY KEY,
    case_number INTEGER NOT NULL UNIQUE REFERENCES cases_of_people (number),
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
INSERT INTO reveals_of_people (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at)
    SELECT challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at FROM reveals;

DROP TABLE reveals;
DROP TABLE evidence;
DROP TABLE caller_salts;
DROP TABLE cases;
ALTER TABLE cases_of_people RENAME TO cases;
ALTER TABLE caller_salts_of_people RENAME TO caller_salts;
ALTER TABLE evidence_of_people RENAME TO evidence;
ALTER TABLE reveals_of_people RENAME TO reveals;
CREATE INDEX cases_by_recorder ON cases (device_id);
CREATE INDEX cases_by_time ON cases (opened_at);
CREATE INDEX cases_by_caller ON cases (caller);
CREATE INDEX cases_by_worker ON cases (worked_by);
CREATE INDEX reveals_by_recorder ON reveals (device_id, at);
CREATE INDEX reveals_by_caller ON reveals (caller, at);
CREATE INDEX reveals_by_agent ON reveals (agent, at);

CREATE TABLE case_notes (
    case_number INTEGER NOT NULL REFERENCES cases (number),
    turn        INTEGER NOT NULL, -- 1, 2, ... in each case
    at          BIGINT  NOT NULL,
    by_whom     TEXT    NOT NULL, -- an agent or a program
    note        TEXT    NOT NULL,
    PRIMARY KEY (case_number, turn)
);
