package scim2

import (
	"context"
	"hash/fnv"

	"usher/identity"
)

// lanes let one acceptance at a time work on what a key names: a group that is
// written as a whole, a person who has no account yet.
type lanes [64]chan struct{}

func newLanes() *lanes {
	l := &lanes{}
	for n := range l {
		l[n] = make(chan struct{}, 1)
	}
	return l
}

// take waits for the lane of a key, which the caller gives back. Who holds one
// takes no second one of the same lanes.
func (l *lanes) take(ctx context.Context, key string) (give func(), err error) {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // it never fails
	lane := l[hash.Sum32()%uint32(len(l))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for another acceptance", Err: ctx.Err()}
	}
}
