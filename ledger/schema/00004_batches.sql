-- +goose Up

CREATE TABLE batches (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    state           TEXT   NOT NULL,
    inviter_issuer  TEXT   NOT NULL,
    inviter_subject TEXT   NOT NULL,
    inviter_email   TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    finished_at     BIGINT
);
CREATE INDEX batches_list ON batches (organization_id, created_at DESC, id DESC);
CREATE INDEX batches_open ON batches (state, updated_at, id)
    WHERE state IN ('receiving', 'running', 'cancelling');

-- request is what was asked for, until it is an invite. A row that the vendor
-- refused together with others goes alone the next time.
CREATE TABLE batch_rows (
    batch_id  TEXT    NOT NULL REFERENCES batches (id),
    n         BIGINT  NOT NULL,
    line      BIGINT  NOT NULL,
    email     TEXT    NOT NULL,
    request   TEXT    NOT NULL,
    outcome   TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    field     TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    alone     BOOLEAN NOT NULL,
    invite_id TEXT    REFERENCES invites (id),
    PRIMARY KEY (batch_id, n)
);
CREATE INDEX batch_rows_outcome ON batch_rows (batch_id, outcome, n);

ALTER TABLE idempotency ADD COLUMN batch_id TEXT;

-- +goose Down

ALTER TABLE idempotency DROP COLUMN batch_id;
DROP TABLE batch_rows;
DROP TABLE batches;
