package quota

import "time"

// shares is what organizations have used of one limit by single calls, as
// nearly as two counts tell: of this window, and of the one before, of which a
// part still counts. It is of this process alone.
type shares struct {
	Limit
	began         time.Time
	since, before map[string]int // by organization
	first         string         // who came first of all
	several       bool           // somebody else came, ever
}

// mostShares is how many organizations are counted in a window. Those beyond
// are taken for ones that have used nothing.
const mostShares = 4096

func newShares(l Limit) *shares { return &shares{Limit: l, since: map[string]int{}} }

// add counts calls of an organization; fewer than none: that were not made.
func (s *shares) add(organization string, now time.Time, calls int) {
	s.turn(now)
	if n, known := s.since[organization]; n+calls < 0 || !known && len(s.since) >= mostShares {
		return
	}
	s.since[organization] += calls
	if s.first == "" {
		s.first = organization
	}
	s.several = s.several || organization != s.first
}

// exceeded reports whether an organization has used half of its part or more,
// where the limit is parted among those who use it, two at least. Whoever is
// alone has no part.
func (s *shares) exceeded(organization string, now time.Time) bool {
	s.turn(now)
	if !s.several {
		return false
	}
	still := 1 - float64(now.Sub(s.began))/float64(s.Window)
	used := float64(s.since[organization]) + still*float64(s.before[organization])
	part := float64(s.Calls) / float64(max(2, len(s.since), len(s.before)))
	return used >= part/2
}

// turn begins the window that now is in.
func (s *shares) turn(now time.Time) {
	switch passed := now.Sub(s.began); {
	case passed < s.Window:
	case passed < 2*s.Window:
		s.began, s.before, s.since = s.began.Add(s.Window), s.since, map[string]int{}
	default:
		s.began, s.before, s.since = now, nil, map[string]int{}
	}
}
