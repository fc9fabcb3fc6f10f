package ledger

import (
	"context"
	"time"
)

// livingOthers are the other instances that live now.
const livingOthers = `SELECT id, alive_until FROM instances WHERE id <> $1 AND alive_until > $2`

// leastPause is between two looks.
const leastPause = 50 * time.Millisecond

// watch is what an instance knows about the others.
type watch struct{ living map[string]int64 } // by id, until when

// Deaths holds an element once another instance was seen to die, or to end: what
// it held is free. It is nil where no other can be.
func (l *Ledger) Deaths() <-chan struct{} { return l.life.died }

// look compares who lives with who did, and returns after how long to look again:
// when the next one dies, unless it gives a sign of life before.
func (l *Ledger) look(ctx context.Context, w *watch) time.Duration {
	soon := l.life.ttl / 3
	if l.Returned() {
		return soon
	}
	now := l.Now()
	rows, err := l.read.rows(ctx, livingOthers, l.instance, micros(now))
	living := map[string]int64{}
	_, err = collect(rows, err, func(s scanner) (id string, err error) {
		var until int64
		err = s.Scan(&id, &until)
		living[id] = until
		return id, err
	})
	if err != nil {
		return soon // the next sign of life fails too, and says so
	}
	for id := range w.living {
		if _, lives := living[id]; lives {
			continue
		}
		select {
		case l.life.died <- struct{}{}:
		default:
		}
	}
	w.living = living
	for _, until := range living {
		soon = min(soon, fromMicros(until).Sub(now))
	}
	return max(soon, leastPause)
}
