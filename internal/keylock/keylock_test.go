package keylock_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"usher/identity"
	"usher/internal/keylock"
)

func take(t *testing.T, l *keylock.Locks, keys ...string) func() {
	t.Helper()
	give, err := l.Take(t.Context(), keys...)
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return give
}

// Who takes the same key waits, whichever other keys go with it, and has it once
// it is given back.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{"a"}, {"b", "a"}, {"a", "a"}} {
		synctest.Test(t, func(t *testing.T) {
			l := keylock.New()
			give := take(t, l, "a", "c")
			entered := false
			go func() {
				defer take(t, l, keys...)()
				entered = true
			}()
			synctest.Wait()
			if entered {
				t.Errorf("%v: two hold one key", keys)
			}
			give()
			synctest.Wait()
			if !entered {
				t.Errorf("%v: nobody has the key that was given back", keys)
			}
		})
	}
}

// A wait ends with its context, and leaves nothing held.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := keylock.New()
		give := take(t, l, "z")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		keys := []string{"z"}
		for n := range 20 {
			keys = append(keys, fmt.Sprint(n))
		}
		go func() {
			_, err := l.Take(ctx, keys...)
			ended <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; identity.CodeOf(err) != identity.CodeProviderTimeout {
			t.Errorf("got %v", err)
		}
		give()
		take(t, l, keys...)()
	})
}

// Many who need several keys in any order all have their turn, one by one.
func TestNobodyWaitsForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := keylock.New()
		var all sync.WaitGroup
		turns := 0
		for n := range 500 {
			all.Go(func() {
				defer take(t, l, fmt.Sprint(n%7), "shared", fmt.Sprint(n%11))()
				turns++
			})
		}
		all.Wait()
		if turns != 500 {
			t.Errorf("%d turns", turns)
		}
	})
}

// However many keys are held, nobody who needs another one waits: its holder may
// be busy with somebody else's customer for long.
func TestOthersDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := keylock.New()
		for n := range 1000 {
			take(t, l, fmt.Sprint("batch", n))
		}
		ended := false
		go func() {
			for n := range 1000 {
				take(t, l, fmt.Sprint("single", n))
			}
			ended = true
		}()
		synctest.Wait()
		if !ended {
			t.Error("somebody waits for a key that nobody holds")
		}
	})
}
