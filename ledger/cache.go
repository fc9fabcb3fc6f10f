package ledger

import (
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"usher/identity"
)

// Where this process is the only one that writes, rows that were read can be
// kept until a transaction changes them. A transaction notes what it changes and
// drops it from here once it is committed, before Write returns: who reads after
// a Write sees what it wrote. Where others write too, nothing is kept but what
// never changes.
const (
	keptOrganizations = 32768
	keptInvites       = 4096
	keptMembers       = 16384
)

// kept are rows in memory. A nil cache keeps nothing.
type kept struct {
	organizations *cache[identity.Organization] // by id
	slugs         *cache[string]                // slug to id; the row says whether it is still so
	invites       *cache[identity.Invite]       // by id, without the history
	histories     *cache[[]identity.InviteEvent]
	members       *cache[string] // a member at a vendor to its id, for ever
}

func newKept(shared bool) (*kept, error) {
	k := &kept{}
	var err error
	if k.members, err = newCache[string](keptMembers); err != nil || shared {
		return k, err
	}
	if k.organizations, err = newCache[identity.Organization](keptOrganizations); err != nil {
		return nil, err
	}
	if k.slugs, err = newCache[string](keptOrganizations); err != nil {
		return nil, err
	}
	if k.invites, err = newCache[identity.Invite](keptInvites); err != nil {
		return nil, err
	}
	k.histories, err = newCache[[]identity.InviteEvent](keptInvites)
	return k, err
}

// drop forgets what a transaction has changed.
func (k *kept) drop(changed []altered) {
	for _, c := range changed {
		switch c.what {
		case changedOrganization:
			k.organizations.drop(c.id)
		case changedInvite:
			k.invites.drop(c.id)
		case changedHistory:
			k.histories.drop(c.id)
		}
	}
}

func (k *kept) clear() {
	k.organizations.clear()
	k.slugs.clear()
	k.invites.clear()
	k.histories.clear()
	k.members.clear()
}

// altered is a row that a transaction has changed.
type altered struct {
	what changedRow
	id   string
}

type changedRow int

const (
	changedOrganization changedRow = iota
	changedInvite
	changedHistory
)

// changes notes a row for dropping.
func (t *Tx) changes(what changedRow, id string) { t.changed = append(t.changed, altered{what, id}) }

// cache keeps values that are not changed by whoever gets them.
type cache[V any] struct {
	mu    sync.Mutex
	kept  *simplelru.LRU[string, V]
	drops uint64
}

func newCache[V any](size int) (*cache[V], error) {
	l, err := simplelru.NewLRU[string, V](size, nil)
	return &cache[V]{kept: l}, err
}

// get returns a value, or a stamp for put: what is read after get is kept only
// if nothing was dropped in between.
func (c *cache[V]) get(key string) (value V, ok bool, stamp uint64) {
	if c == nil {
		return value, false, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok = c.kept.Get(key)
	return value, ok, c.drops
}

func (c *cache[V]) put(key string, value V, stamp uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops == stamp {
		c.kept.Add(key, value)
	}
}

func (c *cache[V]) drop(key string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.kept.Remove(key)
}

func (c *cache[V]) clear() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.kept.Purge()
}

// read returns a kept value, or reads and keeps it.
func read[V any](c *cache[V], key string, from func() (V, error)) (V, error) {
	value, ok, stamp := c.get(key)
	if ok {
		return value, nil
	}
	value, err := from()
	if err == nil {
		c.put(key, value, stamp)
	}
	return value, err
}

// ownInvite is a kept invite for a caller, who may change its fields.
func ownInvite(i identity.Invite) *identity.Invite { return &i }

// ownHistory is a kept history for a caller, who may append to it.
func ownHistory(h []identity.InviteEvent) []identity.InviteEvent { return slices.Clip(h) }
