package asgardeo

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	statusActive   = "ACTIVE"
	statusDisabled = "DISABLED"
	defaultStore   = "DEFAULT"

	typeShared  = "SHARED"
	typeOwner   = "OWNER"
	typeInvited = "INVITED"

	pendingPassword = "PENDING_AP"
	pendingEmail    = "PENDING_EV"
)

type organization struct {
	id, name, handle, status, parent string
	attributes                       []attribute
	created, modified                time.Time
	ready                            time.Time // from when its user store and roles answer
}

type attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type application struct {
	App
	shared map[string]share // by organization id
}

// share is an application's counterpart in a sub-organization.
type share struct {
	id   string
	from time.Time
}

type email struct {
	value, kind string // kind "" is the primary address
}

type user struct {
	id, org, store, name         string
	given, family, external      string
	emails                       []email
	other, extra                 map[string]any // attributes the simulator only keeps: of the core schema, of the extension
	state                        string         // accountState
	locked, password, noConsole  bool
	managedOrg, shared, parentID string // of a shared account: resident organization, kind, account it stands for
	policy                       string // future-sharing policy it came by
	created, modified            time.Time
}

func (u *user) primary() string {
	for _, e := range u.emails {
		if e.kind == "" {
			return e.value
		}
	}
	return ""
}

type group struct {
	id, org, name     string
	members           []string
	created, modified time.Time
}

type role struct {
	id, org, name        string
	audience, audienceID string // "application" or "organization", and its id
	origin               string // root role a shared role stands for
	permissions          []string
	users                map[string]time.Time // user id → from when it holds
	order                []string             // of users
	groups               []string
	visible              time.Time
}

func (r *role) add(userID string, from time.Time) {
	if _, has := r.users[userID]; !has {
		r.users[userID] = from
		r.order = append(r.order, userID)
	}
}

func (r *role) remove(userID string) {
	delete(r.users, userID)
	r.order = slices.DeleteFunc(r.order, func(id string) bool { return id == userID })
}

type invitation struct {
	id, org, parent, name, store, code string
	roles, groups                      []string
	created, expires                   time.Time
}

// accountCode is what a set-password or verify-e-mail link carries.
type accountCode struct {
	code, user, purpose string // purpose is a Mail… constant
	expires             time.Time
	endless             bool
}

type approval struct {
	org  string
	body map[string]any
}

// task is background work with its due time.
type task struct {
	at time.Time
	do func()
}

// newID returns the next id: UUID-shaped and the same in every run of the same
// calls. Secrets never come from here.
func (s *Simulator) newID() string {
	s.lastID++
	sum := sha256.Sum256(fmt.Appendf(nil, "asgardeo sandbox %s %d", s.o.Root, s.lastID))
	return uuid(sum[:16])
}

// newCode returns a random UUID-shaped secret.
func newCode() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return uuid(b)
}

func uuid(b []byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// settle does the background work that has become due. Called under the lock
// at the start of every call.
func (s *Simulator) settle() {
	now := s.clock.Now()
	for {
		i := slices.IndexFunc(s.due, func(t task) bool { return !t.at.After(now) })
		if i < 0 {
			return
		}
		do := s.due[i].do
		s.due = slices.Delete(s.due, i, i+1)
		do()
	}
}

func (s *Simulator) later(ms int, do func()) {
	s.due = append(s.due, task{at: s.after(ms), do: do})
}

func (s *Simulator) after(ms int) time.Time {
	return s.clock.Now().Add(time.Duration(ms) * time.Millisecond)
}

func (s *Simulator) org(id string) *organization {
	return find(s.orgs, func(o *organization) bool { return o.id == id })
}

func (s *Simulator) user(org, id string) *user {
	return find(s.users, func(u *user) bool { return u.id == id && u.org == org })
}

func (s *Simulator) userByName(org, store, name string) *user {
	return find(s.users, func(u *user) bool { return u.org == org && u.store == store && s.sameName(u.name, name) })
}

func (s *Simulator) sameName(a, b string) bool {
	if s.q.CaseSensitiveEq {
		return a == b
	}
	return strings.EqualFold(a, b)
}

func (s *Simulator) role(org, id string) *role {
	return find(s.roles, func(r *role) bool { return r.id == id && r.org == org && !r.visible.After(s.clock.Now()) })
}

func (s *Simulator) group(org, id string) *group {
	return find(s.groups, func(g *group) bool { return g.id == id && g.org == org })
}

func (s *Simulator) app(id string) *application {
	return find(s.apps, func(a *application) bool { return a.ID == id })
}

// appIn finds an application by the id it has in an organization.
func (s *Simulator) appIn(org, id string) *application {
	return find(s.apps, func(a *application) bool { return s.appID(a, org) == id })
}

// appID is an application's id in an organization, empty where it is not shared.
func (s *Simulator) appID(a *application, org string) string {
	if org == a.Organization {
		return a.ID
	}
	if sh, ok := a.shared[org]; ok && !sh.from.After(s.clock.Now()) {
		return sh.id
	}
	return ""
}

// related tells whether one organization is the other or above it.
func (s *Simulator) related(a, b string) bool { return s.below(a, b) || s.below(b, a) }

func (s *Simulator) below(id, top string) bool {
	for id != "" {
		if id == top {
			return true
		}
		o := s.org(id)
		if o == nil {
			return false
		}
		id = o.parent
	}
	return false
}

func (s *Simulator) depth(o *organization) int {
	n := 0
	for p := s.org(o.parent); p != nil; p = s.org(p.parent) {
		n++
	}
	return n
}

// splitStore cuts the user store off a user name; the store is upper-cased and
// empty when there is none.
func splitStore(name string) (store, rest string) {
	if before, after, ok := strings.Cut(name, "/"); ok {
		return strings.ToUpper(before), after
	}
	return "", name
}

func find[T any](list []T, match func(T) bool) T {
	var zero T
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return zero
}
