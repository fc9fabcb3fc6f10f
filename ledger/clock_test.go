package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The clock follows the database's, however wrong this machine's is, and counts
// by itself in between.
func TestClockFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	var c clock
	theirs := time.Now().Add(-1000 * time.Hour)
	asked := 0
	ask := func(context.Context) (int64, error) { asked++; return micros(theirs), nil }
	off := func() time.Duration { return c.now().Sub(theirs).Abs() }
	if err := c.set(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	if off() > time.Minute {
		t.Errorf("%s off", off())
	}
	first := c.now()
	for !c.now().After(first) {
		continue // it goes on without being asked for again
	}
	wrong := errors.New("wrong")
	if err := c.set(t.Context(), func(context.Context) (int64, error) { return 0, wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	if off() > time.Minute {
		t.Errorf("%s off after a question without an answer", off())
	}
	theirs = theirs.Add(-time.Hour)
	if err := c.set(t.Context(), ask); err != nil || off() > time.Minute {
		t.Errorf("%s off after the database's clock was set back, %v", off(), err)
	}

	given := time.Unix(5, 0)
	c.given = func() time.Time { return given }
	if err := c.set(t.Context(), ask); err != nil || asked != 2 || !c.now().Equal(given) {
		t.Errorf("a clock that was given: asked %d times, %v, %v", asked, c.now(), err)
	}
}

// What the database says was true half-way between question and answer. An answer
// that was long on its way sets no clock that goes already.
func TestSlowAnswersAboutTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c clock
		theirs := time.Now().Add(-1000 * time.Hour)
		set := func(takes, ahead, want time.Duration) {
			t.Helper()
			err := c.set(t.Context(), func(context.Context) (int64, error) {
				time.Sleep(takes)
				return micros(theirs.Add(ahead)), nil
			})
			if got := c.now().Sub(theirs).Round(time.Millisecond); err != nil || got != want {
				t.Errorf("after an answer that took %v: %v, want %v, %v", takes, got, want, err)
			}
		}
		set(4*sluggish, 0, 2*sluggish)
		set(sluggish/2, time.Hour, time.Hour+sluggish/4)
		set(2*sluggish, 2*time.Hour, time.Hour+sluggish/4+2*sluggish)
	})
}

// A database without a time of its own leaves the machine's.
func TestClockOfTheMachine(t *testing.T) {
	t.Parallel()
	var c clock
	if err := c.set(t.Context(), func(context.Context) (int64, error) { return 0, nil }); err != nil {
		t.Fatal(err)
	}
	if off := time.Since(c.now()).Abs(); off > time.Minute {
		t.Errorf("%s off", off)
	}
}
