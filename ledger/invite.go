package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"usher/identity"
)

const (
	inviteColumns = `i.id, i.organization_id, i.connection, i.provider_id, i.email, i.email_key, i.roles, i.unmapped_roles, i.state, i.state_reason,
		i.given_name, i.family_name, i.locale, i.message, i.redirect_url, i.metadata, i.notify, i.not_carried,
		i.inviter_issuer, i.inviter_subject, i.inviter_email,
		i.expires_at, i.created_at, i.updated_at, i.accepted_at, i.sent_at, i.synced_at, i.attempt, i.reference`

	inviteByID = `SELECT ` + inviteColumns + ` FROM invites i WHERE i.id = $1 AND i.organization_id = $2`
	// An id the vendor has used again leads to the latest invite.
	inviteByProviderID = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.organization_id = $1 AND i.connection = $2 AND i.provider_id = $3 AND i.provider_id <> ''
		ORDER BY i.nth DESC, i.id DESC LIMIT 1`
	inviteLive = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.organization_id = $1 AND i.email_key = $2 AND i.` + liveStates
	inviteLatest = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.organization_id = $1 AND i.email_key = $2 ORDER BY i.nth DESC, i.id DESC LIMIT 1`

	inviteExists = `SELECT 1 FROM invites WHERE id = $1`
	insertInvite = `INSERT INTO invites (id, organization_id, connection, provider_id, email, email_key, nth, roles, unmapped_roles, state, state_reason,
		given_name, family_name, locale, message, redirect_url, metadata, notify, not_carried,
		inviter_issuer, inviter_subject, inviter_email,
		expires_at, created_at, updated_at, accepted_at, sent_at, synced_at, attempt, reference, lease_holder, lease_until)
		VALUES ($1, $2, $3, $4, $5, $6,
			(SELECT COALESCE(MAX(nth), 0) + 1 FROM invites WHERE organization_id = $2 AND email_key = $6),
			$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
		ON CONFLICT DO NOTHING`
	updateInvite = `UPDATE invites SET connection = $3, provider_id = $4, roles = $5, unmapped_roles = $6, state = $7, state_reason = $8,
		given_name = $9, family_name = $10, locale = $11, message = $12, redirect_url = $13, metadata = $14, notify = $15,
		not_carried = $16, inviter_issuer = $17, inviter_subject = $18, inviter_email = $19, expires_at = $20, updated_at = $21,
		accepted_at = $22, sent_at = $23, synced_at = $24, attempt = $25, reference = $26,
		lease_holder = CASE WHEN $27 THEN NULL ELSE lease_holder END, lease_until = CASE WHEN $27 THEN NULL ELSE lease_until END
		WHERE id = $1 AND organization_id = $2 AND (NOT $27 OR lease_holder = $30) AND (NOT $28 OR NOT EXISTS (SELECT 1 FROM invites o
			WHERE o.organization_id = $2 AND o.email_key = $29 AND o.` + liveStates + ` AND o.id <> $1))`
	fixedOfInvite = `SELECT email, email_key, created_at, roles FROM invites WHERE id = $1 AND organization_id = $2`

	rolesOfInvite = `SELECT role FROM invite_roles WHERE invite_id = $1`
	insertRole    = `INSERT INTO invite_roles (invite_id, role, organization_id, created_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	deleteRoles = `DELETE FROM invite_roles WHERE invite_id = $1`

	// The first conditions are those of the indexes that serve.
	expiredInvites = `SELECT id FROM invites WHERE state = 'pending' AND expires_at IS NOT NULL
		AND organization_id = $2 AND expires_at <= $1 AND ` + unleased + ` ORDER BY expires_at, id`
	expiredInviteOfAddress = `SELECT id FROM invites WHERE ` + liveStates + `
		AND organization_id = $2 AND email_key = $3 AND state = 'pending' AND expires_at <= $1 AND ` + unleased
	expireInvite = `UPDATE invites SET state = 'expired', state_reason = '', updated_at = $2 WHERE id = $1`
)

func inviteStatements() []string {
	return []string{
		inviteByID, inviteByProviderID, inviteLive, inviteLatest, inviteExists, insertInvite, updateInvite, fixedOfInvite,
		rolesOfInvite, insertRole, deleteRoles, expiredInvites, expiredInviteOfAddress, expireInvite,
	}
}

func scanInvite(s scanner) (i identity.Invite, err error) {
	var roles, metadata, notCarried, reference string
	var created, updated int64
	var expires, accepted, sent, synced sql.NullInt64
	err = s.Scan(&i.ID, &i.OrganizationID, &i.Connection, &i.ProviderID, &i.Email, &i.EmailKey, &roles, &i.UnmappedRoles, &i.State, &i.StateReason,
		&i.GivenName, &i.FamilyName, &i.Locale, &i.Message, &i.RedirectURL, &metadata, &i.Notify, &notCarried,
		&i.Inviter.Issuer, &i.Inviter.Subject, &i.Inviter.Email,
		&expires, &created, &updated, &accepted, &sent, &synced, &i.Attempt, &reference)
	if err != nil {
		return i, err
	}
	i.CreatedAt, i.UpdatedAt = fromMicros(created), fromMicros(updated)
	i.ExpiresAt, i.AcceptedAt = fromNullMicros(expires), fromNullMicros(accepted)
	i.SentAt, i.SyncedAt = fromNullMicros(sent), fromNullMicros(synced)
	return i, errors.Join(fromJSON(roles, &i.Roles), fromJSON(metadata, &i.Metadata),
		fromJSON(notCarried, &i.NotCarried), fromJSON(reference, &i.Reference))
}

// invite reads one, or fails with not_found.
func invite(r scanner) (*identity.Invite, error) {
	i, err := scanInvite(r)
	if err != nil {
		return nil, missing("read invite", err)
	}
	return &i, nil
}

// Invite returns an organization's invite by id, without its history. An
// invite of another organization is not_found too.
func (l *Ledger) Invite(ctx context.Context, orgID, id string) (*identity.Invite, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("read invite", err)
	}
	i, err := read(l.kept.invites, id, func() (identity.Invite, error) {
		i, err := invite(l.read.row(ctx, inviteByID, id, orgID))
		if err != nil {
			return identity.Invite{}, err
		}
		return *i, nil
	})
	if err == nil && i.OrganizationID != orgID {
		err = missing("read invite", sql.ErrNoRows)
	}
	if err != nil {
		return nil, err
	}
	return ownInvite(i), nil
}

// Invite returns an organization's invite by id. Codes: not_found.
func (t *Tx) Invite(orgID, id string) (*identity.Invite, error) {
	return invite(t.row(inviteByID, id, orgID))
}

// InviteByProviderID returns an organization's invite by the vendor's id; the
// latest, where the vendor has used the id again. Codes: not_found.
func (t *Tx) InviteByProviderID(orgID, connection, providerID string) (*identity.Invite, error) {
	return invite(t.row(inviteByProviderID, orgID, connection, providerID))
}

// LiveInvite returns the one invite that occupies an address. Codes: not_found.
func (t *Tx) LiveInvite(orgID, emailKey string) (*identity.Invite, error) {
	return invite(t.row(inviteLive, orgID, emailKey))
}

// LatestInvite returns the invite of an address that was recorded last, in
// whatever state it is. Codes: not_found.
func (t *Tx) LatestInvite(orgID, emailKey string) (*identity.Invite, error) {
	return invite(t.row(inviteLatest, orgID, emailKey))
}

// InsertInvite records an invite. It fills ID and CreatedAt if they are empty,
// and UpdatedAt; times are cut to microseconds. It appends no event. Codes:
// invite_pending with the living invite's id, where this one is live and
// another of its address is too; not_found for an unknown organization;
// conflict with the field /id.
func (t *Tx) InsertInvite(i *identity.Invite) error {
	return t.insertInvite(i, sql.NullString{}, sql.NullInt64{})
}

// InsertLeased is InsertInvite and Lease in one.
func (t *Tx) InsertLeased(i *identity.Invite, d time.Duration) error {
	until := sql.NullInt64{Int64: micros(t.now.Add(d)), Valid: true}
	return t.insertInvite(i, sql.NullString{String: t.led.instance, Valid: true}, until)
}

func (t *Tx) insertInvite(i *identity.Invite, holder sql.NullString, until sql.NullInt64) error {
	const op = "record invite"
	row := *i
	if row.ID == "" {
		row.ID = identity.NewID(identity.PrefixInvite)
	}
	if row.CreatedAt.IsZero() {
		row.CreatedAt = t.now
	}
	row.CreatedAt, row.UpdatedAt = instant(row.CreatedAt), t.now
	args, err := inviteArgs(&row)
	if err != nil {
		return failed(op, err)
	}
	n, err := t.exec(insertInvite, append(args, holder, until)...)
	if err != nil {
		return failed(op, err)
	}
	if n == 0 {
		return t.inviteConflict(&row)
	}
	if err := t.insertRoles(&row); err != nil {
		return failed(op, err)
	}
	*i = row
	return nil
}

// inviteConflict says why an invite was not inserted.
func (t *Tx) inviteConflict(i *identity.Invite) error {
	if err := t.otherLive(i); err != nil {
		return err
	}
	return identity.FieldError(identity.CodeConflict, "/id", "The id is taken.")
}

// otherLive fails with invite_pending where i is live and another invite of
// its address is too.
func (t *Tx) otherLive(i *identity.Invite) error {
	if !i.State.Live() {
		return nil
	}
	other, err := t.LiveInvite(i.OrganizationID, i.EmailKey)
	switch {
	case identity.CodeOf(err) == identity.CodeNotFound:
		return nil
	case err != nil:
		return err
	case other.ID == i.ID:
		return nil
	}
	return &identity.Error{
		Code: identity.CodeInvitePending, InviteID: other.ID,
		Detail: "Another invite of this address is under way in this organization.",
	}
}

// inviteArgs cuts the times and returns insertInvite's arguments.
func inviteArgs(i *identity.Invite) ([]any, error) {
	i.ExpiresAt, i.AcceptedAt = instantOrNil(i.ExpiresAt), instantOrNil(i.AcceptedAt)
	i.SentAt, i.SyncedAt = instantOrNil(i.SentAt), instantOrNil(i.SyncedAt)
	roles, err1 := toJSON(i.Roles)
	metadata, err2 := toJSON(i.Metadata)
	notCarried, err3 := toJSON(i.NotCarried)
	reference, err4 := toJSON(i.Reference)
	return []any{
		i.ID, i.OrganizationID, i.Connection, i.ProviderID, i.Email, i.EmailKey, roles, i.UnmappedRoles, string(i.State), i.StateReason,
		i.GivenName, i.FamilyName, i.Locale, i.Message, i.RedirectURL, metadata, i.Notify, notCarried,
		i.Inviter.Issuer, i.Inviter.Subject, i.Inviter.Email,
		microsOrNull(i.ExpiresAt), micros(i.CreatedAt), micros(i.UpdatedAt),
		microsOrNull(i.AcceptedAt), microsOrNull(i.SentAt), microsOrNull(i.SyncedAt), i.Attempt, reference,
	}, errors.Join(err1, err2, err3, err4)
}

// UpdateInvite writes an invite as it is now, and sets its UpdatedAt. ID,
// OrganizationID, Email, EmailKey and CreatedAt cannot change. It appends no
// event. Codes: not_found, invite_pending with the living invite's id where
// the change would make two live ones.
func (t *Tx) UpdateInvite(i *identity.Invite) error { return t.updateInvite(i, false) }

// Conclude is UpdateInvite and Unlease in one, for the lease's holder. Its time
// may be over, but nobody may have taken it over: that is a conflict too.
func (t *Tx) Conclude(i *identity.Invite) error { return t.updateInvite(i, true) }

func (t *Tx) updateInvite(i *identity.Invite, unlease bool) error {
	const op = "change invite"
	row := *i
	var created int64
	var recorded string
	var roles []string
	err := t.row(fixedOfInvite, i.ID, i.OrganizationID).Scan(&row.Email, &row.EmailKey, &created, &recorded)
	if err == nil {
		err = fromJSON(recorded, &roles)
	}
	if err != nil {
		return missing(op, err)
	}
	row.CreatedAt, row.UpdatedAt = fromMicros(created), t.now
	args, err := inviteArgs(&row)
	if err != nil {
		return failed(op, err)
	}
	// Without email and email_key, and without created_at.
	args = slices.Concat(args[:4], args[6:22], args[23:], []any{unlease, row.State.Live(), row.EmailKey, t.led.instance})
	t.changes(changedInvite, row.ID)
	n, err := t.exec(updateInvite, args...)
	if err != nil {
		return failed(op, err)
	}
	if n == 0 {
		return cmp.Or(t.otherLive(&row), t.held(op, row.ID, n, nil))
	}
	if !slices.Equal(roles, row.Roles) {
		if _, err := t.exec(deleteRoles, row.ID); err != nil {
			return failed(op, err)
		}
		if err := t.insertRoles(&row); err != nil {
			return failed(op, err)
		}
	}
	*i = row
	return nil
}

func (t *Tx) insertRoles(i *identity.Invite) error {
	for _, role := range i.Roles {
		if _, err := t.exec(insertRole, i.ID, role, i.OrganizationID, micros(i.CreatedAt)); err != nil {
			return err
		}
	}
	return nil
}

// CloseExpired turns an address's pending invites that are past their expiry
// into expired ones, with an event each, and returns their ids. One that
// somebody works on stays: whoever does decides what becomes of it. An empty
// emailKey means the whole organization.
func (t *Tx) CloseExpired(orgID, emailKey string) ([]string, error) {
	const op = "close expired invites"
	text, args := expiredInvites, []any{micros(t.now), orgID}
	if emailKey != "" {
		text, args = expiredInviteOfAddress, append(args, emailKey)
	}
	rows, err := t.rows(text, args...)
	ids, err := collect(rows, err, func(s scanner) (id string, err error) { return id, s.Scan(&id) })
	if err != nil {
		return nil, failed(op, err)
	}
	for _, id := range ids {
		t.changes(changedInvite, id)
		if _, err := t.exec(expireInvite, id, micros(t.now)); err != nil {
			return nil, failed(op, err)
		}
		if err := t.AppendEvent(id, identity.InviteEvent{State: identity.StateExpired}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
