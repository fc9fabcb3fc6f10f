package ledger

import (
	"context"
	"strings"

	"usher/identity"
)

// Prefixes of the directory's own ids: to usher it is a vendor like any other.
const (
	prefixUser       = "usr_"
	prefixMembership = "dmb_"
)

const (
	directoryColumns = `m.id, u.email, u.given_name, u.family_name, m.roles, m.created_at`
	directoryMember  = `SELECT ` + directoryColumns + ` FROM directory_users u JOIN directory_members m ON m.user_id = u.id
		WHERE u.connection = $1 AND u.email_key = $3 AND m.connection = $1 AND m.organization = $2`
	directoryMembers = `SELECT ` + directoryColumns + ` FROM directory_members m JOIN directory_users u ON u.id = m.user_id
		WHERE m.connection = $1 AND m.organization = $2 AND m.id > $3 ORDER BY m.id LIMIT $4`

	insertDirectoryUser = `INSERT INTO directory_users (id, connection, email, email_key, given_name, family_name, locale, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	directoryUser         = `SELECT id FROM directory_users WHERE connection = $1 AND email_key = $2`
	insertDirectoryMember = `INSERT INTO directory_members (id, connection, organization, user_id, roles, created_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
)

func directoryStatements() []string {
	return []string{directoryMember, insertDirectoryUser, directoryUser, insertDirectoryMember}
}

// Directory keeps the people of one connection that has no vendor. Its methods
// may be called concurrently.
type Directory struct {
	ledger     *Ledger
	connection string
}

// Directory returns the directory of a connection.
func (l *Ledger) Directory(connection string) *Directory {
	return &Directory{ledger: l, connection: connection}
}

// DirectoryUser is somebody to record.
type DirectoryUser struct {
	Email, EmailKey               string
	GivenName, FamilyName, Locale string
}

func scanDirectoryMember(s scanner) (m identity.Member, err error) {
	var roles string
	var created int64
	if err := s.Scan(&m.ProviderID, &m.Email, &m.GivenName, &m.FamilyName, &roles, &created); err != nil {
		return m, err
	}
	at := fromMicros(created)
	m.UserName, m.CreatedAt = m.Email, &at
	return m, fromJSON(roles, &m.Roles)
}

// Member returns an address's membership. Codes: not_found.
func (d *Directory) Member(ctx context.Context, organization, emailKey string) (*identity.Member, error) {
	m, err := scanDirectoryMember(d.ledger.read.row(ctx, directoryMember, d.connection, organization, emailKey))
	if err != nil {
		return nil, missing("read directory", err)
	}
	return &m, nil
}

// Join makes somebody a member with the roles. Who is not known is recorded;
// who is stays as recorded. Codes: already_member.
func (d *Directory) Join(ctx context.Context, organization string, u DirectoryUser, roles []string) (*identity.Member, error) {
	const op = "join directory"
	var joined identity.Member
	err := d.ledger.Write(ctx, func(t *Tx) error {
		_, err := t.exec(insertDirectoryUser, identity.NewID(prefixUser), d.connection, u.Email, u.EmailKey, u.GivenName, u.FamilyName, u.Locale, micros(t.now))
		if err != nil {
			return failed(op, err)
		}
		var user string
		if err := t.row(directoryUser, d.connection, u.EmailKey).Scan(&user); err != nil {
			return failed(op, err)
		}
		text, err := toJSON(roles)
		if err != nil {
			return failed(op, err)
		}
		n, err := t.exec(insertDirectoryMember, identity.NewID(prefixMembership), d.connection, organization, user, text, micros(t.now))
		switch {
		case err != nil:
			return failed(op, err)
		case n == 0:
			return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
		}
		joined, err = scanDirectoryMember(t.row(directoryMember, d.connection, organization, u.EmailKey))
		return failed(op, err)
	})
	if err != nil {
		return nil, err
	}
	return &joined, nil
}

// Members returns one page of an organization's members, oldest first. The
// cursor is the id of the page's last member.
func (d *Directory) Members(ctx context.Context, organization string, p identity.PageRequest) (*identity.Page[identity.Member], error) {
	if p.Cursor != "" && !strings.HasPrefix(p.Cursor, prefixMembership) {
		return nil, identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
	}
	limit := p.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	rows, err := d.ledger.read.rows(ctx, directoryMembers, d.connection, organization, p.Cursor, limit+1)
	all, err := collect(rows, err, scanDirectoryMember)
	if err != nil {
		return nil, failed("list directory", err)
	}
	page := &identity.Page[identity.Member]{Items: all}
	if len(all) > limit {
		page.Items, page.Next = all[:limit], all[limit-1].ProviderID
	}
	return page, nil
}
