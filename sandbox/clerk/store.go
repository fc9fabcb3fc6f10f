package clerk

import (
	"slices"
	"time"
)

type user struct {
	id                            string
	externalID, username          *string
	first, last, locale           *string
	emails                        []*email
	primary                       string // id of an e-mail address
	password                      string // as typed, or a digest where digest is set
	digest                        bool
	passwordAt                    time.Time
	totp, backupCodes             bool
	public, private, unsafe       any // objects, or null after a PUT of null
	banned                        bool
	lockedUntil                   time.Time
	deleteSelf, createOrg, trusts bool
	orgLimit                      *int
	legal                         time.Time
	created, updated              time.Time
	signedIn, active              time.Time
	made                          time.Time // when it was really created: for lag
}

// The states an address can be in.
const (
	emailVerified   = "verified"
	emailReserved   = "reserved"
	emailUnverified = "unverified"
)

type email struct {
	id, user, address string
	status            string
	strategy          string // that verified it: admin or ticket
	created, updated  time.Time
}

type organization struct {
	id, name, slug         string
	limit                  int // members and pending invitations; 0: none
	adminDelete            bool
	public, private        any
	createdBy              string
	roleSet                *roleSet
	created, updated, made time.Time
}

type membership struct {
	id               string
	org              *organization
	user             *user
	role             *role
	public, private  any
	managed          bool // owned by a directory
	created, updated time.Time
}

// The states of both kinds of invitations.
const (
	statusPending  = "pending"
	statusAccepted = "accepted"
	statusRevoked  = "revoked"
	statusExpired  = "expired"
)

func invitationStatuses() []string {
	return []string{statusPending, statusAccepted, statusRevoked, statusExpired}
}

type invitation struct {
	id, address               string
	org                       *organization
	role                      *role
	inviter                   *user
	status                    string // as decided; expiry comes with the clock
	public, private           map[string]any
	url                       string
	created, updated, expires time.Time
}

type appInvitation struct {
	id, address               string
	status                    string
	public                    map[string]any
	url                       string
	created, updated, expires time.Time
}

type permission struct {
	id, name, key, description string
	system                     bool
	created, updated           time.Time
}

type role struct {
	id, name, key    string
	description      *string
	permissions      []*permission
	created, updated time.Time
}

type roleSet struct {
	id, name, key    string
	description      *string
	initial          bool
	roles            []*role
	member, creator  *role
	created, updated time.Time
}

type session struct {
	id, client                string
	user                      *user
	org                       string
	revoked                   bool
	created, updated, expires time.Time
}

type settings struct {
	enabled, adminDelete, domains, slugsOff bool
	memberLimit                             int
	domainRole                              *role
	enrollment                              []string
}

// shown tells whether lists show a row yet (Quirks.ListLagMS).
func (s *Simulator) shown(made time.Time) bool {
	return !made.Add(time.Duration(s.q.ListLagMS) * time.Millisecond).After(s.clock.Now())
}

func (s *Simulator) user(id string) *user {
	return find(s.users, func(u *user) bool { return u.id == id })
}

// claimed finds the user that an address belongs to. An unverified one does
// not lock the address.
func (s *Simulator) claimed(address string) *user {
	return find(s.users, func(u *user) bool {
		return slices.ContainsFunc(u.emails, func(e *email) bool { return e.address == address && e.status != emailUnverified })
	})
}

func (s *Simulator) org(id string) *organization {
	return find(s.orgs, func(o *organization) bool { return o.id == id })
}

func (s *Simulator) member(o *organization, userID string) *membership {
	return find(s.members, func(m *membership) bool { return m.org == o && m.user.id == userID })
}

func (s *Simulator) membersOf(o *organization) []*membership {
	return filter(s.members, func(m *membership) bool { return m.org == o })
}

// pendingOf are the invitations that count and block: those still pending.
func (s *Simulator) pendingOf(o *organization) []*invitation {
	return filter(s.invitations, func(i *invitation) bool { return i.org == o && s.statusOf(i) == statusPending })
}

func (s *Simulator) expired(status string, expires time.Time) bool {
	return status == statusPending && !expires.After(s.clock.Now())
}

// statusOf is what an invitation is by the clock (FACTS.md section 4.5).
func (s *Simulator) statusOf(i *invitation) string {
	if s.expired(i.status, i.expires) {
		return statusExpired
	}
	return i.status
}

func (s *Simulator) initialSet() *roleSet {
	return find(s.roleSets, func(r *roleSet) bool { return r.initial })
}

func (s *Simulator) roleByKey(key string) *role {
	return find(s.roles, func(r *role) bool { return r.key == key })
}

func (r *role) holds(key string) bool {
	return slices.ContainsFunc(r.permissions, func(p *permission) bool { return p.key == key })
}

// The system permissions that inviting, and being the last one, depend on.
const (
	permissionManage = "org:sys_memberships:manage"
	permissionRead   = "org:sys_memberships:read"
)

// least tells whether a role has the rights that an organization must not be without.
func (r *role) least() bool { return r.holds(permissionManage) && r.holds(permissionRead) }
