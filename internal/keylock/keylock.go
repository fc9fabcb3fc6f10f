package keylock

import (
	"context"
	"slices"
	"sync"

	"usher/identity"
)

// Locks are the locks of all keys. It may be used concurrently, and keeps only
// those that somebody holds or waits for.
type Locks struct {
	mu   sync.Mutex
	keys map[string]*lock
}

// lock is that of one key.
type lock struct {
	held  chan struct{} // holds an element while somebody has it
	users int           // who hold it or wait for it; guarded by Locks.mu
}

// New returns locks that nobody holds.
func New() *Locks { return &Locks{keys: map[string]*lock{}} }

// Take waits for the locks of keys, which the caller gives back. Who needs
// several waits for them in one order, so that nobody waits for each other; who
// holds some takes no more of them. Codes: provider_timeout, if the context ends
// first; then nothing is held.
func (l *Locks) Take(ctx context.Context, keys ...string) (give func(), err error) {
	needed := slices.Clone(keys)
	slices.Sort(needed)
	needed = slices.Compact(needed)
	taken := 0
	give = func() {
		for _, key := range needed[:taken] {
			l.unlock(key)
		}
	}
	for _, key := range needed {
		if !l.lock(ctx, key) {
			give()
			return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for another's turn to end", Err: ctx.Err()}
		}
		taken++
	}
	return give, nil
}

// lock waits for one key's, and reports that it is held now.
func (l *Locks) lock(ctx context.Context, key string) bool {
	l.mu.Lock()
	k := l.keys[key]
	if k == nil {
		k = &lock{held: make(chan struct{}, 1)}
		l.keys[key] = k
	}
	k.users++
	l.mu.Unlock()
	select {
	case k.held <- struct{}{}:
		return true
	case <-ctx.Done():
		l.leave(key)
		return false
	}
}

func (l *Locks) unlock(key string) { <-l.leave(key).held }

// leave counts a user of a key's lock out. The last one to leave takes it away.
func (l *Locks) leave(key string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[key]
	if k.users--; k.users == 0 {
		delete(l.keys, key)
	}
	return k
}
