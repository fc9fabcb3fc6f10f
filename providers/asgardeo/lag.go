package asgardeo

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// lagEntries bounds how many things are remembered as missing.
const lagEntries = 1024

// lag waits for what the vendor does a moment after it has said that it is
// done: sharing an application with a new organization, giving it its roles
// (FACTS.md section 15.17). Something that was missing longer than that is
// simply missing, and is not waited for again until it has been there.
type lag struct {
	wait    time.Duration
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
	missing *lru.Cache[string, time.Time] // thing → first seen missing
}

func newLag(wait time.Duration, now func() time.Time, sleep func(context.Context, time.Duration) error) (*lag, error) {
	missing, err := lru.New[string, time.Time](lagEntries)
	if err != nil {
		return nil, err
	}
	return &lag{wait: wait, now: now, sleep: sleep, missing: missing}, nil
}

// retry calls do until it does not report its thing as missing, or the wait is
// over, or ctx leaves no time for another pause.
func (l *lag) retry(ctx context.Context, thing string, do func() (missing bool, err error)) error {
	const first, longest = 250 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause = min(2*pause, longest) {
		missing, err := do()
		if !missing {
			if err == nil {
				l.missing.Remove(thing)
			}
			return err
		}
		now := l.now()
		since, known := l.missing.Get(thing)
		if !known {
			since = now
			l.missing.Add(thing, now)
		}
		end := since.Add(l.wait)
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
			end = deadline
		}
		if now.Add(pause).After(end) || l.sleep(ctx, pause) != nil {
			return err
		}
	}
}
