package testclock

import (
	"context"
	"sync"
)

// Expiring returns a context whose deadline passes when the test says so, and
// at the latest when its parent ends.
func Expiring(parent context.Context) (ctx context.Context, expire func()) {
	e := &expiring{Context: context.WithoutCancel(parent), done: make(chan struct{})}
	expire = sync.OnceFunc(func() { close(e.done) })
	context.AfterFunc(parent, expire)
	return e, expire
}

type expiring struct {
	context.Context
	done chan struct{}
}

// Done implements context.Context.
func (e *expiring) Done() <-chan struct{} { return e.done }

// Err implements context.Context.
func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
