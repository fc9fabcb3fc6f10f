package nile

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// window counts the calls of one client address in one minute.
type window struct {
	address string
	minute  int64
}

// limited refuses calls above Quirks.RateLimit a minute and address. The vendor
// itself limits nothing; what stands before the hosted service is not known
// (FACTS.md sections 1 and 11).
func (s *Simulator) limited(r *http.Request) (p tooMany, limited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.q.RateLimit == 0 {
		return p, false
	}
	now := s.clock.Now()
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	w := window{address: address, minute: now.Unix() / 60}
	for old := range s.windows {
		if old.minute != w.minute {
			delete(s.windows, old)
		}
	}
	s.windows[w]++
	if s.windows[w] <= s.q.RateLimit {
		return p, false
	}
	p.reply = text(http.StatusTooManyRequests, "Too Many Requests")
	if s.q.TooManyHTML {
		p.kind, p.body = kindHTML, []byte("<html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>")
	}
	if s.q.RetryAfter {
		next := now.Truncate(time.Minute).Add(time.Minute)
		p.after = strconv.Itoa(int(next.Sub(now).Seconds()) + 1)
	}
	return p, true
}

// tooMany is the front's refusal.
type tooMany struct {
	reply
	after string // Retry-After; empty: none
}

func (p tooMany) write(w http.ResponseWriter) {
	if p.after != "" {
		w.Header().Set("Retry-After", p.after)
	}
	p.reply.write(w, nil)
}
