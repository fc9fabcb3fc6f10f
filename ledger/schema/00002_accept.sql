-- +goose Up

-- The links that invitees accept by: a hash of each, and what it leads to. One
-- is superseded once a later attempt to send the invite has succeeded.
CREATE TABLE invite_links (
    hash       TEXT    NOT NULL PRIMARY KEY,
    invite_id  TEXT    NOT NULL REFERENCES invites (id),
    attempt    BIGINT  NOT NULL,
    roles      TEXT    NOT NULL,
    superseded BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL
);
CREATE INDEX invite_links_invite ON invite_links (invite_id, attempt);

-- People and memberships of connections that have no vendor. An organization
-- is named as organizations.provider_id does.
CREATE TABLE directory_users (
    id          TEXT   NOT NULL PRIMARY KEY,
    connection  TEXT   NOT NULL,
    email       TEXT   NOT NULL,
    email_key   TEXT   NOT NULL,
    given_name  TEXT   NOT NULL,
    family_name TEXT   NOT NULL,
    locale      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_users_address ON directory_users (connection, email_key);

CREATE TABLE directory_members (
    id           TEXT   NOT NULL PRIMARY KEY,
    connection   TEXT   NOT NULL,
    organization TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES directory_users (id),
    roles        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX directory_members_user ON directory_members (connection, organization, user_id);
CREATE INDEX directory_members_list ON directory_members (connection, organization, id);

-- +goose Down

DROP TABLE directory_members;
DROP TABLE directory_users;
DROP TABLE invite_links;
