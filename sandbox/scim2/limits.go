package scim2

import (
	"net/http"
	"strconv"
	"time"
)

// window counts the calls with one credential in one minute.
type window struct {
	credential string
	minute     int64
}

// limited counts a call and refuses it above Quirks.RatePerMinute, with 429 and
// Retry-After (RFC 6585 section 4).
func (s *Simulator) limited(r *http.Request) (reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.q.RateLimits {
		return reply{}, false
	}
	now := s.clock.Now()
	w := window{credential: r.Header.Get("Authorization"), minute: now.Unix() / 60}
	for old := range s.windows {
		if old.minute != w.minute {
			delete(s.windows, old)
		}
	}
	s.windows[w]++
	if s.windows[w] <= s.q.RatePerMinute {
		return reply{}, false
	}
	p := s.fail(&problem{http.StatusTooManyRequests, "", "Too many requests."})
	if !s.q.NoRetryAfter {
		next := now.Truncate(time.Minute).Add(time.Minute)
		p = p.with("Retry-After", strconv.Itoa(int(next.Sub(now).Seconds())+1))
	}
	return p, true
}
