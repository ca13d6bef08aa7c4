-- What a supervisor looks at: alarms, refusals, the clock, and a counter of
-- changes for those who watch.

-- +goose Up
CREATE TABLE alarms (
    id          INTEGER NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind IN ('volume', 'keys', 'caller', 'notme', 'duress', 'clock', 'browser', 'undelivered')),
    subject     TEXT    NOT NULL, -- what is alike within a day is one alarm
    at          BIGINT  NOT NULL,
    words       TEXT    NOT NULL,
    case_number BIGINT  NOT NULL, -- 0 = none
    settled_by  TEXT    NOT NULL,
    settled_at  BIGINT  NOT NULL, -- 0 = open
    note        TEXT    NOT NULL,
    CONSTRAINT settled_with_a_note CHECK (settled_at = 0 OR (settled_by <> '' AND note <> ''))
);
CREATE INDEX alarms_by_subject ON alarms (kind, subject, at);

-- What was refused about a case: by the gate (who may not do it), or by rules,
-- limits and checks of what a caller gave.
CREATE TABLE refusals (
    id          INTEGER NOT NULL PRIMARY KEY,
    case_number BIGINT  NOT NULL,
    agent       TEXT    NOT NULL,
    act         TEXT    NOT NULL,
    by_gate     INTEGER NOT NULL CHECK (by_gate IN (0, 1)),
    at          BIGINT  NOT NULL
);
CREATE INDEX refusals_by_case ON refusals (case_number);
CREATE INDEX refusals_by_time ON refusals (at);

-- One row: the wall clock against the time since boot, both in microseconds.
CREATE TABLE clock (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    boot    TEXT    NOT NULL, -- which boot "since" counts from
    since   BIGINT  NOT NULL, -- time since boot, when wall was read
    wall    BIGINT  NOT NULL,
    last    BIGINT  NOT NULL, -- the wall clock, read last
    mark    BIGINT  NOT NULL, -- its latest time; no record is later
    jumped  BIGINT  NOT NULL  -- how far the wall clock has jumped in all; back counts down
);

-- How far the clock had jumped when the case was approved, so that a jump
-- after it shortens no hold.
ALTER TABLE cases ADD COLUMN approved_jumped BIGINT NOT NULL DEFAULT 0;

-- One row: it counts what was changed, for other processes that watch.
CREATE TABLE changes (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    counted BIGINT  NOT NULL
);
INSERT INTO changes (id, counted) VALUES (1, 0);

-- +goose Down
DROP TABLE changes;
ALTER TABLE cases DROP COLUMN approved_jumped;
DROP TABLE clock;
DROP TABLE refusals;
DROP TABLE alarms;
