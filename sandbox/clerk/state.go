package clerk

import (
	"slices"
	"time"

	"usher/sandbox/stage"
)

// State is a dump for tests and people; it holds no tickets, keys or passwords.
type State struct {
	Now            time.Time         `json:"now"`
	InstanceID     string            `json:"instance_id"`
	Organizations  []OrgState        `json:"organizations"`
	Users          []UserState       `json:"users"`
	Members        []MemberState     `json:"members"`
	Invitations    []InvitationState `json:"invitations"`     // to organizations
	AppInvitations []InvitationState `json:"app_invitations"` // to the application
	Roles          []string          `json:"roles"`           // keys
	Mails          []stage.SentMail  `json:"mails"`           // oldest first
	MailsByKind    map[string]int    `json:"mails_by_kind"`   // delivered ones
}

// OrgState is one organization.
type OrgState struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Slug        string `json:"slug"`
	MemberLimit int    `json:"member_limit"`
}

// UserState is one user.
type UserState struct {
	ID         string   `json:"id"`
	ExternalID string   `json:"external_id,omitempty"`
	Emails     []string `json:"emails"` // the primary one first
	Banned     bool     `json:"banned,omitempty"`
	SignedIn   bool     `json:"signed_in,omitempty"` // ever
}

// MemberState is one membership.
type MemberState struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	Role           string `json:"role"`
}

// InvitationState is one invitation of either kind.
type InvitationState struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id,omitempty"`
	Email          string    `json:"email"`
	Role           string    `json:"role,omitempty"`
	Status         string    `json:"status"` // by the clock
	ExpiresAt      time.Time `json:"expires_at"`
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := State{Now: s.clock.Now(), InstanceID: s.instanceID}
	for _, o := range s.orgs {
		out.Organizations = append(out.Organizations, OrgState{o.id, o.name, o.slug, o.limit})
	}
	for _, u := range s.users {
		row := UserState{ID: u.id, ExternalID: value(u.externalID), Banned: u.banned, SignedIn: !u.signedIn.IsZero()}
		for _, e := range u.emails {
			if e.id == u.primary {
				row.Emails = slices.Insert(row.Emails, 0, e.address)
			} else {
				row.Emails = append(row.Emails, e.address)
			}
		}
		out.Users = append(out.Users, row)
	}
	for _, m := range s.members {
		out.Members = append(out.Members, MemberState{m.id, m.org.id, m.user.id, m.role.key})
	}
	for _, i := range s.invitations {
		out.Invitations = append(out.Invitations, InvitationState{i.id, i.org.id, i.address, i.role.key, s.statusOf(i), i.expires})
	}
	for _, i := range s.tickets {
		out.AppInvitations = append(out.AppInvitations, InvitationState{ID: i.id, Email: i.address, Status: s.appStatus(i), ExpiresAt: i.expires})
	}
	for _, r := range s.roles {
		out.Roles = append(out.Roles, r.key)
	}
	out.Mails, out.MailsByKind = s.post.Sent()
	return out
}
