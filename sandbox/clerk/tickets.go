package clerk

import (
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	ticketPath         = "/v1/tickets/accept" // of the Frontend API
	ticketOrganization = "organization_invitation"
	ticketApplication  = "invitation"
)

// ticketClaims are what a ticket says. Their names are the simulator's own:
// FACTS.md section 4.7 has only that a ticket is a JWT.
type ticketClaims struct {
	Instance string `json:"iid"`
	Kind     string `json:"st"`
	ID       string `json:"sid"`
	Redirect string `json:"rurl,omitempty"`
	Expires  int64  `json:"exp"`
}

// ticketURL is the link of an invitation: it opens an account, so it is a secret.
func (s *Simulator) ticketURL(base, kind, id, redirect string, expires time.Time) (string, *failure) {
	claims := map[string]any{"iid": s.instanceID, "st": kind, "sid": id, "exp": expires.Unix()}
	if redirect != "" {
		claims["rurl"] = redirect
	}
	ticket, err := s.sign(claims, "")
	if err != nil {
		return "", refuse("internal_clerk_error", "The ticket cannot be signed.")
	}
	return base + ticketPath + "?ticket=" + url.QueryEscape(ticket), nil
}

// readTicket checks a ticket's signature and time.
func (s *Simulator) readTicket(ticket string) (ticketClaims, *failure) {
	var claims ticketClaims
	key, err := s.key()
	if err != nil {
		return claims, refuse("internal_clerk_error", "There is no key.")
	}
	parsed, err := jwt.ParseSigned(ticket, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || parsed.Claims(key.Public(), &claims) != nil || claims.Instance != s.instanceID {
		return ticketClaims{}, refuse("ticket_invalid_code", "The ticket is invalid.")
	}
	if claims.Expires <= s.clock.Now().Unix() {
		return claims, refuse("ticket_expired_code", "The ticket has expired.")
	}
	return claims, nil
}

// usable tells whether a ticket can still be used, for whom, and for what (the
// organization's name).
func (s *Simulator) usable(t ticketClaims) (address, what string, f *failure) {
	if t.Kind == ticketOrganization {
		i := find(s.invitations, func(i *invitation) bool { return i.id == t.ID })
		switch {
		case i == nil:
			return "", "", refuse("organization_invitation_to_deleted_organization", "The organization of the invitation is gone.")
		case i.status == statusRevoked:
			return "", "", refuse("organization_invitation_revoked_code", "The invitation has been revoked.")
		case i.status == statusAccepted:
			return "", "", refuse("organization_invitation_already_accepted", "The invitation has been accepted already.")
		case s.statusOf(i) != statusPending:
			return "", "", refuse("ticket_expired_code", "The ticket has expired.")
		}
		return i.address, i.org.name, nil
	}
	i := find(s.tickets, func(i *appInvitation) bool { return i.id == t.ID })
	switch {
	case i == nil:
		return "", "", refuse("ticket_invalid_code", "The ticket is invalid.")
	case i.status == statusRevoked:
		return "", "", refuse("revoked_invitation", "The invitation has been revoked.")
	case i.status == statusAccepted:
		return "", "", refuse("invitation_already_accepted", "The invitation has been accepted already.")
	case s.appStatus(i) != statusPending:
		return "", "", refuse("ticket_expired_code", "The ticket has expired.")
	}
	return i.address, "the application", nil
}

// useTicket signs the invitee in or up and accepts: his address becomes
// verified, and he a member with the invitation's role and metadata (FACTS.md
// section 4.7).
func (s *Simulator) useTicket(t ticketClaims) (*user, *failure) {
	address, _, f := s.usable(t)
	if f != nil {
		return nil, f
	}
	u, now := s.claimed(address), s.clock.Now()
	switch {
	case u != nil && u.banned:
		return nil, refuse("not_allowed_access", "Access is not allowed.")
	case u == nil && s.q.BlockSubaddresses && subaddress(address):
		return nil, refuse("not_allowed_access", "Access is not allowed.")
	case u == nil:
		if u, f = s.signUp(address); f != nil {
			return nil, f
		}
	}
	for _, e := range u.emails {
		if e.address == address && e.status != emailVerified {
			e.status, e.strategy, e.updated = emailVerified, "ticket", now
		}
	}
	if i := find(s.invitations, func(i *invitation) bool { return i.id == t.ID }); i != nil {
		if s.member(i.org, u.id) == nil {
			s.join(i.org, u, i.role, i.public, i.private)
		}
		i.status, i.updated = statusAccepted, now
		s.signIn(u, i.org.id)
	} else if i := find(s.tickets, func(i *appInvitation) bool { return i.id == t.ID }); i != nil {
		public, _ := u.public.(map[string]any)
		u.public = merged(public, i.public)
		i.status, i.updated = statusAccepted, now
		s.signIn(u, "")
	}
	return u, nil
}

func (s *Simulator) signUp(address string) (*user, *failure) {
	if f := s.userQuota(nil, nil); f != nil {
		return nil, f
	}
	now := s.clock.Now()
	u := &user{id: s.newID("user"), deleteSelf: true, createOrg: true, created: now, updated: now, made: now,
		public: map[string]any{}, private: map[string]any{}, unsafe: map[string]any{}}
	e := &email{id: s.newID("idn"), user: u.id, address: address, status: emailVerified, strategy: "ticket", created: now, updated: now}
	u.emails, u.primary = []*email{e}, e.id
	s.users = append(s.users, u)
	return u, nil
}

// Accept plays the invitee of a pending invitation of either kind: he signs in,
// or up, with its ticket. It returns the user's id. The error begins with the
// vendor's code, as the page shows it.
func (s *Simulator) Accept(invitationID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := ticketApplication
	if find(s.tickets, func(i *appInvitation) bool { return i.id == invitationID }) == nil {
		kind = ticketOrganization
	}
	u, f := s.useTicket(ticketClaims{Kind: kind, ID: invitationID})
	if f != nil {
		return "", errors.New(f.String())
	}
	return u.id, nil
}

// String is the first error of a failure as people see it.
func (f *failure) String() string { return f.errors[0].Code + ": " + f.errors[0].LongMessage }
