-- +goose Up

-- The organizations that have pending invites are found by it too.
DROP INDEX invites_expiring;
CREATE INDEX invites_pending ON invites (organization_id, expires_at) WHERE state = 'pending';

-- +goose Down

DROP INDEX invites_pending;
CREATE INDEX invites_expiring ON invites (organization_id, expires_at)
    WHERE state = 'pending' AND expires_at IS NOT NULL;
