-- Portable between SQLite and Postgres. Times are microseconds since 1970 in
-- UTC; lists and maps are JSON text; BYTEA keeps bytes as they are on both.

-- +goose Up

CREATE TABLE organizations (
    id          TEXT   NOT NULL PRIMARY KEY,
    slug        TEXT,
    name        TEXT   NOT NULL,
    connection  TEXT   NOT NULL,
    provider_id TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    synced_at   BIGINT
);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);
CREATE UNIQUE INDEX organizations_provider ON organizations (connection, provider_id);
CREATE INDEX organizations_connection ON organizations (connection, id);

CREATE TABLE aliases (
    connection      TEXT   NOT NULL,
    provider_id     TEXT   NOT NULL,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (connection, provider_id)
);
CREATE INDEX aliases_organization ON aliases (organization_id);

-- nth counts the invites of one address in one organization: which one is the
-- newest must not depend on a clock.
CREATE TABLE invites (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    connection      TEXT    NOT NULL,
    provider_id     TEXT    NOT NULL,
    email           TEXT    NOT NULL,
    email_key       TEXT    NOT NULL,
    nth             BIGINT  NOT NULL,
    roles           TEXT    NOT NULL,
    unmapped_roles  BOOLEAN NOT NULL,
    state           TEXT    NOT NULL,
    state_reason    TEXT    NOT NULL,
    given_name      TEXT    NOT NULL,
    family_name     TEXT    NOT NULL,
    locale          TEXT    NOT NULL,
    message         TEXT    NOT NULL,
    redirect_url    TEXT    NOT NULL,
    metadata        TEXT    NOT NULL,
    notify          BOOLEAN NOT NULL,
    not_carried     TEXT    NOT NULL,
    inviter_issuer  TEXT    NOT NULL,
    inviter_subject TEXT    NOT NULL,
    inviter_email   TEXT    NOT NULL,
    expires_at      BIGINT,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    accepted_at     BIGINT,
    sent_at         BIGINT,
    synced_at       BIGINT,
    attempt         BIGINT  NOT NULL,
    reference       TEXT    NOT NULL,
    asked_at        BIGINT,
    lease_holder    TEXT,
    lease_until     BIGINT
);
CREATE UNIQUE INDEX invites_live ON invites (organization_id, email_key)
    WHERE state IN ('queued', 'sending', 'pending', 'uncertain');
CREATE INDEX invites_address ON invites (organization_id, email_key, created_at DESC, id DESC);
CREATE INDEX invites_list ON invites (organization_id, created_at DESC, id DESC);
CREATE INDEX invites_state ON invites (organization_id, state, created_at DESC, id DESC);
CREATE INDEX invites_provider ON invites (organization_id, connection, provider_id, nth)
    WHERE provider_id <> '';
CREATE INDEX invites_expiring ON invites (organization_id, expires_at)
    WHERE state = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX invites_unsettled ON invites (state, connection, COALESCE(asked_at, 0), updated_at, id)
    WHERE state IN ('sending', 'uncertain');
CREATE INDEX invites_ended ON invites (organization_id, updated_at)
    WHERE state IN ('expired', 'revoked');
CREATE INDEX invites_leased ON invites (lease_holder, lease_until)
    WHERE lease_holder IS NOT NULL;

-- Finds invites by role. The order of an invite's own list is invites.roles.
CREATE TABLE invite_roles (
    invite_id       TEXT   NOT NULL REFERENCES invites (id),
    role            TEXT   NOT NULL,
    organization_id TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (invite_id, role)
);
CREATE INDEX invite_roles_list ON invite_roles (organization_id, role, created_at DESC, invite_id DESC);

CREATE TABLE invite_events (
    invite_id     TEXT   NOT NULL REFERENCES invites (id),
    seq           BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    actor_issuer  TEXT   NOT NULL,
    actor_subject TEXT   NOT NULL,
    actor_email   TEXT   NOT NULL,
    PRIMARY KEY (invite_id, seq)
);

CREATE TABLE invite_steps (
    invite_id TEXT   NOT NULL REFERENCES invites (id),
    attempt   BIGINT NOT NULL,
    name      TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    begun_at  BIGINT NOT NULL,
    done_at   BIGINT,
    result    TEXT   NOT NULL,
    PRIMARY KEY (invite_id, attempt, name)
);

CREATE TABLE members (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization_id TEXT   NOT NULL REFERENCES organizations (id),
    connection      TEXT   NOT NULL,
    provider_id     TEXT   NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX members_provider ON members (organization_id, connection, provider_id);

-- id is a hash of the caller, the route and the key.
CREATE TABLE idempotency (
    id         TEXT   NOT NULL PRIMARY KEY,
    body_hash  BYTEA  NOT NULL,
    state      TEXT   NOT NULL,
    holder     TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    invite_id  TEXT   REFERENCES invites (id),
    attempt    BIGINT NOT NULL,
    organization_id TEXT REFERENCES organizations (id),
    status     BIGINT NOT NULL,
    header     TEXT   NOT NULL,
    body       BYTEA,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (updated_at);

-- +goose Down

DROP TABLE idempotency;
DROP TABLE members;
DROP TABLE invite_steps;
DROP TABLE invite_events;
DROP TABLE invite_roles;
DROP TABLE invites;
DROP TABLE aliases;
DROP TABLE organizations;
