package ledger

import (
	"context"
	"sync"
)

// InBackground returns a context for work that can wait, or that is much: its
// transactions let those of others go first.
func InBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

type backgroundKey struct{}

func inBackground(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }

// line is who waits for the turn to write, those in the background behind all
// others. The zero value is one where nobody has the turn.
type line struct {
	mu     sync.Mutex
	taken  bool
	front  []chan struct{}
	back   []chan struct{}
	passed int // how many went ahead of the first one in back
}

// mostAhead is how many go ahead of the background before it has its turn all the
// same.
const mostAhead = 16

// wait returns what is closed once it is the caller's turn, who then ends it with
// next.
func (l *line) wait(background bool) <-chan struct{} {
	mine := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.taken:
		l.taken = true
		close(mine)
	case background:
		l.back = append(l.back, mine)
	default:
		l.front = append(l.front, mine)
	}
	return mine
}

// next ends a turn, and begins that of the next one.
func (l *line) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := &l.front
	if len(l.front) == 0 || len(l.back) > 0 && l.passed >= mostAhead {
		queue = &l.back
	}
	if len(*queue) == 0 {
		l.taken = false
		return
	}
	if queue == &l.back {
		l.passed = 0
	} else if len(l.back) > 0 {
		l.passed++
	}
	close((*queue)[0])
	*queue = (*queue)[1:]
}

// waits reports that somebody waits; urgent: who is not in the background.
func (l *line) waits(urgent bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.front) > 0 || !urgent && len(l.back) > 0
}
