package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"usher/identity"
)

const (
	organizationColumns = `o.id, o.slug, o.name, o.connection, o.provider_id, o.created_at, o.updated_at, o.synced_at`

	organizationByID    = `SELECT ` + organizationColumns + ` FROM organizations o WHERE o.id = $1`
	organizationBySlug  = `SELECT ` + organizationColumns + ` FROM organizations o WHERE o.slug = $1`
	organizationByRef   = `SELECT ` + organizationColumns + ` FROM organizations o WHERE o.id = $1 OR o.slug = $1`
	organizationByAlias = `SELECT ` + organizationColumns + ` FROM aliases a JOIN organizations o ON o.id = a.organization_id
		WHERE a.connection = $1 AND a.provider_id = $2`

	insertOrganization = `INSERT INTO organizations (id, slug, name, connection, provider_id, created_at, updated_at, synced_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	insertAlias = `INSERT INTO aliases (connection, provider_id, organization_id, created_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	updateOrganization = `UPDATE organizations SET name = $2, slug = $3, updated_at = $4, synced_at = $5 WHERE id = $1`
)

func organizationStatements() []string {
	return []string{organizationByID, organizationBySlug, organizationByAlias, insertOrganization, insertAlias, updateOrganization}
}

func scanOrganization(s scanner) (o identity.Organization, err error) {
	var slug sql.NullString
	var created, updated int64
	var synced sql.NullInt64
	if err := s.Scan(&o.ID, &slug, &o.Name, &o.Connection, &o.ProviderID, &created, &updated, &synced); err != nil {
		return o, err
	}
	o.Slug = slug.String
	o.CreatedAt, o.UpdatedAt, o.SyncedAt = fromMicros(created), fromMicros(updated), fromNullMicros(synced)
	return o, nil
}

// organization reads one, or fails with not_found.
func organization(r scanner) (*identity.Organization, error) {
	o, err := scanOrganization(r)
	if err != nil {
		return nil, missing("read organization", err)
	}
	return &o, nil
}

// Organization returns an organization by id or slug. Codes: not_found.
func (l *Ledger) Organization(ctx context.Context, ref string) (*identity.Organization, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("read organization", err)
	}
	if strings.HasPrefix(ref, identity.PrefixOrganization) { // no slug begins so
		return l.organizationByID(ctx, ref)
	}
	id, known, stamp := l.kept.slugs.get(ref)
	if known {
		if o, err := l.organizationByID(ctx, id); err == nil && o.Slug == ref {
			return o, nil
		}
	}
	o, err := organization(l.read.row(ctx, organizationByRef, ref))
	if err == nil && o.Slug == ref {
		l.kept.slugs.put(ref, o.ID, stamp)
	}
	return o, err
}

func (l *Ledger) organizationByID(ctx context.Context, id string) (*identity.Organization, error) {
	o, err := read(l.kept.organizations, id, func() (identity.Organization, error) {
		o, err := organization(l.read.row(ctx, organizationByID, id))
		if err != nil {
			return identity.Organization{}, err
		}
		return *o, nil
	})
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// OrganizationByAlias returns the organization that a vendor's organization
// leads to. Codes: not_found.
func (l *Ledger) OrganizationByAlias(ctx context.Context, a identity.Alias) (*identity.Organization, error) {
	return organization(l.read.row(ctx, organizationByAlias, a.Connection, a.ProviderID))
}

// Organization returns an organization by id. Codes: not_found.
func (t *Tx) Organization(id string) (*identity.Organization, error) {
	return organization(t.row(organizationByID, id))
}

// InsertOrganization records an organization and the alias that leads to it.
// It fills ID if that is empty, CreatedAt and UpdatedAt. Codes: conflict with
// the field /slug or /provider_id (the vendor's organization is bound already)
// or /id.
func (t *Tx) InsertOrganization(o *identity.Organization) error {
	const op = "record organization"
	row := *o
	if row.ID == "" {
		row.ID = identity.NewID(identity.PrefixOrganization)
	}
	row.CreatedAt, row.UpdatedAt, row.SyncedAt = t.now, t.now, instantOrNil(o.SyncedAt)
	if err := t.organizationConflict(&row); err != nil {
		return err
	}
	n, err := t.exec(insertOrganization, row.ID, textOrNull(row.Slug), row.Name, row.Connection, row.ProviderID,
		micros(row.CreatedAt), micros(row.UpdatedAt), microsOrNull(row.SyncedAt))
	if err == nil && n == 1 {
		n, err = t.exec(insertAlias, row.Connection, row.ProviderID, row.ID, micros(t.now))
	}
	if err != nil {
		return failed(op, err)
	}
	if n == 0 { // somebody else was faster
		return identity.Errorf(identity.CodeConflict, "The organization was recorded by another request at the same time.")
	}
	*o = row
	return nil
}

// organizationConflict says which of a new organization's names is taken.
func (t *Tx) organizationConflict(o *identity.Organization) error {
	for _, c := range []struct {
		field, detail, text string
		args                []any
	}{
		{"/provider_id", "The provider's organization is bound already.", organizationByAlias, []any{o.Connection, o.ProviderID}},
		{"/slug", "The slug is taken.", organizationBySlug, []any{textOrNull(o.Slug)}},
		{"/id", "The id is taken.", organizationByID, []any{o.ID}},
	} {
		if _, err := scanOrganization(t.row(c.text, c.args...)); err == nil {
			return identity.FieldError(identity.CodeConflict, c.field, "%s", c.detail)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return failed("record organization", err)
		}
	}
	return nil
}

// UpdateOrganization writes Name, Slug and SyncedAt; UpdatedAt is set where
// name or slug change. Codes: not_found, conflict with the field /slug.
func (t *Tx) UpdateOrganization(o *identity.Organization) error {
	const op = "change organization"
	old, err := t.Organization(o.ID)
	if err != nil {
		return err
	}
	updated := old.UpdatedAt
	if old.Name != o.Name || old.Slug != o.Slug {
		updated = t.now
	}
	if old.Slug != o.Slug && o.Slug != "" {
		_, err := scanOrganization(t.row(organizationBySlug, o.Slug))
		if err == nil {
			return identity.FieldError(identity.CodeConflict, "/slug", "The slug is taken.")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return failed(op, err)
		}
	}
	synced := instantOrNil(o.SyncedAt)
	t.changes(changedOrganization, o.ID)
	if _, err := t.exec(updateOrganization, o.ID, o.Name, textOrNull(o.Slug), micros(updated), microsOrNull(synced)); err != nil {
		return failed(op, err)
	}
	o.UpdatedAt, o.SyncedAt = updated, synced
	return nil
}
