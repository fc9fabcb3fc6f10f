-- +goose Up

-- How often a row was tried that the vendor failed before anything was sent, and
-- when it is due again; a row that was never tried so is due at any time.
ALTER TABLE batch_rows ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch_rows ADD COLUMN due_at BIGINT;
CREATE INDEX batch_rows_due ON batch_rows (batch_id, due_at) WHERE due_at IS NOT NULL;

-- +goose Down

DROP INDEX batch_rows_due;
ALTER TABLE batch_rows DROP COLUMN due_at;
ALTER TABLE batch_rows DROP COLUMN tries;
