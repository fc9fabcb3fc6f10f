package clerk

import (
	"errors"
	"fmt"
	"time"
)

// Org is an organization as AddOrganization takes it.
type Org struct {
	Name string
	Slug string // made from the name when empty
	// MemberLimit counts members and pending invitations; 0: no limit.
	MemberLimit int
}

// AddOrganization makes an organization without members and returns its id.
func (s *Simulator) AddOrganization(o Org) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	made := &organization{id: s.newID("org"), name: o.Name, slug: o.Slug, limit: o.MemberLimit, adminDelete: true, roleSet: s.initialSet(),
		public: map[string]any{}, private: map[string]any{}, created: now, updated: now, made: now}
	if made.slug == "" {
		made.slug = s.freeSlug(o.Name)
	}
	s.orgs = append(s.orgs, made)
	return made.id
}

// SetMemberLimit sets the limit that organizations are made with, as the
// instance's organization settings do; 0: no limit.
func (s *Simulator) SetMemberLimit(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.memberLimit = limit
}

// Person is a user as AddUser takes it.
type Person struct {
	Email     string // verified and primary; may be empty when Username is set
	Username  string
	FirstName string
	LastName  string
}

// AddUser makes a user with a password and returns his id. It checks nothing:
// two users may be given the same address.
func (s *Simulator) AddUser(p Person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	text := func(t string) *string {
		if t == "" {
			return nil
		}
		return &t
	}
	u := &user{id: s.newID("user"), username: text(p.Username), first: text(p.FirstName), last: text(p.LastName), password: "correct horse battery",
		passwordAt: now, deleteSelf: true, createOrg: true, created: now, updated: now, made: now,
		public: map[string]any{}, private: map[string]any{}, unsafe: map[string]any{}}
	if p.Email != "" {
		e := &email{id: s.newID("idn"), user: u.id, address: normalize(p.Email), status: emailVerified, strategy: "admin", created: now, updated: now}
		u.emails, u.primary = []*email{e}, e.id
	}
	s.users = append(s.users, u)
	return u.id
}

// AddMember makes a user a member with a role by its key, and returns the
// membership's id; empty when organization, user or role is unknown. It does
// not look at limits.
func (s *Simulator) AddMember(organizationID, userID, role string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, u, r := s.org(organizationID), s.user(userID), s.roleByKey(role)
	if o == nil || u == nil || r == nil {
		return ""
	}
	return s.join(o, u, r, map[string]any{}, map[string]any{}).id
}

// ManageByDirectory makes a membership a directory's: its role can no longer be
// changed by hand. It tells whether there is such a membership.
func (s *Simulator) ManageByDirectory(organizationID, userID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.org(organizationID)
	if o == nil {
		return false
	}
	m := s.member(o, userID)
	if m != nil {
		m.managed = true
	}
	return m != nil
}

// Token is a session token as UserToken makes it.
type Token struct {
	User            string
	Organization    string        // active one; empty: none. The user has to be a member
	Version         int           // 1 or 2; 2 when zero
	Life            time.Duration // 60 s when zero
	AuthorizedParty string        // azp; absent when empty
	Pending         bool          // sts "pending": the session has unfinished tasks
}

// UserToken signs a user in and returns a session token, as a browser would
// have one. It needs Options.BaseURL, which is the issuer.
func (s *Simulator) UserToken(t Token) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(t.User)
	if u == nil || s.o.BaseURL == "" {
		return "", errors.New("make token: no such user, or no issuer")
	}
	if o := s.org(t.Organization); t.Organization != "" && (o == nil || s.member(o, u.id) == nil) {
		return "", errors.New("make token: the user is not a member of the organization")
	}
	one := s.signIn(u, t.Organization)
	one.org = t.Organization
	token, err := s.mint(tokenSpec{base: s.o.BaseURL, session: one.id, user: u, org: t.Organization, version: t.Version,
		life: t.Life, party: t.AuthorizedParty, pending: t.Pending})
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return token, nil
}
