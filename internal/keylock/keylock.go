package keylock

import (
	"context"
	"hash/fnv"
	"slices"

	"usher/identity"
)

// Locks are the locks of all keys. It may be used concurrently.
type Locks [64]chan struct{}

// New returns locks that nobody holds.
func New() *Locks {
	l := &Locks{}
	for n := range l {
		l[n] = make(chan struct{}, 1)
	}
	return l
}

// Take waits for the locks of keys, which the caller gives back. Who needs
// several waits for them in one order, so that nobody waits for each other; who
// holds some takes no more of them. Codes: provider_timeout, if the context ends
// first; then nothing is held.
func (l *Locks) Take(ctx context.Context, keys ...string) (give func(), err error) {
	needed := make([]int, len(keys))
	for n, key := range keys {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(key)) // it never fails
		needed[n] = int(hash.Sum32() % uint32(len(l)))
	}
	slices.Sort(needed)
	needed = slices.Compact(needed)
	taken := 0
	give = func() {
		for _, n := range needed[:taken] {
			<-l[n]
		}
	}
	for _, n := range needed {
		select {
		case l[n] <- struct{}{}:
			taken++
		case <-ctx.Done():
			give()
			return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for another's turn to end", Err: ctx.Err()}
		}
	}
	return give, nil
}
