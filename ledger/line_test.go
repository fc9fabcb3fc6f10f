package ledger

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Who is in the background has its turn after those who are not, but not for ever.
func TestBackgroundGoesLast(t *testing.T) {
	t.Parallel()
	l := opened(t)
	var order []bool // in the background; each adds to it during its turn
	var all sync.WaitGroup
	write := func(ctx context.Context, background bool) {
		before := l.turn.line.waiting()
		all.Go(func() {
			if err := l.Write(ctx, func(*Tx) error {
				order = append(order, background)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		for l.turn.line.waiting() == before {
			runtime.Gosched()
		}
	}
	err := l.Write(t.Context(), func(*Tx) error {
		for range 3 {
			write(InBackground(t.Context()), true)
		}
		for range mostAhead + 4 {
			write(t.Context(), false)
		}
		return nil
	})
	all.Wait()
	want := slices.Repeat([]bool{false}, mostAhead+4)
	want = slices.Insert(want, mostAhead, true)
	want = append(want, true, true)
	if err != nil || !slices.Equal(order, want) {
		t.Errorf("%v, in the background: %v, want %v", err, order, want)
	}
}

// A commit that somebody waits for does not wait for what others have to write in
// the background.
func TestCommitBeforeTheBackground(t *testing.T) {
	t.Parallel()
	l := opened(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	committed := make(chan struct{})
	var all sync.WaitGroup
	err := l.Write(ctx, func(*Tx) error {
		all.Go(func() {
			if err := l.Write(InBackground(ctx), func(*Tx) error {
				select {
				case <-committed:
				case <-ctx.Done():
					t.Error("a commit waits for the background")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		for l.turn.line.waiting() == 0 {
			runtime.Gosched()
		}
		return nil
	})
	close(committed)
	all.Wait()
	if err != nil {
		t.Error(err)
	}
}
