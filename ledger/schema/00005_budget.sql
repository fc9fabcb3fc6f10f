-- +goose Up

-- What vendors count: a row for each scope of their limits. ahead is how far the
-- database's clock is known to have run ahead of time, in microseconds.
CREATE TABLE budgets (
    scope        TEXT   NOT NULL PRIMARY KEY,
    paused_until BIGINT,
    ahead        BIGINT NOT NULL
);

-- How many calls of a class count until when, and who made or may make them;
-- spare of them are not under way. nth tells a holder's rows apart.
CREATE TABLE budget_uses (
    scope      TEXT   NOT NULL REFERENCES budgets (scope),
    class      TEXT   NOT NULL,
    holder     TEXT   NOT NULL,
    nth        BIGINT NOT NULL,
    calls      BIGINT NOT NULL,
    spare      BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    PRIMARY KEY (scope, class, holder, nth)
);

-- +goose Down

DROP TABLE budget_uses;
DROP TABLE budgets;
