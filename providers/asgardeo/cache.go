package asgardeo

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"usher/identity"
)

// flightTime bounds one fetch. It does not end with the caller who happened to
// start it, since others wait for the same answer.
const flightTime = 20 * time.Second

// cache remembers values that are fetched from the vendor: bounded, and one
// fetch at a time for each key. It may be used concurrently.
type cache[V any] struct {
	now     func() time.Time
	entries *lru.Cache[string, entry[V]]
	flights singleflight.Group

	mu      sync.Mutex
	closed  bool
	cancels map[*context.CancelFunc]struct{}
	running sync.WaitGroup
}

type entry[V any] struct {
	value V
	until time.Time // when it is no longer used
}

func newCache[V any](size int, now func() time.Time) (*cache[V], error) {
	entries, err := lru.New[string, entry[V]](size)
	if err != nil {
		return nil, err
	}
	return &cache[V]{now: now, entries: entries, cancels: map[*context.CancelFunc]struct{}{}}, nil
}

// peek returns a remembered value that may still be used.
func (c *cache[V]) peek(key string) (V, bool) {
	e, ok := c.entries.Get(key)
	if !ok || !c.now().Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// get returns the value of a key, fetching it if need be. The fetch says until
// when its value may be used; a time that has passed keeps it from being
// remembered.
func (c *cache[V]) get(ctx context.Context, key string, fetch func(context.Context) (V, time.Time, error)) (V, error) {
	if value, ok := c.peek(key); ok {
		return value, nil
	}
	var zero V
	if ctx.Err() != nil {
		return zero, gaveUp(ctx)
	}
	flight, end, err := c.begin(ctx)
	if err != nil {
		return zero, err
	}
	type outcome struct {
		value V
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer end()
		value, err, _ := c.flights.Do(key, func() (any, error) {
			if value, ok := c.peek(key); ok {
				return value, nil
			}
			value, until, err := fetch(flight)
			if err == nil && c.now().Before(until) {
				c.entries.Add(key, entry[V]{value, until})
			}
			return value, err
		})
		fetched, _ := value.(V)
		done <- outcome{fetched, err}
	}()
	select {
	case <-ctx.Done():
		return zero, gaveUp(ctx)
	case result := <-done:
		return result.value, result.err
	}
}

// gaveUp is the error of a caller who does not wait for the vendor any longer.
// What was waited for changes nothing there.
func gaveUp(ctx context.Context) error {
	return &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for the vendor", Err: ctx.Err()}
}

// begin returns the context of a fetch: with the caller's values, without the
// caller's end.
func (c *cache[V]) begin(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, &identity.Error{Code: identity.CodeProviderUnavailable, Err: errors.New("asgardeo: the connection is closed")}
	}
	flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTime)
	c.cancels[&cancel] = struct{}{}
	c.running.Add(1)
	return flight, func() {
		cancel()
		c.mu.Lock()
		delete(c.cancels, &cancel)
		c.mu.Unlock()
		c.running.Done()
	}, nil
}

// drop forgets a key if its value is still the one that turned out bad.
func (c *cache[V]) drop(key string, bad func(V) bool) {
	if e, ok := c.entries.Peek(key); ok && bad(e.value) {
		c.entries.Remove(key)
	}
}

// close ends every fetch and waits for it.
func (c *cache[V]) close() {
	c.mu.Lock()
	c.closed = true
	for cancel := range c.cancels {
		(*cancel)()
	}
	c.mu.Unlock()
	c.running.Wait()
}
