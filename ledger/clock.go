package ledger

import (
	"context"
	"sync/atomic"
	"time"
)

// clock is what the ledger's times are taken from: the one it was given, the
// machine's, or the database's where several processes share that.
type clock struct {
	given    func() time.Time // nil: follow the database, if it has a time
	database atomic.Pointer[reading]
}

// reading is the database's time at an instant of this process. From there the
// process counts by itself, in a way that setting its clock does not change.
type reading struct {
	theirs time.Time
	ours   time.Time
}

// sluggish is an answer too late to set a clock by.
const sluggish = time.Second

func (c *clock) now() time.Time {
	if c.given != nil {
		return c.given()
	}
	if r := c.database.Load(); r != nil {
		return r.theirs.Add(time.Since(r.ours))
	}
	return time.Now()
}

// set compares with the database's clock. ask returns microseconds, zero where
// the database has no time of its own.
func (c *clock) set(ctx context.Context, ask func(context.Context) (int64, error)) error {
	if c.given != nil {
		return nil
	}
	asked := time.Now()
	micros, err := ask(ctx)
	if err != nil || micros == 0 {
		return err
	}
	took := time.Since(asked)
	if took > sluggish && c.database.Load() != nil {
		return nil
	}
	c.database.Store(&reading{theirs: fromMicros(micros), ours: asked.Add(took / 2)})
	return nil
}
