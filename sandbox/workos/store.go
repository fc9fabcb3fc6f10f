package workos

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	statusActive   = "active"
	statusInactive = "inactive"
	statusPending  = "pending"

	stateAccepted = "accepted"
	stateExpired  = "expired"
	stateRevoked  = "revoked"
)

type organization struct {
	id, name, stripe string
	external         *string
	metadata         map[string]string
	domains          []*domain
	created, updated time.Time
	ends             time.Time // when a deletion that was asked for is done
}

type domain struct {
	id, organization, name, state string
	prefix, token                 string // of the DNS record; empty once verified
	created, updated              time.Time
}

type user struct {
	id, email                              string
	first, last, name, external, locale    *string
	metadata                               map[string]string
	verified                               bool
	stub                                   bool // made by an invitation, never signed up
	password, passwordHash, passwordScheme string
	signedIn, created, updated             time.Time
}

type membership struct {
	id, user, organization, status string
	roles                          []string // slugs
	directory                      bool     // directory_managed
	created, updated               time.Time
}

type invitation struct {
	id, email, token, organization, inviter, role string
	membership                                    string // behind it; empty: application-wide
	acceptedBy                                    string
	days                                          int
	expires, accepted, revoked, created, updated  time.Time
}

type role struct {
	id, organization, slug, name, resource string // organization is empty for environment roles
	description                            *string
	permissions                            []string
	created, updated                       time.Time
}

type permission struct {
	id, slug, name, resource string
	description              *string
	created, updated         time.Time
}

func find[T any](list []T, match func(T) bool) T {
	var zero T
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return zero
}

// organization is nil for one that is unknown or about to be gone.
func (s *Simulator) organization(id string) *organization {
	return find(s.orgs, func(o *organization) bool { return o.id == id && o.ends.IsZero() })
}

func (s *Simulator) user(id string) *user {
	return find(s.users, func(u *user) bool { return u.id == id })
}

func (s *Simulator) userByEmail(email string) *user {
	return find(s.users, func(u *user) bool { return s.same(u.email, email) })
}

func (s *Simulator) membership(id string) *membership {
	return find(s.memberships, func(m *membership) bool { return m.id == id })
}

func (s *Simulator) membershipOf(user, organization string) *membership {
	return find(s.memberships, func(m *membership) bool { return m.user == user && m.organization == organization })
}

func (s *Simulator) invitation(id string) *invitation {
	return find(s.invitations, func(i *invitation) bool { return i.id == id })
}

// same compares e-mail addresses.
func (s *Simulator) same(a, b string) bool {
	if s.q.FoldEmails {
		return strings.EqualFold(a, b)
	}
	return a == b
}

func texts(m map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, m)
	return out
}

func emailDomain(email string) string {
	return strings.ToLower(email[strings.LastIndex(email, "@")+1:])
}
