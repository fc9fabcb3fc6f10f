package clerk

import (
	"slices"
	"time"
)

// primaryAddress is the primary e-mail address; empty when there is none.
func (u *user) primaryAddress() string {
	if e := find(u.emails, func(e *email) bool { return e.id == u.primary }); e != nil {
		return e.address
	}
	return ""
}

// identifier is the user's primary identifier, which may be a username
// (FACTS.md section 6.2).
func (u *user) identifier() any {
	switch address := u.primaryAddress(); {
	case address != "":
		return address
	case u.username != nil:
		return *u.username
	}
	return nil
}

// imageURL is the picture of someone who has uploaded none.
func (s *Simulator) imageURL(id string) string { return "https://img.clerk.com/" + id }

func (s *Simulator) userView(u *user) map[string]any {
	var lockout any
	locked := u.lockedUntil.After(s.clock.Now())
	if locked {
		lockout = int64(u.lockedUntil.Sub(s.clock.Now()).Seconds())
	}
	var limit any
	if u.orgLimit != nil {
		limit = *u.orgLimit
	}
	var primary any
	if u.primary != "" {
		primary = u.primary
	}
	none := []any{}
	return map[string]any{
		"id": u.id, "object": "user", "external_id": u.externalID, "username": u.username, "first_name": u.first, "last_name": u.last,
		"locale": u.locale, "primary_email_address_id": primary, "primary_phone_number_id": nil, "primary_web3_wallet_id": nil,
		"profile_image_url": s.imageURL(u.id), "image_url": s.imageURL(u.id), "has_image": false,
		"public_metadata": u.public, "private_metadata": u.private, "unsafe_metadata": u.unsafe,
		"email_addresses": views(u.emails, emailView), "phone_numbers": none, "web3_wallets": none, "passkeys": none,
		"external_accounts": none, "saml_accounts": none, "enterprise_accounts": none,
		"password_enabled": u.password != "", "password_last_updated_at": msOrNil(u.passwordAt),
		"two_factor_enabled": u.totp || u.backupCodes, "totp_enabled": u.totp, "backup_code_enabled": u.backupCodes,
		"mfa_enabled_at": nil, "mfa_disabled_at": nil,
		"banned": u.banned, "locked": locked, "lockout_expires_in_seconds": lockout, "verification_attempts_remaining": 100,
		"deprovisioned": false, "delete_self_enabled": u.deleteSelf, "create_organization_enabled": u.createOrg,
		"create_organizations_limit": limit, "bypass_client_trust": u.trusts, "legal_accepted_at": msOrNil(u.legal),
		"last_sign_in_at": msOrNil(u.signedIn), "last_active_at": msOrNil(u.active), "created_at": ms(u.created), "updated_at": ms(u.updated),
	}
}

func userOrders() map[string]func(a, b *user) int {
	orders := peopleOrders(func(u *user) *user { return u }, func(u *user) time.Time { return u.created })
	orders["updated_at"] = func(a, b *user) int { return a.updated.Compare(b.updated) }
	orders["last_active_at"] = func(a, b *user) int { return a.active.Compare(b.active) }
	orders["last_sign_in_at"] = func(a, b *user) int { return a.signedIn.Compare(b.signedIn) }
	orders["web3wallet"] = orders["phone_number"]
	return orders
}

// listUsers answers a bare array; a cursor needs the order of creation and no
// offset (FACTS.md section 6.3).
func (s *Simulator) listUsers(c *call) (any, *failure) {
	keep, f := s.peopleFilter(c)
	if f != nil {
		return nil, f
	}
	list, f := sorted(c, filter(s.users, keep), userOrders())
	if f != nil {
		return nil, f
	}
	if after := c.query("starting_after"); after != "" {
		if !slices.Contains([]string{"", "created_at", "+created_at", " created_at", "-created_at"}, c.query("order_by")) {
			return nil, invalid("order_by", "starting_after needs the order of created_at.")
		}
		if offset := c.query("offset"); offset != "" && offset != "0" {
			return nil, invalid("offset", "starting_after cannot be combined with an offset.")
		}
		at := slices.IndexFunc(list, func(u *user) bool { return u.id == after })
		if at < 0 {
			return nil, invalid("starting_after", "starting_after is no user of this list.")
		}
		list = list[at+1:]
	}
	page, f := cut(c, list)
	if f != nil {
		return nil, f
	}
	return views(page, s.userView), nil
}

