package nile

import (
	"time"

	"usher/sandbox/stage"
)

// State is a dump for tests and for GET /_sandbox/state: everything that
// exists, and no secret: no password, session, token or mail text.
type State struct {
	Database    string           `json:"database"`
	Now         time.Time        `json:"now"`
	Tenants     []TenantState    `json:"tenants"` // deleted ones too
	Users       []UserState      `json:"users"`   // deleted ones too
	Invites     []InviteState    `json:"invites"` // expired rows too; accepted, deleted and burnt ones are gone
	Mails       []stage.SentMail `json:"mails"`   // oldest first
	MailsByKind map[string]int   `json:"mails_by_kind"`
	Sessions    int              `json:"sessions"` // living opaque ones; password sessions are kept nowhere
}

// TenantState is one tenant.
type TenantState struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Deleted bool     `json:"deleted,omitempty"`
	Members []string `json:"members"` // user ids
}

// UserState is one user.
type UserState struct {
	ID          string `json:"id"`
	Email       string `json:"email"`
	Name        string `json:"name,omitempty"`
	Verified    bool   `json:"verified"`
	PasswordSet bool   `json:"password_set"`
	Deleted     bool   `json:"deleted,omitempty"`
}

// InviteState is one row of the invites.
type InviteState struct {
	ID         string    `json:"id"`
	TenantID   string    `json:"tenant_id"`
	Identifier string    `json:"identifier"`
	CreatedBy  string    `json:"created_by"`
	ExpiresAt  time.Time `json:"expires_at"`
	Expired    bool      `json:"expired"`
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	out := State{Database: s.o.Database, Now: now}
	for _, t := range s.tenants {
		row := TenantState{ID: t.id, Name: t.name, Deleted: t.deleted != nil, Members: []string{}}
		for _, m := range s.members {
			if m.tenant == t.id {
				row.Members = append(row.Members, m.user)
			}
		}
		out.Tenants = append(out.Tenants, row)
	}
	for _, u := range s.users {
		out.Users = append(out.Users, UserState{u.id, u.email, textOf(u.name), u.verified != nil, u.password != "", u.deleted})
	}
	for _, i := range s.invites {
		out.Invites = append(out.Invites, InviteState{i.id, i.tenant, i.identifier, i.createdBy, i.expires, i.expires.Before(now)})
	}
	out.Mails, out.MailsByKind = s.post.Sent()
	for token := range s.sessions {
		if s.session(token) != nil {
			out.Sessions++
		}
	}
	return out
}
