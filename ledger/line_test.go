package ledger

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// waiting returns how many wait.
func (l *line) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.front) + len(l.back)
}

// Who is in the background has its turn after those who are not, but not for ever.
func TestBackgroundGoesLast(t *testing.T) {
	t.Parallel()
	l := opened(t)
	var order []int // each adds its own during its turn; those in the background are below 0
	var all sync.WaitGroup
	write := func(ctx context.Context, n int) {
		before := l.turn.line.waiting()
		all.Go(func() {
			if err := l.Write(ctx, func(*Tx) error {
				order = append(order, n)
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
		for n := range 3 {
			write(InBackground(t.Context()), n-3)
		}
		for n := range mostAhead + 4 {
			write(t.Context(), n)
		}
		return nil
	})
	all.Wait()
	var want []int
	for n := range mostAhead + 4 {
		want = append(want, n)
	}
	want = append(slices.Insert(want, mostAhead, -3), -2, -1)
	if err != nil || !slices.Equal(order, want) {
		t.Errorf("%v, in the order %v, want %v", err, order, want)
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
