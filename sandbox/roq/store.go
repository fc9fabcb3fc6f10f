package roq

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The statuses of an invitation (FACTS.md section 4.4).
const (
	pending  = "pending"
	accepted = "accepted"
	canceled = "canceled"
	expired  = "expired"
)

type tenant struct {
	id, name         string
	reference        *string
	isDefault        bool
	created, updated time.Time
}

type role struct {
	Role
	id               string
	created, updated time.Time
}

type group struct {
	id, reference, name, kind string
	typeID                    string // of the userGroupType of this kind
	roles, users              []string
	created, updated          time.Time
}

type user struct {
	id, email, reference                                 string
	first, last, phone, locale, timezone, avatar, tenant *string
	active                                               bool
	twoFactor, synced                                    *bool
	optedIn                                              time.Time // zero: not opted in
	custom                                               map[string]any
	password                                             string
	roles                                                []string // role ids, in the order they were given
	confirmed                                            bool
	created, updated                                     time.Time
}

type invite struct {
	id, email, first, last   string
	tokenID, token           string
	locale, tenant           *string
	data, variables          map[string]any
	roleKeys                 []string
	status                   string
	creator                  string
	acceptedBy               *string
	created, updated         time.Time
	statusUpdated, validTill time.Time
}

// accountCode is what the link of a mail to a user carries.
type accountCode struct {
	user, kind string // kind is a Mail… constant
	expires    time.Time
}

// newID returns the next id: a UUID, and the same in every run of the same calls
// in an environment of the same id.
func (s *Simulator) newID() string {
	s.lastID++
	sum := sha256.Sum256(fmt.Appendf(nil, "roq sandbox %s %d", s.o.EnvironmentID, s.lastID))
	return formUUID(sum[:16])
}

func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return formUUID(b)
}

func formUUID(b []byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func isUUID(id string) bool {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString(id)
}

// settle does what has happened since the last call: invitations expire.
// Called under the lock before anything is read or changed.
func (s *Simulator) settle() {
	now := s.now()
	for _, i := range s.invites {
		if i.status != pending || i.validTill.After(now) || s.q.ExpiryJobMinutes < 0 {
			continue
		}
		at := i.validTill
		if s.q.ExpiryJobMinutes > 0 {
			at = now.Truncate(time.Duration(s.q.ExpiryJobMinutes) * time.Minute)
			if i.validTill.After(at) {
				continue
			}
		}
		i.set(expired, at)
	}
}

func (i *invite) set(status string, at time.Time) {
	i.status, i.statusUpdated, i.updated = status, at, at
}

// now is the simulated time in the precision that the vendor keeps.
func (s *Simulator) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }

func (s *Simulator) tenant(id string) *tenant {
	return find(s.tenants, func(t *tenant) bool { return t.id == id })
}

func (s *Simulator) role(id string) *role {
	return find(s.roles, func(r *role) bool { return r.id == id })
}

func (s *Simulator) roleByKey(key string) *role {
	return find(s.roles, func(r *role) bool { return r.Key == key })
}

func (s *Simulator) user(id string) *user {
	return find(s.users, func(u *user) bool { return u.id == id })
}

func (s *Simulator) invite(id string) *invite {
	return find(s.invites, func(i *invite) bool { return i.id == id })
}

func (s *Simulator) rolesOf(u *user) []*role {
	out := []*role{}
	for _, id := range u.roles {
		if r := s.role(id); r != nil {
			out = append(out, r)
		}
	}
	return out
}

func (s *Simulator) groupsOf(u *user) []*group {
	out := []*group{}
	for _, g := range s.groups {
		if slices.Contains(g.users, u.id) {
			out = append(out, g)
		}
	}
	return out
}

// known is a user with this address who stands in the way of another one in
// the tenant.
func (s *Simulator) known(address string, tenantID *string) *user {
	return find(s.users, func(u *user) bool {
		return s.sameAddress(u.email, address) && (!s.q.UserExistsInTenant || same(u.tenant, tenantID))
	})
}

func (s *Simulator) sameAddress(a, b string) bool {
	if s.q.CaseSensitiveEmail {
		return a == b
	}
	return strings.EqualFold(a, b)
}

func same(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func find[T any](list []T, match func(T) bool) T {
	var zero T
	if i := slices.IndexFunc(list, match); i >= 0 {
		return list[i]
	}
	return zero
}
