-- Requests that came with an idempotency key, and how they were answered: for
-- 24 hours a repeat is answered in the same way and does nothing.

-- +goose Up
CREATE TABLE requests (
    who             TEXT    NOT NULL, -- the agent, or the program's key
    idempotency_key TEXT    NOT NULL,
    request_hash    TEXT    NOT NULL, -- HMAC of the request
    began_at        BIGINT  NOT NULL,
    status          INTEGER NOT NULL, -- of HTTP; 0 = under way, or cut off
    content_type    TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    told            INTEGER NOT NULL CHECK (told IN (0, 1)), -- the answer is told once and not kept
    PRIMARY KEY (who, idempotency_key)
);
CREATE INDEX requests_by_time ON requests (began_at);

-- +goose Down
DROP TABLE requests;