func (s *Simulator) countUsers(c *call) (any, *failure) {
	keep, f := s.peopleFilter(c)
	if f != nil {
		return nil, f
	}
	return map[string]any{"object": "total_count", "total_count": len(filter(s.users, keep))}, nil
}

// userOf is the user of the path.
func (s *Simulator) userOf(c *call) (*user, *failure) {
	if u := s.user(c.params["user"]); u != nil {
		return u, nil
	}
	return nil, notFound("user")
}

func (s *Simulator) getUser(c *call) (any, *failure) {
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	return s.userView(u), nil
}

// deleteUser also ends memberships and sessions. What becomes of invitations to
// the user's addresses is a quirk.
func (s *Simulator) deleteUser(c *call) (any, *failure) {
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	s.users = filter(s.users, func(other *user) bool { return other != u })
	s.members = filter(s.members, func(m *membership) bool { return m.user != u })
	s.sessions = filter(s.sessions, func(one *session) bool { return one.user != u })
	for _, i := range s.invitations {
		if s.q.UserDeletionRevokes && u.hasAddress(i.address) && s.statusOf(i) == statusPending {
			i.status, i.updated = statusRevoked, s.clock.Now()
		}
	}
	out := map[string]any{"object": "user", "id": u.id, "deleted": true}
	if u.externalID != nil {
		out["external_id"] = *u.externalID
	}
	return out, nil
}

func (u *user) hasAddress(address string) bool {
	return slices.ContainsFunc(u.emails, func(e *email) bool { return e.address == address })
}

func (s *Simulator) ban(u *user, banned bool) {
	u.banned, u.updated = banned, s.clock.Now()
	for _, one := range s.sessions {
		if banned && one.user == u {
			one.revoked, one.updated = true, s.clock.Now()
		}
	}
}

func (s *Simulator) setBanned(banned bool) func(*call) (any, *failure) {
	return func(c *call) (any, *failure) {
		u, f := s.userOf(c)
		if f != nil {
			return nil, f
		}
		s.ban(u, banned)
		return s.userView(u), nil
	}
}

const maxBanned = 50

func (s *Simulator) setManyBanned(banned bool) func(*call) (any, *failure) {
	return func(c *call) (any, *failure) {
		list := texts("user_ids")
		list.required = true
		in, f := c.read(list)
		if f != nil {
			return nil, f
		}
		ids := in.texts("user_ids")
		if len(ids) < 1 || len(ids) > maxBanned {
			return nil, invalid("user_ids", "user_ids has to hold 1 to 50 ids.")
		}
		var found []*user
		for _, id := range ids {
			u := s.user(id)
			if u == nil {
				return nil, notFound("user", "param_name", "user_ids")
			}
			found = append(found, u)
		}
		for _, u := range found {
			s.ban(u, banned)
		}
		return views(found, s.userView), nil
	}
}

// lockTime is an instance's default duration of a lock.
const lockTime = time.Hour

func (s *Simulator) setLocked(locked bool) func(*call) (any, *failure) {
	return func(c *call) (any, *failure) {
		u, f := s.userOf(c)
		if f != nil {
			return nil, f
		}
		u.lockedUntil, u.updated = time.Time{}, s.clock.Now()
		if locked {
			u.lockedUntil = s.clock.Now().Add(lockTime)
		}
		return s.userView(u), nil
	}
}
