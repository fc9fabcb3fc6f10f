package clerk

import (
	"context"
	"hash/fnv"
	"slices"

	"usher/identity"
)

// lanes let one sending at a time look whether an address has an invitation and
// create one. Where the vendor puts a second invitation in the place of the
// first, two that looked at the same time would both be mailed.
type lanes [64]chan struct{}

func newLanes() *lanes {
	l := &lanes{}
	for n := range l {
		l[n] = make(chan struct{}, 1)
	}
	return l
}

// take waits for the lanes of keys, which the caller gives back. Who needs
// several waits for them in one order, so that nobody waits for each other.
func (l *lanes) take(ctx context.Context, keys ...string) (give func(), err error) {
	var needed []int
	for _, key := range keys {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(key)) // it never fails
		needed = append(needed, int(hash.Sum32()%uint32(len(l))))
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
			return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for another sending", Err: ctx.Err()}
		}
	}
	return give, nil
}
