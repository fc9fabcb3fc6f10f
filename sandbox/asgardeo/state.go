package asgardeo

import (
	"slices"
	"time"

	"usher/sandbox/stage"
)

// State is a dump for tests and for GET /_sandbox/state: everything that
// exists, and no secret: no client secret, token, code or mail text.
type State struct {
	Root          string              `json:"root"`
	RootID        string              `json:"root_id"`
	Now           time.Time           `json:"now"`
	Organizations []OrganizationState `json:"organizations"` // the root among them
	Users         []UserState         `json:"users"`         // of all organizations
	Invitations   []InvitationState   `json:"invitations"`   // expired rows too; accepted and deleted ones are gone
	Roles         []RoleState         `json:"roles"`
	Mails         []stage.SentMail    `json:"mails"`         // oldest first
	MailsByKind   map[string]int      `json:"mails_by_kind"` // delivered ones
	Approvals     int                 `json:"approvals"`     // users that wait for approval
	Tokens        int                 `json:"tokens"`        // living access tokens
	Codes         int                 `json:"codes"`         // unused set-password and verify codes
}

// OrganizationState is one organization.
type OrganizationState struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Handle string `json:"handle"`
	Status string `json:"status"`
	Parent string `json:"parent,omitempty"`
}

// UserState is one account, in the root or shared or native in an organization.
type UserState struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	UserName       string   `json:"user_name"` // with the store: DEFAULT/a@example.com
	Email          string   `json:"email,omitempty"`
	GivenName      string   `json:"given_name,omitempty"`
	FamilyName     string   `json:"family_name,omitempty"`
	AccountState   string   `json:"account_state,omitempty"` // PENDING_AP, PENDING_EV or empty
	Locked         bool     `json:"locked,omitempty"`
	PasswordSet    bool     `json:"password_set"`
	ManagedOrg     string   `json:"managed_org,omitempty"`
	SharedType     string   `json:"shared_type,omitempty"`
	Origin         string   `json:"origin,omitempty"` // account a shared one stands for
	Roles          []string `json:"roles,omitempty"`  // names
	Groups         []string `json:"groups,omitempty"` // names
}

// InvitationState is one guest invitation.
type InvitationState struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id"`
	UserName       string    `json:"user_name"`
	Status         string    `json:"status"` // PENDING or EXPIRED
	Roles          []string  `json:"roles,omitempty"`
	ExpiresAt      time.Time `json:"expires_at"`
}

// RoleState is one role of one organization.
type RoleState struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	Name           string   `json:"name"`
	Audience       string   `json:"audience"`
	Users          []string `json:"users,omitempty"` // account ids
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	out := State{Root: s.o.Root, RootID: s.rootID, Now: s.clock.Now(),
		Approvals: len(s.approvals), Codes: len(s.codes)}
	for _, o := range s.orgs {
		out.Organizations = append(out.Organizations, OrganizationState{o.id, o.name, o.handle, o.status, o.parent})
	}
	for _, u := range s.users {
		out.Users = append(out.Users, s.userState(u))
	}
	for _, i := range s.invitations {
		row := InvitationState{ID: i.id, OrganizationID: i.org, UserName: i.name, Status: s.invitationStatus(i), ExpiresAt: i.expires}
		for _, id := range i.roles {
			if r := s.role(i.org, id); r != nil {
				row.Roles = append(row.Roles, r.name)
			}
		}
		out.Invitations = append(out.Invitations, row)
	}
	for _, r := range s.roles {
		out.Roles = append(out.Roles, RoleState{r.id, r.org, r.name, s.audienceName(r), slices.Clone(r.order)})
	}
	out.Mails, out.MailsByKind = s.post.Sent()
	for value := range s.tokens {
		if s.living(value) != nil {
			out.Tokens++
		}
	}
	return out
}

func (s *Simulator) userState(u *user) UserState {
	out := UserState{ID: u.id, OrganizationID: u.org, UserName: u.store + "/" + u.name, Email: u.primary(), GivenName: u.given, FamilyName: u.family,
		AccountState: u.state, Locked: u.locked, PasswordSet: u.password, ManagedOrg: u.managedOrg, SharedType: u.shared, Origin: u.parentID}
	for _, r := range s.rolesOf(u) {
		out.Roles = append(out.Roles, r.name)
	}
	for _, g := range s.groupsOf(u) {
		out.Groups = append(out.Groups, g.name)
	}
	return out
}
