package workos

import (
	"slices"
	"time"

	"usher/sandbox/stage"
)

// State is a dump for tests and for GET /_sandbox/state: everything that
// exists, and no secret: no API key, token, link, password or mail text.
type State struct {
	ClientID      string              `json:"client_id"`
	Now           time.Time           `json:"now"`
	Organizations []OrganizationState `json:"organizations"`
	Users         []UserState         `json:"users"`
	Memberships   []MembershipState   `json:"memberships"`
	Invitations   []InvitationState   `json:"invitations"` // in every state
	Roles         []RoleState         `json:"roles"`
	Events        []EventState        `json:"events"` // oldest first
	Webhooks      []WebhookState      `json:"webhooks"`
	Sessions      int                 `json:"sessions"`      // active ones
	Mails         []stage.SentMail    `json:"mails"`         // oldest first
	MailsByKind   map[string]int      `json:"mails_by_kind"` // delivered ones
}

// OrganizationState is one organization.
type OrganizationState struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	ExternalID string   `json:"external_id,omitempty"`
	Domains    []string `json:"domains,omitempty"`
}

// UserState is one user.
type UserState struct {
	ID            string `json:"id"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Stub          bool   `json:"stub"` // made by an invitation, never signed up
	PasswordSet   bool   `json:"password_set"`
}

// MembershipState is one membership.
type MembershipState struct {
	ID             string   `json:"id"`
	UserID         string   `json:"user_id"`
	Email          string   `json:"email"`
	OrganizationID string   `json:"organization_id"`
	Status         string   `json:"status"`
	Roles          []string `json:"roles"` // slugs, the primary one first
}

// InvitationState is one invitation.
type InvitationState struct {
	ID             string    `json:"id"`
	Email          string    `json:"email"`
	State          string    `json:"state"`
	OrganizationID string    `json:"organization_id,omitempty"`
	Role           string    `json:"role,omitempty"` // as it was sent
	AcceptedUserID string    `json:"accepted_user_id,omitempty"`
	ExpiresAt      time.Time `json:"expires_at"`
}

// RoleState is one role; OrganizationID is empty for the environment's.
type RoleState struct {
	OrganizationID string   `json:"organization_id,omitempty"`
	Slug           string   `json:"slug"`
	Permissions    []string `json:"permissions,omitempty"`
}

// EventState is one event, without its data.
type EventState struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// WebhookState is one webhook on its way, or there.
type WebhookState struct {
	Event    string    `json:"event"`
	Failures int       `json:"failures"`
	Done     bool      `json:"done"` // delivered or given up
	Due      time.Time `json:"due"`
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := State{ClientID: s.o.ClientID, Now: s.clock.Now()}
	for _, o := range s.orgs {
		row := OrganizationState{ID: o.id, Name: o.name}
		if o.external != nil {
			row.ExternalID = *o.external
		}
		for _, d := range o.domains {
			row.Domains = append(row.Domains, d.name)
		}
		out.Organizations = append(out.Organizations, row)
	}
	for _, u := range s.users {
		out.Users = append(out.Users, UserState{u.id, u.email, u.verified, u.stub, u.password != "" || u.passwordHash != ""})
	}
	for _, m := range s.memberships {
		row := MembershipState{ID: m.id, UserID: m.user, OrganizationID: m.organization, Status: m.status, Roles: s.inPriority(m)}
		if u := s.user(m.user); u != nil {
			row.Email = u.email
		}
		out.Memberships = append(out.Memberships, row)
	}
	for _, i := range s.invitations {
		out.Invitations = append(out.Invitations, InvitationState{i.id, i.email, s.state(i), i.organization, i.role, i.acceptedBy, i.expires})
	}
	s.stateRest(&out)
	return out
}

func (s *Simulator) stateRest(out *State) {
	for _, r := range s.roles {
		out.Roles = append(out.Roles, RoleState{r.organization, r.slug, slices.Clone(r.permissions)})
	}
	for _, e := range s.events {
		out.Events = append(out.Events, EventState{e.name, e.at})
	}
	for _, d := range s.deliveries {
		out.Webhooks = append(out.Webhooks, WebhookState{d.event, d.tries, d.done, d.due})
	}
	for _, x := range s.sessions {
		if s.sessionStatus(x) == statusActive {
			out.Sessions++
		}
	}
	out.Mails, out.MailsByKind = s.post.Sent()
}
