package nile

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"
)

// user is a row of users.users with its password credential.
type user struct {
	id, email                    string
	name, family, given, picture *string
	password                     string // empty: no credential
	multiFactor                  *string
	verified                     *time.Time
	created                      time.Time
	deleted                      bool
}

type tenant struct {
	id, name string
	created  time.Time
	deleted  *time.Time
}

type member struct{ tenant, user string }

// invite is a row of auth.invites. There is no state: a row exists or is gone.
type invite struct {
	id, tenant, token, identifier, createdBy string
	expires                                  time.Time
}

// session is a row of auth.sessions: a magic link's.
type session struct {
	user    string
	expires time.Time
}

// verification is a row of auth.verification_tokens, one an address.
type verification struct {
	token   string
	expires time.Time
}

// newID is an id of users and tenants, newInviteID one of invites.
func newID() string       { return uuid.Must(uuid.NewV7()).String() }
func newInviteID() string { return uuid.NewString() }

// newToken is 64 lowercase hexadecimal digits.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}

func isUUID(s string) bool { return uuid.Validate(s) == nil && len(s) == 36 }

func find[T any](list []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

// userByID finds deleted users too: a session outlives its user (FACTS.md section 2).
func (s *Simulator) userByID(id string) *user {
	return find(s.users, func(u *user) bool { return u.id == id })
}

// userByEmail compares byte for byte and passes over deleted users (FACTS.md
// sections 6 and 10).
func (s *Simulator) userByEmail(email string) *user {
	return find(s.users, func(u *user) bool { return u.email == email && !u.deleted })
}

// tenant returns a tenant that is not deleted, or nil.
func (s *Simulator) tenant(id string) *tenant {
	return find(s.tenants, func(t *tenant) bool { return t.id == id && t.deleted == nil })
}

func (s *Simulator) isMember(tenant, user string) bool {
	return slices.Contains(s.members, member{tenant, user})
}

// tenantsOf lists the living tenants of a user.
func (s *Simulator) tenantsOf(userID string) []*tenant {
	var out []*tenant
	for _, m := range s.members {
		if t := s.tenant(m.tenant); t != nil && m.user == userID {
			out = append(out, t)
		}
	}
	return out
}

func (s *Simulator) addUser(email string) *user {
	u := &user{id: newID(), email: email, created: s.clock.Now()}
	s.users = append(s.users, u)
	return u
}

func (s *Simulator) addTenant(id, name string) *tenant {
	t := &tenant{id: id, name: name, created: s.clock.Now()}
	s.tenants = append(s.tenants, t)
	return t
}

func (s *Simulator) addMember(tenant, user string) {
	s.members = append(s.members, member{tenant, user})
}
