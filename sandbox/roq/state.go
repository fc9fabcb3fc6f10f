package roq

import (
	"slices"
	"time"

	"usher/sandbox/stage"
)

// State is a dump for tests and for GET /_sandbox/state: everything that
// exists, and no secret: no API key, token, password or mail text.
type State struct {
	EnvironmentID string           `json:"environment_id"`
	Now           time.Time        `json:"now"`
	Tenants       []TenantState    `json:"tenants"`
	Users         []UserState      `json:"users"`
	Invites       []InviteState    `json:"invites"` // of all statuses
	Roles         []RoleState      `json:"roles"`
	Mails         []stage.SentMail `json:"mails"`         // oldest first
	MailsByKind   map[string]int   `json:"mails_by_kind"` // delivered ones
}

// TenantState is one tenant.
type TenantState struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UserState is one user, deactivated ones too.
type UserState struct {
	ID          string   `json:"id"`
	TenantID    string   `json:"tenant_id,omitempty"`
	Email       string   `json:"email"`
	Active      bool     `json:"active"`
	Roles       []string `json:"roles,omitempty"` // keys
	PasswordSet bool     `json:"password_set"`
	Confirmed   bool     `json:"confirmed"` // the address
}

// InviteState is one invitation.
type InviteState struct {
	ID        string    `json:"id"`
	TenantID  string    `json:"tenant_id,omitempty"`
	Email     string    `json:"email"`
	Status    string    `json:"status"`
	RoleKeys  []string  `json:"role_keys,omitempty"`
	ValidTill time.Time `json:"valid_till"` // which the API does not tell
}

// RoleState is one role.
type RoleState struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := State{EnvironmentID: s.o.EnvironmentID, Now: s.clock.Now()}
	for _, t := range s.tenants {
		out.Tenants = append(out.Tenants, TenantState{t.id, t.name})
	}
	for _, u := range s.users {
		row := UserState{ID: u.id, TenantID: deref(u.tenant), Email: u.email, Active: u.active, PasswordSet: u.password != "", Confirmed: u.confirmed}
		for _, r := range s.rolesOf(u) {
			row.Roles = append(row.Roles, r.Key)
		}
		out.Users = append(out.Users, row)
	}
	for _, i := range s.invites {
		out.Invites = append(out.Invites, InviteState{i.id, deref(i.tenant), i.email, i.status, slices.Clone(i.roleKeys), i.validTill})
	}
	for _, r := range s.roles {
		out.Roles = append(out.Roles, RoleState{r.id, r.Key})
	}
	out.Mails, out.MailsByKind = s.post.Sent()
	return out
}

func deref(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}
