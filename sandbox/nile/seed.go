package nile

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Person is a user as AddUser takes it.
type Person struct {
	Email      string
	Password   string // empty: cannot sign in with one, as somebody who accepted an invite
	Name       string
	GivenName  string
	FamilyName string
	Verified   bool   // the address is proven
	Factor     string // second factor, "email" or "authenticator": cannot sign in with a password alone
}

// AddUser makes a user and returns its id; empty when the address is taken.
func (s *Simulator) AddUser(p Person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.userByEmail(p.Email) != nil {
		return ""
	}
	u := s.addUser(p.Email)
	u.password = p.Password
	for _, field := range []struct {
		to   **string
		from string
	}{{&u.name, p.Name}, {&u.given, p.GivenName}, {&u.family, p.FamilyName}, {&u.multiFactor, p.Factor}} {
		if field.from != "" {
			*field.to = &field.from
		}
	}
	if p.Verified {
		now := s.clock.Now()
		u.verified = &now
	}
	return u.id
}

// AddTenant makes a tenant without members and returns its id.
func (s *Simulator) AddTenant(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addTenant(newID(), name).id
}

// AddMember makes a user a member of a tenant; false when either is unknown or
// he is one already.
func (s *Simulator) AddMember(tenantID, userID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenant(tenantID) == nil || s.userByID(userID) == nil || s.isMember(tenantID, userID) {
		return false
	}
	s.addMember(tenantID, userID)
	return true
}

// MagicSession makes an opaque session of a user, as a magic link would, and
// returns its token, the value of the session cookie; empty when the user is
// unknown.
func (s *Simulator) MagicSession(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.userByID(userID)
	if u == nil {
		return ""
	}
	token, _ := s.startSession(u)
	return token
}

// ErrNoInvite is returned by Accept where there is no invite of an address.
var ErrNoInvite = errors.New("no invite of this address")

// Accept plays the invitee: it accepts the invite of an address as the
// application behind the mailed link would. An error says what was refused.
func (s *Simulator) Accept(tenantID, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := find(s.invites, func(i *invite) bool { return i.tenant == tenantID && i.identifier == email })
	if i == nil {
		return fmt.Errorf("accept invite: %w", ErrNoInvite)
	}
	p := s.accept(tenantID, email, i.token, &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"})
	if p.status != http.StatusNoContent {
		return fmt.Errorf("accept invite: %d %s", p.status, p.refusal())
	}
	return nil
}

// refusal is a refusal's reason in words.
func (p reply) refusal() string {
	if len(p.body) > 0 {
		return string(p.body)
	}
	if u, err := url.Parse(p.location); err == nil && u.Query().Has("error") {
		return unescape(u.Query().Get("error"))
	}
	return http.StatusText(p.status)
}
