-- +goose Up

-- The openings of the ledger that hold leases and claims. One that is not here,
-- or not alive any more, is dead, and what it holds may be taken over.
CREATE TABLE instances (
    id          TEXT   NOT NULL PRIMARY KEY,
    alive_until BIGINT NOT NULL,
    opened_at   BIGINT NOT NULL
);

-- +goose Down

DROP TABLE instances;
