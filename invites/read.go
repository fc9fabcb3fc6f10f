package invites

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// Get returns one invite with its history, from the ledger; not_found for one
// of another organization too. A stale organization is compared with the
// vendor in the background.
func (s *Service) Get(ctx context.Context, org *identity.Organization, id string) (*identity.Invite, error) {
	i, err := s.ledger.Invite(ctx, org.ID, id)
	if err != nil {
		return nil, err
	}
	if i.History, err = s.ledger.History(ctx, id); err != nil {
		return nil, err
	}
	synced(i, org)
	s.refreshIfStale(org)
	return i, nil
}

// synced shows on an invite that its organization was compared with the vendor
// after it was last looked at alone.
func synced(i *identity.Invite, org *identity.Organization) {
	if org.SyncedAt == nil || org.SyncedAt.Before(i.CreatedAt) {
		return
	}
	if i.SyncedAt == nil || i.SyncedAt.Before(*org.SyncedAt) {
		i.SyncedAt = org.SyncedAt
	}
}

// List returns a page of invites, newest first, from the ledger. With Refresh
// it waits until they have been compared with the vendor.
// Codes: invalid_request, and with Refresh the provider_ ones.
func (s *Service) List(ctx context.Context, by Caller, org *identity.Organization, r ListRequest) (*identity.Page[identity.Invite], error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	query, listing, err := inviteQuery(c, org, r)
	if err != nil {
		return nil, err
	}
	if r.Refresh {
		if org, err = s.refresh(ctx, by, c, org); err != nil {
			return nil, err
		}
	} else {
		s.refreshIfStale(org)
	}
	wanted := query.Limit
	query.Limit++
	rows, err := s.ledger.Invites(ctx, query)
	if err != nil {
		return nil, err
	}
	page := &identity.Page[identity.Invite]{Items: rows}
	if len(rows) > wanted {
		page.Items = rows[:wanted]
		page.Next = encodeCursor(position(&rows[wanted-1]), listing...)
	}
	for n := range page.Items {
		synced(&page.Items[n], org)
	}
	return page, nil
}

func inviteQuery(c *Connection, org *identity.Organization, r ListRequest) (ledger.InviteQuery, []any, error) {
	q := ledger.InviteQuery{OrganizationID: org.ID, Role: r.Role, CreatedAfter: r.CreatedAfter}
	for n, state := range r.States {
		if !slices.Contains(identity.States(), state) {
			return q, nil, invalid("query:state", "There is no state %q.", string(state))
		}
		if !slices.Contains(r.States[:n], state) {
			q.States = append(q.States, state)
		}
	}
	slices.Sort(q.States)
	if r.Email != "" {
		address, err := identity.ParseEmail(r.Email)
		if err != nil {
			return q, nil, invalid("query:email", "This is not an e-mail address.")
		}
		q.EmailKey = address.Key(c.EmailRule)
	}
	var err error
	if q.Limit, err = limit(r.Page.Limit); err != nil {
		return q, nil, err
	}
	var created any
	if r.CreatedAfter != nil { // JSON cannot say every time that a caller may send
		created = r.CreatedAfter.UTC().Format(time.RFC3339Nano)
	}
	listing := []any{"invites", org.ID, q.States, q.EmailKey, q.Role, created}
	at, err := decodeCursor(r.Page.Cursor, listing...)
	if err != nil || at == "" {
		return q, listing, err
	}
	if q.Before, err = parsePosition(at); err != nil {
		return q, nil, err
	}
	return q, listing, nil
}

// position is where a listing goes on after an invite.
func position(i *identity.Invite) string { return positionAt(i.CreatedAt, i.ID) }

func positionAt(created time.Time, id string) string {
	return strconv.FormatInt(created.UnixMicro(), 10) + "." + id
}

func parsePosition(text string) (*ledger.InvitePosition, error) {
	at, id, _ := strings.Cut(text, ".")
	micro, err := strconv.ParseInt(at, 10, 64)
	if err != nil || id == "" {
		return nil, invalid("query:cursor", "The cursor does not belong to this listing.")
	}
	return &ledger.InvitePosition{CreatedAt: time.UnixMicro(micro).UTC(), ID: id}, nil
}

// ListMembers returns a page of members, read through to the vendor, under
// usher's own ids. Codes: invalid_request and the provider_ ones.
func (s *Service) ListMembers(ctx context.Context, by Caller, org *identity.Organization, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	if r.Limit, err = limit(r.Limit); err != nil {
		return nil, err
	}
	listing := []any{"members", org.ID, org.Connection, org.ProviderID}
	if r.Cursor, err = decodeCursor(r.Cursor, listing...); err != nil {
		return nil, err
	}
	page, err := c.Client.ListMembers(providers.WithCaller(ctx, by.Credential), org.Ref(), r)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.MapMembers(ctx, org.ID, org.Connection, page.Items); err != nil {
		return nil, err
	}
	for n := range page.Items {
		page.Items[n].OrganizationID = org.ID
	}
	page.Next = encodeCursor(page.Next, listing...)
	return page, nil
}

// ListRoles returns the roles that can be given in an organization, read
// through to the vendor.
func (s *Service) ListRoles(ctx context.Context, by Caller, org *identity.Organization) ([]identity.Role, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	return c.Client.ListRoles(providers.WithCaller(ctx, by.Credential), org.Ref())
}

// CapabilitiesOf returns what the connection of an organization can do.
func (s *Service) CapabilitiesOf(org *identity.Organization) (*Connection, error) {
	return s.connectionOf(org)
}
