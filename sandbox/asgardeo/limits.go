package asgardeo

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	familyLimit = 200
	bulkLimit   = 5
)

// window counts calls of one address to one path family in one minute.
type window struct {
	address, family string
	minute          int64
}

// limited counts a call and refuses it above 200 a minute for each client
// address and path family, 5 for SCIM Bulk (FACTS.md section 12).
func (s *Simulator) limited(c *call) (reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.q.RateLimits || c.family == "" {
		return reply{}, false
	}
	now := s.clock.Now()
	address, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		address = c.r.RemoteAddr
	}
	w := window{address: address, family: c.family, minute: now.Unix() / 60}
	for old := range s.windows {
		if old.minute != w.minute {
			delete(s.windows, old)
		}
	}
	s.windows[w]++
	over := s.windows[w] > familyLimit
	if strings.HasPrefix(c.rest, "/scim2/Bulk") {
		w.family = "bulk"
		s.windows[w]++
		over = over || s.windows[w] > bulkLimit
	}
	if !over {
		return reply{}, false
	}
	p := reply{Status: http.StatusTooManyRequests}
	switch s.q.TooManyBody {
	case "html":
		p.Kind, p.Body = kindHTML, []byte("<html><body><h1>429 Too Many Requests</h1></body></html>\n")
	case "text":
		p.Kind, p.Body = kindText, []byte("Too Many Requests\n")
	default:
		p = apiError(p.Status, p.Status, "Too Many Requests", "The request rate limit is exceeded.")
	}
	if s.q.RetryAfter {
		next := now.Truncate(time.Minute).Add(time.Minute)
		p = p.With("Retry-After", strconv.Itoa(int(next.Sub(now).Seconds())+1))
	}
	return p, true
}
