package workos

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// window counts calls of one scope in one span of time.
type window struct {
	scope string
	long  time.Duration
	n     int64 // number of the span since the epoch
}

// limit is what one scope may do (FACTS.md section 4).
type limit struct {
	scope string
	calls int
	long  time.Duration
}

// limited counts a call against every limit it falls under, and refuses it
// above one.
func (s *Simulator) limited(c *call, rt *route) (reply, bool) {
	if !s.q.RateLimits {
		return reply{}, false
	}
	read := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	var limits []limit
	if c.key != "" {
		limits = append(limits, limit{"all " + c.key, 6000, time.Minute})
		if strings.HasPrefix(rt.pattern, "/user_management/") {
			if read {
				limits = append(limits, limit{"read", 1000, 10 * time.Second})
			} else {
				limits = append(limits, limit{"write", 500, 10 * time.Second})
			}
		}
		if c.r.Method == http.MethodDelete && strings.HasPrefix(rt.pattern, "/organizations/") {
			limits = append(limits, limit{"delete organization " + c.key, 50, time.Minute})
		}
	}
	for _, l := range limits {
		if wait, over := s.count(l); over {
			return s.tooMany(wait), true
		}
	}
	return reply{}, false
}

// count adds a call to a limit; over tells whether that is too many, and wait
// when it counts anew.
func (s *Simulator) count(l limit) (wait time.Duration, over bool) {
	now := s.clock.Now()
	w := window{scope: l.scope, long: l.long, n: now.UnixNano() / int64(l.long)}
	for old := range s.windows {
		if (old.n+1)*int64(old.long) <= now.UnixNano() {
			delete(s.windows, old)
		}
	}
	s.windows[w]++
	return time.Duration((w.n+1)*int64(l.long) - now.UnixNano()), s.windows[w] > l.calls
}

func (s *Simulator) tooMany(wait time.Duration) reply {
	p := jsonReply(http.StatusTooManyRequests, object{"message": "Too many requests.", "code": "rate_limit_exceeded"})
	if s.q.TooManyRequests == "text" {
		p = messageReply(http.StatusTooManyRequests, "Rate limit exceeded. See the WorkOS docs for the limits.")
	}
	return s.retryAfter(p, wait)
}

func (s *Simulator) retryAfter(p reply, wait time.Duration) reply {
	if s.q.RetryAfter {
		p = p.With("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	return p
}

// quotaSpent tells whether the day's mails are used up.
func (s *Simulator) quotaSpent() (reply, bool) {
	if s.q.DailyMailQuota > 0 && s.mailed[s.day()] >= s.q.DailyMailQuota {
		return refusal(http.StatusTooManyRequests, "daily_quota_exceeded"), true
	}
	return reply{}, false
}

func (s *Simulator) day() string { return s.clock.Now().Format(time.DateOnly) }
