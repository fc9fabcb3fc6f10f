package roq

import (
	"context"
	"fmt"
	"slices"
	"time"

	"usher/identity"
	"usher/providers/roq/internal"
)

// sight is what one look shows: rows of other people and other tenants are not
// in it.
type sight struct {
	people  []internal.User   // who hold the address, in any tenant
	pending []internal.Invite // of the address, newest first
	known   *internal.Invite  // the invitation asked for by its id
	roles   []string          // keys that exist, of those asked for
	inviter *internal.User    // the configured one
	caller  *internal.User    // the caller, as a user of the tenant
}

// look asks the vendor. q's tenant and addresses are filled in. not_found means
// that there is no such tenant.
func (p *Provider) look(ctx context.Context, org identity.OrgRef, a identity.Address, q internal.Question) (*sight, error) {
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	q.Tenant, q.Emails = tenant, p.spellings(a)
	seen, err := p.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	return p.sightOf(a, q, seen)
}

// ask looks, and makes sure of the tenant.
func (p *Provider) ask(ctx context.Context, q internal.Question) (seen *internal.Sight, err error) {
	err = p.use(ctx, func(token string) (err error) {
		seen, err = p.client.Look(ctx, token, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return seen, isThere(seen.Tenants.Data, q.Tenant)
}

// sightOf is what an answer shows of one address. q may ask for less than was
// asked.
func (p *Provider) sightOf(a identity.Address, q internal.Question, seen *internal.Sight) (s *sight, err error) {
	s, tenant := &sight{}, q.Tenant
	for _, user := range seen.Users.Data {
		if p.same(user.Email, p.address(a)) {
			s.people = append(s.people, user)
		}
	}
	if s.pending, err = p.invitesOf(a, tenant, seen.Pending.Data); err != nil {
		return nil, err
	}
	s.pending = slices.DeleteFunc(s.pending, func(i internal.Invite) bool { return i.Status != internal.StatusPending })
	if s.known, err = knownOf(q.Known, tenant, seen.Known); err != nil {
		return nil, err
	}
	if seen.Roles != nil {
		for _, role := range seen.Roles.Data {
			s.roles = append(s.roles, role.Key)
		}
	}
	s.inviter = pick(seen.Inviter, func(u *internal.User) bool { return sameID(u.ID, q.Inviter) })
	s.caller = p.callerOf(q, seen)
	return s, nil
}

// invitesOf leaves out the rows of other addresses and refuses those of another
// tenant.
func (p *Provider) invitesOf(a identity.Address, tenant string, rows []internal.Invite) ([]internal.Invite, error) {
	var kept []internal.Invite
	for _, row := range rows {
		if !sameID(row.TenantID, tenant) {
			return nil, wrongOrganization(false)
		}
		if row.ID != "" && p.same(row.Email, p.address(a)) {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

// knownOf returns the row asked for by its id, or nil. The id was given by the
// vendor for this tenant, so one of another tenant is not what it was.
func knownOf(id, tenant string, rows *internal.Page[internal.Invite]) (*internal.Invite, error) {
	row := pick(rows, func(i *internal.Invite) bool { return sameID(i.ID, id) })
	if row != nil && !sameID(row.TenantID, tenant) {
		return nil, wrongOrganization(false)
	}
	return row, nil
}

// callerOf returns the caller's own account in the tenant, or nil.
func (p *Provider) callerOf(q internal.Question, seen *internal.Sight) *internal.User {
	if q.Caller == nil {
		return nil
	}
	if len(q.Caller.References) > 0 {
		return pick(seen.CallerByReference, func(u *internal.User) bool {
			return slices.Contains(q.Caller.References, u.Reference) && sameID(u.TenantID, q.Tenant) && !u.Deactivated()
		})
	}
	return pick(seen.Caller, func(u *internal.User) bool {
		return slices.ContainsFunc(q.Caller.Emails, func(e string) bool { return p.same(u.Email, e) }) &&
			sameID(u.TenantID, q.Tenant) && !u.Deactivated()
	})
}

// pick returns the first row that fits, or nil.
func pick[T any](page *internal.Page[T], fits func(*T) bool) *T {
	if page == nil {
		return nil
	}
	for n := range page.Data {
		if fits(&page.Data[n]) {
			return &page.Data[n]
		}
	}
	return nil
}

// member returns the person as a user of the tenant, or nil.
func (s *sight) member(tenant string) *internal.User {
	n := slices.IndexFunc(s.people, func(u internal.User) bool { return sameID(u.TenantID, tenant) && !u.Deactivated() })
	if n < 0 {
		return nil
	}
	return &s.people[n]
}

// elsewhere reports that the person has an account in another tenant.
func (s *sight) elsewhere(tenant string) bool {
	return slices.ContainsFunc(s.people, func(u internal.User) bool { return u.TenantID != "" && !sameID(u.TenantID, tenant) })
}

// hasRoles refuses roles that the environment does not have: the vendor is not
// known to do so, and gives invited people without a role that of the inviter
// (FACTS.md section 4.1).
func (s *sight) hasRoles(keys []string) error {
	for n, key := range keys {
		if !slices.Contains(s.roles, key) {
			return unknownRole(n)
		}
	}
	return nil
}

func unknownRole(n int) error {
	return identity.FieldError(identity.CodeUnknownRole, fmt.Sprintf("/roles/%d", n),
		"The organization has no such role at the identity provider.")
}

// lastTouched is when something last happened to an invitation, as far as can be
// read. The vendor tells no expiry (FACTS.md section 4.3).
func lastTouched(i *internal.Invite) (last time.Time) {
	for _, text := range []string{i.CreatedAt, i.UpdatedAt, i.StatusUpdatedAt} {
		if at := timeOf(text); at != nil && at.After(last) {
			last = *at
		}
	}
	return last
}

// timeOf reads a time of the vendor's, or returns nil.
func timeOf(text string) *time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil
	}
	at = at.UTC()
	return &at
}

// expiry returns when an invitation expires, or nil if that is not known. since
// is when it was sent at the earliest.
func (p *Provider) expiry(i *internal.Invite, since time.Time) *time.Time {
	at := lastTouched(i)
	if since.After(at) {
		at = since
	}
	if p.settings.inviteLife == 0 || at.IsZero() {
		return nil
	}
	at = at.Add(p.settings.inviteLife)
	return &at
}

// over reports that a pending invitation is past its life. Whether the vendor
// marks it at once or with the next run of some job is not known.
func (p *Provider) over(i *internal.Invite) bool {
	at := p.expiry(i, time.Time{})
	return at != nil && !at.After(p.deps.Now())
}
