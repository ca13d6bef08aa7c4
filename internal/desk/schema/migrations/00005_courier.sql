-- What waits to be sent, and the addresses of programs that want events.

-- +goose Up
-- One message to one address, or one event to one hook. sealed is AES-GCM under
-- the desk's key, bound to the id, and goes when the row is settled: neither an
-- address nor a link lies here in clear.
CREATE TABLE outbox (
    id          TEXT    NOT NULL PRIMARY KEY,
    turn        BIGINT  NOT NULL UNIQUE, -- the order in which messages were queued
    line        TEXT    NOT NULL,        -- keyed hash of case and address; within a line the order is kept
    via         TEXT    NOT NULL CHECK (via IN ('mail', 'sms', 'hook')),
    hook        INTEGER NOT NULL,        -- 0 = none
    case_number INTEGER NOT NULL,        -- 0 = none
    kind        TEXT    NOT NULL,
    sealed      TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waits', 'over', 'given up')),
    tries       INTEGER NOT NULL,
    queued_at   BIGINT  NOT NULL,
    next_at     BIGINT  NOT NULL,
    claim       TEXT    NOT NULL, -- of the process that carries it now; empty = none
    claimed_to  BIGINT  NOT NULL,
    settled_at  BIGINT  NOT NULL
);
CREATE INDEX outbox_by_state ON outbox (state, via, turn);
CREATE INDEX outbox_by_line ON outbox (line, state, turn);
CREATE INDEX outbox_by_case ON outbox (case_number, kind, state);

CREATE TABLE hooks (
    id      INTEGER NOT NULL PRIMARY KEY,
    url     TEXT    NOT NULL,
    events  TEXT    NOT NULL, -- by commas; empty = all
    secret  TEXT    NOT NULL, -- sealed, bound to the id
    made_at BIGINT  NOT NULL,
    failed  TEXT    NOT NULL
);

-- +goose Down
DROP TABLE hooks;
DROP TABLE outbox;
