package nile

import (
	"context"
	"hash/fnv"

	"usher/identity"
)

// lanes let one sending at a time look whether an address has an invitation and
// create one. The vendor takes a second one for a wish to send the first again,
// so two that looked at the same time would both be mailed.
type lanes [64]chan struct{}

func newLanes() *lanes {
	l := &lanes{}
	for n := range l {
		l[n] = make(chan struct{}, 1)
	}
	return l
}

// take waits for the lane of a key, which the caller gives back.
func (l *lanes) take(ctx context.Context, key string) (give func(), err error) {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // it never fails
	lane := l[hash.Sum32()%uint32(len(l))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for another sending", Err: ctx.Err()}
	}
}
