package asgardeo

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// App is an application as AddApplication takes it.
type App struct {
	ID           string // filled in
	Organization string // where it is registered; empty: the root organization
	Name         string
	ClientID     string // made when empty
	ClientSecret string // made when empty
	// Grants it may use; empty: client_credentials and organization_switch.
	Grants []string
	// Scopes of the business APIs authorized for root tokens; empty: all the simulator knows.
	Scopes []string
	// OrganizationScopes are the same for the /o/ APIs; empty: all the simulator knows.
	OrganizationScopes []string
	// NotShared keeps it out of sub-organizations made later; see ShareApplication.
	NotShared bool
	// JWT makes its access tokens JWTs; otherwise they are opaque.
	JWT bool
	// TokenLife of its tokens; 3600 s when zero.
	TokenLife time.Duration
}

// AddApplication registers an application and returns it with ids and secrets
// filled in. Unless NotShared it is shared with every organization, without lag.
func (s *Simulator) AddApplication(a App) App {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ID = s.newID()
	if a.Organization == "" {
		a.Organization = s.rootID
	}
	if a.ClientID == "" {
		a.ClientID = strings.ReplaceAll(newCode(), "-", "")
	}
	if a.ClientSecret == "" {
		a.ClientSecret = newCode() + newCode()
	}
	if len(a.Grants) == 0 {
		a.Grants = []string{grantClient, grantSwitch}
	}
	if a.TokenLife == 0 {
		a.TokenLife = time.Hour
	}
	root, org := s.allScopes()
	if a.Scopes == nil {
		a.Scopes = root
	}
	if a.OrganizationScopes == nil {
		a.OrganizationScopes = org
	}
	app := &application{App: a, shared: map[string]share{}}
	s.apps = append(s.apps, app)
	if !a.NotShared {
		for _, o := range s.orgs {
			s.shareApp(app, o.id, 0)
		}
	}
	return a
}

// ShareApplication shares an application with one organization, without lag,
// and returns its id there.
func (s *Simulator) ShareApplication(appID, organizationID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.app(appID)
	if a == nil {
		return ""
	}
	s.shareApp(a, organizationID, 0)
	return a.shared[organizationID].id
}

// UnshareApplication takes an application back from one organization.
func (s *Simulator) UnshareApplication(appID, organizationID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.app(appID); a != nil {
		s.unshareApp(a, organizationID)
	}
}

// AddOrganization makes an active sub-organization below parent (empty: the
// root) without lag and returns its id. Applications are shared with it unless
// NotShared, and with them their roles.
func (s *Simulator) AddOrganization(name, parent string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if parent == "" {
		parent = s.rootID
	}
	return s.addOrganization(name, "", parent, nil, 0).id
}

// SetOrganizationStatus makes an organization ACTIVE or DISABLED.
func (s *Simulator) SetOrganizationStatus(id, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.org(id); o != nil {
		o.status = status
	}
}

// AddRole makes a role with an application as audience and returns its id. A
// role of the root organization (empty) also appears, with an id of its own,
// in every organization the application is shared with: see RoleID. The
// permissions are scopes that users with this role may be granted.
func (s *Simulator) AddRole(organization, name, appID string, permissions ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if organization == "" {
		organization = s.rootID
	}
	a := s.app(appID)
	if a == nil {
		return ""
	}
	r := s.addRole(organization, name, "application", s.appID(a, organization), permissions)
	if organization == a.Organization {
		for _, org := range slices.Sorted(maps.Keys(a.shared)) {
			s.shareRole(r, a, org, a.shared[org].from)
		}
	}
	return r.id
}

// RoleID is the id a role has in an organization; empty when it has none of that name.
func (s *Simulator) RoleID(organization, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := find(s.roles, func(r *role) bool { return r.org == organization && r.name == name }); r != nil {
		return r.id
	}
	return ""
}

// AddGroup makes an empty group in an organization (empty: the root) and returns its id.
func (s *Simulator) AddGroup(organization, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if organization == "" {
		organization = s.rootID
	}
	return s.addGroup(organization, name).id
}

// AddStore makes another user store known; names are upper case.
func (s *Simulator) AddStore(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores = append(s.stores, strings.ToUpper(name))
}

// Person is a user as AddUser takes it: active, with a password.
type Person struct {
	Organization string // empty: the root organization
	Store        string // empty: DEFAULT
	UserName     string // empty: Email
	Email        string // may be empty when UserName is set
	GivenName    string
	FamilyName   string
	Pending      bool // still awaits a password: PENDING_AP, no mail is sent
	Console      bool // may use the Console
}

// AddUser makes a user without sending mail and returns its id. It checks
// nothing: two users may be given the same address.
func (s *Simulator) AddUser(p Person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &user{id: s.newID(), org: p.Organization, store: p.Store, name: p.UserName, given: p.GivenName, family: p.FamilyName,
		password: true, noConsole: !p.Console, created: s.clock.Now(), modified: s.clock.Now()}
	if u.org == "" {
		u.org = s.rootID
	}
	if u.store == "" {
		u.store = defaultStore
	}
	if u.name == "" {
		u.name = p.Email
	}
	if p.Email != "" {
		u.emails = []email{{value: p.Email}}
	}
	if p.Pending {
		u.password, u.state, u.locked = false, pendingPassword, s.q.LockOnCreation
	}
	s.users = append(s.users, u)
	return u.id
}

// AddMember gives a root user a shared account of kind INVITED in an
// organization, with roles by name, and returns the account's id; empty when
// user, organization or a role is unknown.
func (s *Simulator) AddMember(organization, userID string, roles ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.org(organization)
	if o == nil {
		return ""
	}
	parent := s.user(o.parent, userID)
	if parent == nil {
		return ""
	}
	u := s.shareUser(parent, o, typeInvited)
	for _, name := range roles {
		r := find(s.roles, func(r *role) bool { return r.org == organization && r.name == name })
		if r == nil {
			return ""
		}
		r.add(u.id, s.clock.Now())
	}
	return u.id
}

// UserToken makes an access token (type APPLICATION_USER) of a user for an
// application, as a log-in would, and returns it; empty when user or
// application is unknown. The scopes are granted as they are.
func (s *Simulator) UserToken(userID, clientID string, scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := find(s.users, func(u *user) bool { return u.id == userID })
	a := find(s.apps, func(a *application) bool { return a.ClientID == clientID })
	if u == nil || a == nil {
		return ""
	}
	return s.issue(a, &token{org: u.org, userID: u.id, userOrg: u.org, scopes: scopes}, s.o.BaseURL).value
}

// Approve creates the users that wait for approval (Quirks.Workflow) and mails them.
func (s *Simulator) Approve(ctx context.Context) {
	s.mu.Lock()
	waiting := s.approvals
	s.approvals = nil
	c := &call{base: s.o.BaseURL, tenant: s.o.Root}
	for _, a := range waiting {
		s.createUser(c, a.org, a.body)
	}
	s.mu.Unlock()
	s.post.Deliver(ctx, c.outbox)
}
