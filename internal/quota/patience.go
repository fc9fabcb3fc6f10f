package quota

import (
	"context"
	"time"
)

type patienceKey struct{}

// patience is what a context says about waiting.
type patience struct {
	length time.Duration
	until  time.Time // set by WithTimeout; zero: each call has the whole length
}

// WithPatience marks the calls of a context as background work: each operation
// waits for its turns up to d, or the connection's wait if that is longer, and
// gives way to calls without patience; see the package's comment.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, patience{length: max(d, 0)})
}

func isBackground(ctx context.Context) bool { return ctx.Value(patienceKey{}) != nil }

// WithTimeout bounds one operation by d, as context.WithTimeout does, and gives
// it the context's patience in addition, which waiting for turns alone may use:
// what an operation waits patiently is not taken from its time.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	p, ok := ctx.Value(patienceKey{}).(patience)
	if !ok {
		return context.WithTimeout(ctx, d)
	}
	p.until = time.Now().Add(p.length)
	return context.WithTimeout(context.WithValue(ctx, patienceKey{}, p), d+p.length)
}

// callTime is what waiting leaves of the time before a deadline, for the call
// itself; a fifth where that is less.
const callTime = 2 * time.Second

// patience is how long a call may wait. Deadlines are in the machine's time.
func (l *Limiter) patience(ctx context.Context) time.Duration {
	wait := l.wait
	if p, ok := ctx.Value(patienceKey{}).(patience); ok {
		if !p.until.IsZero() {
			p.length = time.Until(p.until)
		}
		wait = max(wait, p.length)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return wait
	}
	left := time.Until(deadline)
	return min(wait, left-min(left/5, callTime))
}
