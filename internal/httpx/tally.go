package httpx

import "time"

// tallySlices is how finely a tally forgets.
const tallySlices = 10

// tally counts two things over a recent time. It must be guarded by its owner.
type tally struct {
	slice  time.Duration
	slices [tallySlices]struct {
		at       int64
		all, bad int
	}
}

func newTally(over time.Duration) tally { return tally{slice: over / tallySlices} }

func (t *tally) add(now time.Time, all, bad int) {
	at := now.UnixNano() / int64(t.slice)
	s := &t.slices[(at%tallySlices+tallySlices)%tallySlices]
	if s.at != at {
		s.at, s.all, s.bad = at, 0, 0
	}
	s.all += all
	s.bad += bad
}

func (t *tally) sum(now time.Time) (all, bad int) {
	at := now.UnixNano() / int64(t.slice)
	for _, s := range t.slices {
		if s.at > at-tallySlices && s.at <= at {
			all += s.all
			bad += s.bad
		}
	}
	return all, bad
}
